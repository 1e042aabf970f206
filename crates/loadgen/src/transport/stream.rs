//! A tapped connection, plain or under TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::Socket;
use crate::byte_accounting::{Tapped, TappedTls};

/// How long an end may take, the server's own included.
const CLOSING: Duration = Duration::from_millis(500);
/// What still comes is read in pieces of this size.
const LAST_BYTES: usize = 4 * 1024;

/// A connection of a subscriber's.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the plain path is the measured baseline: no pointer more")]
pub enum Stream {
    /// Bare TCP.
    Plain(Tapped<Socket>),
    /// TLS 1.3 over TCP.
    Tls(Box<TappedTls<Socket>>),
}

impl Stream {
    /// Ends the connection so that byte accounting sees all that the kernel carried: says that nothing more comes
    /// (`close_notify` under TLS, then FIN), and reads what the server still sends to its end. Bounded by 500 ms; a
    /// server that has not ended by then is left.
    pub async fn close(mut self) {
        let end = async {
            // A connection that broke has nothing more to say.
            let _ = self.shutdown().await;
            let mut room = [0; LAST_BYTES];
            while matches!(self.read(&mut room).await, Ok(1..)) {}
        };
        let _ = tokio::time::timeout(CLOSING, end).await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
