//! A stream that passes through what it is given, and counts it at the socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::delay_line::DelayLine;
use super::{Classifier, Protocol, SharedTally};

/// Bytes that a delayed connection reads at a time.
const DELAYED_READ: usize = 16 * 1024;

/// A stream whose bytes are counted, by layer and in sum, when the socket takes or gives them.
#[derive(Debug)]
pub struct Tapped<S> {
    stream: S,
    classifier: Classifier,
    tally: SharedTally,
    delay_line: Option<Box<DelayLine>>,
}

impl<S> Tapped<S> {
    /// Taps a fresh connection. Bytes that are read are counted at once, and handed on `added_delay` later, exact to
    /// the kernel's timer and never early.
    pub fn new(stream: S, protocol: Protocol, tally: SharedTally, added_delay: Duration) -> Self {
        let delay_line = (!added_delay.is_zero()).then(|| Box::new(DelayLine::new(added_delay)));
        Self { stream, classifier: Classifier::new(protocol), tally, delay_line }
    }

    fn count_read(&mut self, bytes: &[u8]) {
        let mut tally = self.tally.borrow_mut();
        tally.socket_read += bytes.len() as u64;
        self.classifier.down(bytes, &mut tally.account);
    }

    fn count_written(&mut self, bytes: &[u8]) {
        let mut tally = self.tally.borrow_mut();
        tally.socket_written += bytes.len() as u64;
        self.classifier.up(bytes, &mut tally.account);
    }
}

impl<S: AsyncRead + Unpin> Tapped<S> {
    /// Reads all that the socket has into the delay line.
    fn poll_fill(&mut self, cx: &mut Context<'_>, delay_line: &mut DelayLine) {
        let mut room = [0; DELAYED_READ];
        while delay_line.wants_more() {
            let mut buf = ReadBuf::new(&mut room);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {
                    self.count_read(buf.filled());
                    delay_line.hold(Ok(Bytes::copy_from_slice(buf.filled())));
                }
                Poll::Ready(Err(error)) => delay_line.hold(Err(error)),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut delay_line) = self.delay_line.take() {
            self.poll_fill(cx, &mut delay_line);
            let polled = delay_line.poll_due(cx, buf);
            self.delay_line = Some(delay_line);
            return polled;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.count_read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.count_written(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        let mut left = written;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            self.count_written(part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
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
