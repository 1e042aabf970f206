//! The published comparisons of the project: `publications/*.toml`, beside the scenarios that measure them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::manifest::PublicationInfo;
use model::publication::Publication;

use crate::project;

/// The publications whose scenario is among these, by their names; none where there is no such folder.
///
/// # Errors
///
/// When a file cannot be read or understood.
pub(crate) fn measured_by(scenarios: &[&str]) -> anyhow::Result<Vec<PublicationInfo>> {
    let mut measured = Vec::new();
    for path in files()? {
        let (publication, text) = read(&path)?;
        if scenarios.contains(&publication.scenario.as_str()) {
            measured.push(PublicationInfo { id: publication.id, text });
        }
    }
    // F6 stands before F22.
    measured.sort_by_key(|info: &PublicationInfo| (info.id.len(), info.id.clone()));
    Ok(measured)
}

fn read(path: &Path) -> anyhow::Result<(Publication, String)> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("read {shown}"))?;
    Ok((Publication::parse(&text, &shown)?, text))
}

fn files() -> anyhow::Result<Vec<PathBuf>> {
    // A scenario that was named by its path needs no project around it.
    let Ok(root) = project::root() else { return Ok(Vec::new()) };
    let folder = root.join("publications");
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

    use model::publication::Trials;
    use model::scenario::{Extent, Scenario};

    use super::*;

    fn publications() -> Vec<Publication> {
        files().unwrap().iter().map(|path| read(path).unwrap().0).collect()
    }

    #[test]
    fn every_publication_is_known_by_one_name() {
        let ids: Vec<_> = publications().into_iter().map(|publication| publication.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        assert!(ids.len() >= 3, "{ids:?}");
    }

    #[test]
    fn every_rule_finds_its_trials_in_the_scenarios() {
        for extent in [Extent::Full, Extent::Quick] {
            let scenarios = project::all_scenarios(extent).unwrap();
            for publication in publications() {
                let named = |name: &str| scenarios.iter().find(|scenario| scenario.name == name);
                assert!(named(&publication.scenario).is_some(), "{}", publication.scenario);
                for at in
                    publication.figures.iter().filter_map(|f| f.measure.as_ref()).flat_map(|m| m.trials())
                {
                    let name = at.scenario.as_ref().unwrap_or(&publication.scenario);
                    let scenario = named(name).unwrap_or_else(|| panic!("{name}"));
                    assert!(is_run(scenario, at), "{extent:?}: {} asks for {at:?}", publication.id);
                }
            }
        }
    }

    #[test]
    fn a_stamp_has_the_bytes_that_messages_are_counted_by() {
        use model::byte_account::stamp_bytes;
        use model::settings::Payload;
        use protocol::message::PayloadKind;
        for (payload, kind) in [
            (Payload::Text, PayloadKind::Text),
            (Payload::Chat, PayloadKind::Json),
            (Payload::Json, PayloadKind::Json),
        ] {
            assert_eq!(stamp_bytes(payload), kind.stamp_len() as u64);
        }
    }

    fn is_run(scenario: &Scenario, at: &Trials) -> bool {
        let all = |techniques: &[String]| techniques.is_empty() || techniques.contains(&at.technique);
        all(&scenario.techniques)
            && scenario.points.iter().any(|point| {
                all(&point.techniques)
                    && at.point.iter().all(|(key, value)| point.values.get(key) == Some(value))
            })
    }
}
