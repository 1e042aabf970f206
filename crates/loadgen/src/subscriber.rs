//! The client half of each technique: one file each, one function each.
//!
//! `subscribe` runs until the session is stopped or the connection ends; the caller connects again. It hands every
//! message to the session at once, and touches no clock, histogram or byte counter.

pub mod http_streaming;
mod poll_body;
pub mod polling;
pub mod raw_tcp;
pub mod socketio;
pub mod websocket;

use std::io;
use std::net::SocketAddr;

use hyper::StatusCode;
use hyper::header::{HeaderMap, LOCATION};
use tokio_rustls::rustls;
use tokio_tungstenite::tungstenite;

pub use crate::http_client::content::InflateError;
pub use socketio::SocketIoError;

/// Why a subscription ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The server cannot be reached at this address.
    #[error("connect to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    /// The handshake failed, or a record is broken: RFC 8446 §6.2.
    #[error("speak TLS")]
    Tls(#[source] io::Error),
    /// The server did not agree to the protocol that was offered (RFC 7301).
    #[error("the server was offered {wanted} and agreed to {}", .got.as_deref().unwrap_or("nothing"))]
    Alpn {
        /// What was offered.
        wanted: &'static str,
        /// What it took.
        got: Option<String>,
    },
    /// Sessions are to be resumed, and the server gives nothing to resume them with.
    #[error("the server gives no session ticket")]
    NoTicket,
    /// The server received a session ticket and did a full handshake.
    #[error("the server did not resume the session")]
    NotResumed,
    /// WebSocket over HTTP/2 needs what the server does not allow (RFC 8441 §3).
    #[error("the server does not allow extended CONNECT")]
    NoExtendedConnect,
    /// The HTTP exchange broke off.
    #[error("exchange a request for an answer")]
    Http(#[source] hyper::Error),
    /// A request cannot be made of what the session asks for.
    #[error("make a request")]
    Request(#[from] hyper::http::Error),
    /// The server answered something else than was asked for: its status code and the first line of its body.
    #[error("the server answered {0}: {1}")]
    Status(StatusCode, String),
    /// A browser would not take this content type for an event stream.
    #[error("the content type of the event stream is {0}, and must be text/event-stream")]
    MediaType(String),
    /// The server wants to be asked there.
    #[error("the server answered {0}, and names another address, which is not followed: {1}")]
    Redirected(StatusCode, String),
    /// The handshake or a frame went wrong.
    #[error("speak WebSocket")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// The server does not compress as it was asked to.
    #[error("agree on compression")]
    Compression(#[from] protocol::deflate::Disagreement),
    /// The server agreed to WebSocket extensions that were not asked for.
    #[error("the server agreed to extensions that were not asked for: {0}")]
    Extensions(String),
    /// What the server sent is no frame, or cannot be inflated.
    #[error("read compressed frames")]
    Deflate(#[from] protocol::deflate::Broken),
    /// A body cannot be inflated, or a message in it has no end.
    #[error("read a body")]
    Inflate(#[source] InflateError),
    /// The connection broke.
    #[error("read or write the connection")]
    Io(#[source] io::Error),
    /// A frame announces more than is taken.
    #[error(transparent)]
    Oversize(#[from] protocol::frame::Oversize),
    /// What a server of Socket.IO does wrong, or does not do.
    #[error(transparent)]
    SocketIo(#[from] SocketIoError),
    /// A session of Engine.IO cannot go on by WebSocket.
    #[error("upgrade to WebSocket")]
    Upgrade(#[source] Box<Self>),
    /// The server closed the connection before `open` of the target's file was done.
    #[error("the server closed the connection, and `until` in `open` waits for: {0}")]
    NotOpened(String),
    /// The server closed this subscriber's session.
    #[error("the server closed the session: {0}")]
    SessionClosed(String),
}

/// The longest message that a subscriber takes, far above every scenario's.
pub const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;
/// How much of a server's error body is reported.
pub(crate) const REPORTED_BYTES: usize = 200;

impl SubscribeError {
    /// The server sent `said`, which is no message, and closes the session.
    pub fn session_closed(said: &[u8]) -> Self {
        Self::SessionClosed(first_line(said))
    }

    /// An answer with an unexpected status, these fields and this body.
    pub(crate) fn status(status: StatusCode, fields: &HeaderMap, body: &[u8]) -> Self {
        match fields.get(LOCATION) {
            Some(location) if status.is_redirection() => {
                Self::Redirected(status, String::from_utf8_lossy(location.as_bytes()).into_owned())
            }
            _ => Self::Status(status, first_line(body)),
        }
    }
}

/// TLS reports its errors as errors of the connection.
impl From<io::Error> for SubscribeError {
    fn from(error: io::Error) -> Self {
        if tls_error(&error).is_some() { Self::Tls(error) } else { Self::Io(error) }
    }
}

/// hyper reports the connection's errors as causes of its own.
impl From<hyper::Error> for SubscribeError {
    fn from(error: hyper::Error) -> Self {
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
        match cause.and_then(tls_error) {
            Some(error) => Self::Tls(io::Error::new(io::ErrorKind::InvalidData, error.clone())),
            None => Self::Http(error),
        }
    }
}

/// A rejected handshake is reported like any other response.
impl From<tungstenite::Error> for SubscribeError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Self::status(answer.status(), answer.headers(), body)
            }
            tungstenite::Error::Io(error) if tls_error(&error).is_some() => Self::Tls(error),
            error => Self::WebSocket(Box::new(error)),
        }
    }
}

/// TLS's own error, if it is not the connection's below it.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The first line, cut to [`REPORTED_BYTES`].
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(REPORTED_BYTES)]).trim_end().to_owned()
}
