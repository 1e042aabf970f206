//! 95 % intervals between few trials, by Student's t.
//!
//! A figure that is no plain mean has its standard error by the jackknife, leaving out one trial after the other (Efron & Tibshirani,
//! *An Introduction to the Bootstrap*, 1993, §11.2); of a mean that is the textbook's s ÷ √n. Quotients are taken on logarithms, so
//! that an interval does not depend on which of both is divided by; between groups that are no pairs with Welch's degrees of
//! freedom (NIST/SEMATECH, *e-Handbook of Statistical Methods*, §1.3.5.3).

use super::distribution::t_at_95_percent;
use super::estimate::{Estimate, Interval};

/// Around a figure of so many trials. None of a single trial, or where a trial left out leaves nothing that is finite.
pub(super) fn around(
    value: f64,
    trials: usize,
    statistic: &impl Fn(&[u32]) -> Option<f64>,
) -> Option<Interval> {
    let without = weighted(trials, |place, other| u32::from(place != other), statistic)?;
    if trials > 1 && without.iter().all(|other| *other == value) {
        return Some(Interval { low: value, high: value });
    }
    let Mean { error, freedom, .. } = Mean::of(&without)?;
    let half = t_at_95_percent(freedom) * error * freedom;
    // Times, bytes and counts are never less than nothing.
    let low = if value >= 0.0 { (value - half).max(0.0) } else { value - half };
    Some(Interval { low, high: value + half })
}

/// What the statistic is of each trial alone; none where one of them has no value.
pub(super) fn each(trials: usize, statistic: &impl Fn(&[u32]) -> Option<f64>) -> Option<Vec<f64>> {
    weighted(trials, |place, other| u32::from(place == other), statistic)
}

/// The statistic under a row of weights for each trial.
fn weighted(
    trials: usize,
    weight: impl Fn(usize, usize) -> u32,
    statistic: &impl Fn(&[u32]) -> Option<f64>,
) -> Option<Vec<f64>> {
    let weights = |place: usize| -> Vec<u32> { (0..trials).map(|other| weight(place, other)).collect() };
    (0..trials).map(|place| statistic(&weights(place))).collect()
}

/// The geometric mean of quotients. None of a single one, or where one of several different ones has no logarithm.
pub(super) fn ratio(quotients: &[f64]) -> Option<Estimate> {
    let (first, rest) = quotients.split_first()?;
    if !rest.is_empty() && rest.iter().all(|other| other == first) {
        return Some(Estimate { value: *first, interval: Some(Interval { low: *first, high: *first }) });
    }
    let Mean { value, error, freedom } = Mean::of(&logarithms(quotients))?;
    Some(between(value, t_at_95_percent(freedom) * error))
}

/// The quotient of two geometric means. None where either has a single value, or one without a logarithm.
pub(super) fn ratio_apart(of: &[f64], to: &[f64]) -> Option<Estimate> {
    let [of, to] = [Mean::of(&logarithms(of))?, Mean::of(&logarithms(to))?];
    let [own, other] = [&of, &to].map(|mean| mean.error.powi(2));
    let freedom = (own + other).powi(2) / (own.powi(2) / of.freedom + other.powi(2) / to.freedom);
    let half = if own + other > 0.0 { t_at_95_percent(freedom) * (own + other).sqrt() } else { 0.0 };
    Some(between(of.value - to.value, half))
}

fn logarithms(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.ln()).collect()
}

fn between(logarithm: f64, half: f64) -> Estimate {
    let interval = Interval { low: (logarithm - half).exp(), high: (logarithm + half).exp() };
    Estimate { value: logarithm.exp(), interval: Some(interval) }
}

/// A mean and its standard error.
struct Mean {
    value: f64,
    error: f64,
    freedom: f64,
}

impl Mean {
    /// None of fewer than two values, or where one is not finite.
    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let value = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|other| (other - value).powi(2)).sum();
        let (freedom, is_known) = (count - 1.0, values.len() > 1 && squares.is_finite());
        is_known.then(|| Self { value, error: (squares / freedom / count).sqrt(), freedom })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_a_quotient_of_sums_is_that_of_its_residuals() {
        // Bytes and events of four trials; Cochran, Sampling Techniques, 3rd ed., §2.11: Σ(y − Rx)² ÷ (n − 1) ÷ n ÷ x̄².
        let (bytes, events) = ([100.0, 210.0, 290.0, 410.0], [10.0, 20.0, 30.0, 40.0]);
        let sum = |values: &[f64; 4], weights: &[u32]| -> f64 {
            values.iter().zip(weights).map(|(value, weight)| value * f64::from(*weight)).sum()
        };
        let statistic = |weights: &[u32]| Some(sum(&bytes, weights) / sum(&events, weights));
        let value = 1_010.0 / 100.0;
        let squares: f64 = bytes.iter().zip(&events).map(|(y, x)| (y - value * x).powi(2)).sum();
        let half = 3.182 * (squares / 3.0 / 4.0).sqrt() / 25.0;
        let interval = around(value, 4, &statistic).expect("four trials");
        // The jackknife differs from it in the second order.
        assert!(((interval.high - value) / half - 1.0).abs() < 0.15, "{interval:?}, {half}");
        assert!((interval.high + interval.low - 2.0 * value).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn ratio_is_the_same_whichever_is_divided_by() {
        let quotients = [1.8, 2.0, 2.3];
        let [ratio, inverse] = [quotients, quotients.map(f64::recip)].map(|all| ratio(&all).expect("three"));
        let (interval, other) = (ratio.interval.expect("three"), inverse.interval.expect("three"));
        assert!((ratio.value * inverse.value - 1.0).abs() < 1e-12, "{ratio:?}");
        assert!((interval.low * other.high - 1.0).abs() < 1e-12, "{interval:?}");
    }

    #[test]
    fn freedom_between_groups_is_welchs() {
        let (a, b): ([f64; 3], [f64; 3]) = ([0.9, 1.0, 1.1], [0.0, 0.0, 0.0]);
        let apart = ratio_apart(&a.map(f64::exp), &b.map(f64::exp)).expect("three each");
        // All spread lies in the one, so that its two degrees of freedom are all: 1 ± 4.303 × 0.1 ÷ √3.
        let high = apart.interval.expect("three each").high.ln();
        assert!((apart.value.ln() - 1.0).abs() < 1e-12 && (high - 1.2484).abs() < 1e-3, "{apart:?}");
        assert!(ratio_apart(&[1.0], &[1.0, 2.0]).is_none());
    }

    #[test]
    fn infinite_in_every_trial_is_infinite_for_sure_and_in_one_is_not_told() {
        let never = ratio(&[f64::INFINITY; 3]).expect("there is an interval");
        assert_eq!(never.interval, Some(Interval { low: f64::INFINITY, high: f64::INFINITY }));
        assert!(ratio(&[1.0, f64::INFINITY, 1.0]).is_none());
    }
}
