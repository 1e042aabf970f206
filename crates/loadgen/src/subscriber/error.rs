//! Why a subscriber's connection ended before the session was stopped.

use std::io;

use hyper::StatusCode;
use tokio_tungstenite::tungstenite;
use wire::frame::Oversize;

/// Why a subscriber's connection ended before the session was stopped.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// No connection could be opened.
    #[error("connect")]
    Connect(#[source] io::Error),
    /// The server closed without a word.
    #[error("the server closed the connection")]
    Closed,
    /// The connection broke.
    #[error("read or write")]
    Socket(#[from] io::Error),
    /// The HTTP exchange failed.
    #[error("http")]
    Http(#[from] hyper::Error),
    /// The request could not be put together.
    #[error("request")]
    Request(#[from] hyper::http::Error),
    /// The server answered with another status than the technique's.
    #[error("the server answered {status}: {line}")]
    Status {
        /// What it answered.
        status: StatusCode,
        /// The body's first line.
        line: String,
    },
    /// The WebSocket broke.
    #[error("websocket")]
    WebSocket(#[from] tungstenite::Error),
    /// The server closed the WebSocket.
    #[error("the server closed with {code}: {reason}")]
    WebSocketClosed {
        /// The close code (RFC 6455 §7.4).
        code: u16,
        /// What the server said.
        reason: String,
    },
    /// A frame is longer than any message.
    #[error(transparent)]
    Frame(#[from] Oversize),
    /// The server said that this subscriber did not keep up.
    #[error("too slow for the server: {0}")]
    TooSlow(String),
}
