//! One subscriber's way back after a restart of the server.

use std::cell::Cell;
use std::sync::Arc;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::ServerRestart;
use crate::recorder::histogram;

/// One subscriber's way back.
#[derive(Debug)]
pub(crate) struct Recovery {
    server_restart: Arc<ServerRestart>,
    channel: u32,
    state: Cell<RecoveryState>,
    failed_attempts: Cell<u64>,
    excused: Cell<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecoveryState {
    /// On the old server's connection, if it has one.
    Held,
    /// It lost that, or has noticed that it is lost by opening another one.
    Away,
    Back {
        connected_ns: u64,
        caught_up_ns: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was connected, and the connection broke.
    Broke,
    /// It never was.
    Failed,
}

impl Recovery {
    pub(crate) fn new(server_restart: Arc<ServerRestart>, channel: u32) -> Self {
        let state = Cell::new(RecoveryState::Held);
        Self { server_restart, channel, state, failed_attempts: Cell::new(0), excused: Cell::new(0) }
    }

    pub(crate) fn server_restart(&self) -> &ServerRestart {
        &self.server_restart
    }

    /// It has opened a connection. After the kill, that cannot be the old server's.
    pub(crate) fn opened(&self) {
        if self.state.get() == RecoveryState::Held && self.server_restart.killed_ns().is_some() {
            self.state.set(RecoveryState::Away);
        }
    }

    /// It is connected, and has received its channel up to this event. One that is still held by the old server's
    /// connection, of which the last answer may come after its end, is not connected again.
    pub(crate) fn connected(&self, received: u64) {
        if self.state.get() == RecoveryState::Away {
            let now_ns = os::now_ns();
            self.state.set(RecoveryState::Back { connected_ns: now_ns, caught_up_ns: None });
            self.received(received, now_ns);
        }
    }

    /// It has received its channel up to this event, at `now_ns`.
    pub(crate) fn received(&self, received: u64, now_ns: u64) {
        if let RecoveryState::Back { connected_ns, caught_up_ns: None } = self.state.get()
            && self.server_restart.has_caught_up(self.channel, received)
        {
            self.state
                .set(RecoveryState::Back { connected_ns, caught_up_ns: Some(now_ns.max(connected_ns)) });
        }
    }

    /// Its subscription has ended, given whether the server could be reached at all.
    pub(crate) fn ended(&self, was_reached: bool) -> Ended {
        if self.server_restart.killed_ns().is_none() {
            return if was_reached { Ended::Broke } else { Ended::Failed };
        }
        let before = self.state.replace(RecoveryState::Away);
        let is_failure = before == RecoveryState::Away || !was_reached;
        // Between its kill and its end, a server's listener still takes connections, which break without its having
        // seen them.
        let is_expected =
            is_failure || before == RecoveryState::Held || self.server_restart.down_ns().is_none();
        self.excused.update(|excused| excused + u64::from(is_expected && was_reached));
        self.failed_attempts.update(|failed| failed + u64::from(is_failure));
        if is_failure { Ended::Failed } else { Ended::Broke }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecoveryTimes {
    /// From the kill until connected again, in nanoseconds: one value for each that is.
    #[serde(with = "histogram::in_base64")]
    pub(crate) connected: Histogram<u64>,
    /// From the kill until it had all that was due, in nanoseconds: one value for each that has.
    #[serde(with = "histogram::in_base64")]
    pub(crate) caught_up: Histogram<u64>,
    pub(crate) failed_attempts: u64,
    /// Connections that broke because of the restart.
    pub(crate) excused: u64,
}

impl Default for RecoveryTimes {
    fn default() -> Self {
        Self { connected: histogram::empty(), caught_up: histogram::empty(), failed_attempts: 0, excused: 0 }
    }
}

impl RecoveryTimes {
    pub(crate) fn add(&mut self, recovery: &Recovery) {
        self.failed_attempts += recovery.failed_attempts.get();
        self.excused += recovery.excused.get();
        let (Some(killed_ns), RecoveryState::Back { connected_ns, caught_up_ns }) =
            (recovery.server_restart.killed_ns(), recovery.state.get())
        else {
            return;
        };
        self.connected.saturating_record(connected_ns.saturating_sub(killed_ns));
        if let Some(caught_up_ns) = caught_up_ns {
            self.caught_up.saturating_record(caught_up_ns.saturating_sub(killed_ns));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        histogram::merge(&mut self.connected, &other.connected);
        histogram::merge(&mut self.caught_up, &other.caught_up);
        self.failed_attempts += other.failed_attempts;
        self.excused += other.excused;
    }
}

#[cfg(test)]
mod tests {
    use model::settings::Backoff;

    use super::*;

    fn recovery() -> Recovery {
        Recovery::new(Arc::new(ServerRestart::new(Backoff::None, 1)), 0)
    }

    fn killed() -> Recovery {
        let recovery = recovery();
        recovery.server_restart().kill(os::now_ns());
        recovery
    }

    fn found(recovery: &Recovery) -> (u64, u64, u64, u64) {
        let mut all = RecoveryTimes::default();
        all.add(recovery);
        (all.connected.len(), all.caught_up.len(), all.failed_attempts, all.excused)
    }

    #[test]
    fn a_subscriber_has_caught_up_when_it_is_connected_again_and_has_what_was_due() {
        let recovery = recovery();
        let server_restart = recovery.server_restart();
        (0..3).for_each(|_| server_restart.one_more_due(0));
        recovery.connected(1);
        assert_eq!(found(&recovery), (0, 0, 0, 0), "nothing has happened yet");
        server_restart.kill(os::now_ns());
        assert_eq!((recovery.ended(true), recovery.ended(false)), (Ended::Broke, Ended::Failed));
        recovery.opened();
        recovery.connected(1);
        assert_eq!(found(&recovery), (1, 0, 1, 1));
        recovery.received(2, os::now_ns());
        assert_eq!(found(&recovery), (1, 0, 1, 1));
        recovery.received(3, os::now_ns());
        assert_eq!(found(&recovery), (1, 1, 1, 1));
        server_restart.one_more_due(0);
        assert_eq!(found(&recovery), (1, 1, 1, 1), "once is enough");

        let recovery = killed();
        recovery.ended(true);
        recovery.connected(0);
        assert_eq!(found(&recovery), (1, 1, 0, 1), "it missed nothing");
    }

    #[test]
    fn the_old_servers_last_answer_is_no_recovery() {
        let recovery = killed();
        recovery.connected(0);
        assert_eq!(found(&recovery), (0, 0, 0, 0));
        // A poller finds out by itself that its connection is closed, and opens another.
        recovery.opened();
        recovery.connected(0);
        assert_eq!(found(&recovery), (1, 1, 0, 0));
    }

    #[test]
    fn a_connection_that_the_dying_server_took_is_a_failed_attempt_or_excused_and_that_of_the_new_one_is_not()
    {
        let recovery = killed();
        recovery.ended(true);
        recovery.opened();
        assert_eq!(recovery.ended(true), Ended::Failed, "it was never answered");
        recovery.opened();
        recovery.connected(0);
        assert_eq!(recovery.ended(true), Ended::Broke);
        assert_eq!(found(&recovery), (0, 0, 1, 3), "a subscriber that is away again has not recovered");

        let recovery = killed();
        recovery.server_restart().listen(os::now_ns());
        recovery.ended(true);
        recovery.opened();
        recovery.connected(0);
        assert_eq!(recovery.ended(true), Ended::Broke);
        assert_eq!(found(&recovery), (0, 0, 0, 1));
    }

    #[test]
    fn before_the_restart_a_break_is_a_break() {
        let recovery = recovery();
        assert_eq!((recovery.ended(true), recovery.ended(false)), (Ended::Broke, Ended::Failed));
        assert_eq!(found(&recovery), (0, 0, 0, 0));
    }
}
