//! The state that all parts of a demo share. Each reads the controls when they matter: the publisher waits for changes, the
//! relays check them for each piece that they forward.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::lane::Lane;

/// The current values of the controls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct ControlValues {
    /// Events per second.
    pub rate_per_s: f64,
    /// Bytes of each event's payload.
    pub payload_bytes: u32,
    /// Added in each direction between a lane's server and the page, in ms.
    pub delay_ms: u32,
    /// The end of the latest stall, ns of `CLOCK_MONOTONIC`; 0 before the first.
    #[serde(skip)]
    pub stalled_until_ns: u64,
    /// The start of the latest stall.
    #[serde(skip)]
    pub stalled_from_ns: u64,
    /// The publisher must stop.
    #[serde(skip)]
    pub is_over: bool,
}

/// What all parts of a demo share.
pub(super) struct DemoState {
    pub(super) lanes: Vec<Arc<Lane>>,
    /// The start, ns of `CLOCK_MONOTONIC`: the page's milliseconds count from here.
    pub(super) begun_ns: u64,
    values: Mutex<ControlValues>,
    changed: Condvar,
    published: AtomicU64,
    viewers: AtomicU64,
}

impl DemoState {
    pub(super) fn new(lanes: Vec<Arc<Lane>>) -> Self {
        let values = ControlValues {
            rate_per_s: 5.0,
            payload_bytes: 100,
            delay_ms: 0,
            stalled_until_ns: 0,
            stalled_from_ns: 0,
            is_over: false,
        };
        Self {
            lanes,
            begun_ns: os::now_ns(),
            values: Mutex::new(values),
            changed: Condvar::new(),
            published: AtomicU64::new(0),
            viewers: AtomicU64::new(0),
        }
    }

    pub(super) fn values(&self) -> ControlValues {
        *self.lock()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut ControlValues)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for the values to differ from `known`, but no longer than `limit`.
    pub(super) fn wait(&self, known: &ControlValues, limit: Duration) {
        let waiting = |values: &mut ControlValues| values == known;
        // The caller reads the values again in any case.
        let _ = self.changed.wait_timeout_while(self.lock(), limit, waiting);
    }

    pub(super) fn count_published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    /// Events published so far.
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Counts a page that follows the figures.
    pub(super) fn add_viewer(&self) {
        self.viewers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_viewer(&self) {
        self.viewers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn viewers(&self) -> u64 {
        self.viewers.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, ControlValues> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
