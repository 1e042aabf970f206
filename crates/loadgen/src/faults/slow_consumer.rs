//! A subscriber that does not keep up: from the window's start on it reads slowly, or not at all.
//!
//! It is slow where the kernel hands over bytes, below byte accounting and technique. So the kernel's buffers fill up, and the
//! server feels it as with a client on a bad line, or one that hangs. The kernel knows whether the server has cut it off; a
//! subscriber that does not read would not notice. One that was cut off stays away.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

use crate::recorder::histogram;

/// How often a waiting one checks whether it may read, or has been cut off.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS_PER_S: usize = 50;
/// It reads at least this much at once, not a byte at a time.
const LEAST_READ: usize = 1024;
const MOST_READ: usize = 4 * 1024;

/// A subscriber that does not keep up.
#[derive(Debug)]
pub(crate) struct SlowConsumer {
    reads_bytes_per_s: u32,
    /// The window's start, ns of `CLOCK_MONOTONIC`; the worker sets it.
    slow_from_ns: Rc<Cell<u64>>,
    /// The trial's end, from which on it reads on, so that its connection can end.
    stop: CancellationToken,
    cut_off_ns: Cell<Option<u64>>,
}

impl SlowConsumer {
    /// One that reads this many bytes per second from `slow_from_ns` on.
    pub(crate) fn new(reads_bytes_per_s: u32, slow_from_ns: Rc<Cell<u64>>, stop: CancellationToken) -> Self {
        Self { reads_bytes_per_s, slow_from_ns, stop, cut_off_ns: Cell::new(None) }
    }

    /// Notes that the server has closed its session or cut its connection. Before it is slow, and after the trial's end, that
    /// says nothing about slow consumers.
    pub(crate) fn cut_off(&self) {
        let now_ns = os::now_ns();
        if self.is_slow(now_ns) && self.cut_off_ns.get().is_none() {
            self.cut_off_ns.set(Some(now_ns));
        }
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off_ns.get().is_some()
    }

    fn is_slow(&self, now_ns: u64) -> bool {
        now_ns >= self.slow_from_ns.get() && !self.stop.is_cancelled()
    }
}

#[derive(Debug)]
pub(crate) struct SlowReading {
    slow_consumer: Rc<SlowConsumer>,
    credit: Credit,
    look: Pin<Box<Sleep>>,
}

impl SlowReading {
    pub(crate) fn new(slow_consumer: Rc<SlowConsumer>) -> Self {
        let credit = Credit::new(slow_consumer.reads_bytes_per_s);
        Self { slow_consumer, credit, look: Box::pin(sleep(LOOK)) }
    }

    pub(crate) fn poll_read(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let now_ns = os::now_ns();
            if !self.slow_consumer.is_slow(now_ns) {
                return Pin::new(stream).poll_read(cx, buf);
            }
            if !os::is_established(&*stream) {
                self.slow_consumer.cut_off();
                if self.slow_consumer.reads_bytes_per_s == 0 {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
            self.credit.grow(now_ns);
            if self.credit.bytes >= LEAST_READ {
                return self.poll_slowly(stream, cx, buf);
            }
            ready!(self.look.as_mut().poll(cx));
            self.look.as_mut().reset(Instant::now() + LOOK);
        }
    }

    fn poll_slowly(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; MOST_READ];
        let most = self.credit.bytes.min(MOST_READ).min(buf.remaining());
        let mut part = ReadBuf::new(&mut bytes[..most]);
        let read = ready!(Pin::new(stream).poll_read(cx, &mut part));
        if read.is_err() || (part.filled().is_empty() && most > 0) {
            self.slow_consumer.cut_off();
        }
        buf.put_slice(part.filled());
        self.credit.bytes -= part.filled().len();
        Poll::Ready(read)
    }
}

/// What may be read at once, at a speed. Time in which there was nothing to read is not made up for: it grows no further than
/// [`MOST_READ`], or what two looks bring.
#[derive(Debug)]
struct Credit {
    bytes_per_s: u32,
    bytes: usize,
    /// Up to when it has grown, but for a part of a byte; none before the first time.
    grown_ns: Option<u64>,
}

impl Credit {
    fn new(bytes_per_s: u32) -> Self {
        Self { bytes_per_s, bytes: 0, grown_ns: None }
    }

    fn grow(&mut self, now_ns: u64) {
        let Some(grown_ns) = self.grown_ns else {
            self.grown_ns = Some(now_ns);
            return;
        };
        let elapsed_ns = u128::from(now_ns.saturating_sub(grown_ns));
        let more = u128::from(self.bytes_per_s) * elapsed_ns / 1_000_000_000;
        if more > 0 {
            let most = (self.bytes_per_s as usize / LOOKS_PER_S * 2).max(MOST_READ);
            self.bytes = self.bytes.saturating_add(usize::try_from(more).unwrap_or(usize::MAX)).min(most);
            self.grown_ns = Some(now_ns);
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SlowConsumers {
    pub(crate) subscribers: u64,
    /// From the window's start until it was cut off, in nanoseconds: one value for each that was.
    #[serde(with = "histogram::in_base64")]
    pub(crate) cut_off_after: Histogram<u64>,
    /// The window's events that they received.
    pub(crate) delivered: u64,
}

impl Default for SlowConsumers {
    fn default() -> Self {
        Self { subscribers: 0, cut_off_after: histogram::empty(), delivered: 0 }
    }
}

impl SlowConsumers {
    pub(crate) fn add(&mut self, slow_consumer: &SlowConsumer) {
        self.subscribers += 1;
        if let Some(at_ns) = slow_consumer.cut_off_ns.get() {
            self.cut_off_after.saturating_record(at_ns.saturating_sub(slow_consumer.slow_from_ns.get()));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.subscribers += other.subscribers;
        histogram::merge(&mut self.cut_off_after, &other.cut_off_after);
        self.delivered += other.delivered;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn credit_grows_with_time_and_not_without_end() {
        let mut credit = Credit::new(10_000);
        credit.grow(5_000 * MS);
        assert_eq!(credit.bytes, 0);
        for nth in 1..=100 {
            credit.grow((5_000 + nth) * MS);
        }
        assert_eq!(credit.bytes, 1_000, "100 ms at 10,000 bytes per second");
        credit.grow(3_600_000 * MS);
        assert_eq!(credit.bytes, MOST_READ);
    }

    #[test]
    fn looks_that_are_close_together_lose_no_time() {
        let mut credit = Credit::new(1_000);
        for nth in 0..=10_000 {
            credit.grow(1 + nth * MS / 10);
        }
        assert_eq!(credit.bytes, 1_000, "a second at 1,000 bytes per second, looked at every 0.1 ms");
    }

    #[test]
    fn a_consumer_that_reads_nothing_never_has_credit() {
        let mut credit = Credit::new(0);
        credit.grow(0);
        credit.grow(u64::MAX);
        assert_eq!(credit.bytes, 0);
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    /// A slow consumer, its connection, and the server's end.
    async fn slow(
        reads_bytes_per_s: u32,
        slow_from_ns: u64,
        stop: &CancellationToken,
    ) -> (SlowReading, TcpStream, TcpStream) {
        let from_ns = Rc::new(Cell::new(slow_from_ns));
        let slow_consumer = Rc::new(SlowConsumer::new(reads_bytes_per_s, from_ns, stop.clone()));
        let (client, server) = pair().await;
        (SlowReading::new(slow_consumer), client, server)
    }

    /// The length of what is read at once.
    async fn read(slow: &mut SlowReading, client: &mut TcpStream) -> io::Result<usize> {
        let mut room = [0; MOST_READ];
        let mut buf = ReadBuf::new(&mut room);
        poll_fn(|cx| slow.poll_read(client, cx, &mut buf)).await?;
        Ok(buf.filled().len())
    }

    async fn read_exact(slow: &mut SlowReading, client: &mut TcpStream, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            left -= read(slow, client).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_consumer_that_stops_reading_finds_that_it_was_cut_off_and_nothing_that_was_sent() {
        let (mut slow, mut client, mut server) = slow(0, 0, &CancellationToken::new()).await;
        server.write_all(b"never read").await.unwrap();
        tokio::select! {
            biased;
            read = read(&mut slow, &mut client) => panic!("{read:?}"),
            () = sleep(5 * LOOK) => {}
        }
        assert!(!slow.slow_consumer.is_cut_off());
        drop(server);
        let error = read(&mut slow, &mut client).await.unwrap_err();
        assert_eq!((error.kind(), slow.slow_consumer.is_cut_off()), (io::ErrorKind::ConnectionAborted, true));
    }

    #[tokio::test]
    async fn a_consumer_that_reads_slowly_reads_everything_in_time() {
        let (mut slow, mut client, mut server) = slow(50_000, 0, &CancellationToken::new()).await;
        server.write_all(&[7; 10_000]).await.unwrap();
        let begin = Instant::now();
        read_exact(&mut slow, &mut client, 10_000).await;
        assert!(begin.elapsed() >= Duration::from_millis(150), "{:?}", begin.elapsed());
        assert!(!slow.slow_consumer.is_cut_off());
        drop(server);
        assert_eq!(read(&mut slow, &mut client).await.unwrap(), 0);
        assert!(slow.slow_consumer.is_cut_off());
    }

    #[tokio::test]
    async fn before_the_window_and_after_the_trials_end_it_reads_as_others_do() {
        let stop = CancellationToken::new();
        let (mut slow, mut client, mut server) = slow(0, u64::MAX, &stop).await;
        server.write_all(b"before").await.unwrap();
        read_exact(&mut slow, &mut client, 6).await;
        slow.slow_consumer.slow_from_ns.set(0);
        server.write_all(b"behind").await.unwrap();
        stop.cancel();
        read_exact(&mut slow, &mut client, 6).await;
        drop(server);
        assert_eq!(read(&mut slow, &mut client).await.unwrap(), 0);
        assert!(!slow.slow_consumer.is_cut_off(), "at the trial's end, connections end");
    }
}
