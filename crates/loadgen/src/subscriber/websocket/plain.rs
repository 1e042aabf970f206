//! Frames without extensions.
//!
//! A message in a frame of its own is read where it lies and written as it goes. tungstenite interprets every
//! other frame, [in memory](TungsteniteFallback), so that responses, rejections and errors are those of tungstenite.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use protocol::deflate::Kind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::frame::{FrameSocket, close_result};
use super::frame::{NextFrame, next_frame, write};
use super::tungstenite_fallback::{StreamEnd, TungsteniteFallback};
use crate::subscriber::SubscribeError;

/// Room for a read, as long as reads do not fill it.
const READ_BYTES: usize = 4 * 1024;
/// Room for a read where they do.
const MOST_READ_BYTES: usize = 64 * 1024;

/// The client's end of a WebSocket after its handshake.
pub struct Socket<S> {
    stream: S,
    /// What was read and not taken.
    input: BytesMut,
    room: usize,
    output: BytesMut,
    /// Whether all that was written has left the layers below.
    flushed: bool,
    fallback: Option<Box<TungsteniteFallback>>,
}

enum NextItem {
    /// A message, and where it lies.
    Message(Kind, Range<usize>),
    /// What tungstenite made of it, which is no part of the input any more.
    ByFallback(Option<Message>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// `read` is what was received after the handshake.
    pub(in crate::subscriber) fn new(stream: S, read: Bytes) -> Self {
        let (input, output) = (read.into(), BytesMut::new());
        Self { stream, input, room: READ_BYTES, output, flushed: true, fallback: None }
    }

    /// Waits for messages, and hands on all that are whole with one read of the stream. False at the connection's end.
    /// Pings and closes are answered on the way. Cancel-safe.
    /// Fails when the connection breaks, what comes is no WebSocket, or the server closes with an error's code.
    pub async fn read(&mut self, mut take: impl FnMut(&[u8])) -> Result<bool, SubscribeError> {
        let mut messages = 0;
        loop {
            match self.next_in_input()? {
                Some(NextItem::Message(_, place)) => {
                    take(&self.input[place.clone()]);
                    self.input.advance(place.end);
                    messages += 1;
                }
                Some(NextItem::ByFallback(message)) => {
                    if let Some((_, message)) = self.take_in(message).await? {
                        take(&message);
                        messages += 1;
                    }
                }
                None if messages > 0 => return Ok(true),
                None if !self.fill().await? => return Ok(false),
                None => {}
            }
        }
    }

    /// Waits for one message; none at the connection's end. Otherwise as [`read`](Self::read).
    /// Fails as [`read`](Self::read) does.
    pub async fn next(&mut self) -> Result<Option<(Kind, Bytes)>, SubscribeError> {
        loop {
            match self.next_in_input()? {
                Some(NextItem::Message(kind, place)) => {
                    self.input.advance(place.start);
                    return Ok(Some((kind, self.input.split_to(place.len()).freeze())));
                }
                Some(NextItem::ByFallback(message)) => {
                    if let Some(message) = self.take_in(message).await? {
                        return Ok(Some(message));
                    }
                }
                None if !self.fill().await? => return Ok(None),
                None => {}
            }
        }
    }

    /// Sends a message.
    /// Fails when the connection breaks or is closed, or a text is not UTF-8.
    pub async fn send(&mut self, kind: Kind, message: &[u8]) -> Result<(), SubscribeError> {
        if kind == Kind::Text {
            std::str::from_utf8(message).map_err(Error::from)?;
        }
        match &mut self.fallback {
            // It returns the reason.
            Some(fallback) if !fallback.can_write() => {
                fallback.write(Message::binary(Bytes::new()), &mut self.output)?;
            }
            _ => {
                // Nobody here has to be kept from guessing it (RFC 6455 §10.3).
                let key = fastrand::u32(..).to_ne_bytes();
                write(kind, message, key, &mut self.output);
            }
        }
        self.flush().await
    }

    pub(in crate::subscriber) async fn close(
        &mut self,
        frame: Option<CloseFrame>,
    ) -> Result<(), SubscribeError> {
        let fallback = self.fallback.get_or_insert_with(|| Box::new(TungsteniteFallback::new()));
        fallback.close(frame, &mut self.output)?;
        self.flush().await
    }

    pub(in crate::subscriber) fn into_inner(self) -> S {
        self.stream
    }

    /// What is whole at the front of the input; a message stays there.
    fn next_in_input(&mut self) -> Result<Option<NextItem>, Error> {
        if self.fallback.as_ref().is_none_or(|fallback| fallback.is_idle()) {
            match next_frame(&self.input) {
                NextFrame::Message(kind, place) if is_sound(kind, &self.input[place.clone()]) => {
                    return Ok(Some(NextItem::Message(kind, place)));
                }
                NextFrame::Partial(missing) => {
                    self.input.reserve(missing);
                    return Ok(None);
                }
                NextFrame::Message(..) | NextFrame::Other { .. } => {}
            }
        }
        self.read_with_fallback()
    }

    /// Lets tungstenite fallback what is there of the frame at the front of the input.
    fn read_with_fallback(&mut self) -> Result<Option<NextItem>, Error> {
        let Self { input, output, fallback, .. } = self;
        let fallback = fallback.get_or_insert_with(|| Box::new(TungsteniteFallback::new()));
        let message = match fallback.left() {
            0 => match announced(input) {
                None => return Ok(None),
                Some((header, len)) => fallback.begin(&input.split_to(header), len, output)?,
            },
            _ if input.is_empty() => return Ok(None),
            left => {
                let there = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                fallback.go_on(&input.split_to(there), output)?
            }
        };
        Ok(Some(NextItem::ByFallback(message)))
    }

    /// Hands back a message; a close is an error, and pending replies are sent before.
    async fn take_in(&mut self, read: Option<Message>) -> Result<Option<(Kind, Bytes)>, SubscribeError> {
        match read {
            Some(Message::Text(text)) => return Ok(Some((Kind::Text, text.into()))),
            Some(Message::Binary(bytes)) => return Ok(Some((Kind::Binary, bytes))),
            Some(Message::Close(Some(frame))) => {
                self.flush().await?;
                close_result(frame.code.into(), &frame.reason)?;
            }
            Some(Message::Ping(_) | Message::Pong(_) | Message::Close(None) | Message::Frame(_)) | None => {}
        }
        Ok(None)
    }

    /// Reads once. False at the connection's end, if it may end here.
    async fn fill(&mut self) -> Result<bool, SubscribeError> {
        self.flush().await?;
        self.input.reserve(self.room);
        let room = self.input.capacity() - self.input.len();
        let end = match self.stream.read_buf(&mut self.input).await {
            Ok(read @ 1..) => {
                self.room = if read == room { MOST_READ_BYTES } else { READ_BYTES };
                return Ok(true);
            }
            Ok(0) => StreamEnd::Closed,
            Err(error) => StreamEnd::Broken(error),
        };
        let fallback = self.fallback.get_or_insert_with(|| Box::new(TungsteniteFallback::new()));
        match fallback.end(end, &mut self.output) {
            Ok(_) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn flush(&mut self) -> Result<(), SubscribeError> {
        if self.output.is_empty() && self.flushed {
            return Ok(());
        }
        self.flushed = false;
        self.stream.write_all_buf(&mut self.output).await.map_err(Error::Io)?;
        self.stream.flush().await.map_err(Error::Io)?;
        self.flushed = true;
        Ok(())
    }
}

fn is_sound(kind: Kind, message: &[u8]) -> bool {
    kind == Kind::Binary || std::str::from_utf8(message).is_ok()
}

/// The header that bytes begin with, once it is whole, and the length that it announces.
fn announced(bytes: &[u8]) -> Option<(usize, u64)> {
    match next_frame(bytes) {
        NextFrame::Other { header, len } => Some((header, len)),
        NextFrame::Message(_, place) => Some((place.start, place.len() as u64)),
        NextFrame::Partial(_) => None,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameSocket for Socket<S> {
    type Stream = S;

    async fn read(&mut self, take: impl FnMut(&[u8])) -> Result<bool, SubscribeError> {
        Self::read(self, take).await
    }

    async fn send(&mut self, kind: Kind, message: &[u8]) -> Result<(), SubscribeError> {
        Self::send(self, kind, message).await
    }

    async fn close(&mut self) -> Result<(), SubscribeError> {
        let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
        Self::close(self, Some(frame)).await
    }

    fn into_stream(self) -> S {
        self.into_inner()
    }
}

#[cfg(test)]
mod tests;
