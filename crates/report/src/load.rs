//! Run folders in, records and samples out. What cannot be read is named and passed over, never guessed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hdrhistogram::serialization::Deserializer;
use model::browser::BrowserFindings;
use model::close_case::CloseCases;
use model::manifest::Manifest;
pub use model::results::Broken;
use model::results::{self, ReadError, Results, StoredTrial};
use model::trial::{CoreSpeed, TrialRecord};
use serde::de::DeserializeOwned;

use crate::core_speed::core_speeds;
use crate::error::ReportError;
use crate::sample::Sample;

/// A run as it lies on disk.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder.
    pub dir: PathBuf,
    /// Its folder's name.
    pub name: String,
    pub manifest: Manifest,
    /// What browsers were found to do, in the order of their names.
    pub findings: Vec<BrowserFindings>,
    /// What clients saw of connections' ends.
    pub close_cases: Option<CloseCases>,
    /// Files that could not be read.
    pub broken: Vec<Broken>,
}

/// A trial: its record, and its histograms by tag.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The place of its run among the evidence's.
    pub run: usize,
    pub record: TrialRecord,
    /// The speed of the server's core for its work; none where only its record says something.
    pub core_speed: Option<CoreSpeed>,
    /// Its histograms by tag; what was lost is missing in `delivery` and `service`, and what did not reach the application in `uplink`.
    pub samples: BTreeMap<String, Sample>,
}

/// Reads one run.
/// Fails when the manifest is missing, unreadable or of another schema version, when the folder of trials is unreadable, or when all that
/// was measured is broken.
pub(crate) fn run(dir: &Path) -> Result<(Run, Vec<Trial>), ReportError> {
    let Results { manifest, trials: stored, mut broken } = results::read(dir)?;
    let mut trials = Vec::new();
    for stored in stored {
        match trial(stored, &manifest) {
            Ok(trial) => trials.push(trial),
            Err(problem) => broken.push(problem),
        }
    }
    broken.sort_by(|a, b| a.path.cmp(&b.path));
    let speeds = core_speeds(&trials.iter().map(|trial| &trial.record).collect::<Vec<_>>());
    trials.iter_mut().zip(speeds).for_each(|(trial, speed)| trial.core_speed = speed);
    if let (Some(Broken { reason, .. }), true) =
        (broken.first(), trials.iter().all(|trial| trial.record.result.outcome().is_none()))
    {
        return Err(ReportError::Unusable { dir: dir.to_owned(), reason: reason.clone() });
    }
    let findings =
        results::files(&dir.join("browsers"), "json")?.into_iter().map(|path| once_in_a_run(&path));
    let findings = readable(findings, &mut broken);
    let close_cases =
        Some(dir.join("close-cases.json")).filter(|path| path.exists()).map(|path| once_in_a_run(&path));
    let close_cases = readable(close_cases.into_iter(), &mut broken).pop();
    Ok((Run { name: folder_name(dir), dir: dir.to_owned(), manifest, findings, close_cases, broken }, trials))
}

/// The manifest of the run in this folder.
/// Fails when it is missing, unreadable or of another schema version.
pub fn manifest(dir: &Path) -> Result<Manifest, ReportError> {
    let path = dir.join(results::MANIFEST);
    let text =
        fs::read_to_string(&path).map_err(|source| ReportError::Read { path: path.clone(), source })?;
    results::parse(&text).map_err(|reason| ReadError::Manifest { path, reason }.into())
}

/// `.` and links have no name of their own, so the name is that of the real folder.
fn folder_name(dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    real.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What was looked at once in a run, beside its trials.
fn once_in_a_run<T: DeserializeOwned>(path: &Path) -> Result<T, Broken> {
    let problem = |reason| Broken { path: path.to_owned(), reason };
    results::parse(&fs::read_to_string(path).map_err(|error| problem(error.to_string()))?).map_err(problem)
}

fn readable<T>(read: impl Iterator<Item = Result<T, Broken>>, broken: &mut Vec<Broken>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in read {
        match one {
            Ok(one) => kept.push(one),
            Err(problem) => broken.push(problem),
        }
    }
    kept
}

fn trial(stored: StoredTrial, manifest: &Manifest) -> Result<Trial, Broken> {
    let StoredTrial { path, record, histograms } = stored;
    let mut deserializer = Deserializer::new();
    let decoded = histograms.into_iter().map(|(tag, base64)| {
        let sample = Sample::decode(&mut deserializer, &base64);
        sample.map_err(|reason| format!("histogram {tag}: {reason}")).map(|sample| (tag, sample))
    });
    let log = record.histograms.as_deref().unwrap_or_default();
    let read = decoded.collect::<Result<_, _>>().map_err(|reason| format!("its log {log}: {reason}"));
    let problem = |reason| Broken { path: path.clone(), reason };
    let mut trial = Trial { run: 0, samples: read.map_err(problem)?, core_speed: None, record };
    trial.note_missing();
    trial.contradiction(manifest).map_or(Ok(trial), |reason| Err(problem(reason)))
}

impl Trial {
    /// CPU time of the server in the window as a core of standard speed would have needed; zero where there is none.
    pub fn standard_cpu_ns(&self) -> f64 {
        self.record
            .result
            .outcome()
            .map_or(0.0, |outcome| self.on_a_standard_core(outcome.cost.server_cpu_ns))
    }

    /// Of CPU time on the server's core, what a core of standard speed would have needed.
    pub fn on_a_standard_core(&self, cpu_ns: u64) -> f64 {
        let measured = self.record.result.outcome().and_then(|outcome| outcome.instrument.server_core_speed);
        CoreSpeed::standard_ns(self.core_speed.or(measured), cpu_ns)
    }

    fn note_missing(&mut self) {
        let Some(outcome) = self.record.result.outcome() else { return };
        let counts = &outcome.counts;
        let lost = [
            ("delivery", counts.lost),
            ("service", counts.lost),
            ("uplink", counts.uplink_due.saturating_sub(counts.uplink_received)),
        ];
        for (tag, missing) in lost {
            if let Some(sample) = self.samples.get_mut(tag) {
                sample.missing = missing;
            }
        }
    }

    /// What in this trial cannot be: it would end in no table, or in one with holes that nobody explains.
    fn contradiction(&self, manifest: &Manifest) -> Option<String> {
        let key = &self.record.key;
        if manifest.techniques.iter().all(|technique| technique.slug != key.technique) {
            return Some(format!("technique {} is not in the manifest", key.technique));
        }
        if manifest.scenarios.iter().all(|scenario| scenario.name != key.scenario) {
            return Some(format!("scenario {} is not in the manifest", key.scenario));
        }
        let is_known = |name: &String| manifest.targets.iter().any(|target| target.name == *name);
        if let Some(target) = key.target.as_ref().filter(|name| !is_known(name)) {
            return Some(format!("target {target} is not in the manifest"));
        }
        let delivered = self.record.result.outcome().is_some_and(|outcome| outcome.counts.delivered > 0);
        let lacks = |tag: &&str| !self.samples.contains_key(*tag);
        let missing = ["delivery", "service"].into_iter().find(lacks).filter(|_| delivered)?;
        Some(format!("events were delivered and there is no {missing} histogram"))
    }
}
