//! A session's socket by tokio-tungstenite, as its examples use it: `ws.send(Message::text(…))` for each event, which makes a frame
//! for each subscriber, and writes and flushes it. Its buffers have their default sizes.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::websocket::Kind;
use server_kit::stream::Stream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::close_reason::End;
use crate::socket::Socket;

pub(crate) struct Library {
    ws: WebSocketStream<Stream>,
    kind: Kind,
}

impl Library {
    /// `read` was read from the stream behind the handshake; a message is of up to `message_bytes`.
    pub(crate) async fn new(stream: Stream, read: Vec<u8>, kind: Kind, message_bytes: usize) -> Self {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let ws = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(limits)).await;
        Self { ws, kind }
    }

    async fn send_message(&mut self, message: Message) -> Result<(), End> {
        self.ws.send(message).await.map_err(end)
    }
}

impl Socket for Library {
    /// One event, which is not encoded.
    async fn send(&mut self, event: Bytes) -> Result<(), End> {
        let message = match self.kind {
            Kind::Text => {
                Message::Text(Utf8Bytes::try_from(event).map_err(|error| Error::Utf8(error.to_string()))?)
            }
            Kind::Binary => Message::Binary(event),
        };
        self.send_message(message).await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.send_message(Message::Ping(Bytes::new())).await
    }

    async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            match self.ws.next().await.ok_or(End::Gone)?.map_err(end)? {
                Message::Text(text) => return Ok(text.into()),
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(_) => return Err(End::Closed),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn close(&mut self, code: u16, reason: String) -> Result<(), End> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.ws.close(Some(frame)).await.map_err(end)
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.ws.flush().await.map_err(end)
    }

    fn into_stream(self) -> Stream {
        self.ws.into_inner()
    }
}

fn end(error: Error) -> End {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => End::Gone,
        Error::Io(error) => error.into(),
        error => error.into(),
    }
}
