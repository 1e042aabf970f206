//! The tables at a run's end: the figures of each point, and what searches found, a row for each search's repetitions.

use report::Evidence;
use report::summary::{aligned, summary};

use crate::plan::{Plan, PlannedTrial, Trial};
use crate::registry;
use crate::store::Store;

/// The tables, in the order of the plan and the registry; none where there is nothing to show.
pub(crate) fn tables(evidence: &Evidence, store: &Store, plan: &Plan) -> String {
    let mut tables = vec![summary(evidence), capacities(store, plan)];
    tables.retain(|table| !table.is_empty());
    let disturbed = store.records().iter().filter(|it| it.disturbance.is_some() && it.search.is_none());
    let (disturbed, all) = (disturbed.count(), store.records().len());
    match (disturbed, tables.is_empty()) {
        (0, _) => {}
        (_, true) => tables.push(format!(
            "no table: the machine did other work during {disturbed} of {all} trials; run again when it is quiet\n"
        )),
        (_, false) => tables.push(format!(
            "not in the table: {disturbed} of {all} trials, during which the machine did other work\n"
        )),
    }
    tables.join("\n")
}

/// What the searches found, each repetition's in its order.
fn capacities(store: &Store, plan: &Plan) -> String {
    let mut rows: Vec<([String; 2], String)> = Vec::new();
    for (trial, found) in plan.trials().filter_map(|trial| Some((trial, store.found(&trial)?))) {
        let (names, capacity) = (names(&trial), found.show());
        match rows.iter_mut().find(|(known, _)| *known == names) {
            Some((_, capacities)) => capacities.extend([", ", &capacity]),
            None => rows.push((names, capacity)),
        }
    }
    let lines: Vec<_> =
        rows.into_iter().map(|([title, technique], found)| [title, technique, found]).collect();
    if lines.is_empty() {
        return String::new();
    }
    aligned(&["scenario", "technique", "capacity per channel, by repetition"], &lines, 0..0)
}

/// Scenario with its point, and technique with its server.
fn names(trial: &Trial<'_>) -> [String; 2] {
    let PlannedTrial { technique, target, .. } = trial.planned;
    let values: String = trial.point.values.values().map(|value| format!(" {value}")).collect();
    let label = registry::find(technique).map_or(technique.as_str(), |(_, technique)| technique.label);
    let of = target.as_ref().map_or_else(String::new, |target| format!(" of {target}"));
    [format!("{}{values}", trial.scenario), format!("{label}{of}")]
}
