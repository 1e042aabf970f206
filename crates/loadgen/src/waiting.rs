//! A timer exact to the microsecond, which waits for sockets at the same time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

/// Waking from sleep on an idle core takes about 100 µs (2-core virtual machine, median of 1,000 wake-ups; 175 µs at
/// p90), which would all be read as latency. With the last 150 µs awake the median is 0.1 µs. It does not give the core
/// away meanwhile: `sched_yield` to a busy receiver cost a median of 120 µs to 2 ms. A receiver on the same core waits
/// 150 µs at the very most, and rarely: see [`AWAKE_PART`].
const AWAKE_NS: u64 = 150_000;
/// At most this part of a wait is spent awake, so that a dense schedule does not use up the core.
const AWAKE_PART: u64 = 20;

/// The most sockets that are watched: one for each server process of a trial.
pub(crate) const MOST_SOCKETS: usize = 16;

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// An event that is due at this time, to the microsecond.
    Due(u64),
    /// A look at something else, at about this time.
    Look(u64),
}

/// A timer of one thread: a `timerfd` and not `ppoll`'s own time-out, to which the kernel adds a slack of 0.1 %.
#[derive(Debug)]
pub(crate) struct PreciseTimer {
    timer: OwnedFd,
}

impl PreciseTimer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { timer: rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)? })
    }

    /// Waits until a time of `CLOCK_MONOTONIC` in ns, or until what is wanted of one of `sockets` is true, of which the first
    /// [`MOST_SOCKETS`] are watched. Returns what is true of any; nothing when the time has come first.
    pub(crate) fn wait<'a>(
        &'a self,
        until: Until,
        sockets: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
    ) -> io::Result<PollFlags> {
        let (mut sockets, mut count) = (sockets.into_iter().take(MOST_SOCKETS), 0);
        let mut watched: [PollFd<'a>; MOST_SOCKETS + 1] = std::array::from_fn(|_| match sockets.next() {
            Some((socket, wanted)) => {
                count += 1;
                PollFd::from_borrowed_fd(socket, wanted)
            }
            None => PollFd::new(&self.timer, PollFlags::IN),
        });
        self.wait_for(until, &mut watched[..=count])
    }

    /// The last of `watched` is the timer.
    fn wait_for(&self, until: Until, watched: &mut [PollFd<'_>]) -> io::Result<PollFlags> {
        let (Until::Due(at_ns) | Until::Look(at_ns)) = until;
        let left_ns = at_ns.saturating_sub(os::now_ns());
        let sockets = watched.len() - 1;
        if left_ns == 0 {
            interruptible(rustix::event::poll(&mut watched[..sockets], Some(&os::timespec(0))))?;
            return Ok(found(&watched[..sockets]));
        }
        let awake_ns = match until {
            Until::Due(_) => AWAKE_NS.min(left_ns / AWAKE_PART),
            Until::Look(_) => 0,
        };
        self.set(at_ns - awake_ns)?;
        interruptible(rustix::event::poll(watched, None))?;
        let found = found(&watched[..sockets]);
        if found.is_empty() {
            stay_awake_until(at_ns);
        }
        Ok(found)
    }

    fn set(&self, at_ns: u64) -> io::Result<()> {
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let time = Itimerspec { it_interval: once, it_value: os::timespec(at_ns) };
        rustix::time::timerfd_settime(self.timer.as_fd(), TimerfdTimerFlags::ABSTIME, &time)?;
        Ok(())
    }
}

fn found(sockets: &[PollFd<'_>]) -> PollFlags {
    sockets.iter().fold(PollFlags::empty(), |found, socket| found | socket.revents())
}

/// A signal only ends the wait early.
fn interruptible(polled: rustix::io::Result<usize>) -> io::Result<()> {
    match polled {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn stay_awake_until(due_ns: u64) {
    // Bounded also after a signal, when the whole wait may be left.
    let now_ns = os::now_ns();
    if due_ns.saturating_sub(now_ns) > AWAKE_NS {
        return;
    }
    while os::now_ns() < due_ns {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn it_never_wakes_before_the_time() {
        let (timer, (socket, _peer)) = (PreciseTimer::new().unwrap(), UnixStream::pair().unwrap());
        for gap_ns in [0, 1_000, 100_000, 5_000_000] {
            let due_ns = os::now_ns() + gap_ns;
            for until in [Until::Due(due_ns), Until::Look(due_ns)] {
                let found = timer.wait(until, [(socket.as_fd(), PollFlags::IN)]).unwrap();
                assert!(os::now_ns() >= due_ns && found.is_empty(), "{until:?}");
            }
        }
    }

    #[test]
    fn any_socket_that_is_ready_ends_the_wait() {
        let (timer, far_ns) = (PreciseTimer::new().unwrap(), os::now_ns() + 3_600_000_000_000);
        for ready in [0, 1, MOST_SOCKETS - 1] {
            let mut pairs: Vec<_> = (0..MOST_SOCKETS).map(|_| UnixStream::pair().unwrap()).collect();
            pairs[ready].1.write_all(b"x").unwrap();
            for until in [Until::Due(far_ns), Until::Look(0)] {
                let sockets = pairs.iter().map(|(socket, _)| (socket.as_fd(), PollFlags::IN));
                assert_eq!(timer.wait(until, sockets).unwrap(), PollFlags::IN, "socket {ready}, {until:?}");
            }
        }
    }
}
