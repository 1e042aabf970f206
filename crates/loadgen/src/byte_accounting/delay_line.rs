//! An added delay on the receiving side: bytes wait here, in order, until each is due.
//!
//! Released by a timer of the kernel's, since tokio's is a millisecond coarse and would add up to two.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, ReadBuf};

/// More is not held: the socket is left alone until some of it is due.
const MOST_BYTES: usize = 4 * 1024 * 1024;
const DELAYED_READ: usize = 16 * 1024;

/// Reads `stream`, through `line` if there is one. `arrived` gets the bytes and the time at which the socket gave them; the line
/// hands them on later. Returns when that was: both in nanoseconds of `CLOCK_MONOTONIC`.
pub(super) fn poll_read<S: AsyncRead + Unpin>(
    line: &mut Option<Box<DelayLine>>,
    stream: &mut S,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    mut arrived: impl FnMut(&[u8], u64),
) -> Poll<io::Result<u64>> {
    if let Some(line) = line {
        line.poll_fill(stream, cx, arrived);
        return line.poll_due(cx, buf);
    }
    let before = buf.filled().len();
    ready!(Pin::new(stream).poll_read(cx, buf))?;
    // Before anybody looks at the bytes, which takes the longer the more came at once.
    let now_ns = os::now_ns();
    arrived(&buf.filled()[before..], now_ns);
    Poll::Ready(Ok(now_ns))
}

/// Bytes that were read, and are not due yet.
#[derive(Debug)]
pub(super) struct DelayLine {
    delay_ns: u64,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// Made when it is first needed.
    timer: Option<AsyncFd<OwnedFd>>,
    /// The socket gave its end or an error, and is not to be asked again.
    ended: bool,
}

#[derive(Debug)]
struct Held {
    due_ns: u64,
    /// Bytes; none for the stream's end.
    what: io::Result<Bytes>,
}

impl DelayLine {
    fn new(delay: Duration) -> Self {
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self { delay_ns, held: VecDeque::new(), held_bytes: 0, timer: None, ended: false }
    }

    /// A line of `delay`; none where nothing is delayed.
    pub(super) fn of(delay: Duration) -> Option<Box<Self>> {
        (!delay.is_zero()).then(|| Box::new(Self::new(delay)))
    }

    /// Takes in all that the socket has.
    fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        mut arrived: impl FnMut(&[u8], u64),
    ) {
        let mut room = [0; DELAYED_READ];
        while !self.ended && self.held_bytes < MOST_BYTES {
            let mut buf = ReadBuf::new(&mut room);
            let Poll::Ready(read) = Pin::new(&mut *stream).poll_read(cx, &mut buf) else { return };
            let now_ns = os::now_ns();
            if read.is_ok() {
                arrived(buf.filled(), now_ns);
            }
            self.hold(read.map(|()| Bytes::copy_from_slice(buf.filled())), now_ns);
        }
    }

    /// Takes in what the socket gave now: bytes, none for its end, or its error.
    fn hold(&mut self, what: io::Result<Bytes>, now_ns: u64) {
        let len = what.as_ref().map_or(0, Bytes::len);
        self.ended = len == 0;
        self.held_bytes += len;
        self.held.push_back(Held { due_ns: now_ns.saturating_add(self.delay_ns), what });
    }

    /// Hands on what is due, and says when; waits when nothing is.
    fn poll_due(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<u64>> {
        while let Some(due_ns) = self.held.front().map(|held| held.due_ns) {
            let now_ns = os::now_ns();
            if due_ns <= now_ns {
                return Poll::Ready(self.release(buf, now_ns).map(|()| now_ns));
            }
            let timer = self.arm(due_ns)?;
            ready!(timer.poll_read_ready(cx))?.clear_ready();
        }
        Poll::Pending
    }

    fn release(&mut self, buf: &mut ReadBuf<'_>, now_ns: u64) -> io::Result<()> {
        let before = buf.filled().len();
        while let Some(Held { what, .. }) = self.held.front_mut().filter(|held| held.due_ns <= now_ns) {
            let Ok(bytes) = what else { break };
            let fits = bytes.len().min(buf.remaining());
            if fits == 0 {
                // The buffer is full, or this is the stream's end, which stays here for the next read.
                return Ok(());
            }
            buf.put_slice(&bytes[..fits]);
            bytes.advance(fits);
            self.held_bytes -= fits;
            if bytes.is_empty() {
                self.held.pop_front();
            }
        }
        // An error is reported alone.
        if buf.filled().len() > before {
            Ok(())
        } else {
            self.held.pop_front().map_or(Ok(()), |held| held.what.map(drop))
        }
    }

    /// Lets the timer fire at `due_ns` of `CLOCK_MONOTONIC`.
    fn arm(&mut self, due_ns: u64) -> io::Result<&AsyncFd<OwnedFd>> {
        if self.timer.is_none() {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            self.timer = Some(os::watch(timerfd_create(TimerfdClockId::Monotonic, flags)?)?);
        }
        let Some(timer) = &self.timer else { return Err(io::ErrorKind::NotFound.into()) };
        let time = Itimerspec { it_interval: os::timespec(0), it_value: os::timespec(due_ns) };
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::ABSTIME, &time)?;
        Ok(timer)
    }
}
