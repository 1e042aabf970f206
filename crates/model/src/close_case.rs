//! What clients see of a WebSocket's end, by the way it ended: `close-cases.json` of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Client;

/// Every way of ending, by every client that was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseCases {
    pub schema_version: u32,
    /// The clients that were there, in order.
    pub clients: Vec<Client>,
    /// In the order of the codes.
    pub close_cases: Vec<CloseCase>,
}

/// A way of ending, and what a client saw of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseCase {
    /// The code that this is about (RFC 6455 §7.4.1), or that the client is to see where none is sent.
    pub code: u16,
    /// What happens, for people: "the server stops", "the client sends a message over the limit".
    pub situation: String,
    /// Whether it is a real situation of the server, or the server was asked to close with this code.
    pub real: bool,
    pub by: Peer,
    /// What the close frame of the peer that closes held; none when none was sent.
    pub sent: Option<CloseFrame>,
    pub client: Client,
    /// What it saw, in order.
    pub events: Vec<SeenEvent>,
    /// Whether this is what RFC 6455 and WHATWG's WebSocket standard demand.
    pub conforms: bool,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    Client,
    Server,
    /// Neither: the connection was cut.
    Network,
}

/// What a close frame holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseFrame {
    /// The code; none in an empty frame.
    pub code: Option<u16>,
    pub reason: String,
}

/// An event of a client's socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum SeenEvent {
    Open,
    Message,
    Error,
    Close {
        code: u16,
        reason: String,
        /// `CloseEvent.wasClean`.
        clean: bool,
    },
}

/// A kind of event of a client's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    Open,
    Message,
    Error,
    Close,
}

impl EventKind {
    /// Its name in the WebSocket standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Message => "message",
            Self::Error => "error",
            Self::Close => "close",
        }
    }
}

impl SeenEvent {
    /// Which kind of event this is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Open => EventKind::Open,
            Self::Message => EventKind::Message,
            Self::Error => EventKind::Error,
            Self::Close { .. } => EventKind::Close,
        }
    }
}
