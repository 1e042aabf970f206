//! Faults that a trial injects, and what its subscribers find of them: a restart or stall of the server, subscribers that do not
//! keep up.
//!
//! In a restart, the trial kills the server. The publisher, which keeps all that it ever handed over, gives it to the next one,
//! which listens only then. The subscribers come back by themselves, and note when they were connected again and when they had
//! everything that was due by then. Times are nanoseconds of `CLOCK_MONOTONIC`.

mod recovery;
mod slow_consumer;
mod stall;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use model::settings::Backoff;

pub(crate) use recovery::{Ended, Recovery, RecoveryTimes};
pub(crate) use slow_consumer::{SlowConsumer, SlowConsumers, SlowReading};
pub use stall::release_server;
pub(crate) use stall::{Staller, wait};

/// What all threads of a trial with a restart know of it. Nothing here blocks.
#[derive(Debug)]
pub struct ServerRestart {
    backoff: Backoff,
    /// 0 as long as it has not happened, as everything else here.
    killed_ns: AtomicU64,
    listening_ns: AtomicU64,
    server: AtomicU32,
    /// Events that were due so far, by channel.
    due: Box<[AtomicU64]>,
}

impl ServerRestart {
    /// A restart that is to come, of a server with `channels` channels.
    pub fn new(backoff: Backoff, channels: u32) -> Self {
        Self {
            backoff,
            killed_ns: AtomicU64::new(0),
            listening_ns: AtomicU64::new(0),
            server: AtomicU32::new(0),
            due: (0..channels).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// When subscribers try again.
    pub fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// Notes that the server is killed now.
    pub fn kill(&self, now_ns: u64) {
        self.killed_ns.store(now_ns, Ordering::Release);
    }

    /// When the server was killed.
    pub fn killed_ns(&self) -> Option<u64> {
        known(self.killed_ns.load(Ordering::Acquire))
    }

    /// Notes which process the new server is.
    pub fn succeed(&self, pid: u32) {
        self.server.store(pid, Ordering::Release);
    }

    /// The new server's process, once it is there.
    pub fn successor(&self) -> Option<u32> {
        let pid = self.server.load(Ordering::Acquire);
        (pid != 0).then_some(pid)
    }

    /// Notes since when the new server listens.
    pub fn listen(&self, since_ns: u64) {
        self.listening_ns.store(since_ns, Ordering::Release);
    }

    /// From the old server's end until the new one listened; none before.
    pub fn down_ns(&self) -> Option<u64> {
        Some(self.listening_ns()?.saturating_sub(self.killed_ns()?))
    }

    pub(crate) fn listening_ns(&self) -> Option<u64> {
        known(self.listening_ns.load(Ordering::Acquire))
    }

    /// Notes that the schedule's next event of a channel is due.
    pub fn one_more_due(&self, channel: u32) {
        self.due[channel as usize].fetch_add(1, Ordering::Release);
    }

    /// Whether a subscriber that has received a channel up to this event has everything that was due by now.
    pub fn has_caught_up(&self, channel: u32, received: u64) -> bool {
        received >= self.due[channel as usize].load(Ordering::Acquire)
    }
}

fn known(ns: u64) -> Option<u64> {
    (ns != 0).then_some(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_down_is_known_once_the_new_server_listens() {
        let server_restart = ServerRestart::new(Backoff::None, 1);
        assert_eq!(
            (server_restart.killed_ns(), server_restart.successor(), server_restart.down_ns()),
            (None, None, None)
        );
        server_restart.kill(100);
        server_restart.succeed(7);
        assert_eq!(
            (server_restart.killed_ns(), server_restart.successor(), server_restart.down_ns()),
            (Some(100), Some(7), None)
        );
        server_restart.listen(350);
        assert_eq!(server_restart.down_ns(), Some(250));
    }

    #[test]
    fn a_subscriber_has_caught_up_once_it_has_all_that_was_due_in_its_channel() {
        let server_restart = ServerRestart::new(Backoff::Jittered, 2);
        server_restart.one_more_due(1);
        server_restart.one_more_due(1);
        assert!(server_restart.has_caught_up(0, 0), "nothing was due there");
        assert!(!server_restart.has_caught_up(1, 1) && server_restart.has_caught_up(1, 2));
    }
}
