//! Which targets take part in a run, and which techniques of theirs in which settings.

use std::collections::BTreeMap;

use model::manifest::Skipped;
use model::scenario::Scenario;
use model::settings::{Client, Compression, HttpVersion, Publisher, Settings};

use super::{Foreign, requirement};
use crate::registry;

/// Why pushbench's own technique `slug` cannot run with these settings.
pub(crate) fn own_cannot(slug: &str, settings: &Settings) -> Option<&'static str> {
    let (_, technique) = registry::find(slug)?;
    let is_unheard = settings.publisher == Publisher::Post && technique.baseline;
    let why = is_unheard.then_some("events are published by POST, and it speaks no HTTP");
    why.or_else(|| (technique.unsupported)(settings))
}

/// Why no target can run with these settings.
pub(crate) fn cannot(settings: &Settings) -> Option<&'static str> {
    let transport = &settings.transport;
    let all = [
        (transport.http == HttpVersion::Http2, "targets are measured over HTTP/1.1 only"),
        (transport.tls, "targets are measured without TLS only"),
        (transport.compression != Compression::None, "targets are measured without compression only"),
        (settings.uplink.is_some(), "subscribers of a target send nothing"),
        (settings.greeting, "targets greet nobody"),
        (settings.stall.is_some(), "a target may be several processes, which are not stopped as one"),
        (
            settings.restart.is_some(),
            "a target keeps no log of its application's that it could be given again",
        ),
        (settings.coalescing.window_ns > 0, "targets send each event at once"),
        (settings.processes.server > 1, "a target is started once"),
        (settings.counted.is_some(), "the tools count pushbench's own servers only"),
        (settings.observed, "the kernel would count the publisher's requests, too"),
        (settings.client != Client::Native, "browsers subscribe to pushbench's own servers only"),
    ];
    all.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
}

/// The targets of a run, and what is to be said about them.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Those that can be run here.
    pub(crate) targets: Vec<Foreign>,
    /// What cannot, by name.
    pub(crate) skipped: Vec<Skipped>,
    /// Scenarios in which events are published by POST because targets take part.
    pub(crate) posted: Vec<String>,
}

/// Finds the targets that `scenarios` name, and those that are `asked` for, which take part in all of them. Names of such
/// as cannot be run here are taken out of the scenarios, and scenarios whose targets are all missing are taken out.
///
/// # Errors
///
/// When a target's file is not there, or is wrong.
pub(crate) fn gather(scenarios: &mut Vec<Scenario>, asked: &[String]) -> anyhow::Result<Entries> {
    let mut entries = Entries::default();
    let mut missing = BTreeMap::new();
    let about_targets: Vec<_> = scenarios
        .iter()
        .filter(|scenario| !scenario.targets.is_empty())
        .map(|scenario| scenario.name.clone())
        .collect();
    for name in asked {
        let target = entries.enter(Foreign::named(name)?, &mut missing);
        for scenario in scenarios.iter_mut().filter(|scenario| !scenario.targets.contains(&target)) {
            scenario.targets.push(target.clone());
        }
    }
    for name in scenarios.iter().flat_map(|scenario| scenario.targets.clone()).collect::<Vec<_>>() {
        if !missing.contains_key(&name) && entries.targets.iter().all(|known| known.target.name != name) {
            entries.enter(Foreign::named(&name)?, &mut missing);
        }
    }
    entries.leave_out(scenarios, missing, &about_targets);
    entries.post(scenarios);
    Ok(entries)
}

impl Entries {
    fn enter(&mut self, foreign: Foreign, missing: &mut BTreeMap<String, String>) -> String {
        let name = foreign.target.name.clone();
        match requirement::places(&foreign) {
            Err(why) => drop(missing.insert(name.clone(), why)),
            Ok(_) if self.targets.iter().any(|known| known.target.name == name) => {}
            Ok(_) => self.targets.push(foreign),
        }
        name
    }

    /// A scenario that is about targets is nothing without them; any other one is.
    fn leave_out(
        &mut self,
        scenarios: &mut Vec<Scenario>,
        missing: BTreeMap<String, String>,
        about: &[String],
    ) {
        scenarios.retain_mut(|scenario| {
            scenario.targets.retain(|name| !missing.contains_key(name));
            let keeps = !scenario.targets.is_empty() || !about.contains(&scenario.name);
            if !keeps {
                self.skip(format!("scenario {}", scenario.name), "none of its targets can be run here");
            }
            keeps
        });
        for (name, why) in missing {
            self.skip(format!("target {name}"), &why);
        }
    }

    /// Both sides carry the same cost: where targets take part, pushbench's own servers are posted to as well.
    fn post(&mut self, scenarios: &mut [Scenario]) {
        for scenario in scenarios.iter_mut().filter(|scenario| !scenario.targets.is_empty()) {
            let mut was_fed = false;
            for point in scenario.points.iter_mut().filter(|point| cannot(&point.settings).is_none()) {
                was_fed |= point.settings.publisher == Publisher::Feed;
                point.settings.publisher = Publisher::Post;
            }
            if was_fed {
                self.posted.push(scenario.name.clone());
            }
        }
    }

    fn skip(&mut self, what: String, why: &str) {
        self.skipped.push(Skipped { what, why: why.to_owned() });
    }
}
