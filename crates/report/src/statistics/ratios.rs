//! One row beside another: what one takes ÷ what the other takes, in pairs where both have the same repetitions.

use model::trial::SetUp;

use super::estimate::Estimate;
use super::group::{self, Group};
use super::quantile::Quantile;
use super::set_up::until_first_message;
use super::{Row, figures};

/// Quotients of two rows, each with its 95 % interval between trials; none where one of the two has no such figure.
#[derive(Debug)]
pub(crate) struct Ratios {
    /// CPU time of the server for each event.
    pub cpu: Option<Estimate>,
    /// Wire bytes of both directions for each event.
    pub wire: Option<Estimate>,
    /// The delivery latency's p50 and p99.
    pub p50: Option<Estimate>,
    pub p99: Option<Estimate>,
    /// Events in an answer, frame or chunk.
    pub batch: Option<Estimate>,
    /// Wire bytes of both directions until a subscriber is connected.
    pub set_up: Option<Estimate>,
    /// The time until the first message, the mean over subscribers.
    pub first_event: Option<Estimate>,
}

impl Ratios {
    /// `row` ÷ `other`.
    pub(crate) fn of(row: &Row<'_>, other: &Row<'_>) -> Self {
        let groups = [row, other].map(Row::group);
        let [own, others] = &groups;
        Self {
            cpu: group::cpu_ratio(own, others),
            wire: group::wire_ratio(own, others),
            p50: group::latency_ratio(own, others, Quantile::P50),
            p99: group::latency_ratio(own, others, Quantile::P99),
            batch: batch_ratio(own, others),
            set_up: set_up_ratio(own, others, |set_up| {
                (set_up.subscribers > 0).then(|| set_up.account.wire() as f64 / set_up.subscribers as f64)
            }),
            first_event: set_up_ratio(own, others, |set_up| Some(until_first_message(set_up)?.mean_ns)),
        }
    }
}

fn batch_ratio(own: &Group<'_>, other: &Group<'_>) -> Option<Estimate> {
    let [outcomes, others] = [own, other].map(Group::outcomes);
    let events_each = |outcomes: &[_], weights: &[u32]| {
        figures::per_event(outcomes, weights, |outcome| outcome.counts.responses)
            .filter(|answers| *answers > 0.0)
            .map(f64::recip)
    };
    group::ratio(
        [own, other],
        |weights| events_each(&outcomes, weights),
        |weights| events_each(&others, weights),
    )
}

fn set_up_ratio(own: &Group<'_>, other: &Group<'_>, of: fn(&SetUp) -> Option<f64>) -> Option<Estimate> {
    let values = |group: &Group<'_>| -> Option<Vec<f64>> {
        group.outcomes().into_iter().map(|outcome| of(&outcome.set_up)).collect()
    };
    let (own_values, other_values) = (values(own)?, values(other)?);
    group::ratio(
        [own, other],
        |weights| group::weighted_mean(&own_values, weights),
        |weights| group::weighted_mean(&other_values, weights),
    )
}
