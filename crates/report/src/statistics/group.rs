//! The trials of one row, side by side, and their ratio to the floor's.

use model::trial::{Counts, TrialOutcome};

use super::estimate::{Estimate, quotient};
use super::quantile::Quantile;
use super::sample::{Pool, Sample};
use super::sweep::Coordinate;
use crate::load::Trial;

/// The trials of one row.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub technique: usize,
    pub point: Vec<Coordinate>,
    pub trials: Vec<&'a Trial>,
}

impl<'a> Group<'a> {
    pub(super) fn of(technique: usize, point: Vec<Coordinate>, trial: &'a Trial) -> Self {
        Self { technique, point, trials: vec![trial] }
    }

    pub(super) fn push(&mut self, trial: &'a Trial) {
        self.trials.push(trial);
    }

    pub(super) fn order_trials(&mut self) {
        self.trials.sort_by_key(|trial| trial.record.key.repetition);
    }

    pub(super) fn outcomes(&self) -> Vec<&'a TrialOutcome> {
        self.trials.iter().filter_map(|trial| trial.record.result.outcome()).collect()
    }

    /// Repetitions that ran to their end: only equal ones can be paired.
    fn repetitions(&self) -> Vec<u32> {
        let ended = self.trials.iter().filter(|trial| trial.record.result.outcome().is_some());
        ended.map(|trial| trial.record.key.repetition).collect()
    }

    /// The samples of one tag.
    pub(super) fn pool(&self, tag: &str) -> Pool {
        static EMPTY: Sample = Sample::empty();
        let samples: Vec<(&Sample, u64)> = self
            .trials
            .iter()
            .filter_map(|trial| {
                let outcome = trial.record.result.outcome()?;
                Some((trial.samples.get(tag).unwrap_or(&EMPTY), missing(&outcome.counts, tag)))
            })
            .collect();
        Pool::of(&samples)
    }
}

fn missing(counts: &Counts, tag: &str) -> u64 {
    match tag {
        "uplink" => counts.uplink_due.saturating_sub(counts.uplink_received),
        _ => counts.lost,
    }
}

/// The quotient of a quantile of the delivery latency; none where one of the samples cannot bound it.
pub(super) fn latency_ratio(group: &Group<'_>, other: &Group<'_>, quantile: Quantile) -> Option<Estimate> {
    let (pool, other_pool) = (group.pool("delivery"), other.pool("delivery"));
    let all = |pool: &Pool| pool.total(&vec![1; pool.trials()]);
    if !quantile.is_bounded_by(all(&pool).min(all(&other_pool))) {
        return None;
    }
    let at = |pool: &Pool, weights: &[u32]| pool.at(quantile, weights).map(|value| value as f64);
    let divide = |a: &[u32], b: &[u32]| quotient(at(&pool, a)?, at(&other_pool, b)?);
    if group.repetitions() == other.repetitions() {
        Estimate::pooled(pool.trials(), |weights| divide(weights, weights))
    } else {
        Estimate::pooled_of_two([pool.trials(), other_pool.trials()], divide)
    }
}

/// The quotient of the mean CPU times per event.
pub(super) fn cpu_ratio(group: &Group<'_>, floor: &Group<'_>) -> Option<Estimate> {
    let values = |group: &Group<'_>| -> Option<Vec<f64>> {
        group.outcomes().into_iter().map(super::figures::cpu).collect()
    };
    let (values, floor_values) = (values(group)?, values(floor)?);
    ratio(
        [group, floor],
        |weights| weighted_mean(&values, weights),
        |weights| weighted_mean(&floor_values, weights),
    )
}

/// The quotient of the wire bytes per event, both directions.
pub(super) fn wire_ratio(group: &Group<'_>, other: &Group<'_>) -> Option<Estimate> {
    let [outcomes, other_outcomes] = [group, other].map(Group::outcomes);
    let wire = |outcomes: &[&TrialOutcome], weights: &[u32]| {
        super::figures::per_event(outcomes, weights, |outcome| outcome.bytes.window.wire())
    };
    ratio([group, other], |weights| wire(&outcomes, weights), |weights| wire(&other_outcomes, weights))
}

/// The quotient of two figures. Repetitions ran side by side, so they are pairs where both have the same ones.
pub(super) fn ratio(
    groups: [&Group<'_>; 2],
    of: impl Fn(&[u32]) -> Option<f64>,
    of_floor: impl Fn(&[u32]) -> Option<f64>,
) -> Option<Estimate> {
    let [repetitions, floor_repetitions] = groups.map(Group::repetitions);
    if repetitions == floor_repetitions {
        Estimate::of_pairs(repetitions.len(), of, of_floor)
    } else {
        Estimate::of_two([repetitions.len(), floor_repetitions.len()], of, of_floor)
    }
}

/// The mean under weights, none when nothing is drawn.
pub(super) fn weighted_mean(values: &[f64], weights: &[u32]) -> Option<f64> {
    let sum: f64 = values.iter().zip(weights).map(|(value, weight)| value * f64::from(*weight)).sum();
    let drawn: u32 = weights.iter().sum();
    (drawn > 0).then(|| sum / f64::from(drawn))
}
