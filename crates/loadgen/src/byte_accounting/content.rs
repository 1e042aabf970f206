//! What a body carries: messages by the rules of its media type, or nothing that counts.

use memchr::memchr;
use model::byte_account::Layers;

use super::byte_counts::{Layer, settle};
use super::engine_io::{Carried, Packets};
use super::event_stream::EventStream;
use super::message::{Meter, settle_whole};
use super::websocket::Frames;

/// Takes in a body's data, without the framing of HTTP.
#[derive(Debug)]
pub(super) enum Content {
    /// The whole body is one message.
    Message(Meter),
    /// A message a line. Lines that are none, empty ones too, are control.
    Lines(Meter),
    /// Server-Sent Events.
    Events(EventStream),
    /// Frames of WebSocket: the DATA of an HTTP/2 stream that was opened for them.
    WebSocket(Frames),
    /// Packets of Engine.IO, as HTTP long-polling has them.
    Packets(Packets),
    /// What a content coding left of messages, greetings and what separates them: it cannot be looked into.
    Compressed,
    /// Carries no event.
    Control,
    /// Carries no event, but belongs to an exchange that is something else than control.
    Known(Layer),
}

/// What a body is said to carry.
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
    /// A body that is one message.
    pub(super) fn message(is_coded: bool) -> Self {
        if is_coded { Self::Compressed } else { Self::Message(Meter::new()) }
    }

    /// A body of HTTP long-polling.
    pub(super) fn packets(is_coded: bool) -> Self {
        if is_coded { Self::Compressed } else { Self::Packets(Packets::new()) }
    }

    /// The body of an answer.
    pub(super) fn of(media_type: MediaType, is_coded: bool) -> Self {
        match media_type {
            MediaType::Other => Self::Control,
            MediaType::Lines | MediaType::Events if is_coded => Self::Compressed,
            MediaType::Lines => Self::Lines(Meter::new()),
            MediaType::Events => Self::Events(EventStream::new()),
        }
    }

    /// What of HTTP/2 stands round it, frame headers and padding of DATA, is settled as.
    pub(super) fn data_framing(&self) -> Layer {
        match self {
            Self::Control => Layer::Control,
            Self::Known(layer @ (Layer::Control | Layer::Handshake)) => *layer,
            _ => Layer::DataFraming,
        }
    }

    /// What has come of packets so far. What cannot be looked into is taken for events.
    pub(super) fn carried(&self) -> Carried {
        match self {
            Self::Packets(packets) => packets.carried(),
            Self::Control | Self::Known(_) => Carried::Nothing,
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
            Self::Control => settle(layers, Layer::Control, bytes.len() as u64),
        }
    }

    /// The body is over. What is still open in it, a line without its end, will never be an event.
    pub(super) fn end(&mut self, layers: &mut Layers) {
        match self {
            Self::Message(meter) => {
                meter.settle(0, layers);
            }
            Self::Lines(meter) => meter.settle_as_control(0, layers),
            Self::Events(events) => events.end(layers),
            Self::WebSocket(frames) => frames.end(layers),
            Self::Packets(packets) => packets.end(layers),
            Self::Compressed | Self::Control | Self::Known(_) => {}
        }
    }
}

fn take_lines(meter: &mut Meter, mut bytes: &[u8], layers: &mut Layers) {
    while let Some(end) = memchr(b'\n', bytes) {
        let framing = protocol::lines::FRAMING_LEN as u64;
        if meter.is_empty() {
            settle_whole(&bytes[..end], framing, layers);
        } else {
            meter.push(&bytes[..end]);
            meter.settle(framing, layers);
        }
        bytes = &bytes[end + 1..];
    }
    meter.push(bytes);
}
