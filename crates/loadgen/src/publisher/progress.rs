//! What a publisher reports: how far it is, what it did, and why it failed.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hdrhistogram::Histogram;
use protocol::message::MessageError;

use super::feed_connection::FeedError;
use super::post_connection::PostError;
use crate::recorder::histogram;
use crate::schedule::payload::PayloadError;

/// What a publisher did. Counts cover what was intended in the window.
#[derive(Debug)]
pub struct Published {
    /// Events that the server took.
    pub handed_over: u64,
    /// Deliveries that must come of the schedule: events, and subscribers' messages to their channel, × members.
    pub expected: u64,
    /// Messages that the subscribers had to send.
    pub uplink_due: u64,
    /// Messages that the server handed back to the application.
    pub uplink_received: u64,
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
            uplink_due: 0,
            uplink_received: 0,
            schedule_lag: histogram::empty(),
            uplink: histogram::empty(),
        }
    }
}

/// Why a publisher failed.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// Its payload cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The server is gone, or not what it should be.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The server is gone, does not take an event, or speaks something else.
    #[error(transparent)]
    Post(#[from] PostError),
    /// What came back on the feed is not a message.
    #[error("the server handed back something else than a message")]
    NotAMessage(#[from] MessageError),
    /// The thread cannot be started, or the clock cannot be waited for.
    #[error("the publisher cannot keep its schedule")]
    Clock(#[source] io::Error),
    /// The thread panicked.
    #[error("the publisher's thread panicked")]
    Panicked,
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
