//! Each technique and direction as input of `theory`: what our client and servers send, and what precedes it.

use std::net::SocketAddr;

use loadgen::session::headers::{self, RequestKind as Kind};
use model::byte_account::{Account, Layers};
use model::settings::{HeaderProfile, HttpVersion, Transport};
use test_support::websocket::ACCEPT;
use theory::case::{Compression, Date, Direction, Head, Message, Security, Version};
use theory::prediction::{Both, Exactness, Layers as Predicted, layer};
use theory::websocket::{self, Mask};
use theory::{Case, Prediction, http2, predict, sse, tls};

use super::fixed_exchange::STAMP;

/// Lengths around which some framing grows, in bytes of payload.
pub(crate) const PAYLOADS: [u64; 12] = [0, 1, 15, 16, 125, 126, 255, 256, 4_095, 4_096, 65_535, 65_536];

/// The reconnection time that our server's streams of Server-Sent Events begin with.
const RETRY_MS: u64 = 1_000;

#[derive(Clone, Copy)]
pub(crate) struct DirectedTechnique {
    pub(crate) technique: &'static str,
    /// What its requests are for; none where nothing is requested.
    pub(crate) kind: Option<Kind>,
    /// Where they go; the hello where nothing is requested.
    target: &'static str,
    direction: Direction,
}

pub(crate) const SHORT_POLL: DirectedTechnique =
    down("short-polling", Some(Kind::Poll), "/events?channel=0&after=0");
pub(crate) const LONG_POLL: DirectedTechnique =
    down("long-polling", Some(Kind::Poll), "/events?channel=0&after=0");
pub(crate) const NDJSON: DirectedTechnique =
    down("http-streaming-ndjson", Some(Kind::Stream), "/stream?channel=0&after=0");
pub(crate) const SSE: DirectedTechnique =
    down("http-streaming-sse", Some(Kind::EventSource), "/stream?channel=0&after=0");
pub(crate) const WEBSOCKET: DirectedTechnique =
    down("websocket", Some(Kind::WebSocket), "/ws?channel=0&after=0");
pub(crate) const RAW_TCP: DirectedTechnique = down("raw-tcp", None, "channel=0&after=0");
/// Every technique's.
pub(crate) const DOWN: [DirectedTechnique; 6] = [SHORT_POLL, LONG_POLL, NDJSON, SSE, WEBSOCKET, RAW_TCP];

pub(crate) const WEBSOCKET_UP: DirectedTechnique =
    DirectedTechnique { direction: Direction::Up, ..WEBSOCKET };
pub(crate) const RAW_TCP_UP: DirectedTechnique = DirectedTechnique { direction: Direction::Up, ..RAW_TCP };
/// The POST of every HTTP technique but WebSocket, during a long poll.
pub(crate) const POST: DirectedTechnique = DirectedTechnique {
    direction: Direction::Up,
    ..down("long-polling", Some(Kind::Post), "/messages?channel=0")
};

const fn down(technique: &'static str, kind: Option<Kind>, target: &'static str) -> DirectedTechnique {
    DirectedTechnique { technique, kind, target, direction: Direction::Down }
}

/// An exchange of equal messages, the first with this sequence number.
#[derive(Debug)]
pub(crate) struct PredictionInput {
    pub(crate) profile: HeaderProfile,
    pub(crate) transport: Transport,
    pub(crate) payload: u64,
    pub(crate) seq: u64,
    pub(crate) batch: u64,
    pub(crate) date: Date,
    pub(crate) answered_at: String,
}

impl PredictionInput {
    /// One first message with the minimal profile on HTTP/1.1.
    pub(crate) fn one(payload: u64) -> Self {
        let (profile, transport) = (HeaderProfile::Minimal, Transport::default());
        let answered_at = "Sun, 22 Nov 2026 18:47:06 GMT".to_owned();
        Self { profile, transport, payload, seq: 1, batch: 1, date: Date::Unknown, answered_at }
    }
}

impl DirectedTechnique {
    pub(crate) fn predicted(self, asked: &PredictionInput, address: SocketAddr) -> Prediction {
        let said = self.kind.map(|kind| (sent(asked, kind, address), answered(asked, kind)));
        let request = said.as_ref().map(|(request, _)| borrowed(request)).unwrap_or_default();
        let head = said.as_ref().map(|(_, (status, response))| Head {
            method: self.method(asked.transport.http),
            target: self.target,
            request: &request,
            status: *status,
            response,
        });
        let case = Case {
            seq: asked.seq,
            batch: asked.batch,
            preamble: self.preamble(),
            version: match asked.transport.http {
                HttpVersion::Http1 => Version::Http1,
                HttpVersion::Http2 => Version::Http2,
            },
            security: if asked.transport.tls { Security::Tls } else { Security::Plain },
            date: asked.date,
            ..case(self.direction, asked.payload, head)
        };
        predict(self.technique, &case).expect("theory knows the technique")
    }

    /// A WebSocket's stream on HTTP/2 begins with an extended CONNECT (RFC 8441 §4).
    fn method(self, http: HttpVersion) -> &'static str {
        match (self.kind, http) {
            (Some(Kind::Post), _) => "POST",
            (Some(Kind::WebSocket), HttpVersion::Http2) => "CONNECT",
            _ => "GET",
        }
    }

    fn preamble(self) -> u64 {
        match self.kind {
            Some(Kind::EventSource) => sse::retry(RETRY_MS),
            None => self.target.len() as u64,
            Some(_) => 0,
        }
    }

    /// The bytes that end its connection. A WebSocket sends a close code both ways; on HTTP/2 that is a DATA frame, and an
    /// empty one ends the stream. TLS and HTTP/2 add bytes of their own.
    pub(crate) fn closing(self, transport: &Transport) -> Both {
        let closes = |mask| {
            let close = match self.kind {
                Some(Kind::WebSocket) => websocket::close(0, mask),
                _ => 0,
            };
            let (close_frames, records) = match (close, transport.http, transport.tls) {
                (0, ..) | (_, HttpVersion::Http1, false) => (0, 0),
                (_, HttpVersion::Http1, true) => (0, tls::overhead(close)),
                (_, HttpVersion::Http2, _) => (2 * http2::FRAME_HEADER, 0),
            };
            Predicted::default()
                .with(layer::CONTROL, close, Exactness::Exact)
                .with(layer::DATA_FRAMING, close_frames, Exactness::Exact)
                .with(layer::TLS_RECORDS, records, Exactness::Exact)
                .with(layer::TLS_HANDSHAKE, 0, Exactness::when(!transport.tls))
        };
        Both { up: closes(Mask::Masked), down: closes(Mask::Plain) }
    }
}

/// One message on plain HTTP/1.1.
pub(crate) fn case<'a>(direction: Direction, payload: u64, head: Option<Head<'a>>) -> Case<'a> {
    Case {
        direction,
        message: Message { payload, stamp: STAMP },
        seq: 1,
        batch: 1,
        head,
        preamble: 0,
        version: Version::Http1,
        security: Security::Plain,
        compression: Compression::None,
        date: Date::Unknown,
    }
}

pub(crate) type Fields = Vec<(String, String)>;

/// The fields of a profile that the load generator sends on HTTP/1.1 or HTTP/2, in its order.
pub(crate) fn fields(profile: HeaderProfile, kind: Kind, transport: &Transport, at: SocketAddr) -> Fields {
    headers::headers(profile, kind, transport, at)
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("visible ASCII").to_owned()))
        .collect()
}

/// The same, and those that depend on the request.
fn sent(asked: &PredictionInput, kind: Kind, address: SocketAddr) -> Fields {
    let mut fields = fields(asked.profile, kind, &asked.transport, address);
    match (asked.transport.http, kind) {
        (HttpVersion::Http2, _) => fields.push((":authority".into(), address.to_string())),
        (HttpVersion::Http1, Kind::WebSocket) => {
            fields.push(("sec-websocket-key".into(), "k".repeat(websocket::KEY as usize)));
        }
        (HttpVersion::Http1, _) => {}
    }
    fields
}

pub(crate) fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The status and fields of our servers' answer.
fn answered(asked: &PredictionInput, kind: Kind) -> (u16, Vec<(&'static str, &str)>) {
    const NO_STORE: (&str, &str) = ("cache-control", "no-store");
    const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
    const EVENTS: (&str, &str) = ("content-type", "text/event-stream");
    const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
    let date = ("date", asked.answered_at.as_str());
    match (kind, asked.transport.http) {
        (Kind::EnginePoll | Kind::EnginePost, _) => unreachable!("Socket.IO has a file of its own"),
        (Kind::Poll, _) => (200, vec![LINES, NO_STORE, ("content-length", "0"), date]),
        (Kind::Stream, _) => (200, vec![LINES, NO_STORE, CHUNKED, date]),
        (Kind::EventSource, _) => (200, vec![EVENTS, NO_STORE, CHUNKED, date]),
        (Kind::Post, _) => (204, vec![NO_STORE, date]),
        (Kind::WebSocket, HttpVersion::Http1) => {
            let accept = ("sec-websocket-accept", ACCEPT);
            (101, vec![("connection", "upgrade"), ("upgrade", "websocket"), accept, date])
        }
        (Kind::WebSocket, HttpVersion::Http2) => (200, vec![date]),
    }
}

/// Every pair of these.
pub(crate) fn each<A: Copy, B: Copy>(first: &[A], second: &[B]) -> Vec<(A, B)> {
    first.iter().flat_map(|&one| second.iter().map(move |&other| (one, other))).collect()
}

/// Every layer of both directions equals the prediction where it is exact, and is no less elsewhere.
pub(crate) fn assert_equal(found: &Account, predicted: &Both, of: &str) {
    assert_layers(&found.up, &predicted.up, &format!("{of}, up"));
    assert_layers(&found.down, &predicted.down, &format!("{of}, down"));
}

fn assert_layers(found: &Layers, prediction: &Predicted, of: &str) {
    for (label, bytes) in found.named() {
        let predicted = prediction.bytes(label);
        if prediction.is_exact_in(label) {
            assert_eq!(bytes, predicted, "{label} of {of}: {found:?}");
        } else {
            assert!(bytes >= predicted, "{label} of {of}: {found:?}, and at least {predicted}");
        }
    }
}
