//! WebSocket frames (RFC 6455 §5.2): headers of either side, and messages as a server writes them, in a frame each and
//! unmasked, so that they are the same for every client.

use bytes::{BufMut as _, Bytes, BytesMut};

/// The frame is its message's last.
const FINAL: u8 = 0x80;
/// The first frame of a compressed message (RFC 7692 §6).
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
/// Set in the opcodes of control frames.
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Opcode of a frame that goes on with a message.
pub const CONTINUATION: u8 = 0x0;
/// Opcode of text.
pub const TEXT: u8 = 0x1;
/// Opcode of anything else.
pub const BINARY: u8 = 0x2;
/// The longest header: two bytes, eight of length, four of mask.
pub const LONGEST_HEADER: usize = 14;

/// What a message's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8, opcode 1.
    Text,
    /// Anything, opcode 2.
    Binary,
}

/// What a frame begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The first byte: flags and opcode.
    pub first: u8,
    /// Bytes of the header itself.
    pub len: usize,
    /// Bytes that follow it.
    pub payload_len: u64,
    /// The key that they are masked by.
    pub mask: Option<[u8; 4]>,
}

impl Header {
    /// Reads the header that the bytes begin with.
    ///
    /// # Errors
    ///
    /// While it is not whole: how many bytes are missing at least.
    pub fn read(bytes: &[u8]) -> Result<Self, usize> {
        let &[first, second, ..] = bytes else { return Err(2 - bytes.len()) };
        let (length, mask) = (second & !MASKED, second & MASKED != 0);
        let mask_at = match length {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let len = mask_at + if mask { 4 } else { 0 };
        let header = bytes.get(..len).ok_or_else(|| len - bytes.len())?;
        let extended = header[2..mask_at].iter().fold(0, |length, &byte| length << 8 | u64::from(byte));
        let payload_len = if mask_at == 2 { length.into() } else { extended };
        Ok(Self { first, len, payload_len, mask: header[mask_at..].first_chunk().copied() })
    }

    /// What the frame is.
    pub fn opcode(&self) -> u8 {
        self.first & OPCODE
    }

    /// Whether it is a control frame: ping, pong, close.
    pub fn is_control(&self) -> bool {
        self.first & CONTROL != 0
    }

    /// Whether it is its message's last.
    pub fn is_final(&self) -> bool {
        self.first & FINAL != 0
    }

    /// Whether it begins a compressed message.
    pub fn is_compressed(&self) -> bool {
        self.first & RSV1 != 0
    }

    /// What it is if it is a whole message, not compressed.
    pub fn message(&self) -> Option<Kind> {
        const WHOLE_TEXT: u8 = FINAL | TEXT;
        const WHOLE_BINARY: u8 = FINAL | BINARY;
        match self.first {
            WHOLE_TEXT => Some(Kind::Text),
            WHOLE_BINARY => Some(Kind::Binary),
            _ => None,
        }
    }
}

/// Appends the header of a message of so many bytes in one frame; a client masks it.
pub fn put_header(kind: Kind, len: usize, mask: Option<[u8; 4]>, out: &mut BytesMut) {
    let masked = if mask.is_some() { MASKED } else { 0 };
    out.put_u8(match kind {
        Kind::Text => FINAL | TEXT,
        Kind::Binary => FINAL | BINARY,
    });
    match len {
        0..126 => out.put_u8(masked | len as u8),
        126..65_536 => {
            out.put_u8(masked | 126);
            out.put_u16(len as u16);
        }
        _ => {
            out.put_u8(masked | 127);
            out.put_u64(len as u64);
        }
    }
    if let Some(key) = mask {
        out.put_slice(&key);
    }
}

/// A message in one frame.
pub fn encode(kind: Kind, message: &[u8]) -> Bytes {
    encode_parts(kind, &[message])
}

/// A message that is these parts, one after the other, in one frame.
pub fn encode_parts(kind: Kind, parts: &[&[u8]]) -> Bytes {
    let len = parts.iter().map(|part| part.len()).sum();
    let mut out = BytesMut::with_capacity(LONGEST_HEADER + len);
    put_header(kind, len, None, &mut out);
    parts.iter().for_each(|part| out.put_slice(part));
    out.freeze()
}

/// The messages in consecutive frames, as [`encode`] makes them; ends where they are cut off.
pub fn messages(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let header = Header::read(frames).ok()?;
        let len = usize::try_from(header.payload_len).ok()?;
        let (message, rest) = frames[header.len..].split_at_checked(len)?;
        frames = rest;
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_the_one_of_the_standard() {
        assert_eq!(encode(Kind::Text, b"Hello")[..], *b"\x81\x05Hello");
        assert_eq!(encode(Kind::Binary, &[7; 256])[..4], *b"\x82\x7e\x01\x00");
        assert_eq!(encode(Kind::Binary, &[7; 65_536])[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
        assert_eq!(encode_parts(Kind::Text, &[b"Hel", b"", b"lo"]), encode(Kind::Text, b"Hello"));
    }

    #[test]
    fn what_was_encoded_is_found_again_whatever_its_length() {
        let expected: Vec<_> = [0, 1, 125, 126, 65_535, 65_536, 3].map(|len| vec![b'x'; len]).into();
        let frames: Vec<_> = expected.iter().flat_map(|message| encode(Kind::Text, message)).collect();
        let found: Vec<_> = messages(&frames).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_cut_off_is_not_found_and_does_not_panic() {
        for len in [3, 300, 70_000] {
            let whole = encode(Kind::Text, &vec![b'x'; len]);
            for cut in [0, 1, 2, 3, 4, 9, 10, whole.len() - 1] {
                assert_eq!(messages(&whole[..cut.min(whole.len() - 1)]).count(), 0, "{cut} of {len}");
            }
        }
        // More than any address space holds.
        assert_eq!(messages(b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff").count(), 0);
    }
}
