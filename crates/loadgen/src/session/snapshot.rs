//! Readings of a load thread's counters, what came between two of them, and what it took until its subscribers were connected.

use std::cell::Cell;
use std::rc::Rc;

use hdrhistogram::Histogram;
use model::byte_account::{Account, Layers};
use model::trial::Segments;
use serde::{Deserialize, Serialize};

use crate::byte_accounting::SharedByteCounts;
use crate::recorder::{Counters, histogram};

/// A reading of a thread's counters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// What was counted.
    pub counters: Counters,
    /// Bytes by layer.
    pub account: Account,
    /// Bytes read from the sockets.
    pub socket_read: u64,
    /// Bytes written to the sockets.
    pub socket_written: u64,
    /// Segments of the sockets, by the kernel.
    pub segments: Segments,
}

model::field_wise!(Snapshot { counters, account, socket_read, socket_written, segments });

impl Snapshot {
    /// What was counted between an earlier reading and this one. Bytes that were `unfinished` at either reading are
    /// left out: they belong to the moment at which they were given to their layer.
    pub fn since(&self, earlier: &Self) -> Self {
        let attributed = |reading: Self| Self { account: attributed(reading.account), ..reading };
        attributed(*self) - attributed(*earlier)
    }
}

/// The set-ups of many subscribers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetUps {
    /// Bytes of all of them together, whatever could not be attributed by then left out.
    pub account: Account,
    /// From a subscriber's start until it was connected, in nanoseconds: one value each.
    #[serde(with = "histogram::in_base64")]
    pub elapsed: Histogram<u64>,
    /// From a subscriber's start to its greeting, in nanoseconds: one value each; empty without greetings.
    #[serde(with = "histogram::in_base64")]
    pub first_message: Histogram<u64>,
    /// When the last one was connected, ns of `CLOCK_MONOTONIC`; 0 before the first.
    pub last_ns: u64,
}

/// The byte counter of a subscriber, or of those that share a connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionGroup {
    pub(crate) byte_counts: SharedByteCounts,
    /// The part of it that is in a subscriber's set-up already.
    counted: Cell<Account>,
}

#[derive(Debug)]
pub(crate) struct PendingSetUp {
    pub(crate) group: Rc<ConnectionGroup>,
    started_ns: u64,
}

impl SetUps {
    /// Adds those of another thread.
    pub fn merge(&mut self, other: &Self) {
        self.account += other.account;
        histogram::merge(&mut self.elapsed, &other.elapsed);
        histogram::merge(&mut self.first_message, &other.first_message);
        self.last_ns = self.last_ns.max(other.last_ns);
    }

    pub(crate) fn add(&mut self, set_up: &PendingSetUp) {
        self.account += set_up.group.not_counted();
        self.last_ns = os::now_ns();
        self.elapsed.saturating_record(self.last_ns - set_up.started_ns);
    }

    pub(crate) fn greeted(&mut self, set_up: &PendingSetUp) {
        self.first_message.saturating_record(os::now_ns() - set_up.started_ns);
    }
}

impl Default for SetUps {
    /// No subscribers yet.
    fn default() -> Self {
        let (elapsed, first_message) = (histogram::empty(), histogram::empty());
        Self { account: Account::default(), elapsed, first_message, last_ns: 0 }
    }
}

impl PendingSetUp {
    pub(crate) fn now(group: Rc<ConnectionGroup>) -> Self {
        Self { group, started_ns: os::now_ns() }
    }
}

impl ConnectionGroup {
    /// What came since this was last asked.
    fn not_counted(&self) -> Account {
        let now = attributed(self.byte_counts.borrow().account);
        now - self.counted.replace(now)
    }
}

/// Without the bytes that have no layer yet.
fn attributed(account: Account) -> Account {
    let of = |layers| Layers { unfinished: 0, ..layers };
    Account { up: of(account.up), down: of(account.down) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_that_share_a_connection_count_each_byte_once() {
        let group = Rc::<ConnectionGroup>::default();
        let (one, other) = (PendingSetUp::now(Rc::clone(&group)), PendingSetUp::now(Rc::clone(&group)));
        let mut set_ups = SetUps::default();
        group.byte_counts.borrow_mut().account.up.handshake = 10;
        group.byte_counts.borrow_mut().account.down.unfinished = 7;
        set_ups.add(&one);
        group.byte_counts.borrow_mut().account.up.control = 5;
        set_ups.add(&other);
        assert_eq!((set_ups.account.up.handshake, set_ups.account.up.control), (10, 5));
        assert_eq!((set_ups.account.wire(), set_ups.elapsed.len()), (15, 2));
    }
}
