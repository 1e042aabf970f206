//! The self-check (A/A): each contestant runs twice in each block, and both halves are compared as two contestants would be. As
//! many comparisons as an interval of 95 % misses should find a difference, which is one in twenty.

use std::collections::BTreeMap;

use report::catalogue::{Metric, metric};
use report::{Evidence, Trial};

use crate::plan::MIN_BLOCKS;
use crate::plan::budget::mean_ratio;

/// Comparisons that make a rate worth stating.
const ENOUGH: usize = 200;
/// The figures that are compared, as the report's catalogue has them.
const METRICS: [(&str, &str); 3] = [("CPU", "cpu"), ("bytes", "bytes"), ("p50", "p50")];

/// The rates of false differences in a run, for people.
pub(crate) fn rates(evidence: &Evidence) -> String {
    rates_of(&evidence.points.iter().flat_map(|point| evidence.trials(point)).collect::<Vec<_>>())
}

fn rates_of(trials: &[&Trial]) -> String {
    let compared = |(name, key)| (name, metric(key).map_or((0, 0), |metric| compare(trials, metric)));
    let found = METRICS.map(compared);
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
fn compare(trials: &[&Trial], metric: &Metric) -> (usize, usize) {
    let mut values: BTreeMap<_, [Option<f64>; 2]> = BTreeMap::new();
    for trial in trials {
        let key = &trial.record.key;
        let contestant = (&key.scenario, &key.point, &key.technique, &key.target);
        // A block has two repetitions.
        let (block, half) = (key.repetition / 2, key.repetition as usize % 2);
        values.entry((contestant, block)).or_default()[half] = (metric.of)(&[*trial]);
    }
    let mut ratios: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for ((contestant, block), halves) in values {
        if let [Some(a), Some(b)] = halves {
            ratios.entry((contestant, block / MIN_BLOCKS)).or_default().push(a / b);
        }
    }
    let whole = ratios.values().filter(|ratios| ratios.len() == MIN_BLOCKS as usize);
    let differ = whole.filter_map(|ratios| mean_ratio(ratios)).map(|ratio| !ratio.may_be(1.0));
    differ.fold((0, 0), |(found, all), differs| (found + usize::from(differs), all + 1))
}

#[cfg(test)]
mod tests {
    use model::trial::{TrialRecord, TrialResult};

    use super::*;
    use crate::fixture;
    use crate::plan::{Choice, Plan, PlannedTrial};

    /// A plan of one contestant, and records whose halves differ by these ratios in each block.
    fn checked(ratios: [f64; 3]) -> String {
        let scenario = fixture::scenario(&["a"], "events.rate = \"1/s\"");
        let choice =
            Choice { techniques: &["a"], seed: 7, budget_ns: Some(1), self_check: true, ..Choice::default() };
        let plan = Plan::new(&[scenario], &choice);
        assert_eq!(plan.trials.len(), 2 * MIN_BLOCKS as usize, "each twice in each block");
        let trial = |planned: &PlannedTrial| {
            let mut outcome = model::trial::TrialOutcome::default();
            outcome.counts.events_in_window = 1_000;
            outcome.bytes.window.down.payload = 5_000;
            let ratio =
                if planned.repetition.is_multiple_of(2) { ratios[planned.block as usize] } else { 1.0 };
            outcome.cost.server_cpu_ns = (1e6 * ratio) as u64;
            let mut record: TrialRecord = fixture::record(TrialResult::Complete(Box::new(outcome)));
            record.key.repetition = planned.repetition;
            Trial { run: 0, record, core_speed: None, samples: BTreeMap::new() }
        };
        let trials: Vec<_> = plan.trials.iter().map(trial).collect();
        rates_of(&trials.iter().collect::<Vec<_>>())
    }

    #[test]
    fn halves_that_differ_by_more_than_their_interval_are_false_differences() {
        let expected = "self-check: 1 of 2 comparisons (50.0 %) found a difference that is not there: CPU 1 of 1, \
                        bytes 0 of 1, p50 0 of 0; for at least 200 comparisons, raise --budget\n";
        assert_eq!(checked([1.2, 1.21, 1.2]), expected);
        assert!(checked([1.2, 0.9, 1.0]).contains("CPU 0 of 1"));
    }
}
