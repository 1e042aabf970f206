//! A connection's bytes, whatever carries them: TCP, TLS over it, or a stream of an HTTP/2 connection; and how it is closed
//! so that its last bytes are read.
//!
//! A socket that is closed while input is unread is reset, and the peer may lose what was sent last: the reason
//! why. So the write side is shut down first (with TLS's `close_notify`, RFC 8446 §6.1, where there is TLS), and the
//! input is drained for a bounded time (RFC 9112 §9.6).

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// Room for a read, on the stack: a quiet connection holds none.
const READ_BYTES: usize = 4 * 1024;
/// How long a peer may take to close, too.
const LONGEST: Duration = Duration::from_secs(1);
/// The most that is read meanwhile.
const MOST_BYTES: u64 = 16 << 20;

/// Bytes both ways.
#[derive(Debug)]
pub enum Stream {
    /// A bare socket.
    Plain(TcpStream),
    /// TLS on a socket.
    Tls(Box<TlsStream<TcpStream>>),
    /// The two halves of a stream of an HTTP/2 connection, after an extended CONNECT (RFC 8441).
    Http2(TokioIo<Upgraded>),
}

impl Stream {
    /// What client and server agreed to speak, by ALPN (RFC 7301); none without TLS, or if the client did not plain.
    pub fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol(),
            Self::Plain(_) | Self::Http2(_) => None,
        }
    }

    /// Waits for bytes and appends them, at most 4 KiB; returns how many, 0 at the end. Holds no room while it waits.
    /// Cancel-safe.
    /// Fails with what the socket, TLS or HTTP/2 reports.
    pub async fn read_into(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_into(cx, buffer)).await
    }

    /// As [`read_into`](Self::read_into).
    /// Fails as [`read_into`](Self::read_into).
    pub fn poll_read_into(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        let polled = Pin::new(self).poll_read(cx, &mut read);
        buffer.extend_from_slice(read.filled());
        polled.map_ok(|()| read.filled().len())
    }
}

/// Calls the same method of whichever stream it is.
macro_rules! forward {
    ($stream:expr, $method:ident $(, $argument:expr)*) => {
        match $stream {
            Self::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Self::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
            Self::Http2(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), poll_read, cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self.get_mut(), poll_write, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self.get_mut(), poll_write_vectored, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Http2(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), poll_shutdown, cx)
    }
}

/// Ends a connection on which nothing is left to be said. A socket says so by being closed; TLS has to.
pub async fn end(stream: Stream) {
    match stream {
        Stream::Plain(socket) => drop(socket),
        layered => close(layered).await,
    }
}

/// Shuts down the write side, then reads and drops what still comes: until the peer closes, for a second, or 16 MiB.
pub async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MOST_BYTES), &mut tokio::io::sink()).await
    };
    // However the wait ends, the connection is dropped now.
    let _ = timeout(LONGEST, drain).await;
}
