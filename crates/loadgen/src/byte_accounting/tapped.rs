//! A stream that passes through what it is given, and counts it at the socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::byte_counts::SharedByteCounts;
use super::classifier::{Classifier, Protocol};
use super::counting_stream::CountingStream;
use super::trace::ConnectionTrace;

/// A stream whose bytes are counted, by layer and in sum, when the socket takes or gives them.
#[derive(Debug)]
pub struct Tapped<S> {
    counted: CountingStream<S>,
    classifier: Classifier,
}

impl<S> Tapped<S> {
    /// Taps a fresh connection. Bytes that are read are counted at once, and handed on `added_delay` later, exact to
    /// the kernel's timer and never early.
    pub fn new(stream: S, protocol: Protocol, byte_counts: SharedByteCounts, added_delay: Duration) -> Self {
        Self::traced(stream, protocol, byte_counts, added_delay, None)
    }

    /// As [`new`](Self::new), with every flight recorded in `trace`.
    pub fn traced(
        stream: S,
        protocol: Protocol,
        byte_counts: SharedByteCounts,
        added_delay: Duration,
        trace: Option<ConnectionTrace>,
    ) -> Self {
        let counted = CountingStream::new(stream, byte_counts, added_delay, trace);
        Self { counted, classifier: Classifier::new(protocol) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { counted, classifier } = &mut *self;
        counted.poll_read(cx, buf, |bytes, account| classifier.down(bytes, account))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { counted, classifier } = &mut *self;
        counted.poll_write(cx, bytes, |bytes, account| classifier.up(bytes, account))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { counted, classifier } = &mut *self;
        counted.poll_write_vectored(cx, slices, |bytes, account| classifier.up(bytes, account))
    }

    fn is_write_vectored(&self) -> bool {
        self.counted.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counted.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.counted.poll_shutdown(cx)
    }
}
