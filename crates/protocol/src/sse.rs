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

/// A dispatched event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's type; `message` unless the stream named one.
    pub name: String,
    /// The data lines, joined by newlines.
    pub data: Bytes,
    /// The last event id at the time of dispatch.
    pub id: String,
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

/// The fields of the lines so far.
#[derive(Debug, Default)]
struct Fields {
    data: BytesMut,
    has_data: bool,
    name: String,
    id: String,
    retry_ms: Option<u64>,
}

impl Decoder {
    /// Takes in the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The last event id, to resume from.
    pub fn last_event_id(&self) -> &str {
        &self.fields.id
    }

    /// Whether what has come so far ends with an event's end, or another block's. True only once all that is whole was taken.
    pub fn is_between_events(&self) -> bool {
        self.buffer.is_empty() && !self.is_open
    }

    /// The reconnection time that the stream requested, in milliseconds.
    pub fn retry_ms(&self) -> Option<u64> {
        self.fields.retry_ms
    }

    /// Hands the data of every event that is whole by now to `take`, and returns how many there were: for who wants neither
    /// their types nor their ids. Nothing is allocated for an event.
    ///
    /// # Errors
    ///
    /// The first one of `take`. The decoder is of no use then.
    pub fn drain<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, E> {
        let mut events = 0;
        while self.next_block() {
            self.fields.name.clear();
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
                    self.data.put_u8(b'\n');
                }
                self.data.put_slice(value);
                self.has_data = true;
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => {
                self.id.clear();
                match std::str::from_utf8(value) {
                    Ok(id) => self.id.push_str(id),
                    Err(_) => self.id.push_str(&String::from_utf8_lossy(value)),
                }
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry_ms = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            }
            _ => {}
        }
    }

    /// The data, if there was a line of it.
    fn take_data(&mut self) -> Option<Bytes> {
        std::mem::take(&mut self.has_data).then(|| self.data.split().freeze())
    }
}

/// Yields the events that are whole by now.
impl Iterator for Decoder {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while self.next_block() {
            let name = std::mem::take(&mut self.fields.name);
            if let Some(data) = self.fields.take_data() {
                let name = if name.is_empty() { "message".to_owned() } else { name };
                return Some(Event { name, data, id: self.fields.id.clone() });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, id: &str) -> Event {
        Event { name: name.into(), data: Bytes::copy_from_slice(data.as_bytes()), id: id.into() }
    }

    /// Streams and what a client must see, among them the examples of WHATWG HTML §9.2.6.
    fn cases() -> Vec<(&'static str, Vec<Event>)> {
        vec![
            ("data: one\n\n", vec![event("message", "one", "")]),
            (
                "data: a\r\ndata: b\r\rdata:c\n\n",
                vec![event("message", "a\nb", ""), event("message", "c", "")],
            ),
            ("\u{feff}data: bom\n\n", vec![event("message", "bom", "")]),
            (": comment\n\ndata: x\nid: 7\n\n", vec![event("message", "x", "7")]),
            ("event: add\ndata: 1\n\ndata: 2\n\n", vec![event("add", "1", ""), event("message", "2", "")]),
            ("data\n\ndata\ndata\n\ndata:", vec![event("message", "", ""), event("message", "\n", "")]),
            ("data:test\n\ndata: test\n\n", vec![event("message", "test", ""), event("message", "test", "")]),
            (
                ": t\n\ndata: 1st\nid: 1\n\ndata: 2nd\nid\n\ndata:  3rd\n\n",
                vec![event("message", "1st", "1"), event("message", "2nd", ""), event("message", " 3rd", "")],
            ),
            ("id: a\0b\ndata: x\n\n", vec![event("message", "x", "")]),
            ("unknown: y\nevent: gone\n\ndata: x\n\n", vec![event("message", "x", "")]),
        ]
    }

    fn data_of(parts: [&[u8]; 2]) -> Vec<Bytes> {
        let mut decoder = Decoder::default();
        let mut data = Vec::new();
        for part in parts {
            decoder.push(part);
            let before = data.len();
            let taken = decoder.drain(|event| {
                data.push(Bytes::copy_from_slice(event));
                Ok::<_, ()>(())
            });
            assert_eq!(taken, Ok(data.len() - before));
        }
        data
    }

    fn data_in(events: &[Event]) -> Vec<Bytes> {
        events.iter().map(|event| event.data.clone()).collect()
    }

    #[test]
    fn any_cut_gives_the_same_events() {
        for (stream, expected) in cases() {
            let stream = stream.as_bytes();
            for cut in 0..=stream.len() {
                let mut decoder = Decoder::default();
                decoder.push(&stream[..cut]);
                let mut events: Vec<Event> = decoder.by_ref().collect();
                decoder.push(&stream[cut..]);
                events.extend(decoder.by_ref());
                assert_eq!(events, expected, "{:?} cut at {cut}", String::from_utf8_lossy(stream));
                assert_eq!(data_of([&stream[..cut], &stream[cut..]]), data_in(&expected));
            }
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
    fn an_event_is_these_bytes() {
        let bytes = encode(42, b"hello");
        assert_eq!(&bytes[..], b"id: 42\ndata: hello\n\n");
        for seq in [0, 9, 10, 99, 100, 12_345] {
            assert_eq!(encode(seq, b"hello").len(), 5 + framing_len(seq));
        }
    }

    #[test]
    fn retry_is_taken_when_it_is_a_number() {
        let mut decoder = Decoder::default();
        decoder.push(&encode_retry(250));
        assert_eq!(decoder.next(), None);
        decoder.push(b"retry: soon\n\n");
        assert_eq!((decoder.next(), decoder.retry_ms()), (None, Some(250)));
    }

    #[test]
    fn what_is_no_utf_8_in_an_id_is_replaced() {
        let mut decoder = Decoder::default();
        decoder.push(b"id: a\xffb\ndata: x\n\n");
        assert_eq!(decoder.next(), Some(event("message", "x", "a\u{fffd}b")));
    }

    #[test]
    fn comments_are_passed_over() {
        let mut decoder = Decoder::default();
        decoder.push(HEARTBEAT);
        decoder.push(&encode_comment("too slow"));
        assert_eq!(decoder.next(), None);
    }
}
