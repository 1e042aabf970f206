//! One figure repetition by repetition, and the quotient of two such in pairs.

use std::collections::BTreeMap;

use super::bootstrap::Estimate;

/// A figure of each repetition.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series(BTreeMap<u32, f64>);

impl FromIterator<(u32, f64)> for Series {
    fn from_iter<I: IntoIterator<Item = (u32, f64)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Series {
    /// The mean over repetitions; none without any.
    pub(crate) fn mean(&self) -> Option<Estimate> {
        let values = self.values();
        Estimate::of(values.len(), |weights| mean(&values, weights))
    }

    /// The quotient of both means. Repetitions ran side by side, so they are drawn as pairs where both have the same ones.
    pub(crate) fn over(&self, other: &Self) -> Option<Estimate> {
        let (own, others) = (self.values(), other.values());
        let divide = |a: &[u32], b: &[u32]| {
            let divisor = mean(&others, b).filter(|divisor| *divisor > 0.0)?;
            Some(mean(&own, a)? / divisor).filter(|quotient| !quotient.is_nan())
        };
        if self.0.keys().eq(other.0.keys()) {
            Estimate::of(own.len(), |weights| divide(weights, weights))
        } else {
            Estimate::of_two([own.len(), others.len()], divide)
        }
    }

    fn values(&self) -> Vec<f64> {
        self.0.values().copied().collect()
    }
}

/// What was not drawn is left out: nothing times infinity would be no number.
fn mean(values: &[f64], weights: &[u32]) -> Option<f64> {
    let drawn = || values.iter().zip(weights).filter(|(_, weight)| **weight > 0);
    let sum: f64 = drawn().map(|(value, weight)| value * f64::from(*weight)).sum();
    let count: u32 = drawn().map(|(_, weight)| weight).sum();
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        (0..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn equal_repetitions_are_drawn_as_pairs() {
        let (own, other) = (series(&[10.0, 20.0, 30.0]), series(&[5.0, 10.0, 15.0]));
        let ratio = own.over(&other).expect("both have values");
        let interval = ratio.interval.expect("three repetitions");
        assert_eq!((ratio.value, interval.low, interval.high), (2.0, 2.0, 2.0));
        let apart: Series = [(7, 5.0), (8, 10.0), (9, 15.0)].into_iter().collect();
        let interval = own.over(&apart).and_then(|ratio| ratio.interval).expect("three each");
        assert!(interval.low < 1.5 && interval.high > 2.5, "{interval:?}");
    }

    #[test]
    fn what_never_came_is_infinite_and_not_no_number() {
        let never = series(&[1.0, f64::INFINITY, 1.0]);
        assert_eq!(never.mean().map(|mean| mean.value), Some(f64::INFINITY));
        assert_eq!(series(&[]).mean(), None);
        assert_eq!(series(&[1.0]).over(&series(&[0.0])), None);
    }
}
