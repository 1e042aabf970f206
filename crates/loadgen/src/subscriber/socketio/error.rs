//! What can go wrong, and what ends a session without anything having gone wrong.

use std::time::Duration;

use protocol::engine_io::{HandshakeError, PacketError};
use protocol::socket_io::{DecodeError, PayloadError};

use crate::subscriber::SubscribeError;

/// What a server of Socket.IO does wrong, or does not do.
#[derive(Debug, thiserror::Error)]
pub enum SocketIoError {
    /// What it sends is no Engine.IO.
    #[error("read Engine.IO")]
    Engine(#[from] PacketError),
    /// Its first packet does not say what it must.
    #[error("read the server's open packet")]
    Handshake(#[from] HandshakeError),
    /// What it sends is Engine.IO and no Socket.IO.
    #[error("read Socket.IO")]
    Packet(#[from] DecodeError),
    /// An event has no sound arguments.
    #[error("read an event")]
    Payload(#[from] PayloadError),
    /// It sends another packet than was due.
    #[error("{wanted} was due, and the server sent {got}")]
    Unexpected {
        /// What was due.
        wanted: &'static str,
        /// What came.
        got: String,
    },
    /// It does not let the client join, and says why.
    #[error("the server refused to connect: {0}")]
    Refused(String),
    /// It offers no upgrade.
    #[error("the server offers no upgrade to WebSocket")]
    NoUpgrade,
    /// It does not answer on the WebSocket that is to be upgraded to.
    #[error("the server did not answer the probe within {0:?}")]
    Unanswered(Duration),
    /// It does not ping as often as it said, so the connection is taken for closed.
    #[error("the server did not ping within {0:?}")]
    Silent(Duration),
    /// It answers a post with something else than "ok".
    #[error("the server answered a post with `{0}`")]
    NotOk(String),
}

/// Why a session goes on no more.
#[derive(Debug)]
pub(super) enum SessionEnd {
    /// The server ended it, or closed the connection.
    Ended,
    /// Something went wrong.
    Failed(SubscribeError),
}

impl<E: Into<SubscribeError>> From<E> for SessionEnd {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An error of Engine.IO's, as of whatever else a subscriber fails by.
impl From<PacketError> for SubscribeError {
    fn from(error: PacketError) -> Self {
        SocketIoError::from(error).into()
    }
}
