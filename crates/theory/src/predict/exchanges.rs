//! Heads, messages and what lies below them, put together.

use crate::case::{Case, Direction, Head, Opening, Security, Version};
use crate::framing::websocket::{self, Mask};
use crate::http1;
use crate::prediction::{Both, Exactness, Layers, Prediction, layer};
use crate::transport::{http2, tls};

use super::parts::{self, Framing, HeadBytes, Turn};

/// Up to this much rustls takes at once; of what is handed over beyond it, it decides where it cuts.
const AT_ONCE: u64 = 65_536;

/// Content of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Messages(Framing),
    /// Bytes of one layer; HTTP/2's framing of them belongs to the other one.
    Said(u64, &'static str, &'static str),
}

impl Content {
    fn bytes(self, case: &Case<'_>) -> u64 {
        match self {
            Self::Messages(framing) => parts::message_units(case, framing).sum(),
            Self::Said(bytes, ..) => bytes,
        }
    }

    fn layers(self, case: &Case<'_>) -> Layers {
        let data = self.bytes(case);
        match self {
            Self::Messages(framing) => data_framed(case, parts::message_layers(case, framing), data),
            Self::Said(bytes, of_content, of_framing) => {
                let framing = match case.version {
                    Version::Http1 => 0,
                    Version::Http2 => http2::data_framing(data, http2::MAX_FRAME_SIZE),
                };
                let said = Layers::default().with(of_content, bytes, Exactness::Exact);
                said.with(of_framing, framing, Exactness::Exact)
            }
        }
    }
}

/// Polls and posts: what the request and the answer hold.
pub(super) fn asked(case: &Case<'_>, asks: Option<Content>, answers: Option<Content>) -> Option<Prediction> {
    let head = case.head?;
    let request = parts::request(case, &head, asks.map(|content| content.bytes(case)));
    let response = parts::response(case, &head, answers.map(|content| content.bytes(case)))?;
    let turn = |turn| {
        let up = whole(case, &request, turn, asks, layer::REQUEST_HEAD);
        let down = whole(case, &response, turn, answers, layer::RESPONSE_HEAD);
        with_flow_control(case, Both { up, down })
    };
    Some(Prediction {
        set_up: opened(case),
        first: turn(Turn::First),
        steady: turn(Turn::Later),
        events: case.batch,
    })
}

/// A head and, if there are any, its messages as content of known length.
fn whole(
    case: &Case<'_>,
    head: &HeadBytes,
    turn: Turn,
    content: Option<Content>,
    of_head: &'static str,
) -> Layers {
    let of_head = if case.batch == 0 { layer::CONTROL } else { of_head };
    let layers = content.map_or_else(Layers::default, |content| content.layers(case));
    in_records(case, head.add(layers, turn, of_head), one_write(case))
}

/// A response that never ends: its heads open it. Messages that are sent together share a chunk or a DATA frame.
pub(super) fn streamed(case: &Case<'_>, framing: Framing) -> Option<Prediction> {
    let head = case.head?;
    let set_up = opened_by(case, &head, layer::REQUEST_HEAD, layer::RESPONSE_HEAD)?;
    let mut layers = parts::message_layers(case, framing);
    let together = parts::message_units(case, framing).sum();
    if together > 0 {
        layers = chunked(case, layers, together);
    }
    let down = in_records(case, layers, one_write(case));
    Some(steady(case, set_up, Both { up: Layers::default(), down }))
}

/// WebSocket: an upgrade or an extended CONNECT, then frames. What packets open a session of Socket.IO is not in its
/// set-up, which is therefore the least.
pub(super) fn framed(case: &Case<'_>, framing: Framing) -> Option<Prediction> {
    let set_up = match &case.head {
        Some(head) => opened_by(case, head, layer::HANDSHAKE, layer::HANDSHAKE)?,
        None => unknown(opened(case)),
    };
    let set_up = if framing == Framing::PacketFrame { unknown(set_up) } else { set_up };
    let layers = parts::message_layers(case, framing);
    let layers = data_framed(case, layers, parts::message_units(case, framing).sum());
    let layers = in_records(case, layers, one_write(case));
    Some(steady(case, set_up, one_way(case.direction, layers)))
}

/// Raw TCP: a hello, then messages prefixed by their lengths.
pub(super) fn prefixed(case: &Case<'_>) -> Prediction {
    let case = &Case { version: Version::Http1, ..*case };
    let mut set_up = opened(case);
    let hello = Layers::default().with(layer::HANDSHAKE, 4 + case.preamble, Exactness::Exact);
    set_up.up = in_records(case, hello, Exactness::Exact).and(set_up.up);
    let layers = in_records(case, parts::message_layers(case, Framing::Length), one_write(case));
    steady(case, set_up, one_way(case.direction, layers))
}

/// The exchanges and frames that open a session of Socket.IO.
pub(super) fn opening(case: &Case<'_>, opening: &Opening<'_>) -> Option<Both> {
    let mut both = Both::default();
    for _ in 0..opening.connections {
        both = both.and(opened(case));
    }
    for exchange in opening.exchanges {
        let said = |bytes| Content::Said(bytes, layer::HANDSHAKE, layer::HANDSHAKE);
        let request = parts::request(case, &exchange.head, exchange.asks);
        let response = parts::response(case, &exchange.head, exchange.answers)?;
        let part = |head: &HeadBytes, content: Option<u64>| {
            let layers = content.map_or_else(Layers::default, |bytes| said(bytes).layers(case));
            in_records(case, head.add(layers, Turn::Later, layer::HANDSHAKE), one_write(case))
        };
        both = both.and(Both { up: part(&request, exchange.asks), down: part(&response, exchange.answers) });
    }
    let frames = |packets: &[u64], mask| {
        packets.iter().fold(Layers::default(), |layers, &packet| {
            let frame = websocket::frame_header(packet, mask) + packet;
            let frame = Layers::default().with(layer::HANDSHAKE, frame, Exactness::Exact);
            layers.and(in_records(case, frame, one_write(case)))
        })
    };
    let (up, down) = (frames(opening.frames_up, Mask::Masked), frames(opening.frames_down, Mask::Plain));
    Some(both.and(Both { up, down }))
}

/// A channel that stays open has no first exchange of its own kind: its heads are in the set-up.
fn steady(case: &Case<'_>, set_up: Both, exchange: Both) -> Prediction {
    let exchange = with_flow_control(case, exchange);
    Prediction { set_up, first: exchange.clone(), steady: exchange, events: case.batch }
}

fn one_way(direction: Direction, layers: Layers) -> Both {
    match direction {
        Direction::Up => Both { up: layers, down: Layers::default() },
        Direction::Down => Both { up: Layers::default(), down: layers },
    }
}

/// On HTTP/2 each side opens the other's window now and then (RFC 9113 §6.9), when it likes.
fn with_flow_control(case: &Case<'_>, both: Both) -> Both {
    if case.version == Version::Http1 {
        return both;
    }
    let add = |layers: Layers| layers.with(layer::HTTP2_CONTROL, 0, Exactness::AtLeast);
    Both { up: add(both.up), down: add(both.down) }
}

/// What opens any connection: on HTTP/2 preface and SETTINGS, at least; of TLS what every handshake has.
fn opened(case: &Case<'_>) -> Both {
    let mut both = Both::default();
    if case.version == Version::Http2 {
        both.up = both.up.with(layer::HTTP2_CONTROL, http2::CLIENT_OPENS, Exactness::AtLeast);
        both.down = both.down.with(layer::HTTP2_CONTROL, http2::SERVER_OPENS, Exactness::AtLeast);
    }
    if case.security == Security::Tls {
        both.up = both.up.with(layer::TLS_HANDSHAKE, tls::CLIENT_AT_LEAST, Exactness::AtLeast);
        both.down = both.down.with(layer::TLS_HANDSHAKE, tls::server_at_least(), Exactness::AtLeast);
    }
    both
}

/// The same and the heads that open a channel, with what its server says before any message. A message that waits when
/// the channel opens may share its record.
fn opened_by(
    case: &Case<'_>,
    head: &Head<'_>,
    of_request: &'static str,
    of_response: &'static str,
) -> Option<Both> {
    let opened = opened(case);
    let up = parts::request(case, head, None).add(Layers::default(), Turn::First, of_request);
    let mut down = parts::response(case, head, None)?.add(Layers::default(), Turn::First, of_response);
    if case.preamble > 0 {
        down = chunked(case, down.with(layer::CONTROL, case.preamble, Exactness::Exact), case.preamble);
    }
    Some(Both {
        up: in_records(case, up, one_write(case)).and(opened.up),
        down: in_records(case, down, one_write(case)).and(opened.down),
    })
}

/// A handshake of which nothing was recorded.
fn unknown(both: Both) -> Both {
    Both {
        up: both.up.with(layer::HANDSHAKE, 0, Exactness::AtLeast),
        down: both.down.with(layer::HANDSHAKE, 0, Exactness::AtLeast),
    }
}

/// Data of a body without a known length.
fn chunked(case: &Case<'_>, layers: Layers, data: u64) -> Layers {
    match case.version {
        Version::Http1 => layers.with(layer::CHUNK_FRAMING, http1::chunk_framing(data), Exactness::Exact),
        Version::Http2 => data_framed(case, layers, data),
    }
}

/// Data that goes out at once: on HTTP/2 in DATA frames, as few as the standard's sizes allow. Beyond the
/// initial window flow control decides where they are cut.
fn data_framed(case: &Case<'_>, layers: Layers, data: u64) -> Layers {
    if case.version == Version::Http1 {
        return layers;
    }
    let framing = http2::data_framing(data, http2::MAX_FRAME_SIZE);
    layers.with(layer::DATA_FRAMING, framing, Exactness::when(data <= http2::INITIAL_WINDOW))
}

/// Whether all goes down in one write: on HTTP/1.1 always; HTTP/2's frames are written as its task finds them.
fn one_write(case: &Case<'_>) -> Exactness {
    Exactness::when(case.version == Version::Http1)
}

/// With TLS, the records for all that is in these layers (RFC 8446 §5.2).
fn in_records(case: &Case<'_>, layers: Layers, exactness: Exactness) -> Layers {
    if case.security == Security::Plain {
        return layers;
    }
    let content = layers.wire();
    let exactness = if content <= AT_ONCE { exactness } else { Exactness::AtLeast };
    layers.with(layer::TLS_RECORDS, tls::overhead(content), exactness)
}
