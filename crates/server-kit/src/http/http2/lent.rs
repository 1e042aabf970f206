//! A stream that is lent to hyper, which does not give it back by itself, and bytes that were read of it before.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::stream::Stream;

/// The borrower's side. Dropped, it gives the stream back.
pub(super) struct Lent {
    read: Bytes,
    /// Taken by the drop alone.
    stream: Option<Stream>,
    lender: Option<oneshot::Sender<Stream>>,
}

impl Lent {
    /// Lends the stream; the receiver gets it back.
    pub(super) fn new(stream: Stream, read: Bytes) -> (Self, oneshot::Receiver<Stream>) {
        let (lender, returned) = oneshot::channel();
        (Self { read, stream: Some(stream), lender: Some(lender) }, returned)
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut Stream> {
        Pin::new(self.get_mut().stream.as_mut().expect("only the drop takes it"))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(stream), Some(lender)) = (self.stream.take(), self.lender.take()) {
            // Nobody waits for it if the server is being cut off.
            let _ = lender.send(stream);
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return self.stream().poll_read(cx, buf);
        }
        let len = buf.remaining().min(self.read.len());
        buf.put_slice(&self.read[..len]);
        self.read.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
