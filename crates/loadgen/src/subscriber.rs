//! The client half of each technique: one file each, one function each.
//!
//! `subscribe` runs until the session is stopped or the connection ends; the caller connects anew. It hands every
//! message to the session at once, and touches no clock, histogram or byte counter.

pub mod http_streaming;
pub mod long_polling;
pub mod raw_tcp;
pub mod short_polling;
pub mod websocket;

mod http;
mod polling;

use std::io;
use std::net::SocketAddr;

use hyper::StatusCode;
use tokio_tungstenite::tungstenite;

/// Why a subscription ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The server cannot be reached.
    #[error("connect to {address}")]
    Connect {
        /// Where it should listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The HTTP exchange broke off.
    #[error("exchange a request for an answer")]
    Http(#[from] hyper::Error),
    /// A request cannot be made of what the session asks for.
    #[error("make a request")]
    Request(#[from] hyper::http::Error),
    /// The server answered something else than was asked for.
    #[error("the server answered {status}: {text}")]
    Status {
        /// Its status code.
        status: StatusCode,
        /// The first line of its body.
        text: String,
    },
    /// The handshake or a frame went wrong.
    #[error("speak WebSocket")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// The connection broke.
    #[error("read or write the connection")]
    Io(#[from] io::Error),
    /// A frame announces more than is taken.
    #[error(transparent)]
    Oversize(#[from] wire::frame::Oversize),
    /// The server let this subscriber go.
    #[error("the server let this subscriber go: {0}")]
    Dismissed(String),
}

/// The longest message that a subscriber takes, far above every scenario's.
const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;
/// How much of what a server says about itself is told.
const TOLD_BYTES: usize = 200;

impl SubscribeError {
    /// The server said `said`, which is no message, and will say nothing more.
    fn dismissed(said: &[u8]) -> Self {
        Self::Dismissed(first_line(said))
    }

    /// An answer with an unexpected status and this body.
    fn status(status: StatusCode, body: &[u8]) -> Self {
        Self::Status { status, text: first_line(body) }
    }
}

/// A refused handshake is told like any other answer.
impl From<tungstenite::Error> for SubscribeError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) => {
                Self::status(answer.status(), answer.body().as_deref().unwrap_or_default())
            }
            error => Self::WebSocket(Box::new(error)),
        }
    }
}

/// The first line, cut to [`TOLD_BYTES`].
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(TOLD_BYTES)]).trim_end().to_owned()
}
