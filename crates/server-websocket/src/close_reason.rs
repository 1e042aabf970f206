//! Why a session ends, and what the client gets: close code and reason (RFC 6455 §7.4).

use std::io;
use std::sync::Arc;

use protocol::deflate::Broken;
use server_kit::Lagged;
use server_kit::hub::{LONGEST_REASON, PublishError, SessionClose};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

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
    SessionClose(Arc<SessionClose>),
    #[error(transparent)]
    Lagged(#[from] Lagged),
    #[error(transparent)]
    Message(#[from] PublishError),
    #[error(transparent)]
    Socket(#[from] Error),
    #[error(transparent)]
    Deflated(#[from] Broken),
}

impl End {
    /// Whether the client's frames can still be parsed.
    pub(crate) fn is_readable(&self) -> bool {
        !matches!(self, Self::Socket(_) | Self::Deflated(_))
    }

    pub(crate) fn code(&self) -> Option<u16> {
        let code = match self {
            Self::SessionClose(close) => return Some(close.code),
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

    pub(crate) fn reason(&self) -> String {
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

pub(crate) fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    reason
}
