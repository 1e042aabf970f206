//! Rules about what a subscriber takes: trial by trial, since each of them is a case.

use model::claim::Taken;
use model::settings::Settings;
use model::trial::TrialOutcome;

use super::{Bounds, RuleAnswer, RuleOutcome, open};
use crate::numbers::significant;
use crate::statistics::Row;

/// Of trials that ran to their end; whether all did is asked by a rule of its own.
pub(super) fn takes(
    rows: &[&Row<'_>],
    what: Taken,
    bounds: Bounds,
    missing: impl Fn() -> String,
) -> RuleAnswer {
    let wanted = bounds.words();
    let trials = rows
        .iter()
        .flat_map(|row| row.outcomes().into_iter().map(|outcome| taken(what, row.settings, outcome)));
    let Some(values) = trials.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty()) else {
        return open(wanted, missing());
    };
    let (least, most) = values
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
    let found = if least == most {
        significant(least)
    } else {
        format!("{} to {}", significant(least), significant(most))
    };
    RuleAnswer {
        outcome: RuleOutcome::when(values.into_iter().all(|value| bounds.hold(value))),
        wanted,
        found,
    }
}

/// None where the trial does not tell.
fn taken(what: Taken, settings: &Settings, outcome: &TrialOutcome) -> Option<f64> {
    let cost = &outcome.cost;
    let sum = match what {
        Taken::Connections => outcome.counts.connections,
        Taken::Greetings => outcome.counts.greetings,
        Taken::Bytes => outcome.bytes.window.wire(),
        Taken::Memory if cost.server_rss_connected_bytes == 0 => return None,
        Taken::Memory => cost.server_rss_connected_bytes.saturating_sub(cost.server_rss_start_bytes),
        Taken::Servers => return Some(f64::from(settings.processes.server)),
    };
    let subscribers = outcome.set_up.subscribers;
    (subscribers > 0).then(|| sum as f64 / subscribers as f64)
}
