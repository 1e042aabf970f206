//! A figure and its 95 % interval between trials: by Student's t over few trials, by drawing them again over many.
//!
//! Events of one trial are correlated, so a trial is the unit. Over few trials a bootstrap is too narrow: of three it makes no
//! more than their range, which leaves the truth out in a quarter of all cases. Quantiles of pooled events are drawn
//! again in any case, since a single trial does not always bound them; over few trials their interval is rough.

use super::{bootstrap, student};

/// From so many trials on they are drawn again.
const MANY: usize = 8;

const OUTSIDE_EACH_END: f64 = 0.025;

/// A 95 % confidence interval between trials. The upper end is infinite when it lies among missing events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// The middle 95 % of drawn values; none when nothing was drawn.
    pub(super) fn holding(mut drawn: Vec<f64>) -> Option<Self> {
        drawn.sort_unstable_by(f64::total_cmp);
        let outside = (drawn.len() as f64 * OUTSIDE_EACH_END) as usize;
        let high = drawn.len().checked_sub(1 + outside)?;
        Some(Self { low: drawn[outside], high: drawn[high] })
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// A figure, with its interval where there are enough trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub value: f64,
    pub interval: Option<Interval>,
}

impl Estimate {
    /// A mean over trials, or what is made of sums over them; none when the statistic has no value, without interval of a
    /// single trial.
    ///
    /// The statistic gets a weight for each trial: how often it counts. It is no less than 0.
    pub(crate) fn of(trials: usize, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Self> {
        let value = statistic(&vec![1; trials])?;
        let interval = if trials < MANY {
            student::around(value, trials, &statistic)
        } else {
            bootstrap::interval([trials], |[weights]| statistic(weights))
        };
        Some(Self { value, interval })
    }

    /// The quotient of two figures of the same trials: over few trials the geometric mean of the trials' own quotients.
    pub(crate) fn of_pairs(
        trials: usize,
        of: impl Fn(&[u32]) -> Option<f64>,
        to: impl Fn(&[u32]) -> Option<f64>,
    ) -> Option<Self> {
        let divide = |weights: &[u32]| quotient(of(weights)?, to(weights)?);
        let value = divide(&vec![1; trials])?;
        if trials >= MANY {
            let interval = bootstrap::interval([trials], |[weights]| divide(weights));
            return Some(Self { value, interval });
        }
        let each = student::each(trials, &divide);
        let paired = each.and_then(|quotients| student::ratio(&quotients));
        Some(paired.unwrap_or(Self { value, interval: None }))
    }

    /// The quotient of two figures of trials that have nothing to do with each other.
    pub(crate) fn of_two(
        [own, others]: [usize; 2],
        of: impl Fn(&[u32]) -> Option<f64>,
        to: impl Fn(&[u32]) -> Option<f64>,
    ) -> Option<Self> {
        let value = quotient(of(&vec![1; own])?, to(&vec![1; others])?)?;
        if own.min(others) >= MANY {
            let interval = bootstrap::interval([own, others], |[a, b]| quotient(of(a)?, to(b)?));
            return Some(Self { value, interval });
        }
        let both = student::each(own, &of).zip(student::each(others, &to));
        let apart = both.and_then(|(own, others)| student::ratio_apart(&own, &others));
        Some(apart.unwrap_or(Self { value, interval: None }))
    }

    /// A figure of the trials' pooled events, such as a quantile: drawn again from three trials on.
    pub(crate) fn pooled(trials: usize, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Self> {
        let value = statistic(&vec![1; trials])?;
        Some(Self { value, interval: bootstrap::interval([trials], |[weights]| statistic(weights)) })
    }

    /// The same of two groups of trials that have nothing to do with each other.
    pub(crate) fn pooled_of_two(
        trials: [usize; 2],
        statistic: impl Fn(&[u32], &[u32]) -> Option<f64>,
    ) -> Option<Self> {
        let value = statistic(&vec![1; trials[0]], &vec![1; trials[1]])?;
        Some(Self { value, interval: bootstrap::interval(trials, |[a, b]| statistic(a, b)) })
    }

    /// So many times as much.
    pub(crate) fn times(self, factor: f64) -> Self {
        let both = |interval: Interval| Interval { low: interval.low * factor, high: interval.high * factor };
        Self { value: self.value * factor, interval: self.interval.map(both) }
    }
}

/// None where nothing can be divided by.
pub(super) fn quotient(of: f64, to: f64) -> Option<f64> {
    Some(of / to).filter(|quotient| to > 0.0 && !quotient.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], weights: &[u32]) -> Option<f64> {
        super::super::group::weighted_mean(values, weights)
    }

    /// The half width of an interval, as a share of the figure.
    fn half(estimate: Estimate) -> f64 {
        let interval = estimate.interval.expect("there are trials enough");
        (interval.high - interval.low) / 2.0 / estimate.value
    }

    #[test]
    fn three_trials_have_students_interval_and_not_their_range() {
        // 9, 10, 11: standard deviation 1, 4.303 × 1 ÷ √3 = 2.484.
        let values = [9.0, 10.0, 11.0];
        let estimate = Estimate::of(3, |weights| mean(&values, weights)).expect("has a mean");
        assert!((half(estimate) - 0.2484).abs() < 1e-3, "{estimate:?}");
        let drawn = Estimate::pooled(3, |weights| mean(&values, weights)).expect("has a mean");
        assert_eq!(drawn.interval, Some(Interval { low: 9.0, high: 11.0 }));
    }

    #[test]
    fn interval_of_many_trials_is_drawn() {
        // 20 values 1…20: mean 10.5, standard error √(33.25 / 20) = 1.289, hence 10.5 ± 2.53.
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        let estimate = Estimate::of(20, |weights| mean(&values, weights)).expect("has a mean");
        let drawn = Estimate::pooled(20, |weights| mean(&values, weights));
        assert_eq!(Some(estimate), drawn);
        assert!((half(estimate) * 10.5 - 2.53).abs() < 0.3, "{estimate:?}");
    }

    #[test]
    fn two_trials_have_an_interval_that_says_little_and_one_has_none() {
        let values = [1.0, 2.0];
        let estimate = Estimate::of(2, |weights| mean(&values, weights)).expect("has a mean");
        // 12.7 standard errors of a half reach below nothing.
        let interval = estimate.interval.expect("two trials have a spread");
        assert!(interval.low == 0.0 && (interval.high - 7.853).abs() < 1e-2, "{estimate:?}");
        let one = Estimate::of(1, |weights| mean(&[1.0], weights));
        assert_eq!(one, Some(Estimate { value: 1.0, interval: None }));
        assert_eq!(Estimate::pooled(2, |weights| mean(&values, weights)).map(|it| it.interval), Some(None));
    }

    #[test]
    fn pairs_of_equal_techniques_hold_one_nineteen_times_of_twenty() {
        let mut rng = fastrand::Rng::with_seed(7);
        // The sum of twelve uniforms has a variance of 1.
        let mut noisy = || 100.0 + 5.0 * ((0..12).map(|_| rng.f64()).sum::<f64>() - 6.0);
        let held = (0..2_000).filter(|_| {
            let (own, others) = ([noisy(), noisy(), noisy()], [noisy(), noisy(), noisy()]);
            let ratio = Estimate::of_pairs(3, |w| mean(&own, w), |w| mean(&others, w));
            let interval = ratio.and_then(|ratio| ratio.interval).expect("three pairs");
            interval.low <= 1.0 && 1.0 <= interval.high
        });
        let share = held.count() as f64 / 2_000.0;
        assert!((0.93..0.97).contains(&share), "{share}");
    }

    #[test]
    fn groups_are_compared_apart() {
        let values = [1.0, 2.0, 3.0];
        let of = |weights: &[u32]| mean(&values, weights);
        let apart = Estimate::of_two([3, 3], of, of).and_then(|estimate| estimate.interval);
        let paired = Estimate::of_pairs(3, of, of).and_then(|estimate| estimate.interval);
        assert!(apart.is_some_and(|interval| interval.low < 0.8 && interval.high > 1.25), "{apart:?}");
        assert_eq!(paired, Some(Interval { low: 1.0, high: 1.0 }));
    }

    #[test]
    fn what_cannot_be_divided_by_trial_by_trial_has_no_interval() {
        let (own, others) = ([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]);
        let ratio = Estimate::of_pairs(3, |w| mean(&own, w), |w| mean(&others, w));
        assert_eq!(ratio, Some(Estimate { value: 2.0, interval: None }));
        let never = Estimate::of_pairs(3, |_| Some(1.0), |_| Some(0.0));
        assert_eq!(never, None);
    }
}
