//! Run folders in, records and samples out. What cannot be read is named and passed over, never guessed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hdrhistogram::serialization::Deserializer;
use model::browser::BrowserFindings;
use model::close_case::CloseCases;
use model::manifest::Manifest;
pub use model::results::Broken;
use model::results::{self, Results, StoredTrial};
use model::trial::TrialRecord;
use serde::de::DeserializeOwned;

use crate::ReportError;
use crate::statistics::Sample;

/// A run as it lies on disk.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its folder.
    pub dir: PathBuf,
    /// Its folder's name.
    pub name: String,
    pub manifest: Manifest,
    /// In the order of the plan.
    pub trials: Vec<Trial>,
    /// What browsers were found to do, in the order of their names.
    pub findings: Vec<BrowserFindings>,
    /// What clients saw of connections' ends.
    pub close_cases: Option<CloseCases>,
    pub broken: Vec<Broken>,
}

/// A trial: its record, and its histograms by tag.
#[derive(Debug)]
pub(crate) struct Trial {
    pub record: TrialRecord,
    pub samples: BTreeMap<String, Sample>,
}

/// Reads one run.
///
/// # Errors
///
/// When the manifest is missing, unreadable or of another schema version, or when the folder of trials is unreadable.
pub(crate) fn run(dir: &Path) -> Result<Run, ReportError> {
    let Results { manifest, trials: stored, mut broken } = results::read(dir)?;
    let mut trials = Vec::new();
    for stored in stored {
        match trial(stored, &manifest) {
            Ok(trial) => trials.push(trial),
            Err(problem) => broken.push(problem),
        }
    }
    broken.sort_by(|a, b| a.path.cmp(&b.path));
    let findings = results::files(&dir.join("browsers"), "json")?.into_iter().map(|path| survey(&path));
    let findings = kept(findings, &mut broken);
    let close_cases =
        Some(dir.join("close-cases.json")).filter(|path| path.exists()).map(|path| survey(&path));
    let close_cases = kept(close_cases.into_iter(), &mut broken).pop();
    Ok(Run { name: folder_name(dir), dir: dir.to_owned(), manifest, trials, findings, close_cases, broken })
}

/// `.` and links have no name of their own, so the name is that of the real folder.
fn folder_name(dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    real.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What was looked at once in a run, beside its trials.
fn survey<T: DeserializeOwned>(path: &Path) -> Result<T, Broken> {
    let problem = |reason| Broken { path: path.to_owned(), reason };
    results::parse(&fs::read_to_string(path).map_err(|error| problem(error.to_string()))?).map_err(problem)
}

fn kept<T>(read: impl Iterator<Item = Result<T, Broken>>, broken: &mut Vec<Broken>) -> Vec<T> {
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
    let trial = Trial { samples: read.map_err(problem)?, record };
    trial.contradiction(manifest).map_or(Ok(trial), |reason| Err(problem(reason)))
}

impl Trial {
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
