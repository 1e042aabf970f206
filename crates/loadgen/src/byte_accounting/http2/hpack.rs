//! The fields of a header block (HPACK, RFC 7541), as far as byte accounting must know them.
//!
//! Only the fields that decide are read. The dynamic table keeps of an entry its size and what it means, and no text:
//! that is all that later blocks depend on. A string that goes into no table and has no meaning is skipped unread,
//! and of a poll's path only the front. General decoders cost more than what is measured: `loona-hpack` builds its Huffman table
//! again for every string, 27 µs each; it is what the tests compare with.

use std::collections::VecDeque;

use protocol::hpack::STATIC_TABLE;

use super::huffman;
use crate::byte_accounting::body::{MediaType, is_coded};
use crate::byte_accounting::head::Method;

/// An encoder may make its table as large as its peer allows; none allows more here.
const LARGEST_TABLE: u64 = 64 * 1024;
/// The size until it is changed (RFC 9113 §6.5.2).
const DEFAULT_TABLE: u64 = 4096;
/// What an entry takes beside its text (RFC 7541 §4.1).
const ENTRY_EXTRA: u64 = 32;

/// An integer needs no more octets behind its prefix to pass any limit here.
const MOST_OCTETS: usize = 5;

/// `/socket.io/` by the code of RFC 7541 Appendix B: 60 bits.
const ENGINE_IO_PATH: [u8; 8] = [0x61, 0x07, 0x27, 0x52, 0xa5, 0x73, 0x1d, 0x80];

/// Reads the header blocks of one direction, in their order.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: u64,
    most: u64,
}

/// What a field means to byte accounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Method(Method),
    WebSocketProtocol,
    EngineIoPath,
    Status(u16),
    MediaType(MediaType),
    Coded,
    Other,
}

/// The names that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Method,
    Path,
    Protocol,
    Status,
    ContentType,
    ContentEncoding,
    Other,
}

/// A field without its text.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Name,
    name_len: u64,
    value_len: u64,
    field: Field,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, most: DEFAULT_TABLE }
    }
}

impl Decoder {
    /// Passes every field of a whole block to `emit`, in order; none when the block is malformed.
    pub(super) fn decode(&mut self, mut block: &[u8], mut emit: impl FnMut(Field)) -> Option<()> {
        while let Some(&first) = block.first() {
            // RFC 7541 §6; what is never to be indexed (0b0001) reads like what is not indexed.
            match first {
                0x80.. => emit(self.entry(take_integer(&mut block, 7)?)?.field),
                0x40.. => {
                    let entry = self.take_literal(&mut block, 6, Use::Index)?;
                    emit(entry.field);
                    self.insert(entry);
                }
                0x20.. => self.resize(take_integer(&mut block, 5)?)?,
                _ => emit(self.take_literal(&mut block, 4, Use::Tell)?.field),
            }
        }
        Some(())
    }

    fn take_literal(&self, block: &mut &[u8], prefix: u8, purpose: Use) -> Option<Entry> {
        let (name, name_len) = match take_integer(block, prefix)? {
            0 => {
                let (name, len) = take_string(block)?.read()?;
                (Name::of(name.text()), len)
            }
            index => {
                let entry = self.entry(index)?;
                (entry.name, entry.name_len)
            }
        };
        let value = take_string(block)?;
        if purpose == Use::Tell && matches!(name, Name::Path | Name::Other) {
            let is_path = name == Name::Path && value.is_engine_io_path();
            let field = if is_path { Field::EngineIoPath } else { Field::Other };
            return Some(Entry { name, name_len, value_len: 0, field });
        }
        let (value, value_len) = value.read()?;
        Some(Entry { name, name_len, value_len, field: name.with(value.text())? })
    }

    /// By the index of RFC 7541 §2.3.3: from 1, the static table first.
    fn entry(&self, index: u64) -> Option<Entry> {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        match STATIC_TABLE.get(index) {
            Some((name, value)) => Entry::of(name.as_bytes(), value.as_bytes()),
            None => self.entries.get(index - STATIC_TABLE.len()).copied(),
        }
    }

    fn insert(&mut self, entry: Entry) {
        self.evict_down_to(self.most.saturating_sub(entry.size()));
        // One that is larger than the table empties it, and is not kept (RFC 7541 §4.4).
        if entry.size() <= self.most {
            self.size += entry.size();
            self.entries.push_front(entry);
        }
    }

    fn resize(&mut self, most: u64) -> Option<()> {
        if most > LARGEST_TABLE {
            return None;
        }
        self.most = most;
        self.evict_down_to(most);
        Some(())
    }

    fn evict_down_to(&mut self, most: u64) {
        while self.size > most
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It goes into the table.
    Index,
    Tell,
}

impl Entry {
    fn of(name: &[u8], value: &[u8]) -> Option<Self> {
        let (name_len, value_len) = (name.len() as u64, value.len() as u64);
        let name = Name::of(name);
        Some(Self { name, name_len, value_len, field: name.with(value)? })
    }

    fn size(&self) -> u64 {
        self.name_len + self.value_len + ENTRY_EXTRA
    }
}

impl Name {
    fn of(name: &[u8]) -> Self {
        match name {
            b":method" => Self::Method,
            b":path" => Self::Path,
            b":protocol" => Self::Protocol,
            b":status" => Self::Status,
            b"content-type" => Self::ContentType,
            b"content-encoding" => Self::ContentEncoding,
            _ => Self::Other,
        }
    }

    /// What this value under this name means; none when it makes no sense.
    fn with(self, value: &[u8]) -> Option<Field> {
        Some(match self {
            Self::Method => Field::Method(Method::of(value)),
            Self::Path if value.starts_with(protocol::paths::SOCKETIO.as_bytes()) => Field::EngineIoPath,
            Self::Protocol if value == b"websocket" => Field::WebSocketProtocol,
            Self::Status => Field::Status(status_code(value)?),
            Self::ContentType => Field::MediaType(MediaType::of(value)),
            Self::ContentEncoding if is_coded(value) => Field::Coded,
            Self::Path | Self::Protocol | Self::ContentEncoding | Self::Other => Field::Other,
        })
    }
}

fn status_code(value: &[u8]) -> Option<u16> {
    match value {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {
            Some(value.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
        }
        _ => None,
    }
}

/// A string of a block as it stands there.
#[derive(Debug, Clone, Copy)]
struct Literal<'a> {
    bytes: &'a [u8],
    is_huffman: bool,
}

/// The text of a string, as far as it can matter.
enum Text<'a> {
    Plain(&'a [u8]),
    Decoded(huffman::Decoded),
}

impl<'a> Literal<'a> {
    /// Its text, and how long the text is.
    fn read(self) -> Option<(Text<'a>, u64)> {
        if !self.is_huffman {
            return Some((Text::Plain(self.bytes), self.bytes.len() as u64));
        }
        let decoded = huffman::decode(self.bytes)?;
        let len = decoded.len();
        Some((Text::Decoded(decoded), len))
    }

    /// Whether it begins with the path of Engine.IO. Nothing is decoded for it: it stands in every poll's way.
    fn is_engine_io_path(self) -> bool {
        if !self.is_huffman {
            return self.bytes.starts_with(protocol::paths::SOCKETIO.as_bytes());
        }
        let (octets, bits) = ENGINE_IO_PATH.split_at(7);
        self.bytes.starts_with(octets)
            && self.bytes.get(octets.len()).is_some_and(|last| last >> 4 == bits[0] >> 4)
    }
}

impl Text<'_> {
    fn text(&self) -> &[u8] {
        match self {
            Self::Plain(text) => text,
            Self::Decoded(decoded) => decoded.front(),
        }
    }
}

/// RFC 7541 §5.2.
fn take_string<'a>(block: &mut &'a [u8]) -> Option<Literal<'a>> {
    let is_huffman = block.first()? & 0x80 != 0;
    let len = usize::try_from(take_integer(block, 7)?).ok()?;
    let (bytes, rest) = block.split_at_checked(len)?;
    *block = rest;
    Some(Literal { bytes, is_huffman })
}

/// An integer in the last `prefix` bits of the first byte and the octets that follow (RFC 7541 §5.1).
fn take_integer(block: &mut &[u8], prefix: u8) -> Option<u64> {
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

#[cfg(test)]
mod tests;
