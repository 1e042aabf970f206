//! An exchange that hyper takes up where it stands: a stream on which hyper finds what it would have found, had it been
//! there from the exchange's start.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::subscriber::SubscribeError;
use crate::transport::ReclaimOnDrop;

/// How a connection broke.
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

    /// What hyper says of an answer whose body breaks off.
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
