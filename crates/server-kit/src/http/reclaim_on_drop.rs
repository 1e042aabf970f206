//! A stream that is handed to a library, which does not return it by itself, and bytes that were read of it before.
//!
//! What TLS finds wrong is noted here: h2 keeps an I/O error's kind and text, and not what it comes from.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::Hub;
use crate::stream::Stream;

/// The library's side. Dropped, it returns the stream.
#[derive(Debug)]
pub struct ReclaimOnDrop {
    /// Taken by the drop alone.
    stream: Option<PrefixedStream>,
    owner: Option<oneshot::Sender<Stream>>,
    /// Where a broken stream is counted; none once it was.
    hub: Option<Hub>,
}

impl ReclaimOnDrop {
    /// Hands over the stream; the receiver gets it back. A broken TLS record is counted ([`Hub::rejected`]).
    pub fn new(stream: Stream, read: Bytes, hub: &Hub) -> (Self, oneshot::Receiver<Stream>) {
        let (owner, returned) = oneshot::channel();
        let stream = Some(PrefixedStream::new(stream, read));
        (Self { stream, owner: Some(owner), hub: Some(hub.clone()) }, returned)
    }

    fn count_broken(&mut self, error: &io::Error) {
        if let Some(hub) = self.hub.take() {
            hub.reject_broken_tls(error);
        }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut PrefixedStream> {
        Pin::new(self.get_mut().stream.as_mut().expect("only the drop takes it"))
    }
}

impl Drop for ReclaimOnDrop {
    fn drop(&mut self) {
        if let (Some(stream), Some(owner)) = (self.stream.take(), self.owner.take()) {
            // An error means that the server is being cut off.
            let _ = owner.send(stream.into_parts(Bytes::new()).0);
        }
    }
}

impl AsyncRead for ReclaimOnDrop {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.as_mut().stream().poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &polled {
            self.count_broken(error);
        }
        polled
    }
}

impl AsyncWrite for ReclaimOnDrop {
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

/// A stream some bytes of which were read already: they are read first, again.
#[derive(Debug)]
pub(super) struct PrefixedStream {
    read: Bytes,
    stream: Stream,
}

impl PrefixedStream {
    pub(super) fn new(stream: Stream, read: Bytes) -> Self {
        Self { read, stream }
    }

    /// The stream, and what was read of it: `taken`, and what has not even been taken from here.
    pub(super) fn into_parts(self, taken: Bytes) -> (Stream, Bytes) {
        if self.read.is_empty() {
            return (self.stream, taken);
        }
        let mut read = BytesMut::from(&taken[..]);
        read.extend_from_slice(&self.read);
        (self.stream, read.freeze())
    }
}

impl AsyncRead for PrefixedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let len = buf.remaining().min(self.read.len());
        buf.put_slice(&self.read[..len]);
        self.read.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PrefixedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
