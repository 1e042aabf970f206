//! `pushbench compare`: two runs, two folders of runs, or two builds that are run in turns.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use report::Evidence;

use super::output::{note, print, readable};
use crate::cli::Compare;

/// A condition of `--fail-if` holds.
const CONDITION_HOLDS: u8 = 3;

pub(super) fn compare(arguments: &Compare) -> anyhow::Result<ExitCode> {
    let folders = match arguments.builds {
        true => in_turns(arguments)?,
        false => vec![arguments.old.clone(), arguments.new.clone()],
    };
    let [old, new] = [load(&folders[0])?, load(&folders[1])?];
    let comparison = report::compare::compare(&old, &new, &arguments.fail_if);
    ensure!(
        !comparison.metrics.is_empty(),
        "nothing can be compared: no point was measured with the same settings by both {} and {}",
        folders[0].display(),
        folders[1].display()
    );
    print(&comparison.text(arguments.markdown, arguments.all))?;
    for condition in &arguments.fail_if {
        if let Some(why) = condition.undecided(&comparison) {
            note(&format!("undecided: --fail-if '{condition}': {why}"));
        }
    }
    let broken: Vec<String> = arguments.fail_if.iter().flat_map(|it| it.holds(&comparison)).collect();
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    note(&format!("failed: --fail-if holds at: {}", broken.join("; ")));
    Ok(ExitCode::from(CONDITION_HOLDS))
}

/// A run, or all runs of a folder.
fn load(folder: &Path) -> anyhow::Result<Evidence> {
    let runs =
        if folder.join("manifest.json").exists() { vec![folder.to_owned()] } else { readable(folder)? };
    Evidence::load(&runs).with_context(|| format!("read the runs in {}", folder.display()))
}

/// Runs both programs in turns, a trial of each point at a time; every second pair begins with the new one.
fn in_turns(arguments: &Compare) -> anyhow::Result<Vec<PathBuf>> {
    let folders: Vec<PathBuf> = ["old", "new"].map(|side| arguments.out.join(side)).to_vec();
    for folder in &folders {
        ensure!(!folder.exists(), "{} exists already; name another folder with --out", folder.display());
    }
    for pair in 0..arguments.pairs {
        for side in [pair % 2, 1 - pair % 2].map(|side| side as usize) {
            let program = [&arguments.old, &arguments.new][side];
            let mut run = Command::new(program);
            run.args(["run", "--no-report", "--repetitions", "1", "--seed"]).arg(pair.to_string());
            run.arg("--results").arg(&folders[side]);
            run.args(arguments.scenarios.iter().flat_map(|name| ["--scenario", name]));
            run.args(arguments.techniques.iter().flat_map(|slug| ["--technique", slug]));
            // Its summary is of one trial each, and says nothing.
            let done = run.stdout(std::process::Stdio::null()).status();
            let program = program.display();
            let done = done.with_context(|| format!("run {program}"))?;
            ensure!(done.success(), "{program} ended with {done}");
        }
    }
    Ok(folders)
}
