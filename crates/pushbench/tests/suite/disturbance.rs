//! What is done to a trial on purpose: its server is killed and another one takes its place, or some of its subscribers do not
//! keep up. Whole runs, for every technique; what must hold is counted, and no time is judged.
//!
//! # Layout
//!
//! - `server_restarts`: everybody comes back, and has everything once
//! - `slow_consumers`: everybody else has everything

mod server_restarts;
mod slow_consumers;

use std::collections::BTreeSet;

use model::trial::{TrialOutcome, TrialRecord};
use model::warning::Warning;

/// Trials that ran to their end, each with its key.
fn outcomes(records: &[TrialRecord]) -> Vec<(String, &TrialRecord, &TrialOutcome)> {
    records.iter().map(outcome).collect()
}

fn outcome(record: &TrialRecord) -> (String, &TrialRecord, &TrialOutcome) {
    let TrialRecord { key, result, .. } = record;
    let point: Vec<_> = key.point.values().cloned().collect();
    let name = format!("{} {}", key.technique, point.join(" "));
    let outcome = result.outcome().unwrap_or_else(|| panic!("{name}: {result:?}"));
    (name, record, outcome)
}

/// How many techniques took part.
fn techniques(records: &[TrialRecord]) -> usize {
    records.iter().map(|record| &record.key.technique).collect::<BTreeSet<_>>().len()
}

/// Warnings that say that somebody did something wrong, and not that the machine was busy.
fn blaming(outcome: &TrialOutcome) -> Vec<&Warning> {
    let blames = |warning: &&Warning| {
        matches!(
            warning,
            Warning::Reconnects { .. } | Warning::Disordered { .. } | Warning::BytesDoNotAddUp { .. }
        )
    };
    outcome.warnings.iter().filter(blames).collect()
}
