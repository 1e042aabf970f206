//! A place of the plan that is a search: its trials one after another, and then those at shares of what was found.

use std::time::Instant;

use model::manifest::Skipped;
use model::scenario::Search;
use model::trial::{SearchStep, TrialRecord, Verdict};

use super::{Earlier, Runner};
use crate::plan::{Part, Plan, Trial};
use crate::runner::progress::Progress;
use crate::search::{self, CapacitySearch, Found, Judge, Next, Step};

impl Runner<'_> {
    /// Searches for a capacity in one repetition, and runs the shares of it that are asked for. Records are not run again.
    pub(super) async fn search(
        &mut self,
        plan: &Plan,
        trial: &Trial<'_>,
        terms: &Search,
        earlier: &mut Earlier,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let (begun, records) = (Instant::now(), self.store.records().len());
        let was_begun = self.store.records().iter().any(|record| record.index as usize == trial.index);
        let (is_done, later) = (self.store.is_done(trial), plan.expected_trials_from(trial.index + 1));
        if !is_done {
            // As many as it can take, so that a run that is killed meanwhile does not look whole.
            self.plan_trials(records as u64 + search::most_trials(terms) + terms.then.len() as u64 + later)?;
        }
        let planned = trial.planned;
        let subject = (planned.scenario, planned.point, planned.technique.clone(), planned.target.clone());
        let found = self.find(trial, terms, earlier.get(&subject).copied(), progress).await?;
        if let Some(capacity_per_s) = found.capacity_per_s {
            earlier.entry(subject).or_insert(capacity_per_s);
        }
        self.at_loads(trial, terms, &found, progress).await?;
        if is_done {
            progress.already_there();
            return Ok(());
        }
        self.plan_trials(self.store.records().len() as u64 + later)?;
        let took_ns = (!was_begun).then(|| begun.elapsed().as_nanos() as u64);
        progress.found(trial, &found, took_ns);
        Ok(())
    }

    fn plan_trials(&mut self, planned: u64) -> anyhow::Result<()> {
        self.manifest.planned_trials = u32::try_from(planned).unwrap_or(u32::MAX);
        self.store.write_manifest(self.manifest)
    }

    async fn find(
        &mut self,
        trial: &Trial<'_>,
        terms: &Search,
        earlier_per_s: Option<f64>,
        progress: &Progress,
    ) -> anyhow::Result<Found> {
        let mut search = CapacitySearch::new(terms, trial.planned.repetition, earlier_per_s);
        loop {
            match search.next() {
                Next::End(found) => return Ok(found),
                Next::Try(step) => {
                    let verdict = self.step(trial, &step, progress).await?;
                    search.note(&step, verdict);
                }
            }
        }
    }

    async fn step(&mut self, place: &Trial<'_>, step: &Step, progress: &Progress) -> anyhow::Result<Verdict> {
        let Step { step: number, attempt, rate_per_s } = *step;
        let point = place.at_step(step);
        let trial = Trial { point: &point, part: Part::Step { step: number, attempt }, ..*place };
        let known = self.store.record_of(&trial)?.and_then(|record| record.search.clone());
        if let Some(known) = known {
            return Ok(known.verdict);
        }
        progress.begin(&trial);
        let measured = self.measure(&trial, progress).await;
        let verdict = Judge::new(&point.settings).verdict(&measured.result);
        let search = SearchStep { step: number, attempt, rate_per_s, verdict: verdict.clone() };
        let record = TrialRecord { search: Some(search), ..measured.record(&trial) };
        self.keep(&trial, record, &measured.histograms)?;
        progress.step(&trial, &measured.result, measured.delivery(), &verdict);
        Ok(verdict)
    }

    async fn at_loads(
        &mut self,
        place: &Trial<'_>,
        terms: &Search,
        found: &Found,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let Some(capacity_per_s) = found.capacity_per_s else {
            self.without_capacity(place, terms, found);
            return Ok(());
        };
        for &share in &terms.then {
            let point = place.at_load(share, capacity_per_s);
            let trial = Trial { point: &point, part: Part::Load(share), ..*place };
            if self.store.record_of(&trial)?.is_some() {
                continue;
            }
            progress.begin(&trial);
            let measured = self.measure(&trial, progress).await;
            let record = TrialRecord { load: Some(share), ..measured.record(&trial) };
            self.keep(&trial, record, &measured.histograms)?;
            progress.load(&trial, &measured.result, measured.delivery());
        }
        Ok(())
    }

    /// There is nothing to have shares of.
    fn without_capacity(&mut self, place: &Trial<'_>, terms: &Search, found: &Found) {
        let what = format!("loads of {}", place.title());
        if terms.then.is_empty() || self.manifest.skipped.iter().any(|skipped| skipped.what == what) {
            return;
        }
        let why = format!("its capacity is {}", found.show());
        self.manifest.skipped.push(Skipped { what, why });
    }
}
