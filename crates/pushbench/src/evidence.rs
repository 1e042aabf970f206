//! Claims and published figures: which of them a run's scenarios decide or measure.

use model::claim::Claim;
use model::manifest::FileInfo;
use model::publication::Publication;
use model::scenario::Scenario;

use crate::project::Kind;

/// The claims that one of these scenarios decides, by their names.
pub(crate) fn decided_by(scenarios: &[Scenario]) -> anyhow::Result<Vec<FileInfo>> {
    let has_clients = scenarios.iter().any(|scenario| scenario.sweeps.iter().any(|key| key == "client"));
    let mut decided = claims()?;
    decided.retain(|(claim, _)| {
        let is_named = scenarios.iter().any(|scenario| claim.scenarios.contains(&scenario.name));
        is_named || (has_clients && claim.rules().any(|(_, rule)| rule.needs_browsers()))
    });
    Ok(by_name(decided.into_iter().map(|(claim, text)| FileInfo { id: claim.id, text })))
}

/// The publications whose scenario is among these, by their names.
pub(crate) fn measured_by(scenarios: &[&str]) -> anyhow::Result<Vec<FileInfo>> {
    let mut measured = publications()?;
    measured.retain(|(publication, _)| scenarios.contains(&publication.scenario.as_str()));
    Ok(by_name(measured.into_iter().map(|(publication, text)| FileInfo { id: publication.id, text })))
}

/// C9 stands before C10.
fn by_name(files: impl Iterator<Item = FileInfo>) -> Vec<FileInfo> {
    let mut files: Vec<_> = files.collect();
    files.sort_by_key(|file| (file.id.len(), file.id.clone()));
    files
}

fn claims() -> anyhow::Result<Vec<(Claim, String)>> {
    let all = Kind::Claim.definitions()?.into_iter();
    all.map(|file| Ok((Claim::parse(&file.text, &file.shown)?, file.text))).collect()
}

fn publications() -> anyhow::Result<Vec<(Publication, String)>> {
    let all = Kind::Publication.definitions()?.into_iter();
    all.map(|file| Ok((Publication::parse(&file.text, &file.shown)?, file.text))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::claim::Rule;
    use model::publication::Trials;
    use model::scenario::Extent;

    use super::*;
    use crate::{project, registry};

    fn claims() -> impl Iterator<Item = Claim> {
        super::claims().unwrap().into_iter().map(|(claim, _)| claim)
    }

    fn publications() -> impl Iterator<Item = Publication> {
        super::publications().unwrap().into_iter().map(|(publication, _)| publication)
    }

    #[test]
    fn every_claim_and_publication_is_known_by_one_name() {
        let ids: Vec<String> =
            claims().map(|claim| claim.id).chain(publications().map(|publication| publication.id)).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        for known in ["C6", "C13", "C14", "F1", "F6", "F22"] {
            assert!(ids.iter().any(|id| id == known), "{ids:?}");
        }
    }

    #[test]
    fn every_rule_of_a_claim_finds_its_trials_in_the_scenarios() {
        let scenarios = project::all_scenarios(Extent::Full).unwrap();
        let named = |name: &str| scenarios.iter().find(|scenario| scenario.name == name);
        for claim in claims() {
            for name in &claim.scenarios {
                assert!(named(name).is_some(), "{}: {name}", claim.id);
            }
            for (what, rule) in claim.rules() {
                for at in rule.trials() {
                    let name = at.scenario.as_ref().unwrap_or(&claim.scenarios[0]);
                    let points = points(named(name).unwrap_or_else(|| panic!("{name}")), at);
                    let fits = if matches!(rule, Rule::Ratio { .. }) { points == 1 } else { points > 0 };
                    assert!(fits, "{}, {what}: {at:?} has {points} points", claim.id);
                }
            }
        }
    }

    #[test]
    fn every_rule_of_a_publication_finds_its_trials_in_the_scenarios() {
        for extent in [Extent::Full, Extent::Quick] {
            let scenarios = project::all_scenarios(extent).unwrap();
            for publication in publications() {
                let named = |name: &str| scenarios.iter().find(|scenario| scenario.name == name);
                assert!(named(&publication.scenario).is_some(), "{}", publication.scenario);
                let measures = publication.figures.iter().filter_map(|figure| figure.measure.as_ref());
                for at in measures.flat_map(|measure| measure.trials()) {
                    let name = at.scenario.as_ref().unwrap_or(&publication.scenario);
                    let scenario = named(name).unwrap_or_else(|| panic!("{name}"));
                    assert!(points(scenario, at) > 0, "{extent:?}: {} asks for {at:?}", publication.id);
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
