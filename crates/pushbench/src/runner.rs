//! Goes through a plan: runs each trial that has no record yet, and keeps what came out of it as it ends.

pub(crate) mod interrupt;
mod progress;
mod search_steps;
pub(crate) mod self_check;
pub(crate) mod summary;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use model::SCHEMA_VERSION;
use model::manifest::{Manifest, Skipped};
use model::settings::{Client, Uplink, UplinkTo};
use model::trial::{
    CoreSpeed, Counts, Disturbance, Failure, MachineActivity, Observed, Side, TrialOutcome, TrialRecord,
    TrialResult,
};

use crate::browsers::client;
use crate::browsers::probe;
use crate::plan::budget::{self, PointState};
use crate::plan::{Part, Plan, Trial};
use crate::registry;
use crate::replay;
use crate::runner::interrupt::Interrupt;
use crate::runner::progress::Progress;
use crate::store::histograms::{self, Tagged};
use crate::store::{self, Store};
use crate::supervisor::{self, MachineWatch, TrialEnv, socket_ping};

#[derive(Debug)]
pub(crate) struct Runner<'a> {
    pub(crate) env: &'a TrialEnv,
    pub(crate) store: &'a mut Store,
    pub(crate) manifest: &'a mut Manifest,
    pub(crate) interrupt: &'a Interrupt,
    /// Socket pings at the start, and again at the end.
    pub(crate) pings: u32,
    /// Whether browsers are result, where they take part.
    pub(crate) browser_probes: bool,
    /// How often a disturbed trial is repeated.
    pub(crate) repeats: u32,
}

/// The capacities that first repetitions found: later ones start near them. By scenario, point, technique, and whose server.
type Earlier = BTreeMap<(usize, usize, String, Option<String>), f64>;

/// A trial that has ended, before it is kept.
struct Measured {
    result: TrialResult,
    histograms: Tagged,
    observed: Option<Observed>,
    machine: Option<MachineActivity>,
    disturbance: Option<Disturbance>,
    started_unix_s: u64,
    took_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// Somebody asked for it; what was measured is kept.
    Interrupted,
}

impl Runner<'_> {
    /// Runs what the plan still holds. An interrupted trial leaves nothing behind.
    /// A trial that fails is a result, no error.
    pub(crate) async fn run(&mut self, plan: &mut Plan) -> anyhow::Result<Ended> {
        let left_ns =
            plan.trials().filter(|trial| !self.store.is_done(trial)).map(|trial| trial.expected_ns()).sum();
        let mut progress = Progress::new(plan, left_ns);
        let spent_ns: u64 = self.store.records().iter().map(|record| record.took_ns).sum();
        progress.deadline = plan.budget_ns.map(|budget_ns| {
            let left_ns = budget::for_trials_ns(budget_ns).saturating_sub(spent_ns);
            Instant::now() + Duration::from_nanos(left_ns)
        });
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
        self.store.write_table()?;
        self.store.write_manifest(self.manifest)?;
        Ok(ended)
    }

    async fn all(&mut self, plan: &mut Plan, progress: &mut Progress) -> anyhow::Result<()> {
        self.measure_socket_ping().await?;
        self.replay_publications().await?;
        let (mut earlier, mut begun) = (Earlier::default(), 0);
        while begun < plan.trials.len() {
            self.blocks(plan, begun, &mut earlier, progress).await?;
            begun = plan.trials.len();
            self.add_block(plan, progress)?;
        }
        self.browser_probe(plan, progress).await?;
        self.measure_socket_ping().await
    }

    /// Adds a block to a plan with a budget, as long as one fits.
    fn add_block(&mut self, plan: &mut Plan, progress: &mut Progress) -> anyhow::Result<()> {
        let Some(left_ns) = progress.left_of_budget_ns() else { return Ok(()) };
        let points = states(plan, self.store.records());
        progress.precision = precision(&budget::widths(&points));
        plan.add_block(&budget::next_block(&points, left_ns, plan.self_check), self.manifest.seed);
        progress.total = plan.trials.len();
        self.manifest.planned_trials = plan.expected_trials_from(0) as u32;
        self.store.write_plan(plan)?;
        self.store.write_manifest(self.manifest)
    }

    /// Runs the blocks of the plan from this trial on.
    async fn blocks(
        &mut self,
        plan: &Plan,
        from: usize,
        earlier: &mut Earlier,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let trials: Vec<_> = plan.trials().skip(from).collect();
        for block in trials.chunk_by(|a, b| a.planned.block == b.planned.block) {
            for attempt in 0..=self.repeats {
                for trial in block {
                    if progress.left_of_budget_ns().is_some_and(|left_ns| trial.expected_ns() > left_ns) {
                        continue;
                    }
                    match &trial.point.search {
                        None => self.once(trial, attempt, progress).await?,
                        Some(terms) if attempt == 0 => {
                            self.search(plan, trial, terms, earlier, progress).await?;
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Once in a run in which browsers take part. A browser probe that fails is reported, and fails no run.
    async fn browser_probe(&mut self, plan: &Plan, progress: &Progress) -> anyhow::Result<()> {
        let clients = probed_clients(plan);
        if !self.browser_probes || clients.is_empty() || store::has_browser_probe(self.store.dir()) {
            return Ok(());
        }
        progress.note("browser probe: how WebSockets end in each client, and what the browsers do");
        let result = probe::probe(&clients).await;
        for (client, why) in &result.failed {
            let what = format!("browser probe of {}", client::name(*client));
            progress.note(&format!("skipped: {what}: {why}"));
            self.manifest.skipped.push(Skipped { what, why: why.clone() });
        }
        store::keep_browser_probe(self.store.dir(), &result).context("keep the browser probe")
    }

    /// A trial whose rate the scenario gives, if its next attempt is this one.
    async fn once(&mut self, trial: &Trial<'_>, attempt: u32, progress: &mut Progress) -> anyhow::Result<()> {
        let is_known = attempt == 0 && self.store.record_of(trial)?.is_some();
        if is_known {
            progress.already_there();
        }
        if self.store.next_attempt(trial, self.repeats) != Some(attempt) {
            return Ok(());
        }
        let trial = Trial { part: Part::Whole { attempt }, ..*trial };
        progress.begin(&trial);
        let measured = self.measure(&trial, progress).await;
        self.keep(&trial, TrialRecord { attempt, ..measured.record(&trial) }, &measured.histograms)?;
        if let Some(disturbance) = &measured.disturbance {
            let is_repeated = attempt < self.repeats;
            let next = if is_repeated { "; it is repeated at the end of its block" } else { "" };
            progress.note(&format!("disturbed: {}: {}{next}", trial.title(), disturbance.show()));
            // A run that is killed before the repeat must not look whole.
            self.manifest.planned_trials += u32::from(is_repeated);
            self.store.write_manifest(self.manifest)?;
        }
        match attempt {
            0 => progress.end(&trial, &measured.result, measured.delivery(), measured.took_ns),
            _ => progress.load(&trial, &measured.result, measured.delivery()),
        }
        Ok(())
    }

    async fn measure(&self, trial: &Trial<'_>, progress: &Progress) -> Measured {
        let started_unix_s = unix_s();
        let started = Instant::now();
        let watch = MachineWatch::start(&self.env.pinning, &trial.point.settings);
        let ran = supervisor::run(self.env, trial).await;
        let machine = watch.and_then(MachineWatch::finish);
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
        let times_count = trial.point.settings.counted.is_none();
        let instrument = result.outcome().map(|outcome| &outcome.instrument).filter(|_| times_count);
        let disturbance = instrument.and_then(|instrument| Disturbance::of(machine.as_ref(), instrument));
        Measured { result, histograms, observed, machine, disturbance, started_unix_s, took_ns }
    }

    fn keep(&mut self, trial: &Trial<'_>, record: TrialRecord, histograms: &Tagged) -> anyhow::Result<()> {
        self.store.keep(&trial.file_stem(), record, histograms).context("keep a trial's results")
    }

    async fn measure_socket_ping(&mut self) -> anyhow::Result<()> {
        let measured = socket_ping::measure(&self.env.load_program, &self.env.pinning, self.pings).await;
        let pings = self.store.keep_socket_ping(&measured.context("measure the socket ping")?, unix_s())?;
        self.manifest.socket_ping = socket_ping::describe(&pings);
        self.store.write_manifest(self.manifest)
    }

    async fn replay_publications(&mut self) -> anyhow::Result<()> {
        if self.manifest.replays.is_empty() {
            let replays = replay::all(&self.env.load_program, &self.manifest.publications).await;
            self.manifest.replays = replays.context("replay what was printed")?;
        }
        self.store.write_manifest(self.manifest)
    }
}

impl Measured {
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
            attempt: 0,
            machine: self.machine,
            disturbance: self.disturbance,
            result: self.result.clone(),
            histograms: None,
        }
    }
}

/// What is known of each point of the plan's first block.
fn states(plan: &Plan, records: &[TrialRecord]) -> Vec<PointState> {
    let first = plan.trials().take(plan.first_block().len());
    let speeds = report::core_speeds(&records.iter().collect::<Vec<_>>());
    let state = |point: Trial<'_>| {
        let is_same = |(record, _): &(&TrialRecord, _)| {
            let planned = plan.trials.get(record.index as usize);
            planned.is_some_and(|it| it.is_at_same_point(point.planned)) && record.disturbance.is_none()
        };
        let cpu = records.iter().zip(&speeds).filter(is_same).filter_map(|(record, speed)| {
            let TrialResult::Complete(outcome) = &record.result else { return None };
            let per_event = CoreSpeed::standard_ns(*speed, outcome.cost.server_cpu_ns)
                / outcome.counts.events_in_window as f64;
            // Without events it is infinite, and zero where the server's processes could not be read.
            Some((record.key.repetition, per_event)).filter(|_| per_event.is_finite() && per_event > 0.0)
        });
        let mut by_block: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        cpu.for_each(|(block, per_event)| by_block.entry(block).or_default().push(per_event));
        let mean = |all: Vec<f64>| all.iter().sum::<f64>() / all.len() as f64;
        let technique = registry::find(&point.planned.technique);
        PointState {
            group: (point.planned.scenario, point.planned.point),
            expected_ns: point.expected_ns(),
            is_feed: budget::is_feed(&plan.scenarios[point.planned.scenario].name),
            is_baseline: point.planned.target.is_none() && technique.is_some_and(|(_, it)| it.baseline),
            cpu: by_block.into_iter().map(|(block, all)| (block, mean(all))).collect(),
        }
    };
    first.map(state).collect()
}

/// How well the CPU ratios are known, for people.
fn precision(widths: &[budget::Known]) -> String {
    let mut widths: Vec<f64> =
        widths.iter().map(|known| known.width).filter(|width| width.is_finite()).collect();
    widths.sort_by(f64::total_cmp);
    let Some(widest) = widths.last() else { return String::new() };
    let within = widths.iter().filter(|width| **width <= budget::TARGET).count();
    format!(
        ", CPU ratios: {within} of {} within ±{:.0} %, widest ±{:.0} %",
        widths.len(),
        budget::TARGET * 100.0,
        widest * 100.0
    )
}

/// The browsers of the plan with the native client beside them; nobody in a plan without a browser.
fn probed_clients(plan: &Plan) -> Vec<Client> {
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
    counts.lost == 0 && (!to_application || counts.uplink_received >= counts.uplink_due)
}

pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use model::settings::Pace;

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
        assert!(!is_complete(None, &Counts { lost: 1, ..Counts::default() }));
    }
}
