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
//! - `decoder`: packets out of texts and attachments
//! - `arguments`: what an event or an acknowledgement carries

mod arguments;
mod decoder;

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::{Resume, Start};

pub use arguments::{Argument, Event, PayloadError};
pub use decoder::{DecodeError, Decoder, Head, HeadError};

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

// "Exchange protocol".
packet_kinds! {
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
    /// Whether attachments follow.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// A whole packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
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
        #[derive(Deserialize)]
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

/// Where a client begins to read, as the `auth` of its CONNECT ("Connection to a namespace"): `{"channel":3,"after":17}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Auth {
    /// The channel to read; the first one when it is left out.
    #[serde(default)]
    pub channel: u32,
    /// The last sequence number that the client has; a fresh subscriber leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A CONNECT carries something else.
#[derive(Debug, thiserror::Error)]
#[error("a client says where it begins as {{\"channel\":…,\"after\":…}}, whole numbers")]
pub struct AuthError(#[from] serde_json::Error);

impl Auth {
    /// Reads a CONNECT's data; keys that it does not know are passed over, and nothing at all is the first channel from
    /// now on.
    /// Fails when it is no JSON object, or a known key's value is not a whole number in range.
    pub fn decode(data: &[u8]) -> Result<Self, AuthError> {
        if data.is_empty() {
            return Ok(Self::default());
        }
        // A derived reader takes an array for the fields in their order, too.
        if !data.trim_ascii_start().starts_with(b"{") {
            return Err(serde_json::Error::custom("it is no object").into());
        }
        Ok(serde_json::from_slice(data)?)
    }

    /// A CONNECT's data.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("numbers are JSON")
    }
}

impl From<Resume> for Auth {
    fn from(resume: Resume) -> Self {
        let after = match resume.start {
            Start::Fresh => None,
            Start::After(seq) => Some(seq),
        };
        Self { channel: resume.channel, after }
    }
}

impl From<Auth> for Resume {
    fn from(auth: Auth) -> Self {
        Self { channel: auth.channel, start: auth.after.map_or(Start::Fresh, Start::After) }
    }
}
