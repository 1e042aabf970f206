//! Which targets take part in a run, and in which settings.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use model::manifest::Skipped;
use model::scenario::Scenario;
use model::settings::{Client, Compression, HttpVersion, Publisher, Settings, UplinkTo};

use super::TargetServer;
use crate::{project, registry};

/// Why pushbench's own technique `slug` cannot run with these settings.
pub(crate) fn why_own_cannot(slug: &str, settings: &Settings) -> Option<&'static str> {
    let (_, technique) = registry::find(slug)?;
    let needs_http = [
        (settings.publisher == Publisher::Post, "events are published by POST, and it speaks no HTTP"),
        (settings.through.is_some(), "a proxy passes HTTP on, and it speaks none"),
    ];
    let why = needs_http.into_iter().find_map(|(is_so, why)| (is_so && technique.baseline).then_some(why));
    why.or_else(|| (technique.unsupported)(settings))
}

/// Why no target can run with these settings.
pub(crate) fn why_targets_cannot(settings: &Settings) -> Option<&'static str> {
    let transport = &settings.transport;
    let all = [
        (transport.http == HttpVersion::Http2, "targets are measured over HTTP/1.1 only"),
        (transport.tls, "a target speaks TLS as its file says, not as the scenario does"),
        (transport.compression != Compression::None, "targets are measured without compression only"),
        (settings.through.is_some(), "proxies stand before pushbench's own servers only"),
        (
            settings.uplink.as_ref().is_some_and(|uplink| uplink.to == UplinkTo::Application),
            "a target hands nothing back to the application",
        ),
        (settings.stall.is_some(), "a target may be several processes, which are not stopped as one"),
        (settings.restart.is_some(), "a target cannot receive its application's log again after a restart"),
        (settings.coalescing.window_ns > 0, "targets send each event at once"),
        (settings.processes.server > 1, "a target is started once"),
        (settings.counted.is_some(), "the tools count pushbench's own servers only"),
        (settings.observed, "the kernel would count the publisher's requests, too"),
        (settings.client != Client::Native, "browsers subscribe to pushbench's own servers only"),
    ];
    all.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
}

/// The targets of a run, and what was left out or changed because of them.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) targets: Vec<TargetServer>,
    pub(crate) skipped: Vec<Skipped>,
    /// Scenarios in which events are published by POST because targets take part.
    pub(crate) posted: Vec<String>,
}

/// Finds the targets that `scenarios` name, and the `asked` ones, which take part in all scenarios. Removes the names of
/// targets that cannot be run here from the scenarios, and removes scenarios that name no other targets.
pub(crate) fn select(scenarios: &mut Vec<Scenario>, asked: &[String]) -> anyhow::Result<Selection> {
    let mut selection = Selection::default();
    let mut missing = BTreeMap::new();
    let about_targets: Vec<_> = scenarios
        .iter()
        .filter(|scenario| !scenario.targets.is_empty())
        .map(|scenario| scenario.name.clone())
        .collect();
    for name in asked {
        let target = selection.add(TargetServer::named(name)?, &mut missing)?;
        for scenario in scenarios.iter_mut().filter(|scenario| !scenario.targets.contains(&target)) {
            scenario.targets.push(target.clone());
        }
    }
    for name in scenarios.iter().flat_map(|scenario| scenario.targets.clone()).collect::<Vec<_>>() {
        if !missing.contains_key(&name) && selection.targets.iter().all(|known| known.target.name != name) {
            selection.add(TargetServer::named(&name)?, &mut missing)?;
        }
    }
    selection.remove_missing(scenarios, missing, &about_targets);
    selection.publish_by_post(scenarios);
    Ok(selection)
}

impl Selection {
    /// Fails when another file has the same name: what they found could not be distinguished.
    fn add(
        &mut self,
        server: TargetServer,
        missing: &mut BTreeMap<String, String>,
    ) -> anyhow::Result<String> {
        let name = server.target.name.clone();
        let selected =
            self.targets.iter().find(|known| known.target.name == name).map(|known| known.file.clone());
        let other = match selected {
            Some(file) => Some(file),
            None => project::target_file(&name)?,
        };
        let real = |file: &Path| file.canonicalize().unwrap_or_else(|_| file.to_owned());
        if let Some(other) = other.filter(|other| real(other) != real(&server.file)) {
            bail!(
                "two target files have the name {name}: {} and {}; rename one of them",
                other.display(),
                server.file.display()
            );
        }
        match server.required_files() {
            Err(why) => drop(missing.insert(name.clone(), why)),
            Ok(_) if self.targets.iter().any(|known| known.target.name == name) => {}
            Ok(_) => self.targets.push(server),
        }
        Ok(name)
    }

    /// A scenario about targets is removed when it has none left; any other one stays.
    fn remove_missing(
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

    /// Both sides carry the same cost: where targets take part, pushbench's own servers receive events by POST as well.
    fn publish_by_post(&mut self, scenarios: &mut [Scenario]) {
        for scenario in scenarios.iter_mut().filter(|scenario| !scenario.targets.is_empty()) {
            let mut was_fed = false;
            for point in
                scenario.points.iter_mut().filter(|point| why_targets_cannot(&point.settings).is_none())
            {
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
