//! Frames without extensions, by tungstenite.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use schema::settings;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::{Frames, dismissal};
use crate::subscriber::{MESSAGE_LIMIT, SubscribeError};

/// tungstenite fills this with zeros on every read, so its default of 128 KiB costs more than the read itself:
/// 7.4 µs of CPU for a 125-byte echo against 4.4 µs.
const READ_BUFFER: usize = 4096;

/// tungstenite's client side of a stream, `read` being what came behind the handshake.
pub(in crate::subscriber) async fn socket<S>(stream: S, read: Bytes) -> WebSocketStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT));
    WebSocketStream::from_partially_read(stream, read.into(), Role::Client, Some(config)).await
}

pub(super) struct Plain<S> {
    socket: WebSocketStream<S>,
    frames: settings::Frames,
}

impl<S> Plain<S> {
    pub(super) fn new(socket: WebSocketStream<S>, frames: settings::Frames) -> Self {
        Self { socket, frames }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames for Plain<S> {
    type Stream = S;

    async fn next(&mut self) -> Result<Option<Bytes>, SubscribeError> {
        loop {
            match self.socket.next().await.transpose()? {
                None => return Ok(None),
                Some(Message::Text(text)) => return Ok(Some(text.into())),
                Some(Message::Binary(bytes)) => return Ok(Some(bytes)),
                Some(Message::Close(Some(frame))) => {
                    self.socket.flush().await?;
                    dismissal(frame.code.into(), &frame.reason)?;
                }
                // tungstenite answers pings and closes by itself, at the next read or flush.
                Some(Message::Ping(_) | Message::Pong(_) | Message::Close(None) | Message::Frame(_)) => {}
            }
        }
    }

    async fn send(&mut self, message: Bytes) -> Result<(), SubscribeError> {
        let message = match self.frames {
            settings::Frames::Text => {
                Message::Text(Utf8Bytes::try_from(message).map_err(|error| Error::Utf8(error.to_string()))?)
            }
            settings::Frames::Binary => Message::Binary(message),
        };
        Ok(self.socket.send(message).await?)
    }

    async fn close(&mut self) -> Result<(), SubscribeError> {
        let farewell = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        Ok(self.socket.close(Some(farewell)).await?)
    }
    fn into_stream(self) -> S {
        self.socket.into_inner()
    }
}
