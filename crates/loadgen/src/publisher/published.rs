//! What a publisher did, and how far it has come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hdrhistogram::Histogram;

use crate::recorder::content::ContentSum;
use crate::recorder::histogram;

/// What a publisher did. Counts cover what was intended in the window.
#[derive(Debug)]
pub struct Published {
    /// Events that the server took.
    pub handed_over: u64,
    /// Deliveries that must come of the schedule: events, and subscribers' messages to their channel, × members.
    pub expected: u64,
    /// The contents of these events, as often as they must come.
    pub content: ContentSum,
    /// Messages that the subscribers had to send.
    pub uplink_due: u64,
    /// Messages that the server handed back to the application.
    pub uplink_received: u64,
    /// How the server answered posts.
    pub calls: Calls,
    /// Pick-up − intended send time, ns.
    pub schedule_lag: Histogram<u64>,
    /// Receive − intended send time of what came back to the application, ns.
    pub uplink: Histogram<u64>,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            handed_over: 0,
            expected: 0,
            content: ContentSum::default(),
            uplink_due: 0,
            uplink_received: 0,
            calls: Calls::default(),
            schedule_lag: histogram::empty(),
            uplink: histogram::empty(),
        }
    }
}

/// Posts of the whole trial: those that are under way together are one call, since the next ones wait for all of them.
#[derive(Debug)]
pub struct Calls {
    /// How long each took, ns.
    pub latency: Histogram<u64>,
    /// How long all of them took, one after another.
    pub busy_ns: u64,
    /// Messages in them.
    pub messages: u64,
}

impl Calls {
    pub(super) fn add(&mut self, took_ns: u64, messages: u64) {
        self.latency.saturating_record(took_ns);
        self.busy_ns += took_ns;
        self.messages += messages;
    }

    /// Messages that the server can take in a second, one call after another; none where nothing was posted.
    pub fn most_per_s(&self) -> Option<f64> {
        (self.busy_ns > 0).then(|| self.messages as f64 * 1e9 / self.busy_ns as f64)
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self { latency: histogram::empty(), busy_ns: 0, messages: 0 }
    }
}

/// How far a running publisher has come; counts as in [`Published`].
#[derive(Debug, Default)]
pub struct Progress {
    expected: AtomicU64,
    uplink_due: AtomicU64,
    uplink_received: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// Deliveries that must come, once the schedule has ended; none before.
    pub fn expected(&self) -> Option<u64> {
        self.ended.load(Ordering::Acquire).then(|| self.expected.load(Ordering::Relaxed))
    }

    /// Messages on their way to the application, were they all to reach it.
    pub fn uplink_outstanding(&self) -> u64 {
        let received = self.uplink_received.load(Ordering::Relaxed);
        self.uplink_due.load(Ordering::Relaxed).saturating_sub(received)
    }

    pub(super) fn report(&self, found: &Published, ended: bool) {
        self.expected.store(found.expected, Ordering::Relaxed);
        self.uplink_due.store(found.uplink_due, Ordering::Relaxed);
        self.uplink_received.store(found.uplink_received, Ordering::Relaxed);
        self.ended.store(ended, Ordering::Release);
    }
}
