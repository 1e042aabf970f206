//! What the page's controls set. Everybody reads it when it matters: the publisher waits for changes, the relays look at
//! each piece that they carry.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// The settings as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Values {
    /// Events a second.
    pub rate_per_s: f64,
    /// Bytes of each event's payload.
    pub payload_bytes: u32,
    /// Added each way between a lane's server and the page, in ms.
    pub delay_ms: u32,
    /// Until when everything is held at the servers' side, ns of `CLOCK_MONOTONIC`; 0 before the first stall.
    #[serde(skip)]
    pub stalled_until_ns: u64,
    /// Since when: the start of the latest stall.
    #[serde(skip)]
    pub stalled_from_ns: u64,
    /// The publisher shall end.
    #[serde(skip)]
    pub over: bool,
}

/// The settings, to be shared.
#[derive(Debug)]
pub(super) struct Board {
    values: Mutex<Values>,
    changed: Condvar,
    /// Events that were handed over.
    published: AtomicU64,
    /// Pages that are looking.
    viewers: AtomicU64,
}

impl Default for Board {
    fn default() -> Self {
        let values = Values {
            rate_per_s: 5.0,
            payload_bytes: 100,
            delay_ms: 0,
            stalled_until_ns: 0,
            stalled_from_ns: 0,
            over: false,
        };
        Self {
            values: Mutex::new(values),
            changed: Condvar::new(),
            published: AtomicU64::new(0),
            viewers: AtomicU64::new(0),
        }
    }
}

impl Board {
    pub(super) fn values(&self) -> Values {
        *self.lock()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Values)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for a change, at most so long. A change that came since `known` was read is not waited for.
    pub(super) fn wait(&self, known: &Values, most: Duration) {
        let waiting = |values: &mut Values| values == known;
        // Whoever waits reads the values again, whether they changed or not.
        let _ = self.changed.wait_timeout_while(self.lock(), most, waiting);
    }

    pub(super) fn count_published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// A page begins to look.
    pub(super) fn come(&self) {
        self.viewers.fetch_add(1, Ordering::Relaxed);
    }

    /// A page looks no more.
    pub(super) fn go(&self) {
        self.viewers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn viewers(&self) -> u64 {
        self.viewers.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
