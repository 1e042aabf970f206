//! Frames with permessage-deflate, by the codec of [`protocol::deflate`].

use bytes::BytesMut;
use protocol::deflate::{Agreement, Broken, CloseFrame, Codec, Kind, Message, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::frame::{CLOSE_LIMIT, FrameSocket, NORMAL, close_result};
use crate::subscriber::{MESSAGE_LIMIT, SubscribeError};

/// Room for a read.
const READ_BUFFER: usize = 4096;

pub(super) struct Deflated<S> {
    stream: S,
    codec: Codec,
    output: BytesMut,
    /// Whether all that was written has left the layers below.
    flushed: bool,
    /// Whether a close frame was sent; nothing may follow it (RFC 6455 §5.5.1).
    closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Deflated<S> {
    /// `read` is what was received after the handshake.
    pub(super) fn new(stream: S, read: &[u8], agreement: Agreement) -> Self {
        let mut codec = Codec::new(Role::Client, agreement, MESSAGE_LIMIT);
        codec.buffer().extend_from_slice(read);
        Self { stream, codec, output: BytesMut::new(), flushed: true, closed: false }
    }

    async fn flush(&mut self) -> Result<(), SubscribeError> {
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

    fn send_close(&mut self, frame: Option<&CloseFrame>) {
        if !std::mem::replace(&mut self.closed, true) {
            self.codec.close(frame, &mut self.output);
        }
    }

    /// Sends the server the close code of its fault, if possible.
    async fn fail(&mut self, broken: Broken) -> SubscribeError {
        self.send_close(Some(&CloseFrame { code: broken.close_code(), reason: broken.to_string() }));
        let _ = timeout(CLOSE_LIMIT, self.flush()).await;
        broken.into()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameSocket for Deflated<S> {
    type Stream = S;

    async fn read(&mut self, mut take: impl FnMut(&[u8])) -> Result<bool, SubscribeError> {
        let mut messages = 0;
        loop {
            self.flush().await?;
            match self.codec.next_message() {
                Err(broken) => return Err(self.fail(broken).await),
                Ok(Some(Message::Data(_, payload))) => {
                    take(&payload);
                    messages += 1;
                }
                Ok(Some(Message::Ping(content))) if !self.closed => {
                    self.codec.pong(&content, &mut self.output);
                }
                Ok(Some(Message::Ping(_) | Message::Pong)) => {}
                Ok(Some(Message::Close(said))) => {
                    self.send_close(said.as_ref());
                    self.flush().await?;
                    said.map_or(Ok(()), |said| close_result(said.code, &said.reason))?;
                }
                Ok(None) if messages > 0 => return Ok(true),
                Ok(None) => {
                    let buffer = self.codec.buffer();
                    buffer.reserve(READ_BUFFER);
                    if self.stream.read_buf(buffer).await? == 0 {
                        return Ok(false);
                    }
                }
            }
        }
    }

    async fn send(&mut self, kind: Kind, message: &[u8]) -> Result<(), SubscribeError> {
        self.codec.data(kind, message, &mut self.output);
        self.flush().await
    }

    async fn close(&mut self) -> Result<(), SubscribeError> {
        self.send_close(Some(&CloseFrame { code: NORMAL, reason: String::new() }));
        self.flush().await
    }

    fn into_stream(self) -> S {
        self.stream
    }
}
