//! What representations of fields are made of: integers and strings (RFC 7541 §5).

use crate::byte_accounting::http2::huffman;

/// An integer needs no more octets behind its prefix to pass any limit here.
const MOST_OCTETS: usize = 5;

/// `/socket.io/` by the code of RFC 7541 Appendix B: 60 bits.
const ENGINE_IO_PATH: [u8; 8] = [0x61, 0x07, 0x27, 0x52, 0xa5, 0x73, 0x1d, 0x80];

/// A string of a block as it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal<'a> {
    bytes: &'a [u8],
    is_huffman: bool,
}

/// The text of a string, as far as it can matter.
pub(super) enum Text<'a> {
    Plain(&'a [u8]),
    Decoded(huffman::Decoded),
}

impl<'a> Literal<'a> {
    /// Its text, and how long the text is.
    pub(super) fn read(self) -> Option<(Text<'a>, u64)> {
        if !self.is_huffman {
            return Some((Text::Plain(self.bytes), self.bytes.len() as u64));
        }
        let decoded = huffman::decode(self.bytes)?;
        let len = decoded.len();
        Some((Text::Decoded(decoded), len))
    }

    /// Whether it begins with the path of Engine.IO. Nothing is decoded for it: it stands in every poll's way.
    pub(super) fn is_engine_io_path(self) -> bool {
        if !self.is_huffman {
            return self.bytes.starts_with(protocol::paths::SOCKETIO.as_bytes());
        }
        let (octets, bits) = ENGINE_IO_PATH.split_at(7);
        self.bytes.starts_with(octets)
            && self.bytes.get(octets.len()).is_some_and(|last| last >> 4 == bits[0] >> 4)
    }
}

impl Text<'_> {
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Self::Plain(text) => text,
            Self::Decoded(decoded) => decoded.front(),
        }
    }
}

/// RFC 7541 §5.2.
pub(super) fn take_string<'a>(block: &mut &'a [u8]) -> Option<Literal<'a>> {
    let is_huffman = block.first()? & 0x80 != 0;
    let len = usize::try_from(take_integer(block, 7)?).ok()?;
    let (bytes, rest) = block.split_at_checked(len)?;
    *block = rest;
    Some(Literal { bytes, is_huffman })
}

/// An integer in the last `prefix` bits of the first byte and the octets that follow (RFC 7541 §5.1).
pub(super) fn take_integer(block: &mut &[u8], prefix: u8) -> Option<u64> {
    let (&first, mut rest) = block.split_first()?;
    let most = (1 << prefix) - 1;
    let mut value = u64::from(first) & most;
    if value == most {
        let last = rest.iter().take(MOST_OCTETS).position(|octet| octet & 0x80 == 0)?;
        let (octets, behind) = rest.split_at(last + 1);
        for (at, octet) in octets.iter().enumerate() {
            value += u64::from(octet & 0x7f) << (7 * at);
        }
        rest = behind;
    }
    *block = rest;
    Some(value)
}
