//! 95 % intervals between trials, by resampling whole trials.
//!
//! Events of one trial are correlated, so a trial is the unit that is drawn (Efron & Tibshirani, *An Introduction to the
//! Bootstrap*, 1993, §8: percentile interval). With few trials such an interval is rough and rather too narrow.

use super::estimate::Interval;

/// Fewer trials than this say nothing when they are drawn.
pub(crate) const LEAST_TRIALS: usize = 3;
/// How often the trials are drawn again.
pub(crate) const RESAMPLES: usize = 2_000;

const SEED: u64 = 0x7075_7368;

/// What a statistic of groups of trials spreads over as each is drawn again; none with too few trials.
pub(super) fn interval<const GROUPS: usize>(
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

/// A statistic of groups of trials, each group drawn again so many times. The statistic gets a weight for each trial
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

    fn of(weights: &[u32]) -> Option<f64> {
        super::super::group::weighted_mean(&[1.0, 2.0, 3.0], weights)
    }

    #[test]
    fn groups_are_drawn_apart() {
        let apart = interval([3, 3], |[a, b]| Some(of(a)? / of(b)?));
        let paired = interval([3], |[weights]| Some(of(weights)? / of(weights)?));
        assert!(apart.is_some_and(|interval| interval.low < 0.8 && interval.high > 1.25), "{apart:?}");
        assert_eq!(paired, Some(Interval { low: 1.0, high: 1.0 }));
    }

    #[test]
    fn two_trials_give_no_interval() {
        assert_eq!(interval([2], |[weights]| of(weights)), None);
    }
}
