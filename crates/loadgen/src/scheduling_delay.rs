//! How late a waiting thread wakes: what the machine adds to every latency on that core.
//!
//! After Gil Tene's jHiccup. The thread keeps an absolute grid, and a core that stands still for long is recorded at
//! every point that it missed, as every event in that time would have felt it.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hdrhistogram::Histogram;

use crate::recorder::histogram;

/// From one wake-up to the next. It runs on the measured cores: 200 wake-ups of about 5 µs a second are 0.1 % of one.
const STEP_NS: u64 = 5_000_000;

/// A thread that watches a core.
#[derive(Debug)]
pub struct SchedulingDelays {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Histogram<u64>>>,
}

impl SchedulingDelays {
    /// Watches `core` (none: wherever the thread runs) during `window`, ns of `CLOCK_MONOTONIC`.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn watch(core: Option<u32>, window: Range<u64>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("scheduling_delays".to_owned()).spawn(move || {
            if os::pin(core.as_slice()).is_err() {
                return histogram::empty();
            }
            // Coarse timers would add 50 µs to the figure, and never make it better than it is.
            let _ = os::precise_timers();
            record(os::now_ns(), window, &stopped)
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the thread. How late it woke in the window, ns; empty when the core could not be had.
    pub fn finish(mut self) -> Histogram<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let found = self.thread.take().and_then(|thread| thread.join().ok());
        found.unwrap_or_else(histogram::empty)
    }
}

impl Drop for SchedulingDelays {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn record(begin_ns: u64, window: Range<u64>, stop: &AtomicBool) -> Histogram<u64> {
    let mut late = histogram::empty();
    let mut due_ns = begin_ns;
    while due_ns < window.end && !stop.load(Ordering::Relaxed) {
        os::sleep_until_ns(due_ns);
        if window.contains(&due_ns) {
            late.saturating_record(os::now_ns().saturating_sub(due_ns));
        }
        due_ns += STEP_NS;
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_the_window_is_recorded_once() {
        let start = os::now_ns();
        let window = start + 3 * STEP_NS..start + 10 * STEP_NS;
        assert_eq!(record(start, window, &AtomicBool::new(false)).len(), 7);
    }

    #[test]
    fn a_core_that_stood_still_is_felt_at_every_point_that_it_missed() {
        // The grid began 50 steps ago, as if the thread had not run since.
        let start = os::now_ns() - 50 * STEP_NS;
        let late = record(start, start..start + 50 * STEP_NS, &AtomicBool::new(false));
        assert_eq!(late.len(), 50);
        assert!(late.max() >= 50 * STEP_NS && late.value_at_quantile(0.5) >= 24 * STEP_NS);
    }

    #[test]
    fn a_core_that_does_not_exist_has_no_figure() {
        let now = os::now_ns();
        assert!(SchedulingDelays::watch(Some(u32::MAX), now..now + 3 * STEP_NS).unwrap().finish().is_empty());
    }

    #[test]
    fn it_ends_when_it_is_stopped() {
        let far = os::now_ns() + 3_600_000_000_000;
        let scheduling_delays = SchedulingDelays::watch(None, far..far + 1).unwrap();
        assert!(scheduling_delays.finish().is_empty());
    }
}
