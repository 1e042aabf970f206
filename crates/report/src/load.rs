//! Run folders in, records and samples out. What cannot be read is named and passed over, never guessed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use model::browser::BrowserFindings;
use model::close_case::CloseCases;
use model::manifest::{FileVersion, Manifest};
use model::trial::TrialRecord;
use serde::de::DeserializeOwned;

use crate::error::ReportError;
use crate::sample::Sample;

/// A run as it lies on disk.
#[derive(Debug)]
pub struct Run {
    /// Its folder.
    pub dir: PathBuf,
    /// Its folder's name.
    pub name: String,
    /// Its manifest.
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
    /// Its record.
    pub record: TrialRecord,
    /// Its histograms by tag; what was lost is missing in `delivery` and `service`, and what did not reach the application in `uplink`.
    pub samples: BTreeMap<String, Sample>,
}

/// A record that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The record, also when it is its log that is broken: a run is resumed by the records that are there.
    pub path: PathBuf,
    /// What is wrong with it, or with its log.
    pub reason: String,
}

/// Reads one run.
///
/// # Errors
///
/// When the manifest is missing, unreadable or of another schema version, or when the folder of trials is unreadable.
pub(crate) fn run(dir: &Path) -> Result<(Run, Vec<Trial>), ReportError> {
    let manifest = manifest(&dir.join("manifest.json"))?;
    let (mut trials, mut broken) = (Vec::new(), Vec::new());
    for path in record_paths(&dir.join("trials"))? {
        match trial(dir, &path, &manifest) {
            Ok(trial) => trials.push(trial),
            Err(problem) => broken.push(problem),
        }
    }
    let findings = record_paths(&dir.join("browsers"))?.into_iter().map(|path| once_in_a_run(&path));
    let findings = readable(findings, &mut broken);
    let close_cases =
        Some(dir.join("close-cases.json")).filter(|path| path.exists()).map(|path| once_in_a_run(&path));
    let close_cases = readable(close_cases.into_iter(), &mut broken).pop();
    trials.sort_by(|a, b| (a.record.index, &a.record.key).cmp(&(b.record.index, &b.record.key)));
    Ok((Run { name: folder_name(dir), dir: dir.to_owned(), manifest, findings, close_cases, broken }, trials))
}

/// Whether this folder is a run that can be read.
///
/// # Errors
///
/// When its manifest is missing, unreadable or of another schema version.
pub fn check(dir: &Path) -> Result<(), ReportError> {
    manifest(&dir.join("manifest.json")).map(drop)
}

fn manifest(path: &Path) -> Result<Manifest, ReportError> {
    let text =
        fs::read_to_string(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })?;
    let problem = |reason| ReportError::Manifest { path: path.to_owned(), reason };
    parse(&text).map_err(problem)
}

/// `.` and links have no name of their own, so the name is that of the real folder.
fn folder_name(dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    real.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The records' paths, sorted; none when nothing has ended yet.
fn record_paths(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let unreadable = |source| ReportError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// What was looked at once in a run, beside its trials.
fn once_in_a_run<T: DeserializeOwned>(path: &Path) -> Result<T, Broken> {
    let problem = |reason| Broken { path: path.to_owned(), reason };
    parse(&fs::read_to_string(path).map_err(|error| problem(error.to_string()))?).map_err(problem)
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

fn trial(dir: &Path, path: &Path, manifest: &Manifest) -> Result<Trial, Broken> {
    let problem = |reason| Broken { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let record: TrialRecord = parse(&text).map_err(problem)?;
    let samples = match &record.histograms {
        Some(log) => samples(&dir.join(log)).map_err(|reason| problem(format!("its log {log}: {reason}")))?,
        None => BTreeMap::new(),
    };
    let mut trial = Trial { run: 0, record, samples };
    trial.note_missing();
    match trial.contradiction(manifest) {
        Some(reason) => Err(problem(reason)),
        None => Ok(trial),
    }
}

impl Trial {
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

/// Checks the version first: a file of another version may have other fields.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text_of = |error: serde_json::Error| error.to_string();
    let version: FileVersion = serde_json::from_str(text).map_err(text_of)?;
    version.check().map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(text_of)
}

/// Every histogram of a `.hlog`, by its tag. Only recorded values are kept: a whole run's arrays would be 1 GB.
fn samples(path: &Path) -> Result<BTreeMap<String, Sample>, String> {
    let log = fs::read(path).map_err(|error| error.to_string())?;
    let mut deserializer = Deserializer::new();
    let mut samples = BTreeMap::new();
    for entry in IntervalLogIterator::new(&log) {
        let LogEntry::Interval(interval) =
            entry.map_err(|error| format!("not a histogram log: {error:?}"))?
        else {
            continue;
        };
        let tag = interval.tag().map_or("", |tag| tag.as_str()).to_owned();
        let sample = Sample::decode(&mut deserializer, interval.encoded_histogram())
            .map_err(|reason| format!("histogram {tag}: {reason}"))?;
        samples.insert(tag, sample);
    }
    Ok(samples)
}
