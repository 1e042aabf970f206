//! The folder of all runs: finding one, and making one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::manifest::{FileVersion, Manifest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const PLAN: &str = "plan.json";
pub(super) const TRIALS: &str = "trials";

/// Runs of one day on one host.
const MOST_RUNS: u32 = 1_000;

/// The newest run in `results` that has trials left to run.
///
/// # Errors
///
/// When the folder cannot be read, or there is no such run.
pub(crate) fn newest_unfinished(results: &Path) -> anyhow::Result<PathBuf> {
    let unfinished = |dir: &PathBuf| {
        let manifest: Option<Manifest> = read_json(&dir.join(MANIFEST)).ok();
        let done = files(&dir.join(TRIALS), "json").map_or(0, |records| records.len());
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

/// All runs, the oldest first; those of another schema version come before all others.
///
/// # Errors
///
/// When the folder cannot be read.
pub(crate) fn runs(results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(results)
        .with_context(|| format!("read the folder {}; make a run with `pushbench run`", results.display()))?;
    let mut runs: Vec<(bool, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let dir = entry.ok()?.path();
            let manifest = dir.join(MANIFEST);
            let is_ours = read_json::<FileVersion>(&manifest).ok()?.check().is_ok();
            if is_ours {
                read_json::<Manifest>(&manifest).ok()?;
            }
            let Start { started_unix_s } = read_json(&manifest).ok()?;
            Some((is_ours, started_unix_s, dir))
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

/// The files with this extension in a folder, in the order of their names.
pub(super) fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read the folder {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    Ok(files)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}
