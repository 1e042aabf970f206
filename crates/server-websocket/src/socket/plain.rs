//! A socket without extensions, by tungstenite.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use server_kit::settings::Frames;
use server_kit::stream::Stream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::Socket;
use crate::farewell::End;

/// The default of 128 KiB is filled with zeros at every read: 7.4 µs of CPU a message instead of 4.4.
const READ_BUFFER: usize = 4 * 1024;
/// Frames that wait are written together up to this many bytes; the flush behind them writes the rest.
const WRITE_BUFFER: usize = 16 * 1024;

pub(crate) struct Plain {
    socket: WebSocketStream<Stream>,
    opcode: OpCode,
}

impl Plain {
    /// `read` was read from the stream behind the handshake; a message is of up to `message_bytes`.
    pub(crate) async fn new(stream: Stream, read: Bytes, frames: Frames, message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let socket =
            WebSocketStream::from_partially_read(stream, read.into(), Role::Server, Some(config)).await;
        let opcode = OpCode::Data(match frames {
            Frames::Text => Data::Text,
            Frames::Binary => Data::Binary,
        });
        Self { socket, opcode }
    }
}

impl Socket for Plain {
    async fn feed(&mut self, event: Bytes) -> Result<(), End> {
        // A whole frame, since a text message would be checked to be UTF-8 for each subscriber; the hub has seen to
        // that.
        Ok(self.socket.feed(Message::Frame(Frame::message(event, self.opcode, true))).await?)
    }

    async fn flush(&mut self) -> Result<(), End> {
        Ok(self.socket.flush().await?)
    }

    async fn ping(&mut self) -> Result<(), End> {
        Ok(self.socket.send(Message::Ping(Bytes::new())).await?)
    }

    async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            match self.socket.next().await.ok_or(End::Gone)?? {
                Message::Text(text) => return Ok(text.into()),
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(_) => return Err(End::Closed),
                // A ping is answered by the layer below, at its next read.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn close(&mut self, code: u16, reason: String) -> Result<(), End> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        Ok(self.socket.close(Some(frame)).await?)
    }

    fn into_stream(self) -> Stream {
        self.socket.into_inner()
    }
}
