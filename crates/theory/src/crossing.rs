//! Where two curves over the rate cross.

use std::ops::RangeInclusive;

/// Into how many steps a decade is cut before bisection. Two crossings within a step (1.2 %) cancel out and are not seen.
const STEPS_PER_DECADE: f64 = 200.0;
const BISECTIONS: u32 = 60;

/// All rates in `range` at which `f` and `g` cross, rising: bisection on a logarithmic axis. The range lies above 0; where
/// it does not, or a curve gives no number, there is nothing to find. Curves that touch without crossing do not count.
pub fn crossing(f: impl Fn(f64) -> f64, g: impl Fn(f64) -> f64, range: RangeInclusive<f64>) -> Vec<f64> {
    let (from, to) = (range.start().ln(), range.end().ln());
    if !(from.is_finite() && to.is_finite() && from < to) {
        return Vec::new();
    }
    let above = |x: f64| f(x.exp()) - g(x.exp());
    let steps = ((to - from) / std::f64::consts::LN_10 * STEPS_PER_DECADE).ceil().max(1.0);
    let mut found = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for step in 0..=steps as u64 {
        let x = from + (to - from) * step as f64 / steps;
        let sign = above(x);
        // A curve that meets the other on a step is on neither side there: the next step decides.
        if sign == 0.0 || sign.is_nan() {
            continue;
        }
        if let Some((earlier, was)) = before
            && (was > 0.0) != (sign > 0.0)
        {
            found.push(bisect(above, earlier, x).exp());
        }
        before = Some((x, sign));
    }
    found
}

/// Where `above` changes its sign between `low` and `high`.
fn bisect(above: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let begins_above = above(low) > 0.0;
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if (above(middle) > 0.0) == begins_above {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-9, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_falling_curve_crosses_a_level_once() {
        assert_near(&crossing(|rate| 100.0 / rate, |_| 4.0, 0.01..=1_000.0), &[25.0]);
        assert_near(&crossing(|_| 4.0, |rate| 100.0 / rate, 0.01..=1_000.0), &[25.0]);
    }

    #[test]
    fn all_crossings_are_found() {
        let wave = |rate: f64| (rate.log10() * std::f64::consts::PI).sin();
        let found = crossing(wave, |_| 0.0, 0.05..=20.0);
        assert_near(&found, &[0.1, 1.0, 10.0]);
    }

    #[test]
    fn curves_that_only_touch_do_not_cross() {
        assert_near(&crossing(|rate| rate.ln().powi(2), |_| 0.0, 0.01..=100.0), &[]);
        assert_near(&crossing(|_| 2.0, |_| 1.0, 0.01..=100.0), &[]);
    }

    #[test]
    fn a_range_without_an_inside_has_no_crossing() {
        for range in [1.0..=1.0, 0.0..=1.0, 2.0..=1.0, -1.0..=1.0, 1.0..=f64::INFINITY] {
            assert_near(&crossing(|rate| rate, |_| 1.0, range), &[]);
        }
    }
}
