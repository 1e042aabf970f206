//! One figure repetition by repetition, and the quotient of two such in pairs.

use std::collections::BTreeMap;

use super::estimate::{Estimate, Interval};

/// A figure of each repetition.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series {
    figures: BTreeMap<u32, f64>,
    /// How far what was looked for may lie from each figure, as a share, whatever the repetitions say.
    off: f64,
    /// Whether it may be more, without end.
    is_least: bool,
}

impl FromIterator<(u32, f64)> for Series {
    fn from_iter<I: IntoIterator<Item = (u32, f64)>>(values: I) -> Self {
        Self { figures: values.into_iter().collect(), ..Self::default() }
    }
}

impl Series {
    /// Of figures that are known to no more than this share of themselves.
    pub(super) fn known_to(self, off: f64) -> Self {
        Self { off, ..self }
    }

    /// Of figures that may be more, when `is_least`.
    pub(crate) fn at_least(self, is_least: bool) -> Self {
        Self { is_least, ..self }
    }

    /// How many repetitions.
    pub(crate) fn len(&self) -> usize {
        self.figures.len()
    }

    /// The mean over repetitions; none without any. The interval holds how far each figure may be off, and has no upper end where
    /// the figures are the least.
    pub(crate) fn mean(&self) -> Option<Estimate> {
        let values = self.values();
        let mean = Estimate::of(values.len(), |weights| mean(&values, weights))?;
        let open = self.is_least.then_some(f64::INFINITY);
        Some(widened(mean, 1.0 + self.off, [None, open]))
    }

    /// The quotient of both means. Repetitions ran side by side, so they are pairs where both have the same ones.
    pub(crate) fn over(&self, other: &Self) -> Option<Estimate> {
        let (own, others) = (self.values(), other.values());
        let of = |weights: &[u32]| mean(&own, weights);
        let to = |weights: &[u32]| mean(&others, weights);
        let quotient = if self.figures.keys().eq(other.figures.keys()) {
            Estimate::of_pairs(own.len(), of, to)
        } else {
            Estimate::of_two([own.len(), others.len()], of, to)
        };
        let open = [other.is_least.then_some(0.0), self.is_least.then_some(f64::INFINITY)];
        Some(widened(quotient?, (1.0 + self.off) * (1.0 + other.off), open))
    }

    fn values(&self) -> Vec<f64> {
        self.figures.values().copied().collect()
    }
}

/// With ends so many times as far off, or these instead.
fn widened(estimate: Estimate, factor: f64, [low, high]: [Option<f64>; 2]) -> Estimate {
    let wide = |interval: Interval| Interval {
        low: low.unwrap_or(interval.low / factor),
        high: high.unwrap_or(interval.high * factor),
    };
    Estimate { interval: estimate.interval.map(wide), ..estimate }
}

/// What does not count is left out: nothing times infinity would be no number.
fn mean(values: &[f64], weights: &[u32]) -> Option<f64> {
    let counted = || values.iter().zip(weights).filter(|(_, weight)| **weight > 0);
    let sum: f64 = counted().map(|(value, weight)| value * f64::from(*weight)).sum();
    let count: u32 = counted().map(|(_, weight)| weight).sum();
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        (0..).zip(values.iter().copied()).collect()
    }

    fn interval(estimate: Option<Estimate>) -> Interval {
        estimate.and_then(|estimate| estimate.interval).expect("there are repetitions enough")
    }

    #[test]
    fn equal_repetitions_are_pairs() {
        let (own, other) = (series(&[10.0, 20.0, 30.0]), series(&[5.0, 10.0, 15.0]));
        let ratio = own.over(&other).expect("both have values");
        let paired = interval(Some(ratio));
        assert_eq!((ratio.value, paired.low, paired.high), (2.0, 2.0, 2.0));
        let apart: Series = [(7, 5.0), (8, 10.0), (9, 15.0)].into_iter().collect();
        let apart = interval(own.over(&apart));
        assert!(apart.low < 1.0 && apart.high > 4.0, "{apart:?}");
    }

    #[test]
    fn what_figures_may_be_off_widens_every_interval() {
        let exact = series(&[10.0, 10.0, 10.0]);
        let rough = exact.clone().known_to(0.05);
        let mean = interval(rough.mean());
        assert!((mean.low - 10.0 / 1.05).abs() < 1e-9 && (mean.high - 10.5).abs() < 1e-9, "{mean:?}");
        let ratio = interval(rough.over(&rough));
        assert!((ratio.high - 1.1025).abs() < 1e-9 && (ratio.low * 1.1025 - 1.0).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn what_may_be_more_has_no_upper_end() {
        let (exact, least) = (series(&[9.0, 10.0, 11.0]), series(&[9.0, 10.0, 11.0]).at_least(true));
        assert_eq!(interval(least.mean()).high, f64::INFINITY);
        assert!(interval(least.mean()).low > 5.0);
        assert_eq!(interval(least.over(&exact)).high, f64::INFINITY);
        assert_eq!(interval(exact.over(&least)).low, 0.0);
    }

    #[test]
    fn what_never_came_is_infinite_and_not_no_number() {
        let never = series(&[1.0, f64::INFINITY, 1.0]);
        assert_eq!(never.mean(), Some(Estimate { value: f64::INFINITY, interval: None }));
        assert_eq!(series(&[]).mean(), None);
        assert_eq!(series(&[1.0]).over(&series(&[0.0])), None);
    }
}
