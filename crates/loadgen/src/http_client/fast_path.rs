//! Exchanges on HTTP/1.1 (RFC 9112), one after another on a connection that is kept: what a poll needs, and no more.
//!
//! This module reads ordinary responses: they give the length of their body, and the connection stays open. hyper
//! [takes over](HyperHandoff) any other exchange in its current state, and keeps the connection. So an odd response means
//! what it means to hyper.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::response_head::{ParsedHead, ResponseHead, fields};
use crate::byte_accounting::Protocol;
use crate::session::Session;
use crate::subscriber::SubscribeError;
use crate::transport::ReclaimOnDrop;

/// Room for a read, unless a body is known to be longer.
const READ_BYTES: usize = 4 * 1024;
/// Room for a read of a long body.
const MOST_READ_BYTES: usize = 64 * 1024;

/// A connection on which one exchange is under way at most.
pub(crate) struct FastPath {
    stream: ReclaimOnDrop,
    /// What was read and not handed on. The answer's head stays at its front until its body is asked for.
    read: BytesMut,
    head_len: usize,
    /// Bytes of the body that were not handed on yet.
    left: u64,
}

/// Why an exchange cannot go on here.
pub(crate) struct NeedsHyper {
    /// So many bytes of the request were written.
    written: usize,
    broke: Option<ConnectionBreak>,
}

impl FastPath {
    pub(crate) async fn open(session: &Session) -> Result<Self, SubscribeError> {
        let stream = ReclaimOnDrop::closing(session.connect(Protocol::Http).await?);
        Ok(Self { stream, read: BytesMut::new(), head_len: 0, left: 0 })
    }

    /// Whether the server has ended the connection since the last exchange, or sent something unasked.
    pub(crate) async fn is_over(&mut self) -> bool {
        self.skip_head();
        if !self.read.is_empty() {
            return true;
        }
        let mut room = [0];
        poll_fn(|cx| {
            let mut room = ReadBuf::new(&mut room);
            Poll::Ready(Pin::new(&mut self.stream).poll_read(cx, &mut room).is_ready())
        })
        .await
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<ResponseHead, NeedsHyper> {
        self.skip_head();
        self.send(request).await?;
        loop {
            match ResponseHead::parse(&self.read) {
                ParsedHead::Ordinary(head) => {
                    (self.head_len, self.left) = (head.len, head.body);
                    return Ok(head);
                }
                ParsedHead::Other => return Err(NeedsHyper { written: request.len(), broke: None }),
                ParsedHead::Partial => match self.fill().await {
                    Ok(()) => {}
                    Err(broke) => return Err(NeedsHyper { written: request.len(), broke: Some(broke) }),
                },
            }
        }
    }

    /// The fields of the answer's head. Only before its body is asked for.
    pub(crate) fn headers(&self) -> HeaderMap {
        fields(&self.read[..self.head_len])
    }

    /// What is there of the body, waiting for it if it is nothing; nothing when the body is over. What was made use of is
    /// to be [consumed](Self::consume).
    pub(crate) async fn body(&mut self) -> Result<&[u8], ConnectionBreak> {
        self.skip_head();
        if self.read.is_empty() && self.left > 0 {
            self.fill().await?;
        }
        let there = usize::try_from(self.left).map_or(self.read.len(), |left| left.min(self.read.len()));
        Ok(&self.read[..there])
    }

    pub(crate) fn consume(&mut self, bytes: usize) {
        self.read.advance(bytes);
        self.left -= bytes as u64;
    }

    /// Hands an exchange over to hyper that is stuck in its request or in its answer's head.
    pub(crate) fn hand_over(self, stuck: NeedsHyper) -> HyperHandoff {
        HyperHandoff::new(self.stream, stuck.written, self.read.freeze(), stuck.broke)
    }

    /// hyper's error for a body that breaks off like this one: hyper reads an answer with as many bytes as are missing here.
    pub(crate) async fn broken_body(self, broke: ConnectionBreak) -> SubscribeError {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", self.left);
        HyperHandoff::new(self.stream, usize::MAX, head.into(), Some(broke)).body_error().await
    }

    /// Frees the buffer of the last answer's head.
    fn skip_head(&mut self) {
        self.read.advance(std::mem::take(&mut self.head_len));
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), NeedsHyper> {
        let mut rest = request;
        let sent = async {
            self.stream.write_all_buf(&mut rest).await?;
            // TLS may hold back what the socket has no room for.
            self.stream.flush().await
        };
        let sent: io::Result<()> = sent.await;
        sent.map_err(|error| NeedsHyper {
            written: request.len() - rest.len(),
            broke: Some(ConnectionBreak::Write(error)),
        })
    }

    async fn fill(&mut self) -> Result<(), ConnectionBreak> {
        let wanted = usize::try_from(self.left).unwrap_or(MOST_READ_BYTES);
        self.read.reserve(wanted.clamp(READ_BYTES, MOST_READ_BYTES));
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) => Err(ConnectionBreak::End),
            Ok(_) => Ok(()),
            Err(error) => Err(ConnectionBreak::Read(error)),
        }
    }
}

#[derive(Debug)]
pub(crate) enum ConnectionBreak {
    /// The server ended it.
    End,
    Read(io::Error),
    Write(io::Error),
}

/// A connection with an exchange under way.
#[derive(Debug)]
pub(crate) struct HyperHandoff {
    stream: ReclaimOnDrop,
    /// So many bytes of the request are on the wire already; hyper writes them once more.
    written: usize,
    /// What was read of the answer.
    read: Bytes,
    broke: Option<ConnectionBreak>,
    /// Whether hyper has written its request. Before that, it would reject the response as unexpected.
    asked: Asked,
    reader: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    Writing,
    Yes,
}

impl HyperHandoff {
    pub(super) fn new(
        stream: ReclaimOnDrop,
        written: usize,
        read: Bytes,
        broke: Option<ConnectionBreak>,
    ) -> Self {
        Self { stream, written, read, broke, asked: Asked::No, reader: None }
    }

    /// hyper's end of the connection. The exchange's request is to be sent by it.
    pub(crate) async fn hyper(self) -> Result<SendRequest<Full<Bytes>>, SubscribeError> {
        let (sender, connection) = http1::handshake(TokioIo::new(self)).await?;
        // Ends with the sender; what goes wrong on it comes back from the exchange.
        tokio::task::spawn_local(async { drop(connection.await) });
        Ok(sender)
    }

    /// hyper's error for an answer whose body breaks off.
    pub(super) async fn body_error(self) -> SubscribeError {
        let asked = async {
            let mut sender = self.hyper().await?;
            sender.ready().await?;
            let mut body = sender.send_request(Request::new(Full::default())).await?.into_body();
            while let Some(frame) = body.frame().await {
                frame?;
            }
            Ok(())
        };
        asked.await.err().unwrap_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

impl AsyncRead for HyperHandoff {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.asked != Asked::Yes {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if !self.read.is_empty() {
            let part = self.read.len().min(buf.remaining());
            buf.put_slice(&self.read[..part]);
            self.read.advance(part);
            return Poll::Ready(Ok(()));
        }
        match self.broke.take_if(|broke| !matches!(broke, ConnectionBreak::Write(_))) {
            Some(ConnectionBreak::Read(error)) => Poll::Ready(Err(error)),
            Some(_) => Poll::Ready(Ok(())),
            None => Pin::new(&mut self.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for HyperHandoff {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.asked == Asked::No {
            self.asked = Asked::Writing;
        }
        if self.written > 0 {
            let again = bytes.len().min(self.written);
            self.written -= again;
            return Poll::Ready(Ok(again));
        }
        match self.broke.take_if(|broke| matches!(broke, ConnectionBreak::Write(_))) {
            Some(ConnectionBreak::Write(error)) => Poll::Ready(Err(error)),
            _ => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.asked == Asked::Writing {
            self.asked = Asked::Yes;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
