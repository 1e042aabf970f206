//! WebSocket frames as a server writes them (RFC 6455 §5.2): a message each and unmasked, so the same for every client.

use bytes::{BufMut as _, Bytes, BytesMut};

/// The frame is its message's last.
const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
/// The longest header: two bytes, and eight of length.
const LONGEST_HEADER: usize = 10;

/// What a message's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8, opcode 1.
    Text,
    /// Anything, opcode 2.
    Binary,
}

/// A message in one frame.
pub fn encode(kind: Kind, message: &[u8]) -> Bytes {
    encode_parts(kind, &[message])
}

/// A message that is these parts, one after the other, in one frame.
pub fn encode_parts(kind: Kind, parts: &[&[u8]]) -> Bytes {
    let len = parts.iter().map(|part| part.len()).sum();
    let mut out = BytesMut::with_capacity(LONGEST_HEADER + len);
    let opcode = match kind {
        Kind::Text => TEXT,
        Kind::Binary => BINARY,
    };
    out.put_u8(FINAL | opcode);
    match len {
        0..126 => out.put_u8(len as u8),
        126..65_536 => {
            out.put_u8(126);
            out.put_u16(len as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(len as u64);
        }
    }
    parts.iter().for_each(|part| out.put_slice(part));
    out.freeze()
}

/// The messages in consecutive frames, as [`encode`] makes them; ends where they are cut off.
pub fn messages(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (header, len) = measure(frames)?;
        let (message, rest) = frames.get(header..)?.split_at_checked(len)?;
        frames = rest;
        Some(message)
    })
}

/// The lengths of an unmasked frame's header and payload; none while the header is not whole.
fn measure(frame: &[u8]) -> Option<(usize, usize)> {
    Some(match frame.get(1)? & 0x7f {
        126 => (4, u16::from_be_bytes(*frame.get(2..)?.first_chunk()?).into()),
        127 => (LONGEST_HEADER, usize::try_from(u64::from_be_bytes(*frame.get(2..)?.first_chunk()?)).ok()?),
        len => (2, len.into()),
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
