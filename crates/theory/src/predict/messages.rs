//! The framing of an exchange's messages.

use crate::case::{Case, Direction};
use crate::framing::websocket::Mask;
use crate::framing::{engine_io, socket_io, sse, websocket};
use crate::prediction::{Exactness, Layers, layer};

/// What separates messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing: the content of a POST is one message.
    None,
    /// A newline after each: NDJSON.
    Line,
    /// Fields of Server-Sent Events (WHATWG HTML §9.2).
    Sse,
    /// A WebSocket frame header (RFC 6455 §5.2).
    Frame,
    /// A length of four bytes before each.
    Length,
    /// An event of Socket.IO, in a body with others.
    Record,
    /// The same in a WebSocket frame.
    PacketFrame,
}

/// The event that carries a message of ours.
const EVENT: u64 = "message".len() as u64;

impl Framing {
    /// Framing of the message with this sequence number, without its packet's.
    fn of(self, case: &Case<'_>, seq: u64) -> u64 {
        match self {
            Self::None | Self::Record => 0,
            Self::Line => 1,
            Self::Sse => sse::event_framing(seq),
            Self::Frame => websocket::frame_header(case.message.bytes(), mask(case.direction)),
            Self::Length => 4,
            Self::PacketFrame => {
                let packet = self.engine_io() + self.socket_io() + case.message.bytes();
                websocket::frame_header(packet, mask(case.direction))
            }
        }
    }

    /// Engine.IO's bytes of each packet.
    fn engine_io(self) -> u64 {
        if self.is_packet() { engine_io::TYPE } else { 0 }
    }

    /// Socket.IO's bytes of each packet.
    fn socket_io(self) -> u64 {
        if self.is_packet() { socket_io::event(EVENT) } else { 0 }
    }

    fn is_packet(self) -> bool {
        matches!(self, Self::Record | Self::PacketFrame)
    }
}

/// A client masks, a server does not (RFC 6455 §5.1).
fn mask(direction: Direction) -> Mask {
    match direction {
        Direction::Up => Mask::Masked,
        Direction::Down => Mask::Plain,
    }
}

/// Bytes of each message of the exchange with its framing. A record separator counts with the later record.
pub(super) fn units(case: &Case<'_>, framing: Framing) -> impl Iterator<Item = u64> {
    let message = case.message.bytes() + framing.engine_io() + framing.socket_io();
    seqs(case).map(move |seq| {
        let separated = u64::from(framing == Framing::Record && seq > case.seq);
        message + framing.of(case, seq) + separated
    })
}

/// The messages of the exchange by layer.
pub(super) fn layers(case: &Case<'_>, framing: Framing) -> Layers {
    let around = seqs(case).map(|seq| framing.of(case, seq)).sum();
    let separators = if framing == Framing::Record { engine_io::separators(case.batch) } else { 0 };
    Layers::default()
        .with(layer::PAYLOAD, case.batch * case.message.payload, Exactness::Exact)
        .with(layer::STAMP, case.batch * case.message.stamp, Exactness::Exact)
        .with(layer::MESSAGE_FRAMING, around, Exactness::Exact)
        .with(layer::ENGINE_IO, case.batch * framing.engine_io() + separators, Exactness::Exact)
        .with(layer::SOCKET_IO, case.batch * framing.socket_io(), Exactness::Exact)
}

fn seqs(case: &Case<'_>) -> impl Iterator<Item = u64> + use<> {
    case.seq..case.seq.saturating_add(case.batch)
}
