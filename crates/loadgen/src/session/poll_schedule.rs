//! When a subscriber polls: on an absolute grid, so that slow answers do not stretch the interval.

use std::cell::Cell;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

/// The points in time at which one subscriber polls.
#[derive(Debug)]
pub(crate) struct PollSchedule {
    interval: Duration,
    phase: Duration,
    next: Cell<Option<Instant>>,
}

impl PollSchedule {
    /// A grid of this interval; `rng` gives its phase, so that not all subscribers poll at once.
    pub(crate) fn new(interval_ns: u64, mut rng: Rng) -> Self {
        let phase_ns = if interval_ns == 0 { 0 } else { rng.u64(..interval_ns) };
        Self {
            interval: Duration::from_nanos(interval_ns),
            phase: Duration::from_nanos(phase_ns),
            next: Cell::new(None),
        }
    }

    /// Waits for the next point: none at the first call, which fixes the grid, and none when it has passed.
    pub(crate) async fn due(&self) {
        if self.interval.is_zero() {
            return;
        }
        match self.next.get() {
            None => self.next.set(Some(Instant::now() + self.phase)),
            Some(next) => {
                tokio::time::sleep_until(next).await;
                self.next.set(Some(self.after(next, Instant::now())));
            }
        }
    }

    /// The first point after `now`, given that `point` is one.
    fn after(&self, point: Instant, now: Instant) -> Instant {
        let behind_ns = now.duration_since(point).as_nanos();
        let missed = behind_ns / self.interval.as_nanos() + 1;
        point + self.interval.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn grid(interval_ms: u64) -> PollSchedule {
        PollSchedule::new(interval_ms * 1_000_000, Rng::with_seed(1))
    }

    #[test]
    fn a_poll_on_time_is_followed_by_the_next_point() {
        let (grid, point) = (grid(100), Instant::now());
        for late_ms in [0, 1, 99] {
            assert_eq!(grid.after(point, point + late_ms * MS), point + 100 * MS, "{late_ms} ms late");
        }
    }

    #[test]
    fn points_that_were_missed_are_skipped() {
        let (grid, point) = (grid(100), Instant::now());
        assert_eq!(grid.after(point, point + 100 * MS), point + 200 * MS);
        assert_eq!(grid.after(point, point + 250 * MS), point + 300 * MS);
    }

    #[test]
    fn phases_differ_and_lie_within_the_interval() {
        let phases: Vec<_> =
            (0..50).map(|seed| PollSchedule::new(1_000_000, Rng::with_seed(seed)).phase).collect();
        assert!(phases.iter().all(|&phase| phase < MS));
        assert!(phases.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[tokio::test]
    async fn the_first_poll_fixes_the_grid_and_the_next_one_keeps_to_it() {
        let grid = grid(5);
        grid.due().await;
        let first = grid.next.get().unwrap();
        grid.due().await;
        assert!(Instant::now() >= first);
        let second = grid.next.get().unwrap();
        assert_eq!((second - first).as_nanos() % 5_000_000, 0);
        assert!(second > first);
    }

    #[tokio::test]
    async fn no_interval_has_no_grid() {
        let grid = grid(0);
        grid.due().await;
        grid.due().await;
        assert_eq!(grid.next.get(), None);
    }
}
