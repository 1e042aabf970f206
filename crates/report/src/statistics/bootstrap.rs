//! 95 % intervals between trials, by resampling whole trials.
//!
//! Events of one trial are correlated, so a trial is the unit that is drawn (Efron & Tibshirani, *An Introduction to the
//! Bootstrap*, 1993, §8: percentile interval). With few trials such an interval is rough and rather too narrow.

/// Fewer trials than this give no interval.
pub(crate) const LEAST_TRIALS: usize = 3;
/// How often the trials are drawn anew.
pub(crate) const RESAMPLES: usize = 2_000;

const SEED: u64 = 0x7075_7368;
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
    /// The statistic over all of `trials` and its interval; none when the statistic has no value.
    ///
    /// The statistic gets a weight for each trial: how often it was drawn.
    pub(crate) fn of(trials: usize, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Self> {
        let value = statistic(&vec![1; trials])?;
        Some(Self { value, interval: interval([trials], |[weights]| statistic(weights)) })
    }

    /// So many times as much.
    pub(crate) fn times(self, factor: f64) -> Self {
        let both = |interval: Interval| Interval { low: interval.low * factor, high: interval.high * factor };
        Self { value: self.value * factor, interval: self.interval.map(both) }
    }

    /// The statistic over two groups of trials that have nothing to do with each other.
    pub(crate) fn of_two(
        trials: [usize; 2],
        statistic: impl Fn(&[u32], &[u32]) -> Option<f64>,
    ) -> Option<Self> {
        let value = statistic(&vec![1; trials[0]], &vec![1; trials[1]])?;
        Some(Self { value, interval: interval(trials, |[a, b]| statistic(a, b)) })
    }
}

fn interval<const GROUPS: usize>(
    trials: [usize; GROUPS],
    statistic: impl Fn([&[u32]; GROUPS]) -> Option<f64>,
) -> Option<Interval> {
    if trials.iter().any(|count| *count < LEAST_TRIALS) {
        return None;
    }
    let drawn = resampled(&trials, |weights| {
        // There are as many groups of weights as of trials.
        let weights = std::array::from_fn(|group| weights[group].as_slice());
        statistic(weights).unwrap_or(f64::INFINITY)
    });
    Interval::holding(drawn)
}

/// A statistic of groups of trials, each group drawn anew so many times. The statistic gets a weight for each trial
/// of each group.
pub(super) fn resampled<T>(trials: &[usize], statistic: impl Fn(&[Vec<u32>]) -> T) -> Vec<T> {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut weights: Vec<Vec<u32>> = trials.iter().map(|count| vec![0; *count]).collect();
    let once = |_| {
        weights.iter_mut().for_each(|weights| draw(&mut rng, weights));
        statistic(&weights)
    };
    (0..RESAMPLES).map(once).collect()
}

fn draw(rng: &mut fastrand::Rng, weights: &mut [u32]) {
    weights.fill(0);
    for _ in 0..weights.len() {
        weights[rng.usize(..weights.len())] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], weights: &[u32]) -> Option<f64> {
        let sum: f64 = values.iter().zip(weights).map(|(value, weight)| value * f64::from(*weight)).sum();
        Some(sum / f64::from(weights.iter().sum::<u32>()))
    }

    #[test]
    fn interval_of_a_mean_is_near_the_normal_one() {
        // 20 values 1…20: mean 10.5, standard error √(33.25 / 20) = 1.289, hence 10.5 ± 2.53.
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        let estimate = Estimate::of(20, |weights| mean(&values, weights)).expect("has a mean");
        let interval = estimate.interval.expect("20 trials are enough");
        assert_eq!(estimate.value, 10.5);
        assert!((interval.low - 7.97).abs() < 0.3 && (interval.high - 13.03).abs() < 0.3, "{interval:?}");
    }

    #[test]
    fn two_trials_give_no_interval() {
        let estimate = Estimate::of(2, |weights| mean(&[1.0, 2.0], weights)).expect("has a mean");
        assert_eq!(estimate, Estimate { value: 1.5, interval: None });
    }

    #[test]
    fn equal_trials_give_an_interval_without_width() {
        let estimate = Estimate::of(3, |weights| mean(&[4.0; 3], weights)).expect("has a mean");
        assert_eq!(estimate.interval, Some(Interval { low: 4.0, high: 4.0 }));
    }

    #[test]
    fn groups_are_drawn_apart() {
        let values = [1.0, 2.0, 3.0];
        let ratio = |a: &[u32], b: &[u32]| Some(mean(&values, a)? / mean(&values, b)?);
        let apart = Estimate::of_two([3, 3], ratio).and_then(|estimate| estimate.interval);
        let paired =
            Estimate::of(3, |weights| ratio(weights, weights)).and_then(|estimate| estimate.interval);
        assert!(apart.is_some_and(|interval| interval.low < 0.8 && interval.high > 1.25), "{apart:?}");
        assert_eq!(paired, Some(Interval { low: 1.0, high: 1.0 }));
    }
}
