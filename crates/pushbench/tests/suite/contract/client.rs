//! Small literal clients: blocking sockets, and the bytes as the standards have them.

mod http;
mod poll;
mod raw_tcp;
mod socketio;
mod stream;
mod tcp;
mod websocket;

use std::net::SocketAddr;

use protocol::message::PayloadKind;
use protocol::{Message, Resume, Stamp, Start};

use poll::{Manner, Poll};
use raw_tcp::RawTcp;
use socketio::SocketIo;
use stream::{Format, Stream};
use websocket::WebSocket;

/// A subscriber's connection to a server.
pub(crate) trait Client: Send {
    /// What the server says next. Panics when it is silent for long, cuts something off or breaks its protocol.
    fn hear(&mut self) -> Heard;

    /// Sends a message up by the technique's own way.
    fn say(&mut self, message: &[u8]);

    /// Sends what asks for the next event and returns, without reading what comes.
    fn ask_and_look_away(&mut self);

    /// The local end of the connection that hears.
    fn local_address(&self) -> SocketAddr;
}

/// What a server says to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message.
    Message(Said),
    /// The subscriber fell out of the replay window.
    TooSlow {
        /// How many events it missed.
        missed: u64,
    },
    /// The connection is over, properly, and this was the last that was said.
    End(&'static str),
}

/// A message as it was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its stamp.
    pub(crate) stamp: Stamp,
    /// Its payload.
    pub(crate) payload: String,
}

impl Said {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let message =
            Message::decode(bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
        let payload = String::from_utf8(message.payload.to_vec()).expect("a payload is text");
        Self { stamp: message.stamp, payload }
    }
}

/// The stamp's times that tests give their messages.
const SENT: Stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 2 };

/// A message with this payload, not numbered yet.
pub(crate) fn message(payload: &str) -> Vec<u8> {
    Message { stamp: SENT, payload: payload.as_bytes(), kind: PayloadKind::Text }.to_bytes().to_vec()
}

/// What is heard of such a message under this sequence number.
pub(crate) fn heard(seq: u64, payload: &str) -> Heard {
    Heard::Message(Said { stamp: Stamp { seq, ..SENT }, payload: payload.to_owned() })
}

/// A channel from its replay window's start.
pub(crate) fn all_of(channel: u32) -> Resume {
    Resume { channel, start: Start::After(0) }
}

/// A channel behind what was received.
pub(crate) fn after(channel: u32, seq: u64) -> Resume {
    Resume { channel, start: Start::After(seq) }
}

/// A channel from now on.
pub(crate) fn fresh(channel: u32) -> Resume {
    Resume { channel, start: Start::Fresh }
}

/// A new subscriber by a technique. A technique that joins the registry gets its client here.
pub(crate) fn join(technique: &str, address: SocketAddr, resume: Resume) -> Box<dyn Client> {
    match technique {
        "short-polling" => Box::new(Poll::new(address, resume, Manner::Repeated)),
        "long-polling" => Box::new(Poll::new(address, resume, Manner::Held)),
        "http-streaming-ndjson" => Box::new(Stream::open(address, resume, Format::Ndjson)),
        "http-streaming-sse" => Box::new(Stream::open(address, resume, Format::Sse)),
        "websocket" => Box::new(WebSocket::open(address, resume)),
        "socketio" => Box::new(SocketIo::open(address, resume)),
        "raw-tcp" => Box::new(RawTcp::open(address, resume)),
        other => panic!("the contract tests have no client for {other}"),
    }
}

/// The number behind `missed` in what a subscriber is told that fell out of the window.
fn missed(text: &str) -> u64 {
    let digits = text.rsplit_once("missed").map(|(_, rest)| rest.trim_matches(|c: char| !c.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no count of missed events: {text}"))
}
