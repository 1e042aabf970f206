//! Socket.IO, protocol 5: packets, their binary attachments, and what pushbench sends in them.
//!
//! By the protocol document of the reference implementation (`socketio/socket.io`,
//! `docs/socket.io-protocol/v5-current.md`): its sections "Exchange protocol" (packet types, what each may carry) and
//! "Packet encoding". A packet's text here is the data of an Engine.IO message, without that packet's `4`; an
//! attachment is a binary Engine.IO message after it.
//!
//! pushbench sends a message as the event [`MESSAGE`] with one argument, the [message](crate::message) as it is, and a
//! client says in its CONNECT where it begins to read ([`Auth`]).
//!
//! # Layout
//!
//! - `head`: the front of a packet, before its data
//! - `decoder`: packets out of texts and attachments
//! - `arguments`: what an event or an acknowledgement carries
//! - `auth`: a [`Resume`](crate::Resume) as what a CONNECT carries

mod arguments;
mod auth;
mod decoder;
mod head;

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};

pub use arguments::{Argument, Event, PayloadError};
pub use auth::{Auth, AuthError};
pub use decoder::{DecodeError, Decoder};
pub use head::{Head, HeadError};

/// The event that carries a message, down and up, with the message as its only argument.
pub const MESSAGE: &str = "message";
/// The event by which a server lets a subscriber go, with the reason as its only argument; then it disconnects.
pub const DISMISSED: &str = "dismissed";
/// The namespace that needs not be named.
pub const MAIN: &str = "/";
/// More attachments nobody takes: the default of the reference's parser (`socket.io-parser` 4.2.7).
pub const MAX_ATTACHMENTS: usize = 10;

/// An event's text before the message.
pub const BEFORE_MESSAGE: &[u8] = b"2[\"message\",";
/// An event's text after the message.
pub const BEHIND_MESSAGE: &[u8] = b"]";

/// What a packet is for ("Exchange protocol"); its number is the digit that the packet begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The client joins a namespace; the server agrees.
    Connect = 0,
    /// Either leaves it.
    Disconnect = 1,
    /// Data.
    Event = 2,
    /// The answer to an event with an id.
    Ack = 3,
    /// The server does not let the client join.
    ConnectError = 4,
    /// Data with attachments.
    BinaryEvent = 5,
    /// An answer with attachments.
    BinaryAck = 6,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Connect,
        Self::Disconnect,
        Self::Event,
        Self::Ack,
        Self::ConnectError,
        Self::BinaryEvent,
        Self::BinaryAck,
    ];

    /// Its digit on the wire.
    pub fn digit(self) -> u8 {
        b'0' + self as u8
    }

    /// The type by a packet's first byte; none when it is no packet's.
    pub fn of(digit: u8) -> Option<Self> {
        Self::ALL.get(usize::from(digit.checked_sub(b'0')?)).copied()
    }

    /// Whether attachments follow.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// A whole packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What it is for.
    pub kind: Kind,
    /// Where it belongs to; [`MAIN`] or another, beginning with a slash, without a comma.
    pub namespace: String,
    /// The id by which an event wants to be answered, and its answer is known.
    pub id: Option<u64>,
    /// JSON, or nothing. Each attachment's place holds `{"_placeholder":true,"num":N}`.
    pub data: Bytes,
    /// The attachments; only packets of the binary kinds have any, and they have at least one.
    pub attachments: Vec<Bytes>,
}

impl Packet {
    /// A packet of the main namespace without id and attachments.
    pub fn new(kind: Kind, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        Self { kind, namespace: MAIN.to_owned(), id: None, data, attachments: Vec::new() }
    }

    /// Its text ("Packet encoding"); the attachments follow it one by one.
    pub fn text(&self) -> Bytes {
        let mut head = String::with_capacity(16 + self.namespace.len() + self.data.len());
        head.push(char::from(self.kind.digit()));
        // Writing to a string cannot fail.
        if self.kind.is_binary() {
            let _ = write!(head, "{}-", self.attachments.len());
        }
        if self.namespace != MAIN {
            let _ = write!(head, "{},", self.namespace);
        }
        if let Some(id) = self.id {
            let _ = write!(head, "{id}");
        }
        let mut text = BytesMut::from(head.as_bytes());
        text.put_slice(&self.data);
        text.freeze()
    }

    /// Why the server does not let the client join, from its CONNECT_ERROR.
    pub fn refusal(&self) -> String {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Said {
            Object { message: String },
            Text(String),
        }
        match serde_json::from_slice(&self.data) {
            Ok(Said::Object { message } | Said::Text(message)) => message,
            Err(_) => String::from_utf8_lossy(&self.data).into_owned(),
        }
    }
}

/// A message as an event's text.
pub fn encode_message(message: &[u8]) -> Bytes {
    [BEFORE_MESSAGE, message, BEHIND_MESSAGE].concat().into()
}

/// The message in an event's text, if the text is the event [`MESSAGE`] of the main namespace and wants no answer. What
/// it holds is not looked at: a second argument would be part of it, and make it no message.
pub fn message(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(BEFORE_MESSAGE)?.strip_suffix(BEHIND_MESSAGE)
}
