//! The self-check (A/A): each contestant runs twice in each block, and both halves are compared as two contestants would be. As
//! many comparisons as an interval of 95 % misses should find a difference, which is one in twenty.

use std::collections::BTreeMap;

use model::trial::{TrialOutcome, TrialRecord};

use crate::plan::budget::interval;
use crate::plan::{MIN_BLOCKS, Plan};

/// Comparisons that make a rate worth stating.
const ENOUGH: usize = 200;

/// A figure that is compared.
type Metric = (&'static str, fn(&TrialOutcome) -> Option<f64>);

const METRICS: [Metric; 3] = [
    ("CPU", |outcome| Some(outcome.cost.known_server_cpu_ns()? as f64 / events(outcome)?)),
    ("bytes", |outcome| {
        let bytes = outcome.clock.is_none().then(|| outcome.bytes.window.wire())?;
        Some(bytes as f64 / events(outcome)?)
    }),
    ("p50", |outcome| Some(outcome.delivery.as_ref()?.p50_ns as f64)),
];

fn events(outcome: &TrialOutcome) -> Option<f64> {
    Some(outcome.counts.events_in_window as f64).filter(|events| *events > 0.0)
}

/// The rates of false differences, for people.
pub(crate) fn rates(plan: &Plan, records: &[TrialRecord]) -> String {
    let found = METRICS.map(|(name, metric)| (name, compare(plan, records, metric)));
    let (false_ones, all) = found.iter().fold((0, 0), |sum, (_, it)| (sum.0 + it.0, sum.1 + it.1));
    let each: Vec<_> = found.iter().map(|(name, (found, of))| format!("{name} {found} of {of}")).collect();
    let share = 100.0 * false_ones as f64 / all.max(1) as f64;
    let few = if all < ENOUGH {
        format!("; for at least {ENOUGH} comparisons, raise --budget")
    } else {
        String::new()
    };
    format!(
        "self-check: {false_ones} of {all} comparisons ({share:.1} %) found a difference that is not there: {}{few}\n",
        each.join(", ")
    )
}

/// False differences, and comparisons. Each takes as many blocks as every point gets at least.
fn compare(plan: &Plan, records: &[TrialRecord], metric: fn(&TrialOutcome) -> Option<f64>) -> (usize, usize) {
    let mut values: BTreeMap<_, [Option<f64>; 2]> = BTreeMap::new();
    for record in records.iter().filter(|record| record.disturbance.is_none()) {
        let (Some(outcome), Some(planned)) =
            (record.result.outcome(), plan.trials.get(record.index as usize))
        else {
            continue;
        };
        let contestant = (planned.scenario, planned.point, &planned.technique, &planned.target);
        let half = planned.repetition as usize % 2;
        values.entry((contestant, planned.block)).or_default()[half] = metric(outcome);
    }
    let mut logs: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for ((contestant, block), halves) in values {
        if let [Some(a), Some(b)] = halves {
            logs.entry((contestant, block / MIN_BLOCKS)).or_default().push((a / b).ln());
        }
    }
    let whole = logs.values().filter(|logs| logs.len() == MIN_BLOCKS as usize);
    let differ = whole.filter_map(|logs| interval(logs)).map(|(mean, half)| mean.abs() > half + 1e-9);
    differ.fold((0, 0), |(found, all), differs| (found + usize::from(differs), all + 1))
}

#[cfg(test)]
mod tests {
    use model::trial::TrialResult;

    use super::*;
    use crate::fixture;
    use crate::plan::Choice;

    /// A plan of one contestant, and records whose halves differ by these ratios in each block.
    fn checked(ratios: [f64; 3]) -> String {
        let scenario = fixture::scenario(&["a"], "events.rate = \"1/s\"");
        let choice =
            Choice { techniques: &["a"], seed: 7, budget_ns: Some(1), self_check: true, ..Choice::default() };
        let plan = Plan::new(&[scenario], &choice);
        assert_eq!(plan.trials.len(), 2 * MIN_BLOCKS as usize, "each twice in each block");
        let record = |(index, planned): (usize, &crate::plan::PlannedTrial)| {
            let mut outcome = TrialOutcome::default();
            outcome.counts.events_in_window = 1_000;
            outcome.bytes.window.down.payload = 5_000;
            let ratio = if planned.repetition % 2 == 0 { ratios[planned.block as usize] } else { 1.0 };
            outcome.cost.server_cpu_ns = (1e6 * ratio) as u64;
            let record = fixture::record(TrialResult::Complete(Box::new(outcome)));
            TrialRecord { index: index as u32, ..record }
        };
        let records: Vec<_> = plan.trials.iter().enumerate().map(record).collect();
        rates(&plan, &records)
    }

    #[test]
    fn halves_that_differ_by_more_than_their_interval_are_false_differences() {
        let expected = "self-check: 1 of 2 comparisons (50.0 %) found a difference that is not there: CPU 1 of 1, \
                        bytes 0 of 1, p50 0 of 0; for at least 200 comparisons, raise --budget\n";
        assert_eq!(checked([1.2, 1.21, 1.2]), expected);
        assert!(checked([1.2, 0.9, 1.0]).contains("CPU 0 of 1"));
    }
}
