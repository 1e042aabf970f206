//! What lies between a technique and the kernel: TCP, TLS, HTTP/2 connections, and how they end.
//!
//! - `sockets`: the TCP connections below byte accounting, and the kernel's segments of all of a thread's sockets
//! - `tls`: the one certificate that is trusted; sessions that are resumed
//! - `http2`: connections that several subscribers may share

mod http2;
mod sockets;
mod tls;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::{Notify, oneshot};
use tokio_util::either::Either;

use crate::byte_accounting::{CountingStream, CountingTlsStream};

pub(crate) use http2::{Http2, Http2Pool};
pub use sockets::Socket;
pub(crate) use sockets::Sockets;
pub(crate) use tls::{Tls, alpn};
pub use tls::{Trust, TrustError};

/// How long an end may take, the server's own included.
const CLOSING: Duration = Duration::from_millis(500);
/// What still comes is read in pieces of this size.
const LAST_BYTES: usize = 4 * 1024;

/// A connection of a subscriber's: bare TCP, or TLS 1.3 over TCP. Bare TCP is the measured baseline: no pointer more.
pub type Stream = Either<CountingStream<Socket>, Box<CountingTlsStream<Socket>>>;

/// Ends the connection so that byte accounting sees all that the kernel carried: ends this side
/// (`close_notify` under TLS, then FIN), and reads what the server still sends to its end. Bounded by 500 ms; a
/// server that has not ended by then is left.
pub async fn close(mut stream: Stream) {
    let end = async {
        // A connection that broke has nothing more to send.
        let _ = stream.shutdown().await;
        let mut room = [0; LAST_BYTES];
        while matches!(stream.read(&mut room).await, Ok(1..)) {}
    };
    let _ = tokio::time::timeout(CLOSING, end).await;
}

/// A stream that returns to its owner when this is dropped.
#[derive(Debug)]
pub(crate) struct ReclaimOnDrop {
    /// Always there until this is dropped.
    stream: Option<Stream>,
    back: Option<oneshot::Sender<Stream>>,
    read: Option<Rc<Notify>>,
}

impl ReclaimOnDrop {
    /// Lends `stream`, and ends it gracefully when it comes back.
    pub(crate) fn closing(stream: Stream) -> Self {
        let (stream, returned) = Self::new(stream);
        tokio::task::spawn_local(async {
            if let Ok(stream) = returned.await {
                close(stream).await;
            }
        });
        stream
    }

    /// Lends `stream`; the receiver gets it back.
    pub(crate) fn new(stream: Stream) -> (Self, oneshot::Receiver<Stream>) {
        let (back, returned) = oneshot::channel();
        (Self { stream: Some(stream), back: Some(back), read: None }, returned)
    }

    /// Calls `read` after each read.
    pub(crate) fn notifying(mut self, read: &Rc<Notify>) -> Self {
        self.read = Some(Rc::clone(read));
        self
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for ReclaimOnDrop {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // If the receiver is gone, the trial is over and the stream just ends.
            drop(back.send(stream));
        }
    }
}

impl AsyncRead for ReclaimOnDrop {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.stream()?.poll_read(cx, buf))?;
        if let Some(read) = &self.read {
            read.notify_one();
        }
        Poll::Ready(Ok(()))
    }
}

forward_writes!(ReclaimOnDrop, this => this.stream()?, this.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored));
