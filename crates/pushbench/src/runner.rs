//! Goes through a plan: runs each trial that has no record yet, and keeps what came out of it as it ends.

mod searching;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use schema::SCHEMA_VERSION;
use schema::manifest::{Manifest, Skipped};
use schema::settings::{Client, Uplink, UplinkTo};
use schema::trial::{Counts, Failure, Observed, Side, TrialOutcome, TrialRecord, TrialResult};

use crate::floor;
use crate::histograms::{self, Tagged};
use crate::interrupt::Interrupt;
use crate::plan::{Plan, Trial};
use crate::progress::Progress;
use crate::registry;
use crate::replay;
use crate::store::{Store, Surveys};
use crate::survey::{self, Surveyed};
use crate::trial::Stage;
use searching::Earlier;

/// A run under way.
#[derive(Debug)]
pub(crate) struct Runner<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) store: &'a mut Store,
    pub(crate) manifest: &'a mut Manifest,
    pub(crate) interrupt: &'a Interrupt,
    /// Pings of the floor at the begin, and again at the end.
    pub(crate) pings: u32,
    /// Whether browsers are surveyed, where they take part.
    pub(crate) surveys: bool,
}

/// A trial that has ended, before it is kept.
struct Measured {
    result: TrialResult,
    histograms: Tagged,
    observed: Option<Observed>,
    started_unix_s: u64,
    took_ns: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// At its end.
    Done,
    /// Somebody asked for it; what was measured is kept.
    Interrupted,
}

impl Runner<'_> {
    /// Runs what the plan still holds. An interrupted trial leaves nothing behind.
    ///
    /// # Errors
    ///
    /// When results cannot be kept, or the floor cannot be measured. A trial that fails is a result.
    pub(crate) async fn run(&mut self, plan: &Plan) -> anyhow::Result<Ended> {
        let left_ns =
            plan.trials().filter(|trial| !self.store.is_done(trial)).map(|trial| trial.expected_ns()).sum();
        let mut progress = Progress::new(plan, left_ns);
        let interrupt = self.interrupt.clone();
        let ended = tokio::select! {
            biased;
            () = interrupt.requested() => Ok(Ended::Interrupted),
            done = self.all(plan, &mut progress) => done.map(|()| Ended::Done),
        };
        progress.finish();
        let ended = ended?;
        if ended == Ended::Done {
            self.manifest.planned_trials = self.store.records().len() as u32;
        }
        self.store.write_manifest(self.manifest)?;
        Ok(ended)
    }

    async fn all(&mut self, plan: &Plan, progress: &mut Progress) -> anyhow::Result<()> {
        self.measure_floor().await?;
        self.replay_literature().await?;
        let mut earlier = Earlier::default();
        for trial in plan.trials() {
            match &trial.point.search {
                Some(terms) => self.search(plan, &trial, terms, &mut earlier, progress).await?,
                None => self.once(&trial, progress).await?,
            }
        }
        self.survey(plan, progress).await?;
        self.measure_floor().await
    }

    /// Once in a run in which browsers take part. A survey that fails is told, and fails no run.
    async fn survey(&mut self, plan: &Plan, progress: &Progress) -> anyhow::Result<()> {
        let surveys = Surveys::in_folder(self.store.dir());
        let clients = surveyed_clients(plan);
        if !self.surveys || clients.is_empty() || surveys.is_kept() {
            return Ok(());
        }
        progress.note("survey: how WebSockets end in each client, and what the browsers do");
        let surveyed = survey::survey(&clients).await;
        for skipped in left_out(&surveyed) {
            progress.note(&format!("skipped: {}: {}", skipped.what, skipped.why));
            self.manifest.skipped.push(skipped);
        }
        surveys.keep(&surveyed).context("keep the survey")
    }

    /// A trial whose rate the scenario gives.
    async fn once(&mut self, trial: &Trial<'_>, progress: &mut Progress) -> anyhow::Result<()> {
        if self.store.record_of(trial)?.is_some() {
            progress.already_there();
            return Ok(());
        }
        progress.begin(trial);
        let measured = self.measure(trial, progress).await;
        self.keep(trial, measured.record(trial), &measured.histograms)?;
        progress.end(trial, &measured.result, measured.delivery(), measured.took_ns);
        Ok(())
    }

    async fn measure(&self, trial: &Trial<'_>, progress: &Progress) -> Measured {
        let started_unix_s = unix_s();
        let started = Instant::now();
        let ran = self.stage.run(trial).await;
        let took_ns = started.elapsed().as_nanos() as u64;
        let (result, histograms, observed) = match ran {
            Ok(ran) => {
                if let Some(note) = ran.note {
                    progress.note(&format!("{}: {note}", trial.title()));
                }
                let (result, histograms) = parted(trial, ran.outcome);
                (result, histograms, ran.observed)
            }
            Err(failure) => (TrialResult::Failed(failure), Tagged::new(), None),
        };
        Measured { result, histograms, observed, started_unix_s, took_ns }
    }

    fn keep(&mut self, trial: &Trial<'_>, record: TrialRecord, histograms: &Tagged) -> anyhow::Result<()> {
        self.store.keep(&trial.file_stem(), record, histograms).context("keep a trial's results")
    }

    async fn measure_floor(&mut self) -> anyhow::Result<()> {
        let measured = floor::measure(&self.stage.load_program, &self.stage.pinning, self.pings).await;
        let pings = self.store.keep_floor(&measured.context("measure the floor")?, unix_s())?;
        self.manifest.floor = floor::describe(&pings);
        self.store.write_manifest(self.manifest)
    }

    async fn replay_literature(&mut self) -> anyhow::Result<()> {
        if self.manifest.replays.is_empty() {
            let replays = replay::all(&self.stage.load_program, &self.manifest.literature).await;
            self.manifest.replays = replays.context("replay what was printed")?;
        }
        self.store.write_manifest(self.manifest)
    }
}

impl Measured {
    /// The delivery latencies, in nanoseconds.
    fn delivery(&self) -> Option<&Histogram<u64>> {
        self.histograms.get("delivery")
    }

    fn record(&self, trial: &Trial<'_>) -> TrialRecord {
        let technique = registry::find(&trial.planned.technique);
        TrialRecord {
            schema_version: SCHEMA_VERSION,
            index: trial.index as u32,
            key: trial.key(),
            technique_label: technique
                .map_or(&*trial.planned.technique, |(_, technique)| technique.label)
                .to_owned(),
            technique_order: technique.map_or(u32::MAX, |(order, _)| order as u32),
            settings: trial.point.settings.clone(),
            seed: trial.planned.seed,
            started_unix_s: self.started_unix_s,
            took_ns: self.took_ns,
            observed: self.observed,
            search: None,
            load: None,
            result: self.result.clone(),
            histograms: None,
        }
    }
}

/// The clients that a survey failed with.
fn left_out(surveyed: &Surveyed) -> impl Iterator<Item = Skipped> {
    surveyed.failed.iter().map(|(client, why)| Skipped {
        what: format!("survey of {}", survey::name(*client)),
        why: why.clone(),
    })
}

/// The browsers of the plan with the native client beside them; nobody in a plan without a browser.
fn surveyed_clients(plan: &Plan) -> Vec<Client> {
    let mut clients: Vec<_> = plan.trials().map(|trial| trial.point.settings.client).collect();
    clients.sort_unstable();
    clients.dedup();
    clients.retain(|&client| client != Client::Native);
    if !clients.is_empty() {
        clients.insert(0, Client::Native);
    }
    clients
}

/// The outcome with its histograms apart: they have a file of their own.
fn parted(trial: &Trial<'_>, mut outcome: TrialOutcome) -> (TrialResult, Tagged) {
    let encoded = std::mem::take(&mut outcome.histograms);
    let decoded: anyhow::Result<Tagged> =
        encoded.into_iter().map(|(tag, base64)| Ok((tag, histograms::decode(&base64)?))).collect();
    match decoded {
        Ok(histograms) if is_complete(trial.point.settings.uplink.as_ref(), &outcome.counts) => {
            (TrialResult::Complete(Box::new(outcome)), histograms)
        }
        Ok(histograms) => (TrialResult::Incomplete(Box::new(outcome)), histograms),
        Err(error) => {
            (TrialResult::Failed(Failure { side: Side::Load, reason: format!("{error:#}") }), Tagged::new())
        }
    }
}

/// A message that no session came to send is missing like one that was lost on the way.
fn is_complete(uplink: Option<&Uplink>, counts: &Counts) -> bool {
    let to_application = uplink.is_some_and(|uplink| uplink.to == UplinkTo::Application);
    counts.missing == 0 && (!to_application || counts.uplink_received >= counts.uplink_due)
}

/// Seconds since 1970.
pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use schema::settings::Pace;

    use super::*;

    #[test]
    fn a_message_that_was_due_and_never_reached_the_application_is_missing() {
        let uplink = |to| Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 64, to };
        let counts =
            |uplink_received| Counts { uplink_due: 3, uplink_sent: 2, uplink_received, ..Counts::default() };
        let to_application = uplink(UplinkTo::Application);
        assert!(is_complete(Some(&to_application), &counts(3)));
        assert!(!is_complete(Some(&to_application), &counts(2)));
        assert!(is_complete(Some(&uplink(UplinkTo::Channel)), &counts(0)));
        assert!(!is_complete(None, &Counts { missing: 1, ..Counts::default() }));
    }
}
