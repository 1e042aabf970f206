//! The folder of all runs, and files that are there whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::manifest::Manifest;
use model::results::{self, LOOSE, MANIFEST, write_atomically};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::browsers::client;
use crate::browsers::probe::ProbeResult;

pub(super) const PLAN: &str = "plan.json";
const CLOSE_CASES: &str = "close-cases.json";
const BROWSERS: &str = "browsers";

/// Runs of one day on one host.
const MOST_RUNS: u32 = 1_000;

/// The newest run in `results` that has trials left to run.
pub(crate) fn newest_unfinished(results: &Path) -> anyhow::Result<PathBuf> {
    let unfinished = |dir: &PathBuf| {
        let manifest: Option<Manifest> = read_json(&dir.join(MANIFEST)).ok();
        let done = results::files(&dir.join(LOOSE), "json").map_or(0, |records| records.len());
        manifest.is_some_and(|manifest| {
            dir.join(PLAN).exists() && done + manifest.skipped_trials() < manifest.planned_trials as usize
        })
    };
    let newest = runs(results)?.into_iter().rev().find(unfinished);
    newest.with_context(|| {
        format!("there is no interrupted run in {}; start one with `pushbench run`", results.display())
    })
}

/// When a run of any schema version started.
#[derive(Deserialize)]
struct Start {
    started_unix_s: u64,
}

/// All runs, the oldest first; those that this version cannot read come before all others.
pub(crate) fn runs(results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(results)
        .with_context(|| format!("read the folder {}; make a run with `pushbench run`", results.display()))?;
    let mut runs: Vec<(bool, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let dir = entry.ok()?.path();
            let text = fs::read_to_string(dir.join(MANIFEST)).ok()?;
            let started_unix_s = serde_json::from_str(&text).map_or(0, |start: Start| start.started_unix_s);
            Some((results::parse::<Manifest>(&text).is_ok(), started_unix_s, dir))
        })
        .collect();
    runs.sort();
    Ok(runs.into_iter().map(|(.., dir)| dir).collect())
}

/// Makes the folder of a new run; the second of a name gets a `-2`, and so on.
pub(super) fn new_folder(results: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(results)?;
    for number in 1..=MOST_RUNS {
        let dir = results.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are {MOST_RUNS} runs of {name} already")))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}

/// Writes `value` as JSON, in place of an earlier file.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let writing = || format!("write {}", path.display());
    let mut text = serde_json::to_string_pretty(value).with_context(writing)?;
    text.push('\n');
    write_atomically(path, text.as_bytes()).with_context(writing)
}

pub(crate) fn has_browser_probe(dir: &Path) -> bool {
    dir.join(CLOSE_CASES).exists()
}

/// The close cases go last, so that a probe that [is there](has_browser_probe) is whole.
pub(crate) fn keep_browser_probe(dir: &Path, result: &ProbeResult) -> anyhow::Result<()> {
    if !result.findings.is_empty() {
        let folder = dir.join(BROWSERS);
        fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
    }
    for findings in &result.findings {
        write_json(&dir.join(format!("{BROWSERS}/{}.json", client::name(findings.client))), findings)?;
    }
    write_json(&dir.join(CLOSE_CASES), &result.close_cases)
}
