//! Sweeps that end one value past the bound: what has broken, and what need not be run any more.

use std::collections::BTreeMap;

use schema::trial::{TrialOutcome, TrialResult};

use crate::plan::Trial;

/// Where each climb first broke.
#[derive(Debug, Default)]
pub(crate) struct Climbs(BTreeMap<Climb, Break>);

/// A technique's way up in one repetition: scenario, technique, whose server, repetition, and the values of the other sweeps.
type Climb = (String, String, Option<String>, u32, Vec<(String, String)>);

/// The first value at which events went missing, came later than the bound, or nothing came out at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Break {
    step: u32,
    /// The value as written.
    pub(crate) value: String,
}

impl Climbs {
    /// Takes in what came out of a trial.
    pub(crate) fn note(&mut self, trial: &Trial<'_>, result: &TrialResult) {
        let Some((climb, at)) = place(trial).filter(|_| is_past_bound(trial, result)) else { return };
        let first = self.0.entry(climb).or_insert_with(|| at.clone());
        if at.step < first.step {
            *first = at;
        }
    }

    /// Where this trial's climb broke, if it lies further up than the one value past it that is still run: the way
    /// in which a technique breaks is part of the answer.
    pub(crate) fn ended_before(&self, trial: &Trial<'_>) -> Option<&Break> {
        let (climb, at) = place(trial)?;
        self.0.get(&climb).filter(|first| at.step > first.step + 1)
    }
}

fn place(trial: &Trial<'_>) -> Option<(Climb, Break)> {
    let rung = trial.point.rung.as_ref()?;
    let mut others = trial.point.values.clone();
    let value = others.remove(&rung.key)?;
    let climb = (
        trial.scenario.to_owned(),
        trial.planned.technique.clone(),
        trial.planned.target.clone(),
        trial.planned.repetition,
        others.into_iter().collect(),
    );
    Some((climb, Break { step: rung.step, value }))
}

fn is_past_bound(trial: &Trial<'_>, result: &TrialResult) -> bool {
    let late = |outcome: &TrialOutcome| {
        let p99_ns = outcome.delivery.as_ref().map_or(u64::MAX, |quantiles| quantiles.p99_ns);
        trial.point.settings.bound.as_ref().is_some_and(|bound| p99_ns > bound.p99_ns)
    };
    match result {
        TrialResult::Complete(outcome) => late(outcome),
        TrialResult::Incomplete(_) | TrialResult::Failed(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use schema::scenario::{Extent, Scenario};
    use schema::trial::{Failure, Side};

    use super::*;
    use crate::plan::{Choice, Plan};

    #[test]
    fn one_value_past_the_first_that_broke_is_run_and_no_more() {
        let text = "question = \"?\"\nreading = \"!\"\nrepetitions = 1\nbound.p99 = \"1ms\"\n[[sweep]]\nkey = \"events.rate\"\nvalues = [\"1/s\", \"2/s\", \"3/s\", \"4/s\"]\nuntil = \"bound\"";
        let scenario = Scenario::parse(text, "x.toml", "x", &["a", "b"], Extent::Full).unwrap();
        let plan = Plan::new(
            &[scenario],
            &Choice { techniques: &["a", "b"], targets: &[], repetitions: None, seed: 1 },
        );
        let failed = TrialResult::Failed(Failure { side: Side::Server, reason: "it broke".to_owned() });
        let mut climbs = Climbs::default();
        for trial in plan.trials().filter(|trial| trial.planned.technique == "a") {
            if trial.point.values["events.rate"] != "1/s" {
                climbs.note(&trial, &failed);
            }
        }
        let needless: Vec<_> = plan
            .trials()
            .filter_map(|trial| Some((trial.title(), climbs.ended_before(&trial)?.value.as_str().to_owned())))
            .collect();
        assert_eq!(needless, [("x 4/s a r0".to_owned(), "2/s".to_owned())]);
    }
}
