//! A socket without extensions, by tungstenite.
//!
//! What the client sends is read by tungstenite, and pings and closes answered by it, in memory: what was read of the
//! stream is given to it, and what it wants to say is written from here. So events, which are frames already, pass it by,
//! and a session that hears nothing holds no more of a buffer than tungstenite insists on.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes, BytesMut};
use server_kit::stream::Stream;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use super::Socket;
use crate::close_reason::End;

/// tungstenite holds so much for as long as the session lives, and fills it with zeros whenever it looks for a message.
/// Below 1 KiB it would not be reused as it is (`BytesMut` forgets smaller sizes).
const READ_BUFFER: usize = 1024;

pub(crate) struct Plain {
    stream: Stream,
    protocol: WebSocket<Memory>,
    /// Whether tungstenite may find a message before more is read of the stream.
    unread: bool,
    /// Whether all that was written has left the layers below.
    flushed: bool,
}

/// What tungstenite takes for its stream.
#[derive(Debug, Default)]
struct Memory {
    /// What was read of the stream, and tungstenite has not asked for.
    input: BytesMut,
    /// Whether the stream's end was read.
    ended: bool,
    /// What tungstenite wants to say.
    output: BytesMut,
}

impl Plain {
    /// `read` was read from the stream behind the handshake; a message is of up to `message_bytes`.
    pub(crate) fn new(stream: Stream, read: &[u8], message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let memory = Memory { input: BytesMut::from(read), ..Memory::default() };
        let protocol = WebSocket::from_raw_socket(memory, Role::Server, Some(config));
        Self { stream, protocol, unread: true, flushed: true }
    }

    /// The client's next message or control frame, if it was read.
    fn parse(&mut self) -> Result<Option<Message>, End> {
        match self.protocol.read() {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Err(End::Gone),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what tungstenite has said. Cancel-safe: what is not written waits.
    async fn write(&mut self) -> Result<(), End> {
        let output = &mut self.protocol.get_mut().output;
        if !output.is_empty() {
            self.flushed = false;
            self.stream.write_all_buf(output).await?;
        }
        if !self.flushed {
            self.stream.flush().await?;
            self.flushed = true;
        }
        Ok(())
    }
}

impl Socket for Plain {
    async fn send(&mut self, frames: Bytes) -> Result<(), End> {
        // A control frame may be half written, and is ended first.
        self.write().await?;
        self.flushed = false;
        self.stream.write_all(&frames).await?;
        self.write().await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.protocol.send(Message::Ping(Bytes::new()))?;
        self.write().await
    }

    async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            // Answers to pings, before more of them are read.
            self.write().await?;
            if !self.unread {
                let memory = self.protocol.get_mut();
                memory.ended = self.stream.read_into(&mut memory.input).await? == 0;
                self.unread = true;
            }
            match self.parse()? {
                Some(Message::Text(text)) => return Ok(text.into()),
                Some(Message::Binary(bytes)) => return Ok(bytes),
                Some(Message::Close(_)) => return Err(End::Closed),
                Some(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                None => self.unread = false,
            }
        }
    }

    async fn close(&mut self, code: u16, reason: String) -> Result<(), End> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.protocol.close(Some(frame))?;
        self.write().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        match self.protocol.flush() {
            // So it says once the answer to a close is written.
            Ok(()) | Err(Error::ConnectionClosed) => self.write().await,
            Err(error) => Err(error.into()),
        }
    }

    fn into_stream(self) -> Stream {
        self.stream
    }
}

impl Read for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return if self.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let len = into.len().min(self.input.len());
        self.input.copy_to_slice(&mut into[..len]);
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        Ok(len)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
