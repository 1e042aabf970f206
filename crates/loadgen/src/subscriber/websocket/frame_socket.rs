//! Messages over a stream, whichever library makes their frames; how a connection ends.

use std::io;
use std::time::Duration;

use protocol::deflate::Kind;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::subscriber::SubscribeError;

/// How long a close may take, the server's own included.
pub(in crate::subscriber) const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// A normal close (RFC 6455 §7.4.1).
pub(super) const NORMAL: u16 = 1000;
/// The server goes away, which is no error of this subscriber's.
const AWAY: u16 = 1001;

/// A socket after its handshake, whichever library makes its frames.
pub(super) trait FrameSocket {
    /// What carries the frames.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Waits for messages, and hands on all that are whole with one read of the stream. False at the connection's end.
    /// Pings and closes are answered on the way. Cancel-safe.
    async fn read(&mut self, take: impl FnMut(&[u8])) -> Result<bool, SubscribeError>;

    /// Sends a message in a frame of this kind.
    async fn send(&mut self, kind: Kind, message: &[u8]) -> Result<(), SubscribeError>;

    /// Says that nothing follows, with the code for a normal end.
    async fn close(&mut self) -> Result<(), SubscribeError>;

    /// What carries the frames, for its end.
    fn into_stream(self) -> Self::Stream;
}

/// Says that nothing more comes, and takes what still does, so that the connection is not reset.
pub(in crate::subscriber) async fn end(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Whether a close frame says that something went wrong, reported in its words.
pub(super) fn close_result(code: u16, reason: &str) -> Result<(), SubscribeError> {
    match code {
        NORMAL | AWAY => Ok(()),
        _ => Err(SubscribeError::session_closed(format!("{reason} ({code})").as_bytes())),
    }
}
