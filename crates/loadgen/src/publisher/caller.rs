//! A connection on which messages are published one at a time, by whatever protocol; and why a publisher fails.

use std::os::fd::BorrowedFd;
use std::{fmt, io};

use bytes::BytesMut;
use protocol::message::MessageError;
use tokio_tungstenite::tungstenite::Error;

use super::command_pipe::CommandError;
use super::feed_connection::FeedError;
use crate::schedule::payload::PayloadError;

/// Longer answers to a posted message are an error.
pub(super) const ANSWER_LIMIT: usize = 64 * 1024;

/// A connection for one message at a time, which never blocks.
pub trait Caller: fmt::Debug + Send {
    /// For waiting until it can be read or written; none while there is no connection.
    fn socket(&self) -> Option<BorrowedFd<'_>>;
    /// Whether a message is on its way or its answer is; no other can be begun then.
    fn is_blocked(&self) -> bool;
    /// Whether the answer to a message is awaited, which only reading can bring.
    fn is_awaiting(&self) -> bool;
    /// Begins to publish `message` to `channel`. Only when [not blocked](Self::is_blocked).
    fn begin(&mut self, channel: u32, message: &[u8], newline: bool);
    /// Goes on. True when nothing is on its way any more, false when the server has not taken or answered it yet.
    /// Fails when the server is gone, refuses the message, or sends what cannot be read.
    fn flush(&mut self) -> Result<bool, PublisherError>;
    /// Reads what has come while the connection lay idle: its end, or what is an error.
    /// Fails as [`flush`](Self::flush) does.
    fn receive(&mut self) -> Result<(), PublisherError>;
}

/// Keeps a message until it is on its way.
pub(super) fn keep(kept: &mut BytesMut, message: &[u8], newline: bool) {
    kept.clear();
    kept.extend_from_slice(message);
    if newline {
        kept.extend_from_slice(b"\n");
    }
}

/// Why a publisher failed.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// Its payload cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The server is gone, or not what it should be.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The server is gone, does not take an event, or speaks something else.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The same on a WebSocket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The command that publishes has ended.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// What came back on the feed is not a message.
    #[error("the server handed back something else than a message")]
    NotAMessage(#[from] MessageError),
    /// The thread cannot be started, or the clock cannot be waited for.
    #[error("the publisher cannot keep its schedule")]
    Clock(#[source] io::Error),
    /// The thread panicked.
    #[error("the publisher's thread panicked")]
    Panicked,
}

/// Why nothing can be posted any longer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The server closed the connection instead of answering.
    #[error("the server closed the connection on which events are posted")]
    Closed,
    /// Reading, writing or connecting again failed.
    #[error("the connection on which events are posted broke")]
    Broken(#[source] io::Error),
    /// It did not take the event, and answered with this status code and this first line of a body.
    #[error("the server answered {0} to an event that was posted: {1}")]
    Rejected(u16, String),
    /// It wants the event to be posted there.
    #[error(
        "the server answered {0} to an event that was posted, and names another address, which is not followed: {1}"
    )]
    Redirected(u16, String),
    /// What it answered is not HTTP/1.1, and looks like this.
    #[error("the server answered an event that was posted with something else than HTTP/1.1: {0}")]
    NotHttp(String),
    /// Its answer is too long.
    #[error("the server answered an event that was posted with more than {ANSWER_LIMIT} bytes")]
    Oversize,
}

/// Why nothing can be published any longer.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The server closed the connection.
    #[error("the server closed the WebSocket on which events are published")]
    Closed,
    /// The handshake failed.
    #[error("open the WebSocket on which events are published")]
    Handshake(#[source] Box<Error>),
    /// It did not send what `open` waits for.
    #[error("`until` in `open` of [publish] waits for {0}, and the server sent {1}")]
    NotOpened(String, String),
    /// It did not take the event.
    #[error("the server answered an event that was published: {0}")]
    Rejected(String),
    /// The connection broke.
    #[error("the WebSocket on which events are published broke")]
    Broken(#[source] Box<Error>),
}
