//! When a subscriber polls, and when one whose connection broke tries again.

use std::cell::Cell;
use std::time::Duration;

use fastrand::Rng;
use model::settings::Backoff;
use tokio::time::Instant;

/// The pause without back-off.
const FIXED: Duration = Duration::from_millis(10);

/// The upper end of the first jittered pause; it doubles with each failure.
const FIRST_JITTER: Duration = Duration::from_millis(50);
/// No jittered pause is longer.
const MOST_JITTER: Duration = Duration::from_secs(2);

/// After a connection that broke, where no restart is part of the trial; it doubles with each failure.
const FIRST_PATIENT: Duration = Duration::from_millis(50);
/// No such pause is longer.
const MOST_PATIENT: Duration = Duration::from_millis(800);

/// From this many doublings on, every pause has reached its longest.
const MOST_DOUBLINGS: u32 = 16;

#[derive(Debug)]
pub(crate) struct Pauses {
    backoff: Option<Backoff>,
    rng: Rng,
    /// Attempts in a row that failed.
    failures: u32,
}

impl Pauses {
    /// Those of a trial with this way to come back after a restart; none where no restart is part of it.
    pub(crate) fn new(backoff: Option<Backoff>, rng: Rng) -> Self {
        Self { backoff, rng, failures: 0 }
    }

    /// The next pause, given whether the last attempt failed or led to a connection that broke later.
    pub(crate) fn next(&mut self, has_failed: bool) -> Duration {
        self.failures = if has_failed { self.failures.saturating_add(1) } else { 0 };
        pause(self.backoff, self.failures, &mut self.rng)
    }
}

/// The pause after this number of failed attempts in a row.
fn pause(backoff: Option<Backoff>, failures: u32, rng: &mut Rng) -> Duration {
    match backoff {
        None => doubled(FIRST_PATIENT, failures, MOST_PATIENT),
        Some(Backoff::None) => FIXED,
        // "Full jitter" of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: uniform from 0.
        Some(Backoff::Jittered) => doubled(FIRST_JITTER, failures, MOST_JITTER).mul_f64(rng.f64()),
    }
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << times.min(MOST_DOUBLINGS)).min(most)
}

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

    fn pauses(backoff: Option<Backoff>, seed: u64, count: usize) -> Vec<Duration> {
        let mut pauses = Pauses::new(backoff, Rng::with_seed(seed));
        (0..count).map(|nth| pauses.next(nth > 0)).collect()
    }

    #[test]
    fn without_back_off_every_pause_is_the_same_and_without_a_restart_they_double_up_to_their_longest() {
        assert_eq!(pauses(Some(Backoff::None), 1, 50), vec![10 * MS; 50]);
        assert_eq!(pauses(None, 1, 7), [50, 100, 200, 400, 800, 800, 800].map(|ms| ms * MS));
        let mut rng = Rng::with_seed(1);
        assert_eq!(pause(None, u32::MAX, &mut rng), MOST_PATIENT);
        assert!(pause(Some(Backoff::Jittered), u32::MAX, &mut rng) < MOST_JITTER);
    }

    #[test]
    fn jittered_pauses_lie_below_a_doubling_limit_and_a_seed_gives_the_same_ones_again() {
        let limits = [50, 100, 200, 400, 800, 1_600, 2_000, 2_000].map(|ms| ms * MS);
        for seed in 0..200 {
            let pauses = pauses(Some(Backoff::Jittered), seed, limits.len());
            assert!(pauses.iter().zip(limits).all(|(pause, limit)| *pause < limit), "{pauses:?}");
        }
        let of = |seed| pauses(Some(Backoff::Jittered), seed, 20);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn jitter_spreads_subscribers_evenly() {
        let firsts: Vec<_> = (0..2_000).map(|seed| pauses(Some(Backoff::Jittered), seed, 1)[0]).collect();
        for tenth in 0..10 {
            let bounds = tenth * 5 * MS..(tenth + 1) * 5 * MS;
            let within = firsts.iter().filter(|pause| bounds.contains(*pause)).count();
            // 200 are expected; four standard deviations of a binomial count are 54.
            assert!((146..=254).contains(&within), "{within} of 2,000 in {bounds:?}");
        }
    }

    #[test]
    fn a_connection_resets_the_pauses() {
        let mut pauses = Pauses::new(None, Rng::with_seed(1));
        let found = [true, true, false, true].map(|failed| pauses.next(failed));
        assert_eq!(found, [100, 200, 50, 100].map(|ms| ms * MS));
    }

    fn schedule(interval_ms: u64, seed: u64) -> PollSchedule {
        PollSchedule::new(interval_ms * 1_000_000, Rng::with_seed(seed))
    }

    #[test]
    fn a_poll_is_followed_by_the_next_point_and_points_that_were_missed_are_skipped() {
        let (schedule, point) = (schedule(100, 1), Instant::now());
        for (late_ms, next_ms) in [(0, 100), (1, 100), (99, 100), (100, 200), (250, 300)] {
            let next = schedule.after(point, point + late_ms * MS);
            assert_eq!(next, point + next_ms * MS, "{late_ms} ms late");
        }
    }

    #[test]
    fn phases_differ_and_lie_within_the_interval() {
        let phases: Vec<_> = (0..50).map(|seed| schedule(1, seed).phase).collect();
        assert!(phases.iter().all(|&phase| phase < MS));
        assert!(phases.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[tokio::test]
    async fn the_first_poll_fixes_the_points_and_the_next_one_keeps_to_them() {
        let polls = schedule(5, 1);
        polls.due().await;
        let first = polls.next.get().unwrap();
        polls.due().await;
        assert!(Instant::now() >= first);
        let second = polls.next.get().unwrap();
        assert_eq!((second - first).as_nanos() % 5_000_000, 0);
        assert!(second > first);

        let polls = schedule(0, 1);
        polls.due().await;
        polls.due().await;
        assert_eq!(polls.next.get(), None, "no interval has no points");
    }
}
