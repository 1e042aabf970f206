//! A session's socket: events and pings out, messages in.
//!
//! Two libraries stand behind it. tungstenite does everything but compress; where compression was agreed on, the codec
//! of [`protocol::deflate`] does. Neither touches the socket: they read and write memory.

use std::future::Future;
use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes, BytesMut};
use protocol::deflate::{self, Agreement, Codec, Kind};
use protocol::websocket;
use server_kit::stream::Stream;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::close_reason::End;

/// tungstenite holds so much for as long as the session lives, and fills it with zeros whenever it looks for a message.
/// Below 1 KiB it would not be reused as it is (`BytesMut` forgets smaller sizes).
const READ_BUFFER: usize = 1024;

/// A WebSocket behind its handshake, on the server's side.
pub(crate) trait Socket: Send {
    /// Sends events, given as [`encode`](crate::encode) has them: whole frames, one behind the other. In one write, where
    /// the stream takes it.
    fn send(&mut self, frames: Bytes) -> impl Future<Output = Result<(), End>> + Send;

    /// Sends a ping.
    fn ping(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// The client's next message; pings are answered on the way. A close frame is answered by the next
    /// [`flush`](Self::flush). Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<Bytes, End>> + Send;

    /// Sends a close frame, behind what waits.
    fn close(&mut self, code: u16, reason: String) -> impl Future<Output = Result<(), End>> + Send;

    /// Writes what waits.
    fn flush(&mut self) -> impl Future<Output = Result<(), End>> + Send;

    /// The stream below.
    fn into_stream(self) -> Stream;
}

/// A socket without extensions, by tungstenite.
///
/// What the client sends is read by tungstenite, and pings and closes answered by it, in memory: what was read of the
/// stream is given to it, and what it wants to say is written from here. So events, which are frames already, pass it by,
/// and a session that receives nothing holds no more of a buffer than tungstenite insists on.
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

/// A socket with permessage-deflate, by the codec of [`protocol::deflate`].
pub(crate) struct Deflated {
    stream: Stream,
    codec: Codec,
    kind: Kind,
    output: BytesMut,
    /// Whether all that was written has left the layers below.
    flushed: bool,
}

impl Deflated {
    /// `read` was read from the stream behind the handshake; a message is of up to `message_bytes`, inflated.
    pub(crate) fn new(
        stream: Stream,
        read: &[u8],
        kind: Kind,
        message_bytes: usize,
        agreement: Agreement,
    ) -> Self {
        let mut codec = Codec::new(deflate::Role::Server, agreement, message_bytes);
        codec.buffer().extend_from_slice(read);
        Self { stream, codec, kind, output: BytesMut::new(), flushed: true }
    }
}

impl Socket for Deflated {
    async fn send(&mut self, frames: Bytes) -> Result<(), End> {
        for message in websocket::messages(&frames) {
            self.codec.data(self.kind, message, &mut self.output);
        }
        self.flush().await
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.codec.ping(&mut self.output);
        self.flush().await
    }

    async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            // Answers to pings, before more of them are read.
            self.flush().await?;
            match self.codec.next_message()? {
                Some(deflate::Message::Data(_, payload)) => return Ok(payload),
                Some(deflate::Message::Ping(content)) => self.codec.pong(&content, &mut self.output),
                Some(deflate::Message::Close(reason)) => {
                    self.codec.close(reason.as_ref(), &mut self.output);
                    return Err(End::Closed);
                }
                None if self.stream.read_into(self.codec.buffer()).await? == 0 => return Err(End::Gone),
                Some(deflate::Message::Pong) | None => {}
            }
        }
    }

    async fn close(&mut self, code: u16, reason: String) -> Result<(), End> {
        self.codec.close(Some(&deflate::CloseFrame { code, reason }), &mut self.output);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        while !self.output.is_empty() {
            self.flushed = false;
            self.stream.write_buf(&mut self.output).await?;
        }
        if !self.flushed {
            self.stream.flush().await?;
            self.flushed = true;
        }
        Ok(())
    }

    fn into_stream(self) -> Stream {
        self.stream
    }
}
