//! When a trial's phases begin and end, and the intended send times: fixed in advance by rate, pace and seed. No delay moves them.
//!
//! Pure: offsets from the schedule's start, in nanoseconds. Each source (a channel of the feed, a subscriber that
//! sends) has times of its own; they are merged on demand, so a long schedule takes no more memory than a
//! short one.

pub mod payload;
mod payload_profile;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use fastrand::Rng;
use model::settings::{Pace, Phases};
use serde::{Deserialize, Serialize};

pub use payload_profile::payload_profile;

/// What makes a schedule.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleSpec {
    /// How the times of a source are spaced.
    pub pace: Pace,
    /// Mean rate of each source, per second; 0 for none.
    pub rate_per_s: f64,
    /// How many sources there are.
    pub sources: u32,
    /// Times at and after this offset are left out.
    pub end_ns: u64,
    /// The trial's seed.
    pub seed: u64,
    /// Separates the schedules of a trial.
    pub purpose: Purpose,
}

/// A time in the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// From the schedule's start.
    pub offset_ns: u64,
    /// Whose it is: a channel's or a subscriber's number.
    pub source: u32,
}

/// The merged times of all sources, in order.
#[derive(Debug)]
pub struct Schedule {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<Due>>,
    end_ns: u64,
    /// Times of a turn; none where they go on by themselves.
    turn: Option<u64>,
}

impl Schedule {
    /// The schedule that `spec` describes.
    pub fn new(spec: &ScheduleSpec) -> Self {
        let active = if spec.rate_per_s > 0.0 { spec.sources } else { 0 };
        let mut schedule = Self {
            sources: (0..active).map(|source| Source::new(spec, source)).collect(),
            next: BinaryHeap::with_capacity(active as usize),
            end_ns: spec.end_ns,
            turn: None,
        };
        for source in 0..active {
            schedule.advance(source);
        }
        schedule
    }

    /// The same where a source is idle until a turn of so many times [begins](Self::begin_turn).
    pub fn in_turns(spec: &ScheduleSpec, times: u32) -> Self {
        let sources = (0..spec.sources).map(|source| Source { phase: 0.0, ..Source::new(spec, source) });
        let (sources, next) = (sources.collect(), BinaryHeap::new());
        Self { sources, next, end_ns: spec.end_ns, turn: Some(times.into()) }
    }

    /// Begins a turn of a source at this offset, which is its first time; or behind the turn that is under way.
    pub fn begin_turn(&mut self, source: u32, offset_ns: u64) {
        let Some(times) = self.turn else { return };
        let of = &mut self.sources[source as usize];
        let was_idle = of.left == 0;
        of.left += times;
        if was_idle {
            (of.start_ns, of.given) = (offset_ns, 0);
            self.advance(source);
        }
    }

    /// The next time, which stays the next one.
    pub fn peek(&self) -> Option<Due> {
        self.next.peek().map(|Reverse(due)| *due)
    }

    /// The next time if it is not after `offset_ns`.
    pub fn next_until(&mut self, offset_ns: u64) -> Option<Due> {
        self.peek().filter(|due| due.offset_ns <= offset_ns)?;
        self.next()
    }

    fn advance(&mut self, source: u32) {
        let of = &mut self.sources[source as usize];
        if self.turn.is_some() {
            let Some(left) = of.left.checked_sub(1) else { return };
            of.left = left;
        }
        let offset_ns = of.start_ns + of.next_ns();
        if offset_ns < self.end_ns {
            self.next.push(Reverse(Due { offset_ns, source }));
        }
    }
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let Reverse(due) = self.next.pop()?;
        self.advance(due.source);
        Some(due)
    }
}

#[derive(Debug)]
struct Source {
    pace: Pace,
    gap_ns: f64,
    /// Where in the first gap its first time lies, 0–1, so that the sources are not all due at once.
    phase: f64,
    /// Where its first gap begins.
    start_ns: u64,
    /// Times that are left of its turn.
    left: u64,
    /// Times given so far.
    given: u64,
    /// The last time of a Poisson source, the only one whose times follow from each other.
    last_ns: f64,
    rng: Rng,
}

impl Source {
    fn new(spec: &ScheduleSpec, source: u32) -> Self {
        let mut rng = rng(spec.seed, spec.purpose, u64::from(source));
        let phase = rng.f64();
        Self {
            pace: spec.pace,
            gap_ns: 1e9 / spec.rate_per_s,
            phase,
            start_ns: 0,
            left: 0,
            given: 0,
            last_ns: 0.0,
            rng,
        }
    }

    fn next_ns(&mut self) -> u64 {
        let nth = self.given;
        self.given += 1;
        match self.pace {
            Pace::Constant => self.grid_ns(nth, 1),
            Pace::Burst(size) => self.grid_ns(nth / u64::from(size.max(1)), size.max(1)),
            Pace::Poisson => {
                // The gaps of a Poisson process are exponential: −ln U ÷ rate with U uniform in (0, 1].
                self.last_ns -= (1.0 - self.rng.f64()).ln() * self.gap_ns;
                self.last_ns as u64
            }
        }
    }

    /// The time of the nth point of a grid `step` gaps wide: computed, not added up, so that nothing drifts. Exact to
    /// the nanosecond for 100 days, the range in which an f64 holds whole nanoseconds.
    fn grid_ns(&self, nth: u64, step: u32) -> u64 {
        ((nth as f64 + self.phase) * f64::from(step) * self.gap_ns) as u64
    }
}

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

/// What a stream of random numbers decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// When events are sent.
    EventTimes = 1,
    /// What they carry.
    EventPayload = 2,
    /// When subscribers send.
    UplinkTimes = 3,
    /// What their messages carry.
    UplinkPayload = 4,
    /// Where in the interval a subscriber's polls lie.
    PollPhase = 5,
    /// When a subscriber whose connection broke tries again.
    Backoff = 6,
}

/// The stream for `purpose`; `index` parts streams of the same purpose. The same numbers on every platform.
pub fn rng(seed: u64, purpose: Purpose, index: u64) -> Rng {
    let mut mixer = Rng::with_seed(seed);
    let base = mixer.u64(..);
    // An odd multiplier permutes the 64-bit numbers, so no two pairs of purpose and index share a seed by accident of
    // being near to each other (2^64 ÷ golden ratio, Knuth, TAOCP vol. 3, §6.4).
    let offset = ((purpose as u64) << 48 | index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Rng::with_seed(base ^ offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn spec(pace: Pace, rate_per_s: f64, sources: u32, seconds: u64) -> ScheduleSpec {
        let purpose = Purpose::EventTimes;
        ScheduleSpec { pace, rate_per_s, sources, end_ns: seconds * SECOND, seed: 11, purpose }
    }

    fn offsets(spec: &ScheduleSpec) -> Vec<u64> {
        Schedule::new(spec).map(|due| due.offset_ns).collect()
    }

    #[test]
    fn constant_times_are_equally_spaced_for_ever() {
        let offsets = offsets(&spec(Pace::Constant, 30.0, 1, 10_000));
        assert_eq!(offsets.len(), 300_000);
        assert!(offsets[0] < SECOND / 30);
        for (nth, offset) in offsets.iter().enumerate() {
            let exact = offsets[0] + (nth as u64 * SECOND) / 30;
            assert!(offset.abs_diff(exact) <= 1, "time {nth}: {offset}, not {exact}");
        }
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() {
        let offsets = offsets(&spec(Pace::Poisson, 1000.0, 1, 100));
        let gaps: Vec<f64> = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count).sqrt();
        // 100,000 gaps: the mean's standard error is 0.32 %, so 1.5 % is more than four of them.
        assert!((mean / 1e6 - 1.0).abs() < 0.015, "mean {mean}");
        assert!((deviation / mean - 1.0).abs() < 0.03, "deviation {deviation}");
        let short = gaps.iter().filter(|&&gap| gap < 1e6).count() as f64 / count;
        assert!((short - (1.0 - (-1.0f64).exp())).abs() < 0.01, "{short} of the gaps are below the mean");
    }

    #[test]
    fn bursts_fall_together_and_keep_the_mean_rate() {
        let offsets = offsets(&spec(Pace::Burst(10), 100.0, 1, 100));
        assert_eq!(offsets.len(), 10_000);
        for burst in offsets.chunks(10) {
            assert!(burst.iter().all(|offset| *offset == burst[0]));
        }
        let gaps: Vec<u64> = offsets.chunks(10).map(|burst| burst[0]).collect();
        assert!(gaps.windows(2).all(|pair| (pair[1] - pair[0]).abs_diff(SECOND / 10) <= 1));
    }

    #[test]
    fn turns_begin_when_asked_and_end_by_themselves() {
        let mut schedule = Schedule::in_turns(&spec(Pace::Burst(2), 10.0, 2, 10), 3);
        assert_eq!(schedule.peek(), None);
        let mut times = |begin: &[(u32, u64)]| {
            begin.iter().for_each(|&(source, offset_ns)| schedule.begin_turn(source, offset_ns));
            schedule.by_ref().map(|due| (due.source, due.offset_ns)).collect::<Vec<_>>()
        };
        let gap = SECOND / 5;
        assert_eq!(times(&[(1, 7)]), [(1, 7), (1, 7), (1, 7 + gap)]);
        assert_eq!(times(&[(0, SECOND)]).last(), Some(&(0, SECOND + gap)));
        assert_eq!(times(&[(0, 0), (0, 5)]).len(), 6, "a turn that is under way comes first");
        assert_eq!(times(&[(0, 10 * SECOND)]), [], "nothing comes after the end");
    }

    #[test]
    fn the_seed_and_the_purpose_decide_the_times() {
        let one = spec(Pace::Poisson, 50.0, 3, 10);
        assert_eq!(offsets(&one), offsets(&one));
        assert_ne!(offsets(&one), offsets(&ScheduleSpec { seed: 12, ..one }));
        assert_ne!(offsets(&one), offsets(&ScheduleSpec { purpose: Purpose::UplinkTimes, ..one }));
    }

    #[test]
    fn these_are_the_times_on_every_platform() {
        assert_eq!(
            offsets(&spec(Pace::Constant, 1.0, 2, 2)),
            [41_085_732, 499_363_275, 1_041_085_732, 1_499_363_275]
        );
        assert_eq!(offsets(&spec(Pace::Poisson, 2.0, 1, 2)), [1_232_232_163, 1_422_666_208, 1_446_043_323]);
    }

    #[test]
    fn sources_are_merged_in_order_with_phases_of_their_own() {
        let due: Vec<Due> = Schedule::new(&spec(Pace::Constant, 10.0, 50, 2)).collect();
        assert_eq!(due.len(), 50 * 20);
        assert!(due.is_sorted());
        let firsts: std::collections::BTreeSet<u64> = due[..50].iter().map(|due| due.offset_ns).collect();
        assert_eq!(firsts.len(), 50, "each source is due once before one is due again, at a time of its own");
        assert!((0..50).all(|source| due.iter().filter(|due| due.source == source).count() == 20));
    }

    #[test]
    fn what_is_not_due_yet_stays() {
        let mut schedule = Schedule::new(&spec(Pace::Constant, 10.0, 1, 1));
        let first = schedule.peek().unwrap();
        assert_eq!(schedule.next_until(first.offset_ns - 1), None);
        assert_eq!(schedule.next_until(first.offset_ns), Some(first));
        assert_eq!(schedule.next_until(first.offset_ns), None);
    }

    #[test]
    fn a_source_does_not_move_the_times_of_another() {
        let few: Vec<Due> = Schedule::new(&spec(Pace::Poisson, 10.0, 2, 5)).collect();
        let many = Schedule::new(&spec(Pace::Poisson, 10.0, 20, 5));
        assert_eq!(few, many.filter(|due| due.source < 2).collect::<Vec<_>>());
    }

    #[test]
    fn no_rate_has_no_times_and_a_long_schedule_costs_nothing_in_advance() {
        assert!(offsets(&spec(Pace::Constant, 0.0, 5, 10)).is_empty());
        assert_eq!(Schedule::new(&spec(Pace::Constant, 0.0, 5, 10)).next_until(u64::MAX), None);
        let mut long = Schedule::new(&spec(Pace::Poisson, 1e6, 4, 1_000_000));
        assert_eq!(long.peek(), long.next());
        assert_eq!(long.next.len(), 4);
    }

    #[test]
    fn the_schedule_lasts_for_warm_up_and_window() {
        let timing = Timing::new(1000, &Phases { warm_up_ns: 20, window_ns: 300, drain_ns: 4 });
        assert_eq!(timing.window(), 1020..1320);
        assert_eq!((timing.schedule_ns(), timing.drain_end_ns), (320, 1324));
    }

    #[test]
    fn each_purpose_and_index_has_a_stream_of_its_own() {
        let first = |purpose, index| rng(7, purpose, index).u64(..);
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..100 {
            assert!(seen.insert(first(Purpose::EventTimes, index)));
            assert!(seen.insert(first(Purpose::PollPhase, index)));
        }
        assert_eq!(first(Purpose::EventTimes, 3), first(Purpose::EventTimes, 3));
    }
}
