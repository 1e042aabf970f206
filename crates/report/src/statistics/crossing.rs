//! Where one technique becomes cheaper than another: the crossing points of their bytes per event over the rate.
//!
//! Bytes per event are `a + b ÷ rate`: what an event takes, and what a second takes shared among its events. So they
//! are a straight line in 1 ÷ rate.

use std::collections::BTreeMap;

use model::trial::TrialOutcome;

use super::bootstrap::{LEAST_TRIALS, resampled};
use super::estimate::Interval;
use super::{Row, ScenarioResult, Slice, Unit};

/// A crossing that fewer of the resamplings find is none that can be relied on.
const RELIABLE: f64 = 0.95;

/// Two techniques over the rates that both were measured at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    /// Their places in the registry.
    pub techniques: [usize; 2],
    /// The one that takes fewer bytes at the lowest rate.
    pub cheaper_at_first: usize,
    /// By rising rate.
    pub crossings: Vec<Crossing>,
}

/// A rate at which two lines cross.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Crossing {
    /// Events per second.
    pub rate: f64,
    /// What an event costs there, bytes of both directions.
    pub bytes: f64,
    /// 95 %, by drawing trials again; none where a measured point beside it has too few of them.
    pub interval: Option<Interval>,
    /// Which technique takes fewer bytes below this rate, and which above.
    pub below: usize,
    pub above: usize,
    pub standing: Standing,
}

/// What trials say of a crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nearly every drawing of the trials crosses in this direction, too.
    Reliable,
    /// The trials scatter too much to tell.
    Scattered,
    /// A measured point beside it has so few trials that drawing them says nothing.
    TooFewTrials,
}

/// A crossing that can be relied on, and how chart and table name it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    /// `a`, `b`, … by rising rate; after `z` comes `aa`.
    pub letter: String,
    pub crossing: Crossing,
}

impl ScenarioResult<'_> {
    /// The swept key that is a rate.
    pub(crate) fn rate_key(&self) -> Option<usize> {
        let keys = 0..self.info.sweeps.len();
        keys.into_iter().find(|key| self.rows.iter().any(|row| row.point[*key].unit == Unit::PerSecond))
    }

    /// The crossings of a slice that can be relied on, by rising rate.
    pub(crate) fn marks(&self, slice: &Slice) -> Vec<Mark> {
        let pairs = self.pairs(slice).into_iter();
        let mut crossings: Vec<Crossing> = pairs.flat_map(|pair| pair.crossings).collect();
        crossings.retain(|crossing| crossing.standing == Standing::Reliable);
        crossings.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let marks = crossings.into_iter().enumerate();
        marks.map(|(place, crossing)| Mark { letter: letter(place), crossing }).collect()
    }

    /// All pairs of contestants of a slice; none where no rate is swept.
    pub(crate) fn pairs(&self, slice: &Slice) -> Vec<Pair> {
        let Some(rate_key) = self.rate_key() else { return Vec::new() };
        let orders = self.contestants();
        let pairs =
            orders.iter().enumerate().flat_map(|(place, a)| orders[place + 1..].iter().map(|b| [*a, *b]));
        pairs.filter_map(|techniques| self.pair(techniques, slice, rate_key)).collect()
    }

    fn pair(&self, techniques: [usize; 2], slice: &Slice, rate_key: usize) -> Option<Pair> {
        let rows = |technique| self.rows_of(technique).filter(|row| slice.holds(row));
        let points: Vec<Point> = rows(techniques[0])
            .filter_map(|a| {
                let rate = a.point[rate_key].number?;
                let b = rows(techniques[1]).find(|row| row.point[rate_key].number == Some(rate))?;
                Point::of(rate, a, b)
            })
            .collect();
        let found = crossings(&points, None);
        let first = points.first()?.bytes(None)?;
        let cheaper_at_first = techniques[usize::from(first[0] > first[1])];
        let drawn = if found.is_empty() { Vec::new() } else { draws(&points) };
        let crossings = found.iter().map(|found| crossing(found, techniques, &points, &drawn)).collect();
        Some(Pair { techniques, cheaper_at_first, crossings })
    }
}

fn letter(place: usize) -> String {
    let last = char::from(b'a' + (place % 26) as u8);
    if place < 26 { last.to_string() } else { letter(place / 26 - 1) + &last.to_string() }
}

/// Both techniques at one rate, repetition by repetition.
struct Point {
    rate: f64,
    trials: Vec<[Trial; 2]>,
}

#[derive(Clone, Copy)]
struct Trial {
    bytes: f64,
    events: f64,
}

impl Point {
    /// Only repetitions that both have: they met the same events.
    fn of(rate: f64, a: &Row<'_>, b: &Row<'_>) -> Option<Self> {
        let [a, b] = [a, b].map(trials);
        let trials: Vec<[Trial; 2]> = a.iter().filter_map(|(key, a)| Some([*a, *b.get(key)?])).collect();
        (rate > 0.0 && !trials.is_empty()).then_some(Self { rate, trials })
    }

    /// Bytes per event of both; every trial once without weights.
    fn bytes(&self, weights: Option<&[u32]>) -> Option<[f64; 2]> {
        let weight = |place: usize| weights.map_or(1.0, |weights| f64::from(weights[place]));
        let of = |side: usize| {
            let sum = |part: fn(&Trial) -> f64| -> f64 {
                self.trials.iter().enumerate().map(|(place, trial)| part(&trial[side]) * weight(place)).sum()
            };
            let (bytes, events) = (sum(|trial| trial.bytes), sum(|trial| trial.events));
            (events > 0.0 && bytes > 0.0).then(|| bytes / events)
        };
        Some([of(0)?, of(1)?])
    }
}

fn trials(row: &Row<'_>) -> BTreeMap<u32, Trial> {
    let ended = row.trials.iter().filter_map(|trial| {
        let outcome: &TrialOutcome = trial.record.result.outcome()?;
        let (bytes, events) = (outcome.bytes.window.wire() as f64, outcome.counts.events_in_window as f64);
        Some((trial.record.key.repetition, Trial { bytes, events }))
    });
    ended.collect()
}

/// A crossing between two neighbouring points.
#[derive(Debug, Clone, Copy)]
struct Found {
    rate: f64,
    bytes: f64,
    /// The points before and behind it.
    after: usize,
    behind: usize,
    /// Which side takes fewer bytes below.
    below: usize,
}

/// Lines between the measured points that are straight over 1 ÷ rate.
fn crossings(points: &[Point], weights: Option<&[Vec<u32>]>) -> Vec<Found> {
    let at = |place: usize| points[place].bytes(weights.map(|weights| weights[place].as_slice()));
    let line: Vec<(usize, [f64; 2])> =
        (0..points.len()).filter_map(|place| Some((place, at(place)?))).collect();
    line.windows(2).filter_map(|ends| between(points, ends[0], ends[1])).collect()
}

fn between(
    points: &[Point],
    (before, first): (usize, [f64; 2]),
    (behind, second): (usize, [f64; 2]),
) -> Option<Found> {
    let [above, under] = [first, second].map(|[a, b]| a - b);
    if (above > 0.0) == (under > 0.0) {
        return None;
    }
    let share = above / (above - under);
    let along = |from: f64, to: f64| from + share * (to - from);
    Some(Found {
        rate: along(points[before].rate.recip(), points[behind].rate.recip()).recip(),
        bytes: along(first[0], second[0]),
        after: before,
        behind,
        below: usize::from(above > 0.0),
    })
}

fn draws(points: &[Point]) -> Vec<Vec<Found>> {
    let sizes: Vec<usize> = points.iter().map(|point| point.trials.len()).collect();
    resampled(&sizes, |weights| crossings(points, Some(weights)))
}

fn crossing(found: &Found, techniques: [usize; 2], points: &[Point], drawn: &[Vec<Found>]) -> Crossing {
    let distance = |other: &Found| (other.rate / found.rate).ln().abs();
    let nearest = drawn.iter().filter_map(|all| {
        let alike = all.iter().filter(|other| other.below == found.below);
        alike.min_by(|a, b| distance(a).total_cmp(&distance(b)))
    });
    let rates: Vec<f64> = nearest.map(|other| other.rate).collect();
    let standing = if !has_trials(found, points) {
        Standing::TooFewTrials
    } else if rates.len() as f64 >= RELIABLE * drawn.len() as f64 {
        Standing::Reliable
    } else {
        Standing::Scattered
    };
    Crossing {
        rate: found.rate,
        bytes: found.bytes,
        interval: Interval::holding(rates).filter(|_| standing == Standing::Reliable),
        below: techniques[found.below],
        above: techniques[1 - found.below],
        standing,
    }
}

/// Whether drawing the trials of both measured points beside it can move it at all.
fn has_trials(found: &Found, points: &[Point]) -> bool {
    points[found.after..=found.behind].iter().all(|point| point.trials.len() >= LEAST_TRIALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rate: f64, pairs: &[(f64, f64)]) -> Point {
        let trial = |bytes: f64| Trial { bytes: bytes * 10.0, events: 10.0 };
        Point { rate, trials: pairs.iter().map(|(a, b)| [trial(*a), trial(*b)]).collect() }
    }

    #[test]
    fn crossing_is_exact_for_what_a_second_and_an_event_take() {
        // 50 + 1000/rate against 100 + 500/rate: equal at 10/s with 150 bytes, however far the measured points lie.
        let both = |rate: f64| point(rate, &[(50.0 + 1_000.0 / rate, 100.0 + 500.0 / rate)]);
        let found = crossings(&[both(0.5), both(400.0)], None);
        assert_eq!(found.len(), 1);
        assert!((found[0].rate - 10.0).abs() < 1e-9 && (found[0].bytes - 150.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found[0].below, 1);
    }

    #[test]
    fn interval_covers_what_the_trials_allow_and_needs_three_of_them() {
        let low = [(200.0, 100.0), (220.0, 100.0), (240.0, 100.0)];
        let high = [(50.0, 100.0), (55.0, 100.0), (60.0, 100.0)];
        let points = [point(1.0, &low), point(100.0, &high)];
        let found = crossings(&points, None)[0];
        let crossing = crossing(&found, [7, 9], &points, &draws(&points));
        let interval = crossing.interval.expect("three trials at both ends");
        assert!(interval.low < crossing.rate && crossing.rate < interval.high, "{crossing:?}");
        assert_eq!((crossing.below, crossing.above, crossing.standing), (9, 7, Standing::Reliable));
        // One trial is drawn as itself each time, so that all drawings agree and prove nothing.
        for trials in [1, 2] {
            let few = [point(1.0, &low[..trials]), point(100.0, &high)];
            let crossing = super::crossing(&found, [7, 9], &few, &draws(&few));
            assert_eq!((crossing.standing, crossing.interval), (Standing::TooFewTrials, None));
        }
    }

    #[test]
    fn lines_that_only_some_trials_let_cross_are_not_relied_on() {
        let points =
            [point(1.0, &[(99.0, 100.0); 3]), point(10.0, &[(99.0, 100.0), (99.0, 100.0), (103.0, 100.0)])];
        let found = crossings(&points, None)[0];
        let crossing = crossing(&found, [0, 1], &points, &draws(&points));
        assert_eq!((crossing.standing, crossing.interval), (Standing::Scattered, None), "{crossing:?}");
    }
}
