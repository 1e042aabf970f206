//! A stream that passes through what it is given, and counts it at the socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use model::byte_account::Account;
use model::trial::Direction;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::byte_counts::SharedByteCounts;
use super::classifier::{Classifier, Protocol};
use super::delay_line::{self, DelayLine};
use super::trace::ConnectionTrace;

/// A stream whose bytes are counted, by layer and in sum, when the socket takes or gives them.
#[derive(Debug)]
pub struct CountingStream<S, O = Classifier> {
    stream: S,
    pub(super) observer: O,
    byte_counts: SharedByteCounts,
    delay_line: Option<Box<DelayLine>>,
    trace: Option<Box<ConnectionTrace>>,
}

/// Looks at the bytes that the socket takes or gives, and enters them into the account.
pub(super) trait Observer {
    fn observe(&mut self, direction: Direction, bytes: &[u8], account: &mut Account);
}

impl<S> CountingStream<S> {
    /// Counts on a fresh connection. Bytes that are read are counted at once, and handed on `added_delay` later, exact to
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
        Self::observed(stream, Classifier::new(protocol), byte_counts, added_delay, trace)
    }
}

impl<S, O> CountingStream<S, O> {
    pub(super) fn observed(
        stream: S,
        observer: O,
        byte_counts: SharedByteCounts,
        added_delay: Duration,
        trace: Option<ConnectionTrace>,
    ) -> Self {
        let trace = trace.map(|trace| Box::new(trace.behind(added_delay)));
        Self { stream, observer, byte_counts, delay_line: DelayLine::of(added_delay), trace }
    }

    fn count_written(&mut self, bytes: &[u8])
    where
        O: Observer,
    {
        let mut byte_counts = self.byte_counts.borrow_mut();
        byte_counts.socket_written += bytes.len() as u64;
        self.observer.observe(Direction::Up, bytes, &mut byte_counts.account);
    }
}

impl<S: AsyncRead + Unpin, O: Observer + Unpin> AsyncRead for CountingStream<S, O> {
    /// When the bytes were handed on is noted once for all of them: it is the receive time of every message that ends
    /// among them, and what it takes to look at them is not in it.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, observer, byte_counts, delay_line, trace } = &mut *self;
        let before = buf.filled().len();
        let arrived = |bytes: &[u8], now_ns: u64| {
            let mut byte_counts = byte_counts.borrow_mut();
            byte_counts.socket_read += bytes.len() as u64;
            observer.observe(Direction::Down, bytes, &mut byte_counts.account);
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

impl<S: AsyncWrite + Unpin, O: Observer + Unpin> AsyncWrite for CountingStream<S, O> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.count_written(&bytes[..written]);
        if let Some(trace) = &mut self.trace {
            trace.went(&bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        for part in taken(slices, written) {
            self.count_written(part);
        }
        if let Some(trace) = &mut self.trace {
            trace.went(&taken(slices, written).collect::<Vec<_>>().concat());
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
        let done = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
        if let Some(trace) = &mut self.trace {
            let now_ns = os::now_ns();
            trace.closed(Direction::Up, now_ns);
        }
        Poll::Ready(done)
    }
}

impl Observer for Classifier {
    fn observe(&mut self, direction: Direction, bytes: &[u8], account: &mut Account) {
        self.take(direction, bytes, account);
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Takes its time, and notes when it began.
    struct Slow(u64);

    impl Observer for Slow {
        fn observe(&mut self, _: Direction, _: &[u8], _: &mut Account) {
            self.0 = os::now_ns();
            while os::now_ns() < self.0 + 1_000_000 {}
        }
    }

    #[tokio::test]
    async fn what_it_takes_to_look_at_bytes_is_not_in_their_receive_time() {
        let (near, mut far) = tokio::io::duplex(64);
        let byte_counts = SharedByteCounts::default();
        let counts = SharedByteCounts::clone(&byte_counts);
        let mut counting = CountingStream::observed(near, Slow(0), counts, Duration::ZERO, None);
        far.write_all(b"bytes").await.unwrap();
        counting.read_exact(&mut [0; 5]).await.unwrap();
        let (read_ns, looked_ns) = (byte_counts.borrow().read_ns, counting.observer.0);
        assert!((1..=looked_ns).contains(&read_ns), "{read_ns} is behind {looked_ns}");
    }
}
