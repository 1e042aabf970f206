//! The entry point: a technique's slug and a case give the bytes. Only `Technique::of` names slugs.
//!
//! - `parts`: heads by version of HTTP, and messages with their framing
//! - `exchanges`: these and the layers below them together

mod exchanges;
mod parts;

use crate::case::{Case, Compression, Direction, Opening, Version};
use crate::framing::engine_io::{self, Transport};
use crate::prediction::{Both, Prediction, layer};

use exchanges::Content;
use parts::Framing;

/// The bytes of this technique in this case. None when the slug is unknown, when an HTTP technique has no head, when the
/// answer's status has no reason phrase in the standard, and with compression: there the data decides.
///
/// Messages that a subscriber sends go by POST in all HTTP techniques and Socket.IO's polling; the case's head is then that of
/// the POST.
pub fn predict(slug: &str, case: &Case<'_>) -> Option<Prediction> {
    let technique = Technique::of(slug)?;
    if case.compression == Compression::Deflate && technique != Technique::RawTcp {
        return None;
    }
    match (technique, case.direction) {
        (Technique::Poll, Direction::Down) => {
            exchanges::asked(case, None, (case.batch > 0).then_some(Content::Messages(Framing::Line)))
        }
        (Technique::Poll | Technique::Stream(_), Direction::Up) => {
            exchanges::asked(case, Some(Content::Messages(Framing::None)), None)
        }
        (Technique::Stream(framing), Direction::Down) => exchanges::streamed(case, framing),
        (Technique::WebSocket, _) => exchanges::framed(case, Framing::Frame),
        (Technique::SocketIo, direction) => socketio(case, direction),
        (Technique::RawTcp, _) => Some(exchanges::prefixed(case)),
    }
}

/// Socket.IO by the transport that the head's target names; without a head, WebSocket.
fn socketio(case: &Case<'_>, direction: Direction) -> Option<Prediction> {
    const PING: Content = Content::Said(engine_io::BARE, layer::CONTROL, layer::CONTROL);
    const POSTED: Content = Content::Said(engine_io::POSTED, layer::ENGINE_IO, layer::DATA_FRAMING);
    const RECORDS: Content = Content::Messages(Framing::Record);
    match (case.head.map_or(Some(Transport::WebSocket), |head| Transport::of(head.target))?, direction) {
        (Transport::WebSocket, _) => exchanges::framed(case, Framing::PacketFrame),
        (Transport::Polling, Direction::Down) => {
            exchanges::asked(case, None, Some(if case.batch == 0 { PING } else { RECORDS }))
        }
        (Transport::Polling, Direction::Up) => exchanges::asked(case, Some(RECORDS), Some(POSTED)),
    }
}

/// The bytes that open a session of Socket.IO, by what lies below as the case says it; its messages do not matter. None
/// over HTTP/2, where the exchanges share HPACK's tables in an order that chance decides, and when an answer's status has no
/// reason phrase in the standard.
pub fn predict_opening(case: &Case<'_>, opening: &Opening<'_>) -> Option<Both> {
    if case.version == Version::Http2 {
        return None;
    }
    exchanges::opening(case, opening)
}

/// The kind of exchange that a slug stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Technique {
    /// Request and answer for each batch.
    Poll,
    /// One answer that never ends.
    Stream(Framing),
    /// Frames both ways.
    WebSocket,
    /// Packets both ways, in frames or in bodies.
    SocketIo,
    /// Length prefixes both ways.
    RawTcp,
}

impl Technique {
    fn of(slug: &str) -> Option<Self> {
        Some(match slug {
            "short-polling" | "long-polling" => Self::Poll,
            "http-streaming-ndjson" => Self::Stream(Framing::Line),
            "http-streaming-sse" => Self::Stream(Framing::Sse),
            "websocket" => Self::WebSocket,
            "socketio" => Self::SocketIo,
            "raw-tcp" => Self::RawTcp,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
