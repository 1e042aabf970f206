//! Where things are: the folder with the scenarios, the results beside it, and the scenario files themselves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::scenario::{Extent, Runs, Scenario};

use crate::registry;

/// A scenario file takes a few kilobytes; what is larger was named by mistake.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The nearest folder, from the current one upwards, that holds `scenarios/`.
///
/// # Errors
///
/// When there is none.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("find the current folder")?;
    match here.ancestors().find(|folder| folder.join("scenarios").is_dir()) {
        // Shown in messages and in the manifest's command: short when it can be.
        Some(folder) if folder == here => Ok(PathBuf::new()),
        Some(folder) => Ok(folder.to_owned()),
        None => bail!(
            "there is no folder `scenarios` in {} or above it; run pushbench in its own folder, or name a file with --scenario",
            here.display()
        ),
    }
}

/// The folder of all runs: as named, or `results` beside the scenarios.
///
/// # Errors
///
/// When none is named and the scenarios cannot be found.
pub(crate) fn results(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    named.map_or_else(|| Ok(root()?.join("results")), |path| Ok(path.to_owned()))
}

/// REPORT.md beside a folder of runs.
pub(crate) fn report_beside(results: &Path) -> PathBuf {
    results.parent().unwrap_or(Path::new("")).join("REPORT.md")
}

/// All scenarios of the project, by name.
///
/// # Errors
///
/// When the folder or one of the files cannot be read or understood.
pub(crate) fn all_scenarios(extent: Extent) -> anyhow::Result<Vec<Scenario>> {
    scenario_files()?.iter().map(|path| read(path, extent)).collect()
}

/// The scenarios that were asked for, in that order; without any, those of `set`.
///
/// # Errors
///
/// When one does not exist, or cannot be read or understood.
pub(crate) fn scenarios(names: &[String], set: Runs, extent: Extent) -> anyhow::Result<Vec<Scenario>> {
    if names.is_empty() {
        let mut all = all_scenarios(extent)?;
        all.retain(|scenario| scenario.runs == set);
        return Ok(all);
    }
    let scenarios: Vec<_> = names.iter().map(|name| named(name, extent)).collect::<Result<_, _>>()?;
    for (i, scenario) in scenarios.iter().enumerate() {
        if scenarios[..i].iter().any(|earlier| earlier.name == scenario.name) {
            bail!("scenario {} is asked for twice; name it once", scenario.name);
        }
    }
    Ok(scenarios)
}

fn named(name: &str, extent: Extent) -> anyhow::Result<Scenario> {
    if name.contains('/') || name.ends_with(".toml") {
        return read(Path::new(name), extent);
    }
    let files = scenario_files()?;
    match files.iter().find(|path| stem(path) == name) {
        Some(path) => read(path, extent),
        None => {
            let names: Vec<_> = files.iter().map(|path| stem(path)).collect();
            bail!("there is no scenario {name}; there are: {} (or give the path of a file)", names.join(", "))
        }
    }
}

fn scenario_files() -> anyhow::Result<Vec<PathBuf>> {
    let folder = root()?.join("scenarios");
    let entries = fs::read_dir(&folder).with_context(|| format!("read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("read the folder {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, extent: Extent) -> anyhow::Result<Scenario> {
    let shown = path.display().to_string();
    let text = text(path).with_context(|| format!("read scenario {shown}"))?;
    Ok(Scenario::parse(&text, &shown, &stem(path), &registry::slugs(), extent)?)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let length = fs::metadata(path)?.len();
    if length > LARGEST_FILE {
        bail!("it has {length} bytes, and a scenario has at most {LARGEST_FILE}");
    }
    Ok(fs::read_to_string(path)?)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::plan::{Choice, Plan};
    use crate::target::Foreign;

    /// Of all scenarios of a set with the targets that they name, in seconds, by name and in all.
    fn expected_s(set: Runs, extent: Extent) -> (BTreeMap<String, u64>, u64) {
        let scenarios = scenarios(&[], set, extent).unwrap();
        let named: BTreeSet<&String> = scenarios.iter().flat_map(|scenario| &scenario.targets).collect();
        let targets: Vec<_> = named.into_iter().map(|name| Foreign::named(name).unwrap()).collect();
        let choice = Choice { techniques: &registry::slugs(), targets: &targets, repetitions: None, seed: 7 };
        let mut each_ns: BTreeMap<String, u64> = BTreeMap::new();
        for trial in Plan::new(&scenarios, &choice).trials() {
            *each_ns.entry(trial.scenario.to_owned()).or_default() += trial.expected_ns();
        }
        let all_ns: u64 = each_ns.values().sum();
        let seconds = |ns: u64| ns / 1_000_000_000;
        (each_ns.into_iter().map(|(name, ns)| (name, seconds(ns))).collect(), seconds(all_ns))
    }

    #[test]
    fn the_default_set_takes_no_more_time_than_is_promised() {
        let of = |extent| expected_s(Runs::ByDefault, extent).1;
        assert!(of(Extent::Full) <= 53 * 60, "{} s", of(Extent::Full));
        assert!(of(Extent::Quick) <= 260, "{} s", of(Extent::Quick));
    }

    #[test]
    fn the_search_for_limits_takes_no_more_time_than_is_promised() {
        let (each_s, all_s) = expected_s(Runs::Capacity, Extent::Full);
        assert!(all_s <= 55 * 60, "{all_s} s; {each_s:?}");
    }

    #[test]
    fn the_head_of_a_scenario_about_limits_says_how_long_it_takes() {
        let (each_s, _) = expected_s(Runs::Capacity, Extent::Full);
        for scenario in scenarios(&[], Runs::Capacity, Extent::Full).unwrap() {
            let said = scenario.text.strip_prefix("# About ").and_then(|rest| rest.split_once(" minutes"));
            let minutes: u64 = said.unwrap_or_else(|| panic!("{}", scenario.name)).0.parse().unwrap();
            let seconds = each_s[&scenario.name];
            assert!((seconds + 30) / 60 == minutes, "{}: {seconds} s", scenario.name);
        }
    }

    #[test]
    fn only_smoke_and_stall_have_to_be_named() {
        let named: Vec<_> = all_scenarios(Extent::Full)
            .unwrap()
            .into_iter()
            .filter(|scenario| scenario.runs == Runs::WhenNamed)
            .map(|scenario| scenario.name)
            .collect();
        assert_eq!(named, ["smoke", "stall"]);
    }

    #[test]
    fn a_chat_payload_that_a_scenario_may_ask_for_can_be_made() {
        assert_eq!(model::scenario::SMALLEST_CHAT_BYTES, loadgen::schedule::payload::SHORTEST_CHAT_BYTES);
    }
}
