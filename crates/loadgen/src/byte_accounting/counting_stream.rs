//! The socket's end of a tap: counts what the socket takes and gives, delays what it gives, and tells the trace.
//!
//! What the bytes are is not known here; the reader and writer on top see them as they cross.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use model::byte_account::Account;
use model::trial::Direction;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::byte_counts::SharedByteCounts;
use super::delay_line::{self, DelayLine};
use super::trace::ConnectionTrace;

/// A stream that counts its bytes in sum and shows them to the code that attributes them.
#[derive(Debug)]
pub(super) struct CountingStream<S> {
    stream: S,
    byte_counts: SharedByteCounts,
    delay_line: Option<Box<DelayLine>>,
    trace: Option<Box<Traced>>,
}

#[derive(Debug)]
struct Traced {
    connection: ConnectionTrace,
    added_delay_ns: u64,
}

impl<S> CountingStream<S> {
    /// A counted on a fresh connection. Bytes that are read are counted at once, and handed on `added_delay` later.
    pub(super) fn new(
        stream: S,
        byte_counts: SharedByteCounts,
        added_delay: Duration,
        trace: Option<ConnectionTrace>,
    ) -> Self {
        let added_delay_ns = u64::try_from(added_delay.as_nanos()).unwrap_or(u64::MAX);
        let trace = trace.map(|connection| Box::new(Traced { connection, added_delay_ns }));
        Self { stream, byte_counts, delay_line: DelayLine::of(added_delay), trace }
    }

    fn count_written(&mut self, bytes: &[u8], mut show: impl FnMut(&[u8], &mut Account)) {
        let mut byte_counts = self.byte_counts.borrow_mut();
        byte_counts.socket_written += bytes.len() as u64;
        show(bytes, &mut byte_counts.account);
    }
}

impl<S: AsyncRead + Unpin> CountingStream<S> {
    /// Reads; `show` is shown the bytes when the socket gives them. When they were handed on is noted once for all of
    /// them: it is the receive time of every message that ends among them, and what `show` takes is not in it.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        mut show: impl FnMut(&[u8], &mut Account),
    ) -> Poll<io::Result<()>> {
        let Self { stream, byte_counts, delay_line, trace } = self;
        let before = buf.filled().len();
        let arrived = |bytes: &[u8], now_ns: u64| {
            let mut byte_counts = byte_counts.borrow_mut();
            byte_counts.socket_read += bytes.len() as u64;
            show(bytes, &mut byte_counts.account);
            if let Some(trace) = trace {
                trace.came(bytes, now_ns);
            }
        };
        let handed_on_ns = ready!(delay_line::poll_read(delay_line, stream, cx, buf, arrived))?;
        if buf.filled().len() > before {
            byte_counts.borrow_mut().read_ns = handed_on_ns;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> CountingStream<S> {
    /// Writes; `show` is shown the bytes that the socket took.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        show: impl FnMut(&[u8], &mut Account),
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.count_written(&bytes[..written], show);
        if let Some(trace) = &mut self.trace {
            trace.went(&bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }

    /// Writes several slices as one.
    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        mut show: impl FnMut(&[u8], &mut Account),
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        for part in taken(slices, written) {
            self.count_written(part, &mut show);
        }
        if let Some(trace) = &mut self.trace {
            trace.went(&taken(slices, written).collect::<Vec<_>>().concat());
        }
        Poll::Ready(Ok(written))
    }

    pub(super) fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
        if let Some(trace) = &mut self.trace {
            let now_ns = os::now_ns();
            trace.connection.closed(Direction::Up, now_ns, now_ns);
        }
        Poll::Ready(done)
    }
}

impl Traced {
    /// The socket took bytes.
    fn went(&mut self, bytes: &[u8]) {
        let now_ns = os::now_ns();
        self.connection.flight(Direction::Up, now_ns, now_ns, bytes);
    }

    /// The socket gave bytes now, or none: its end.
    fn came(&mut self, bytes: &[u8], now_ns: u64) {
        let handed_ns = now_ns.saturating_add(self.added_delay_ns);
        if bytes.is_empty() {
            self.connection.closed(Direction::Down, now_ns, handed_ns);
        } else {
            self.connection.flight(Direction::Down, now_ns, handed_ns, bytes);
        }
    }
}

/// The first `written` bytes of `slices`.
pub(super) fn taken<'a>(slices: &'a [IoSlice<'_>], written: usize) -> impl Iterator<Item = &'a [u8]> {
    slices.iter().scan(written, |left, slice| {
        let part = &slice[..slice.len().min(*left)];
        *left -= part.len();
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_it_takes_to_look_at_bytes_is_not_in_their_receive_time() {
        let (near, mut far) = tokio::io::duplex(64);
        let byte_counts = SharedByteCounts::default();
        let mut counted =
            CountingStream::new(near, SharedByteCounts::clone(&byte_counts), Duration::ZERO, None);
        far.write_all(b"bytes").await.unwrap();
        let (mut room, mut looked_ns) = ([0; 8], 0);
        let mut buf = ReadBuf::new(&mut room);
        let mut look = |_: &[u8], _: &mut Account| {
            looked_ns = os::now_ns();
            while os::now_ns() < looked_ns + 1_000_000 {}
        };
        poll_fn(|cx| counted.poll_read(cx, &mut buf, &mut look)).await.unwrap();
        let read_ns = byte_counts.borrow().read_ns;
        assert!((1..=looked_ns).contains(&read_ns), "{read_ns} is behind {looked_ns}");
    }
}
