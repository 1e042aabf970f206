//! Why a session ends, and what the client gets: close code and reason (RFC 6455 §7.4).
//!
//! The libraries report an error and leave the closing to their caller. A socket that is dropped then, with input
//! unread, is reset before the client has read the close frame; so the frame is sent, the client's own awaited, the write
//! side shut down, and the input drained for a while.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::deflate::Broken;
use server_kit::hub::{LONGEST_REASON, PublishError, SessionClose};
use server_kit::stream::Stream;
use server_kit::{Lagged, graceful_close};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::socket::Socket;

/// How long a client may take to read its close frame.
const LONGEST: Duration = Duration::from_secs(1);
/// How long the client's own close frame is awaited.
const ANSWER: Duration = Duration::from_millis(500);
/// Where what the client sends cannot be read any more, it has answered once it was silent for so long.
const SILENCE: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 4 * 1024;

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("the client closed")]
    Closed,
    #[error("the client is gone")]
    Gone,
    #[error("the connection broke")]
    Broke(#[from] io::Error),
    #[error("going away")]
    Stopped,
    #[error("{}", .0.reason)]
    CloseListener(Arc<SessionClose>),
    #[error(transparent)]
    Lagged(#[from] Lagged),
    #[error(transparent)]
    Message(#[from] PublishError),
    #[error(transparent)]
    Socket(#[from] Error),
    #[error(transparent)]
    Deflated(#[from] Broken),
}

/// Sends the close frame, if possible, and closes. Whether or not it took it, the connection is over.
pub(crate) async fn say(mut socket: impl Socket, end: End) {
    match (end.code(), &end) {
        (Some(code), _) => {
            let sent = timeout(LONGEST, socket.close(code, shortened(end.reason()))).await;
            if matches!(sent, Ok(Ok(()))) {
                return part(socket, &end).await;
            }
        }
        // The answer to the client's close is queued; if it cannot be sent, there is nobody to tell.
        (None, End::Closed) => _ = timeout(LONGEST, socket.flush()).await,
        (None, _) => return graceful_close::end(socket.into_stream()).await,
    }
    graceful_close::close(socket.into_stream()).await;
}

/// Ends the connection once the client has closed, too (RFC 6455 §7.1.1). Firefox, which finds the connection ended before
/// it has answered, shows the code, but calls the end unclean.
async fn part(mut socket: impl Socket, end: &End) {
    if end.is_readable() {
        let answered = async { while socket.next().await.is_ok() {} };
        // However the wait ends, the connection does now.
        let _ = timeout(ANSWER, answered).await;
        return graceful_close::close(socket.into_stream()).await;
    }
    let mut stream = socket.into_stream();
    let _ = timeout(ANSWER, silence(&mut stream)).await;
    graceful_close::close(stream).await;
}

async fn silence(stream: &mut Stream) {
    let mut read = [0; READ_BYTES];
    while let Ok(Ok(1..)) = timeout(SILENCE, stream.read(&mut read)).await {}
}

impl End {
    /// Whether the client's frames can still be parsed.
    fn is_readable(&self) -> bool {
        !matches!(self, Self::Socket(_) | Self::Deflated(_))
    }

    fn code(&self) -> Option<u16> {
        let code = match self {
            Self::CloseListener(dismissal) => return Some(dismissal.code),
            Self::Stopped => CloseCode::Away,
            Self::Lagged(_) => CloseCode::Again,
            Self::Message(PublishError::TooLong { .. }) | Self::Socket(Error::Capacity(_)) => CloseCode::Size,
            Self::Message(_) => CloseCode::Policy,
            Self::Socket(Error::Utf8(_)) => CloseCode::Invalid,
            Self::Socket(Error::Protocol(error)) if !is_cut_off(error) => CloseCode::Protocol,
            Self::Deflated(broken) => return Some(broken.close_code()),
            Self::Closed | Self::Gone | Self::Broke(_) | Self::Socket(_) => return None,
        };
        Some(code.into())
    }

    fn reason(&self) -> String {
        match self {
            Self::Socket(Error::Utf8(_)) => "a text frame is not UTF-8".to_owned(),
            Self::Socket(Error::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
                PublishError::TooLong { len: *size, limit: *max_size }.to_string()
            }
            Self::Socket(Error::Protocol(error)) => error.to_string(),
            other => other.to_string(),
        }
    }
}

/// Whether the connection ended without the client's close frame.
fn is_cut_off(error: &ProtocolError) -> bool {
    matches!(error, ProtocolError::ResetWithoutClosingHandshake)
}

fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    reason
}
