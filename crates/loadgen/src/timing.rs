//! When a trial's phases begin and end: nanoseconds of `CLOCK_MONOTONIC`, the same for every thread.

use std::ops::Range;

use model::settings::Phases;
use serde::{Deserialize, Serialize};

/// The edges between the phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The schedule's start: from here on events are sent.
    pub start_ns: u64,
    /// The first edge: events that are intended from here on count.
    pub window_start_ns: u64,
    /// The second edge, where the schedule ends.
    pub window_end_ns: u64,
    /// The window's events are awaited until then at most.
    pub drain_end_ns: u64,
}

impl Timing {
    /// The edges of a trial whose schedule begins at `start_ns`.
    pub fn new(start_ns: u64, phases: &Phases) -> Self {
        let window_start_ns = start_ns + phases.warm_up_ns;
        let window_end_ns = window_start_ns + phases.window_ns;
        Self { start_ns, window_start_ns, window_end_ns, drain_end_ns: window_end_ns + phases.drain_ns }
    }

    /// The intended send times that count.
    pub fn window(&self) -> Range<u64> {
        self.window_start_ns..self.window_end_ns
    }

    /// From the schedule's start to its end.
    pub fn schedule_ns(&self) -> u64 {
        self.window_end_ns - self.start_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_lasts_for_warm_up_and_window() {
        let timing = Timing::new(1000, &Phases { warm_up_ns: 20, window_ns: 300, drain_ns: 4 });
        assert_eq!(timing.window(), 1020..1320);
        assert_eq!((timing.schedule_ns(), timing.drain_end_ns), (320, 1324));
    }
}
