//! What stands round the messages of an exchange.

use crate::case::{Case, Direction};
use crate::prediction::{Exactness, Layers, layer};
use crate::websocket::Mask;
use crate::{sse, websocket};

/// What tells messages apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing: the content of a POST is one message.
    None,
    /// A newline behind each: NDJSON.
    Line,
    /// Fields of Server-Sent Events (WHATWG HTML §9.2).
    Sse,
    /// A WebSocket frame header (RFC 6455 §5.2).
    Frame,
    /// A length of four bytes before each.
    Length,
}

impl Framing {
    /// Bytes round the message with this sequence number.
    fn of(self, case: &Case<'_>, seq: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Line => 1,
            Self::Sse => sse::event_framing(seq),
            Self::Frame => websocket::frame_header(case.message.bytes(), mask(case.direction)),
            Self::Length => 4,
        }
    }
}

/// A client masks, a server does not (RFC 6455 §5.1).
fn mask(direction: Direction) -> Mask {
    match direction {
        Direction::Up => Mask::Masked,
        Direction::Down => Mask::Plain,
    }
}

/// Each message of the exchange with what stands round it, in bytes.
pub(super) fn units(case: &Case<'_>, framing: Framing) -> impl Iterator<Item = u64> {
    let message = case.message.bytes();
    seqs(case).map(move |seq| message + framing.of(case, seq))
}

/// The messages of the exchange by layer.
pub(super) fn layers(case: &Case<'_>, framing: Framing) -> Layers {
    let around = seqs(case).map(|seq| framing.of(case, seq)).sum();
    Layers::default()
        .with(layer::PAYLOAD, case.batch * case.message.payload, Exactness::Exact)
        .with(layer::STAMP, case.batch * case.message.stamp, Exactness::Exact)
        .with(layer::MESSAGE_FRAMING, around, Exactness::Exact)
}

fn seqs(case: &Case<'_>) -> impl Iterator<Item = u64> + use<> {
    case.seq..case.seq.saturating_add(case.batch)
}
