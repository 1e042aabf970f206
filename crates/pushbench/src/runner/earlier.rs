//! The capacities that first repetitions of searches found.

use std::collections::BTreeMap;

use crate::plan::Trial;
use crate::search::Found;

/// What first repetitions found: later repetitions start near it.
#[derive(Debug, Default)]
pub(super) struct Earlier(BTreeMap<Subject, f64>);

/// Scenario, point, technique, and whose server.
type Subject = (usize, usize, String, Option<String>);

impl Earlier {
    pub(super) fn of(&self, trial: &Trial<'_>) -> Option<f64> {
        self.0.get(&subject(trial)).copied()
    }

    pub(super) fn note(&mut self, trial: &Trial<'_>, found: &Found) {
        if let Some(capacity_per_s) = found.capacity_per_s {
            self.0.entry(subject(trial)).or_insert(capacity_per_s);
        }
    }
}

fn subject(trial: &Trial<'_>) -> Subject {
    let planned = trial.planned;
    (planned.scenario, planned.point, planned.technique.clone(), planned.target.clone())
}
