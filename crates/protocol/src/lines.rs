//! Newline-delimited messages (NDJSON): the body of a poll's answer, and of a stream.
//!
//! A message holds no raw newline, since JSON escapes it. The framing is one byte a message.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes that the framing adds to each message.
pub const FRAMING_LEN: usize = 1;
/// The media type of such a body.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// `message` as a line.
pub fn encode(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + FRAMING_LEN);
    out.extend_from_slice(message);
    out.extend_from_slice(b"\n");
    out.freeze()
}

/// Splits a stream of lines, however it is cut, into messages. Empty lines are passed over.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    scanned: usize,
}

impl Decoder {
    /// Takes in the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Hands every message that is whole by now to `take`, where it lies, and returns how many there were.
    ///
    /// # Errors
    ///
    /// The first one of `take`. The decoder is of no use then.
    pub fn drain<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<usize, E> {
        let (mut begin, mut messages) = (0, 0);
        for found in memchr::memchr_iter(b'\n', &self.buffer[self.scanned..]) {
            let end = self.scanned + found;
            if begin < end {
                take(&self.buffer[begin..end])?;
                messages += 1;
            }
            begin = end + 1;
        }
        self.buffer.advance(begin);
        self.scanned = self.buffer.len();
        Ok(messages)
    }

    /// What is waiting for the end of its line.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// Bytes that are waiting for the end of their line.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_message_and_a_newline() {
        assert_eq!(&encode(b"abc")[..], b"abc\n");
    }

    #[test]
    fn any_cut_gives_the_same_messages() {
        let stream = b"one\n\ntwo\nthree\nrest";
        for cut in 0..=stream.len() {
            let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                decoder.push(part);
                let before = messages.len();
                let taken = decoder.drain(|message| {
                    messages.push(message.to_vec());
                    Ok::<_, ()>(())
                });
                assert_eq!(taken, Ok(messages.len() - before));
            }
            assert_eq!(messages, [&b"one"[..], b"two", b"three"], "cut at {cut}");
            assert_eq!(decoder.pending(), 4);
        }
    }

    #[test]
    fn draining_ends_with_the_first_error() {
        let mut decoder = Decoder::default();
        decoder.push(b"one\ntwo\n");
        assert_eq!(decoder.drain(|message| Err(message.to_vec())), Err(b"one".to_vec()));
    }
}
