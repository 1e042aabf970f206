//! Length-prefixed frames: four bytes of length, big-endian, then that many bytes.
//!
//! Raw TCP carries a message a frame. On the feed, a frame's body begins with the channel, four bytes big-endian; where
//! that is [`DISMISSAL`], it is no message, but the application's word that the sessions are over, and where it is [`LOG`],
//! a word about a server that takes up where another one ended.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes that the framing adds to each message.
pub const FRAMING_LEN: usize = 4;

/// `body` as a frame.
pub fn encode(body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(FRAMING_LEN + body.len());
    out.put_u32(u32::try_from(body.len()).expect("a frame is under 4 GiB"));
    out.put_slice(body);
    out.freeze()
}

/// A message with its channel as a frame of the feed.
pub fn encode_feed(channel: u32, message: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(FRAMING_LEN + FEED_HEAD_LEN + message.len());
    put_feed(&mut out, channel, message);
    out
}

/// Appends a feed frame to `out`.
///
/// # Panics
///
/// As of [`encode_feed`].
pub fn put_feed(out: &mut BytesMut, channel: u32, message: &[u8]) {
    out.put_u32(u32::try_from(FEED_HEAD_LEN + message.len()).expect("a frame is under 4 GiB"));
    out.put_u32(channel);
    out.put_slice(message);
}

/// Bytes of a feed frame's body before the message.
pub const FEED_HEAD_LEN: usize = 4;

/// Parts the body of a feed frame into channel and message; none when it is too short.
pub fn decode_feed(mut body: Bytes) -> Option<(u32, Bytes)> {
    (body.len() >= FEED_HEAD_LEN).then(|| {
        let channel = body.get_u32();
        (channel, body)
    })
}

/// In the place of the channel: what follows are a close code, two bytes big-endian, and a reason in UTF-8.
pub const DISMISSAL: u32 = u32::MAX;

/// The feed's frame that ends all WebSocket sessions with this code and reason.
pub fn encode_dismissal(code: u16, reason: &str) -> BytesMut {
    let mut body = BytesMut::with_capacity(2 + reason.len());
    body.put_u16(code);
    body.put_slice(reason.as_bytes());
    encode_feed(DISMISSAL, &body)
}

/// Parts what follows [`DISMISSAL`] into code and reason; none when it is too short or not UTF-8.
pub fn decode_dismissal(body: &[u8]) -> Option<(u16, &str)> {
    let (code, reason) = body.split_first_chunk()?;
    Some((u16::from_be_bytes(*code), std::str::from_utf8(reason).ok()?))
}

/// In the place of the channel. From the application: it has given everything that it ever published, so the server may
/// listen. From the server: it listens since the time that follows, eight bytes big-endian, ns of `CLOCK_MONOTONIC`.
pub const LOG: u32 = u32::MAX - 1;

/// The feed's frame after the last message of an application's log.
pub fn encode_log_end() -> BytesMut {
    encode_feed(LOG, &[])
}

/// The feed's frame that reports since when a server with a log listens.
pub fn encode_listening(since_ns: u64) -> BytesMut {
    encode_feed(LOG, &since_ns.to_be_bytes())
}

/// What follows [`LOG`] from a server; none when it is no time.
pub fn decode_listening(body: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(body.try_into().ok()?))
}

/// A frame that announces more bytes than the reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {announced} bytes is over the limit of {limit}")]
pub struct Oversize {
    /// The length that the frame announced.
    pub announced: usize,
    /// The longest that the reader takes.
    pub limit: usize,
}

/// Splits a stream of frames, however it is cut.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
}

impl Decoder {
    /// A decoder that takes bodies of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// The buffer to read into; what is appended to it is the next part of the stream.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole body, if there is one.
    /// Fails when a frame announces more than the limit; the stream cannot be read on then.
    pub fn next_body(&mut self) -> Result<Option<Bytes>, Oversize> {
        Ok(self.front()?.map(|place| {
            self.buffer.advance(place.start);
            self.buffer.split_to(place.len()).freeze()
        }))
    }

    /// Hands every body that is whole by now to `take`, where it lies.
    ///
    /// # Errors
    ///
    /// The first one of `take`, and as of [`next_body`](Self::next_body). The decoder is of no use then.
    pub fn drain<E: From<Oversize>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(place) = self.front()? {
            let end = place.end;
            take(&self.buffer[place])?;
            self.buffer.advance(end);
        }
        Ok(())
    }

    /// Where the next body lies in the buffer, if it is whole.
    fn front(&self) -> Result<Option<Range<usize>>, Oversize> {
        let Some(head) = self.buffer.first_chunk::<FRAMING_LEN>() else { return Ok(None) };
        let announced = u32::from_be_bytes(*head) as usize;
        if announced > self.limit {
            return Err(Oversize { announced, limit: self.limit });
        }
        let end = FRAMING_LEN + announced;
        Ok((end <= self.buffer.len()).then_some(FRAMING_LEN..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_these_bytes() {
        assert_eq!(&encode(b"abc")[..], b"\0\0\0\x03abc");
        assert_eq!(&encode_feed(7, b"abc")[..], b"\0\0\0\x07\0\0\0\x07abc");
        assert_eq!(decode_feed(Bytes::from_static(b"\0\0\0\x07abc")), Some((7, Bytes::from_static(b"abc"))));
        assert_eq!(decode_feed(Bytes::from_static(b"\0\0\0")), None);
    }

    #[test]
    fn the_words_about_a_log_are_these_bytes() {
        assert_eq!(&encode_log_end()[..], b"\0\0\0\x04\xff\xff\xff\xfe");
        assert_eq!(&encode_listening(0x102)[..], b"\0\0\0\x0c\xff\xff\xff\xfe\0\0\0\0\0\0\x01\x02");
        assert_eq!(decode_listening(&0x102u64.to_be_bytes()), Some(0x102));
        assert_eq!((decode_listening(b""), decode_listening(b"123456789")), (None, None));
    }

    #[test]
    fn a_dismissal_is_these_bytes() {
        assert_eq!(&encode_dismissal(4000, "bye")[..], b"\0\0\0\x09\xff\xff\xff\xff\x0f\xa0bye");
        assert_eq!(decode_dismissal(b"\x0f\xa0bye"), Some((4000, "bye")));
        assert_eq!(decode_dismissal(b"\x0f\xa0"), Some((4000, "")));
        assert_eq!(decode_dismissal(b"\x0f"), None);
        assert_eq!(decode_dismissal(b"\x0f\xa0\xff"), None);
    }

    #[test]
    fn any_cut_gives_the_same_bodies() {
        let stream = [encode(b"one"), encode(b""), encode(b"three")].concat();
        for cut in 0..=stream.len() {
            let (mut decoder, mut drained) = (Decoder::new(100), Decoder::new(100));
            let (mut bodies, mut in_place) = (Vec::new(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                decoder.buffer().extend_from_slice(part);
                while let Some(body) = decoder.next_body().unwrap() {
                    bodies.push(body);
                }
                drained.buffer().extend_from_slice(part);
                let take = |body: &[u8]| {
                    in_place.push(body.to_vec());
                    Ok::<_, Oversize>(())
                };
                drained.drain(take).unwrap();
                assert_eq!(in_place, bodies);
            }
            assert_eq!(bodies, ["one", "", "three"], "cut at {cut}");
        }
    }

    #[test]
    fn an_oversize_frame_is_refused_before_its_body_comes() {
        let mut decoder = Decoder::new(10);
        decoder.buffer().extend_from_slice(b"\0\0\0\x0b");
        assert_eq!(decoder.next_body(), Err(Oversize { announced: 11, limit: 10 }));
        assert_eq!(decoder.drain(|_| Ok(())), Err(Oversize { announced: 11, limit: 10 }));
    }
}
