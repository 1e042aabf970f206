//! How far figures reproduce: what a later run says of a point, against the interval that an earlier run gave it.

use serde::Serialize;

use crate::catalogue::Metric;
use crate::estimate::combine;
use crate::evidence::Evidence;

/// Two runs of the same points, compared in the order in which they were made, over all pairs that follow each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reproduction {
    /// Pairs of figures.
    pub pairs: usize,
    /// Share of them whose intervals do not overlap.
    pub disjoint: f64,
    /// Share of them whose later figure lies in the earlier interval.
    pub inside: f64,
    /// The factor between both figures, whichever is larger: in the median, and one in ten is larger than the second.
    pub factors: [f64; 2],
}

/// Compares the runs. `is_ratio`: figures ÷ the baseline's in the same run, else the figures themselves. None without a pair of
/// figures that both have intervals.
pub fn reproduction(evidence: &Evidence, metric: &Metric, is_ratio: bool) -> Option<Reproduction> {
    let between = evidence.variance_between(metric, is_ratio);
    let (mut pairs, mut disjoint, mut inside) = (0, 0, 0);
    let mut factors: Vec<f64> = Vec::new();
    for point in &evidence.points {
        let figures = if is_ratio {
            let baseline = evidence.baseline().and_then(|slug| evidence.beside(point, slug));
            let Some(baseline) = baseline.filter(|_| Some(point.technique.as_str()) != evidence.baseline())
            else {
                continue;
            };
            evidence.run_ratios(point, baseline, metric)
        } else {
            evidence.run_figures(point, metric)
        };
        // The newest run comes first.
        for pair in figures.windows(2) {
            let [later, earlier] =
                [&pair[0], &pair[1]].map(|run| combine(std::slice::from_ref(run), between));
            let (Some(later), Some(earlier)) = (later, earlier) else { continue };
            let (Some(after), Some(before)) = (later.interval, earlier.interval) else { continue };
            pairs += 1;
            disjoint += usize::from(after[0] > before[1] || before[0] > after[1]);
            inside += usize::from(earlier.may_be(later.value));
            let factor = (later.value / earlier.value).ln().abs().exp();
            factors.extend(Some(factor).filter(|factor| factor.is_finite()));
        }
    }
    factors.sort_by(f64::total_cmp);
    let at = |share: f64| factors.get((factors.len() as f64 * share) as usize).copied().unwrap_or(1.0);
    let share = |count: usize| count as f64 / pairs as f64;
    (pairs > 0).then(|| Reproduction {
        pairs,
        disjoint: share(disjoint),
        inside: share(inside),
        factors: [at(0.5), at(0.9)],
    })
}
