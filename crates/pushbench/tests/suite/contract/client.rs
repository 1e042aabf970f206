//! Small literal clients: blocking sockets, and the bytes as the standards have them.

mod frames;
mod http;

use std::net::SocketAddr;

use protocol::{Message, Resume, Stamp, Start};

use self::frames::{RawTcp, SocketIo, WebSocket};
use self::http::{Empty, Format, Poll, Stream};
use crate::techniques::{every_of, registry};

pub(crate) trait Client: Send {
    /// What the server sends next. Panics if it is silent for long, truncates a message or breaks its protocol.
    fn receive(&mut self) -> Received;

    fn send(&mut self, message: &[u8]);

    fn request_without_reading(&mut self);

    /// The local end of the connection that receives.
    fn local_address(&self) -> SocketAddr;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    Message(ReceivedMessage),
    /// The subscriber fell out of the replay window.
    TooSlow {
        missed: u64,
    },
    /// The connection ended properly; the text names the last that was received.
    End(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedMessage {
    pub(crate) stamp: Stamp,
    pub(crate) payload: String,
}

impl ReceivedMessage {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let message =
            Message::decode(bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
        let payload = String::from_utf8(message.payload.to_vec()).expect("a payload is text");
        Self { stamp: message.stamp, payload }
    }
}

/// The stamp of the tests' messages.
const SENT: Stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 2 };

/// Such a message, as received with this sequence number.
pub(crate) fn received(seq: u64, payload: &str) -> Received {
    Received::Message(ReceivedMessage { stamp: Stamp { seq, ..SENT }, payload: payload.to_owned() })
}

pub(crate) fn all_of(channel: u32) -> Resume {
    Resume { channel, start: Start::After(0) }
}

pub(crate) fn after(channel: u32, seq: u64) -> Resume {
    Resume { channel, start: Start::After(seq) }
}

pub(crate) fn fresh(channel: u32) -> Resume {
    Resume { channel, start: Start::Fresh }
}

/// A technique's literal client.
pub(crate) struct Literal {
    pub(crate) technique: &'static str,
    /// The last that its subscribers receive from a server that stops.
    pub(crate) last_words: &'static str,
    pub(crate) subscribe: fn(SocketAddr, Resume) -> Box<dyn Client>,
}

/// The literal clients, each in a file of its own. A technique needs none: the tests of the command run every registered
/// technique with the load generator's subscriber. The contract tests skip it by name.
static LITERAL: [Literal; 7] = [
    literal_of("short-polling", "closed", |at, from| Box::new(Poll::new(at, from, Empty::AskAgain))),
    literal_of("long-polling", "204, then closed", |at, from| {
        Box::new(Poll::new(at, from, Empty::ServerStops))
    }),
    literal_of("http-streaming-ndjson", "stream ended", |at, from| {
        Box::new(Stream::open(at, from, Format::Ndjson))
    }),
    literal_of("http-streaming-sse", "stream ended", |at, from| {
        Box::new(Stream::open(at, from, Format::Sse))
    }),
    literal_of("websocket", "1001 going away", |at, from| Box::new(WebSocket::open(at, from))),
    literal_of("socketio", "engine closed", |at, from| Box::new(SocketIo::open(at, from))),
    literal_of("raw-tcp", "closed", |at, from| Box::new(RawTcp::open(at, from))),
];

const fn literal_of(
    technique: &'static str,
    last_words: &'static str,
    subscribe: fn(SocketAddr, Resume) -> Box<dyn Client>,
) -> Literal {
    Literal { technique, last_words, subscribe }
}

/// Tries a property on every technique. One without a literal client is skipped by name.
pub(crate) fn every_literal(property: impl Fn(&'static Literal) + Sync) {
    let mut techniques = registry();
    techniques.retain(|technique| test_support::require("literal-clients", literal(technique)).is_some());
    assert_eq!(techniques.len(), LITERAL.len(), "every literal client is for a registered technique");
    every_of(&techniques, |technique| property(literal(technique).expect("it has one")));
}

/// The technique's literal client, or a sentence that names the technique without one.
fn literal(technique: &str) -> Result<&'static Literal, String> {
    let found = LITERAL.iter().find(|literal| literal.technique == technique);
    found.ok_or_else(|| format!("{technique} has no literal client in tests/suite/contract/client.rs"))
}

#[test]
fn a_technique_without_a_literal_client_is_named() {
    let reason = literal("toy").map(|literal| literal.technique).unwrap_err();
    assert_eq!(reason, "toy has no literal client in tests/suite/contract/client.rs");
}

/// The number after `missed` in what a server sends to a subscriber that fell out of the window.
fn missed(text: &str) -> u64 {
    let digits = text.rsplit_once("missed").map(|(_, rest)| rest.trim_matches(|c: char| !c.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no count of missed events: {text}"))
}
