//! Bodies: the framing of HTTP (RFC 9112 §6.3, §7.1) round the content.

use model::byte_account::Layers;

use super::byte_counts::{Layer, settle, split_at_most};
use super::content::Content;
use super::engine_io::Carried;

/// A chunk size of more digits does not fit 64 bits.
const MOST_DIGITS: u8 = 15;

/// How a body is delimited.
#[derive(Debug)]
pub(super) enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks, the last of size 0.
    Chunked(Chunked),
    /// All that comes.
    UntilClose,
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Body {
    framing: Framing,
    content: Content,
}

/// What has come of a body.
pub(super) enum Progress<'a> {
    /// All bytes were taken, and more will come.
    Open,
    /// It is over; these bytes follow it.
    Ended(&'a [u8]),
    /// Its framing is broken.
    Malformed,
}

/// Where in a chunked body. Its framing is settled as it comes.
#[derive(Debug)]
pub(super) enum Chunked {
    Size { value: u64, digits: u8 },
    Extension { size: u64 },
    Data { left: u64 },
    DataEnd,
    Trailer { line_len: u64 },
}

impl Framing {
    pub(super) fn chunked() -> Self {
        Self::Chunked(Chunked::next_size())
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Length(0))
    }
}

impl Body {
    pub(super) fn new(framing: Framing, content: Content) -> Self {
        Self { framing, content }
    }

    /// What has come of Engine.IO's packets.
    pub(super) fn carried(&self) -> Carried {
        self.content.carried()
    }

    pub(super) fn take<'a>(&mut self, bytes: &'a [u8], layers: &mut Layers) -> Progress<'a> {
        let progress = match &mut self.framing {
            Framing::Length(left) => take_counted(left, bytes, &mut self.content, layers),
            Framing::Chunked(chunked) => chunked.take(bytes, &mut self.content, layers),
            Framing::UntilClose => {
                self.content.take(bytes, layers);
                Progress::Open
            }
        };
        if matches!(progress, Progress::Ended(_)) {
            self.content.end(layers);
        }
        progress
    }
}

fn take_counted<'a>(
    left: &mut u64,
    bytes: &'a [u8],
    content: &mut Content,
    layers: &mut Layers,
) -> Progress<'a> {
    let (data, rest) = split_at_most(bytes, *left);
    content.take(data, layers);
    *left -= data.len() as u64;
    if *left == 0 { Progress::Ended(rest) } else { Progress::Open }
}

impl Chunked {
    fn next_size() -> Self {
        Self::Size { value: 0, digits: 0 }
    }

    fn take<'a>(&mut self, mut bytes: &'a [u8], content: &mut Content, layers: &mut Layers) -> Progress<'a> {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let Self::Data { left } = self {
                let (data, rest) = split_at_most(bytes, *left);
                content.take(data, layers);
                *left -= data.len() as u64;
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                bytes = rest;
                continue;
            }
            let Some(step) = self.step(byte) else { return Progress::Malformed };
            settle(layers, Layer::ChunkFraming, 1);
            match step {
                Step::On(next) => *self = next,
                Step::End => return Progress::Ended(rest),
            }
            bytes = rest;
        }
        Progress::Open
    }

    /// What follows a byte that is not data; none when it must not stand there.
    fn step(&self, byte: u8) -> Option<Step> {
        let next = match (self, byte) {
            (&Self::Size { value, digits: 1.. }, b'\n') => Self::after_size(value),
            (&Self::Size { value, digits }, b'\r') => Self::Size { value, digits },
            (&Self::Size { value, digits: 1.. }, b';' | b' ' | b'\t') => Self::Extension { size: value },
            (&Self::Size { value, digits }, digit) if digits < MOST_DIGITS => {
                let digit = char::from(digit).to_digit(16)?;
                Self::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
            }
            (&Self::Extension { size }, b'\n') => Self::after_size(size),
            (&Self::Extension { size }, _) => Self::Extension { size },
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::next_size(),
            (Self::Trailer { line_len: 0 }, b'\n') => return Some(Step::End),
            (Self::Trailer { .. }, b'\n') => Self::Trailer { line_len: 0 },
            (&Self::Trailer { line_len }, b'\r') => Self::Trailer { line_len },
            (&Self::Trailer { line_len }, _) => Self::Trailer { line_len: line_len + 1 },
            (Self::Size { .. } | Self::Data { .. } | Self::DataEnd, _) => return None,
        };
        Some(Step::On(next))
    }

    fn after_size(size: u64) -> Self {
        if size == 0 { Self::Trailer { line_len: 0 } } else { Self::Data { left: size } }
    }
}

enum Step {
    On(Chunked),
    End,
}
