//! What a body carries: messages by the rules of its media type, or nothing that counts.

use memchr::memchr;
use schema::bytes_account::Layers;

use super::event_stream::EventStream;
use super::ledger::{Layer, settle};
use super::message::{Meter, settle_whole};

/// Takes in a body's data, without the framing of HTTP.
#[derive(Debug)]
pub(super) enum Content {
    /// The whole body is one message.
    Message(Meter),
    /// A message a line. Lines that are none, empty ones too, are control.
    Lines(Meter),
    /// Server-Sent Events.
    Events(EventStream),
    /// Carries no event.
    Control,
}

impl Content {
    pub(super) fn message() -> Self {
        Self::Message(Meter::new())
    }

    /// By the value of `content-type`.
    pub(super) fn of(media_type: &[u8]) -> Self {
        let essence = media_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(wire::lines::MEDIA_TYPE.as_bytes()) {
            Self::Lines(Meter::new())
        } else if essence.eq_ignore_ascii_case(wire::sse::MEDIA_TYPE.as_bytes()) {
            Self::Events(EventStream::new())
        } else {
            Self::Control
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8], layers: &mut Layers) {
        match self {
            Self::Message(meter) => meter.push(bytes),
            Self::Lines(meter) => take_lines(meter, bytes, layers),
            Self::Events(events) => events.take(bytes, layers),
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
            Self::Control => {}
        }
    }
}

fn take_lines(meter: &mut Meter, mut bytes: &[u8], layers: &mut Layers) {
    while let Some(end) = memchr(b'\n', bytes) {
        let framing = wire::lines::FRAMING_LEN as u64;
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
