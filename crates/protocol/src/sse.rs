//! Server-Sent Events, as WHATWG HTML §9.2 has them: the encoder, and a decoder that any cut of the stream suits.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The media type of such a stream.
pub const MEDIA_TYPE: &str = "text/event-stream";
/// A comment, which a client passes over: keeps proxies from closing a quiet stream.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// `id: SEQ`, `data: MESSAGE` and the empty line. A message holds no newline, so that one data line is enough.
pub fn encode(seq: u64, message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 32);
    out.put_slice(b"id: ");
    out.put_slice(seq.to_string().as_bytes());
    out.put_slice(b"\ndata: ");
    out.put_slice(message);
    out.put_slice(b"\n\n");
    out.freeze()
}

/// Bytes that the framing adds to the message of this sequence number: `id: N\n` and `data: …\n\n`.
pub fn framing_len(seq: u64) -> usize {
    "id: \ndata: \n\n".len() + seq.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// The field that sets how long a client waits before it connects again.
pub fn encode_retry(milliseconds: u64) -> Bytes {
    Bytes::from(format!("retry: {milliseconds}\n\n"))
}

/// A comment line; `text` must hold no newline.
pub fn encode_comment(text: &str) -> Bytes {
    Bytes::from(format!(": {text}\n\n"))
}

/// Interprets an event stream (WHATWG HTML §9.2.6), however it is cut.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    scanned: usize,
    begun: bool,
    after_cr: bool,
    /// Lines have come since the last empty one.
    is_open: bool,
    fields: Fields,
}

/// The fields of the lines so far, as far as they matter to a subscriber: neither an event's type nor `retry`.
#[derive(Debug, Default)]
struct Fields {
    data: Vec<u8>,
    has_data: bool,
    /// The "last event ID buffer": of the lines so far.
    id: String,
    /// The "last event ID string": it takes over the buffer where a block ends, whether or not an event is dispatched.
    last_event_id: String,
}

impl Decoder {
    /// A stream of a subscriber that has this last event id from an earlier one. An event without an id leaves it as it is,
    /// as in browsers.
    pub fn resuming(last_event_id: &str) -> Self {
        let (id, last_event_id) = (last_event_id.to_owned(), last_event_id.to_owned());
        Self { fields: Fields { id, last_event_id, ..Fields::default() }, ..Self::default() }
    }

    /// Takes in the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The last event id, to resume from: that of the last block that has ended. Empty when there is none, or an empty
    /// `id` has reset it.
    pub fn last_event_id(&self) -> &str {
        &self.fields.last_event_id
    }

    /// Whether what has come so far ends with an event's end, or another block's. True only once all that is whole was taken.
    pub fn is_between_events(&self) -> bool {
        self.buffer.is_empty() && !self.is_open
    }

    /// Hands the data of every event that is whole by now to `take`, and returns how many there were. Nothing is
    /// allocated for an event.
    ///
    /// # Errors
    ///
    /// The first one of `take`. The decoder is of no use then.
    pub fn drain<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, E> {
        let mut events = 0;
        while self.next_block() {
            self.fields.take_over_id();
            if std::mem::take(&mut self.fields.has_data) {
                take(&self.fields.data)?;
                self.fields.data.clear();
                events += 1;
            }
        }
        Ok(events)
    }

    /// Takes lines to the next empty one. False when there is none.
    fn next_block(&mut self) -> bool {
        while let Some(end) = self.line_end() {
            self.fields.take(&self.buffer[..end]);
            self.buffer.advance(end + 1);
            self.is_open = end > 0;
            if !self.is_open {
                return true;
            }
        }
        false
    }

    /// Where the line at the buffer's front ends (in LF, CR or CRLF), if it is whole.
    fn line_end(&mut self) -> Option<usize> {
        if !self.skip_prefix() {
            return None;
        }
        let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) else {
            self.scanned = self.buffer.len();
            return None;
        };
        let end = self.scanned + found;
        self.scanned = 0;
        self.after_cr = self.buffer[end] == b'\r';
        Some(end)
    }

    /// Drops a byte order mark at the stream's start and the LF of a CRLF. False while this is still open.
    fn skip_prefix(&mut self) -> bool {
        const BOM: &[u8] = b"\xef\xbb\xbf";
        if !self.begun {
            if self.buffer.len() < BOM.len() && BOM.starts_with(&self.buffer) {
                return false;
            }
            if self.buffer.starts_with(BOM) {
                self.buffer.advance(BOM.len());
            }
            self.begun = true;
        }
        if self.after_cr && !self.buffer.is_empty() {
            if self.buffer[0] == b'\n' {
                self.buffer.advance(1);
            }
            self.after_cr = false;
        }
        true
    }
}

impl Fields {
    fn take_over_id(&mut self) {
        if self.last_event_id != self.id {
            self.last_event_id.clone_from(&self.id);
        }
    }

    fn take(&mut self, line: &[u8]) {
        // Names are short: a search that is made for long texts takes longer to begin.
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(0) => return,
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"id" if !value.contains(&0) => {
                self.id.clear();
                match std::str::from_utf8(value) {
                    Ok(id) => self.id.push_str(id),
                    Err(_) => self.id.push_str(&String::from_utf8_lossy(value)),
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Events = &'static [(&'static str, &'static str)];

    /// Streams, and the data and ids of the events that a client must see, among them the examples of WHATWG HTML §9.2.6.
    const CASES: &[(&[u8], Events)] = &[
        (b"data: one\n\n", &[("one", "")]),
        (b"data: a\r\ndata: b\r\rdata:c\n\n", &[("a\nb", ""), ("c", "")]),
        (b"\xef\xbb\xbfdata: bom\n\n", &[("bom", "")]),
        (b": comment\n\ndata: x\nid: 7\n\n", &[("x", "7")]),
        (b"event: add\ndata: 1\n\ndata: 2\n\n", &[("1", ""), ("2", "")]),
        (b"data\n\ndata\ndata\n\ndata:", &[("", ""), ("\n", "")]),
        (b"data:test\n\ndata: test\n\n", &[("test", ""), ("test", "")]),
        (
            b": t\n\ndata: 1st\nid: 1\n\ndata: 2nd\nid\n\ndata:  3rd\n\n",
            &[("1st", "1"), ("2nd", ""), (" 3rd", "")],
        ),
        (b"id: a\0b\ndata: x\n\n", &[("x", "")]),
        (b"id: a\xffb\ndata: x\n\n", &[("x", "a\u{fffd}b")]),
        (b"unknown: y\nevent: gone\n\ndata: x\n\n", &[("x", "")]),
        (b"retry: 250\n\nretry: soon\n\n", &[]),
        (HEARTBEAT, &[]),
        (b": too slow\n\n", &[]),
    ];

    /// The data of each event in these parts, and the last event id behind the part that ends it.
    fn events<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        for part in parts {
            decoder.push(part);
            let mut found = Vec::new();
            let taken = decoder.drain(|data| {
                found.push(String::from_utf8(data.to_vec()).unwrap());
                Ok::<_, ()>(())
            });
            assert_eq!(taken, Ok(found.len()));
            events.extend(found.into_iter().map(|data| (data, decoder.last_event_id().to_owned())));
        }
        events
    }

    #[test]
    fn any_cut_gives_the_same_events() {
        for (stream, expected) in CASES {
            // Byte by byte, so that an event's id is known when it ends.
            let found = events(stream.chunks(1));
            assert!(
                found.iter().map(|(data, id)| (data.as_str(), id.as_str())).eq(expected.iter().copied()),
                "{found:?}"
            );
            for cut in 0..=stream.len() {
                let found = events([&stream[..cut], &stream[cut..]]);
                let data = found.iter().map(|(data, _)| data.as_str());
                assert!(data.eq(expected.iter().map(|(data, _)| *data)), "{found:?} cut at {cut}");
            }
        }
    }

    /// Streams that break off, and the id to resume from: before, it was 7.
    #[test]
    fn an_id_counts_when_its_block_has_ended() {
        for (stream, expected) in [
            (&b""[..], "7"),
            (b"id: 2\ndata: m2\n\nid: 3\nda", "2"),
            (b"id: 2\ndata: m2\n\nid: 3\ndata: m3\n", "2"),
            (b"id: 3\n\n", "3"),
            (b"id: 3\r\r", "3"),
            (b"data: x\n\n", "7"),
            (b"id\n\n", ""),
            (b"id: \ndata: x\n\n", ""),
            (b"id: a\0b\n\n", "7"),
            (b"event: ping\nid: 8\n\n", "8"),
            (b": id: 9\n\n", "7"),
        ] {
            let mut decoder = Decoder::resuming("7");
            decoder.push(stream);
            decoder.drain(|_| Ok::<_, ()>(())).unwrap();
            assert_eq!(decoder.last_event_id(), expected, "{}", String::from_utf8_lossy(stream));
        }
    }

    #[test]
    fn a_stream_stands_between_events_behind_an_empty_line_only() {
        for stream in [&encode(7, b"hello")[..], HEARTBEAT] {
            for cut in 0..=stream.len() {
                let mut decoder = Decoder::default();
                decoder.push(&stream[..cut]);
                decoder.drain(|_| Ok::<_, ()>(())).unwrap();
                assert_eq!(decoder.is_between_events(), [0, stream.len()].contains(&cut), "cut at {cut}");
            }
        }
    }

    #[test]
    fn an_event_a_retry_and_a_comment_are_these_bytes() {
        assert_eq!(&encode(42, b"hello")[..], b"id: 42\ndata: hello\n\n");
        assert_eq!(encode_retry(250), "retry: 250\n\n");
        assert_eq!(encode_comment("too slow"), ": too slow\n\n");
        for seq in [0, 9, 10, 99, 100, 12_345] {
            assert_eq!(encode(seq, b"hello").len(), 5 + framing_len(seq));
        }
    }
}
