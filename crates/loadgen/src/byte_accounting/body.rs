//! Bodies: the framing of HTTP (RFC 9112 §6.3, §7.1), and the content in it: messages by the rules of its media type, or
//! nothing that counts.

use memchr::memchr;
use model::byte_account::Layers;

use super::byte_counts::{Layer, settle, split_at_most};
use super::engine_io::{Carried, Packets};
use super::event_stream::EventStream;
use super::message::{Finding, Meter};
use super::websocket::Frames;

/// A chunk size of more digits does not fit 64 bits.
const MOST_DIGITS: u8 = 15;

#[derive(Debug)]
pub(super) enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks, the last of size 0.
    Chunked(Chunked),
    UntilClose,
}

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
                // Any number of zeros may lead (RFC 9112 §7.1).
                let digits = if value == 0 { 1 } else { digits + 1 };
                Self::Size { value: value << 4 | u64::from(digit), digits }
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

/// Takes in a body's data, without the framing of HTTP.
#[derive(Debug)]
pub(super) enum Content {
    Message(Meter),
    /// A message a line. Lines that are none, empty ones too, are control. Servers of others may leave out the last one's end.
    Lines(Meter),
    Events(EventStream),
    /// Frames of WebSocket: the DATA of an HTTP/2 stream that was opened for them.
    WebSocket(Frames),
    /// Packets of Engine.IO, as HTTP long-polling has them.
    Packets(Packets),
    /// What a content coding left of messages, greetings and what separates them: it cannot be looked into.
    Compressed,
    /// Carries no event, and is all of one layer.
    Known(Layer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum MediaType {
    Lines,
    Events,
    /// Nothing that carries events.
    #[default]
    Other,
}

impl MediaType {
    /// By the value of `content-type`.
    pub(super) fn of(value: &[u8]) -> Self {
        let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(protocol::lines::MEDIA_TYPE.as_bytes()) {
            Self::Lines
        } else if essence.eq_ignore_ascii_case(protocol::sse::MEDIA_TYPE.as_bytes()) {
            Self::Events
        } else {
            Self::Other
        }
    }
}

/// Whether this value of `content-encoding` names a coding that hides the content (RFC 9110 §8.4).
pub(super) fn is_coded(content_encoding: &[u8]) -> bool {
    !content_encoding.is_empty() && !content_encoding.eq_ignore_ascii_case(b"identity")
}

impl Content {
    /// Carries no event.
    pub(super) const CONTROL: Self = Self::Known(Layer::Control);

    pub(super) fn message(is_coded: bool, finding: Finding) -> Self {
        if is_coded { Self::Compressed } else { Self::Message(Meter::new(finding)) }
    }

    /// A body of HTTP long-polling.
    pub(super) fn packets(is_coded: bool, finding: Finding) -> Self {
        if is_coded { Self::Compressed } else { Self::Packets(Packets::new(finding)) }
    }

    pub(super) fn of(media_type: MediaType, is_coded: bool, finding: Finding) -> Self {
        match (media_type, finding) {
            (MediaType::Other, Finding::Whole) => Self::CONTROL,
            _ if is_coded => Self::Compressed,
            // Servers of others have many names for JSON.
            (MediaType::Lines | MediaType::Other, _) => Self::Lines(Meter::new(finding)),
            (MediaType::Events, _) => Self::Events(EventStream::new(finding)),
        }
    }

    /// What of HTTP/2 stands round it, frame headers and padding of DATA, is settled as.
    pub(super) fn data_framing(&self) -> Layer {
        match self {
            Self::Known(layer @ (Layer::Control | Layer::Handshake)) => *layer,
            _ => Layer::DataFraming,
        }
    }

    /// What has come of packets so far. What cannot be looked into is taken for events.
    pub(super) fn carried(&self) -> Carried {
        match self {
            Self::Packets(packets) => packets.carried(),
            Self::Known(_) => Carried::Nothing,
            _ => Carried::Events,
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8], layers: &mut Layers) {
        match self {
            Self::Message(meter) => meter.push(bytes),
            Self::Lines(meter) => take_lines(meter, bytes, layers),
            Self::Events(events) => events.take(bytes, layers),
            Self::WebSocket(frames) => frames.take(bytes, layers),
            Self::Packets(packets) => packets.take(bytes, layers),
            Self::Compressed => settle(layers, Layer::Compressed, bytes.len() as u64),
            Self::Known(layer) => settle(layers, *layer, bytes.len() as u64),
        }
    }

    /// The body is over. What is still open in it, a line without its end, will never be an event.
    pub(super) fn end(&mut self, layers: &mut Layers) {
        match self {
            Self::Lines(meter) if meter.finding() == Finding::Whole => meter.settle_as_control(0, layers),
            Self::Message(meter) | Self::Lines(meter) => {
                meter.settle(0, layers);
            }
            Self::Events(events) => events.end(layers),
            Self::WebSocket(frames) => frames.end(layers),
            Self::Packets(packets) => packets.end(layers),
            Self::Compressed | Self::Known(_) => {}
        }
    }
}

fn take_lines(meter: &mut Meter, mut bytes: &[u8], layers: &mut Layers) {
    while let Some(end) = memchr(b'\n', bytes) {
        let framing = protocol::lines::FRAMING_LEN as u64;
        if meter.is_empty() {
            meter.settle_whole(&bytes[..end], framing, layers);
        } else {
            meter.push(&bytes[..end]);
            meter.settle(framing, layers);
        }
        bytes = &bytes[end + 1..];
    }
    meter.push(bytes);
}
