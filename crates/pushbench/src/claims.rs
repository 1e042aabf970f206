//! The claims of the project: `claims/*.toml`, which the report judges by the results of the scenarios that they name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::claim::Claim;
use model::manifest::ClaimInfo;
use model::scenario::Scenario;

use crate::project;

/// The claims that one of these scenarios decides, by their names; none where there is no such folder.
///
/// # Errors
///
/// When a file cannot be read or understood.
pub(crate) fn decided_by(scenarios: &[Scenario]) -> anyhow::Result<Vec<ClaimInfo>> {
    let has_clients = scenarios.iter().any(|scenario| scenario.sweeps.iter().any(|key| key == "client"));
    let mut decided = Vec::new();
    for path in files()? {
        let (claim, text) = read(&path)?;
        let is_named = scenarios.iter().any(|scenario| claim.scenarios.contains(&scenario.name));
        if is_named || (has_clients && claim.rules().any(|(_, rule)| rule.needs_browsers())) {
            decided.push(ClaimInfo { id: claim.id, text });
        }
    }
    // C9 stands before C10.
    decided.sort_by_key(|info: &ClaimInfo| (info.id.len(), info.id.clone()));
    Ok(decided)
}

fn read(path: &Path) -> anyhow::Result<(Claim, String)> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("read {shown}"))?;
    Ok((Claim::parse(&text, &shown)?, text))
}

fn files() -> anyhow::Result<Vec<PathBuf>> {
    // A scenario that was named by its path needs no project around it.
    let Ok(root) = project::root() else { return Ok(Vec::new()) };
    let folder = root.join("claims");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let reading = || format!("read the folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::claim::Rule;
    use model::publication::Trials;
    use model::scenario::Extent;

    use super::*;
    use crate::registry;

    fn claims() -> Vec<Claim> {
        files().unwrap().iter().map(|path| read(path).unwrap().0).collect()
    }

    #[test]
    fn every_claim_is_known_by_one_name() {
        let ids: Vec<_> = claims().into_iter().map(|claim| claim.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        for decided in ["C6", "C13", "C14"] {
            assert!(ids.iter().any(|id| id == decided), "{ids:?}");
        }
    }

    #[test]
    fn every_rule_finds_its_trials_in_the_scenarios() {
        let scenarios = project::all_scenarios(Extent::Full).unwrap();
        let named = |name: &str| scenarios.iter().find(|scenario| scenario.name == name);
        for claim in claims() {
            for name in &claim.scenarios {
                assert!(named(name).is_some(), "{}: {name}", claim.id);
            }
            for (what, rule) in claim.rules() {
                for at in rule.trials() {
                    let name = at.scenario.as_ref().unwrap_or(&claim.scenarios[0]);
                    let scenario = named(name).unwrap_or_else(|| panic!("{name}"));
                    let points = points(scenario, at);
                    let fits = if matches!(rule, Rule::Ratio { .. }) { points == 1 } else { points > 0 };
                    assert!(fits, "{}, {what}: {at:?} has {points} points", claim.id);
                }
            }
        }
    }

    #[test]
    fn techniques_that_rules_name_exist() {
        for claim in claims() {
            for (what, rule) in claim.rules() {
                let Rule::Browsers { techniques } = rule else { continue };
                let known = |slug: &String| registry::slugs().contains(&slug.as_str());
                assert!(techniques.iter().all(known), "{}, {what}: {techniques:?}", claim.id);
            }
        }
    }

    /// How many points of a scenario a rule means.
    fn points(scenario: &Scenario, at: &Trials) -> usize {
        let all = |techniques: &[String]| techniques.is_empty() || techniques.contains(&at.technique);
        if !all(&scenario.techniques) || !registry::slugs().contains(&at.technique.as_str()) {
            return 0;
        }
        let points = scenario.points.iter().filter(|point| {
            all(&point.techniques) && at.point.iter().all(|(key, value)| point.values.get(key) == Some(value))
        });
        points.count()
    }
}
