//! Where things are: scenarios, claims, publications and targets, built in or in local folders, and the results.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use include_dir::{Dir, include_dir};
use model::results::write_atomically;
use model::scenario::{Extent, Runs, Scenario, nearest_first};

use crate::registry;

/// Such a file takes a few kilobytes; a larger one was named by mistake.
const LARGEST_FILE: u64 = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scenario,
    Claim,
    Publication,
    Target,
}

#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// How messages name the file.
    pub(crate) shown: String,
    pub(crate) text: String,
}

static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../scenarios");
static CLAIMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../claims");
static PUBLICATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../publications");

/// One by one, since the folder also holds what npm has installed.
macro_rules! target_files {
    ($($path:literal),+) => { [$(($path, include_str!(concat!("../../../targets/", $path)))),+] };
}
static TARGETS: [(&str, &str); 38] = target_files![
    "aiohttp.toml",
    "axum.toml",
    "axum/Cargo.lock",
    "axum/Cargo.toml",
    "axum/src/main.rs",
    "better-sse-node.toml",
    "nchan.toml",
    "nchan/nginx.conf",
    "node/better-sse.mjs",
    "node/package.json",
    "node/package-lock.json",
    "node/socketio.mjs",
    "node/ws.mjs",
    "proxies/apache2.toml",
    "proxies/apache2/default.conf",
    "proxies/apache2/fixed.conf",
    "proxies/caddy.toml",
    "proxies/caddy/default.Caddyfile",
    "proxies/caddy/fixed.Caddyfile",
    "proxies/haproxy.toml",
    "proxies/haproxy/default.cfg",
    "proxies/haproxy/fixed.cfg",
    "proxies/haproxy/tcp.cfg",
    "proxies/nginx.toml",
    "proxies/nginx/default.conf",
    "proxies/nginx/fixed.conf",
    "proxies/varnish.toml",
    "proxies/varnish/default.vcl",
    "proxies/varnish/fixed.vcl",
    "python-socketio.toml",
    "python/aiohttp_server.py",
    "python/channels.py",
    "python/requirements.txt",
    "python/socketio_server.py",
    "python/starlette_server.py",
    "socketio-node.toml",
    "starlette.toml",
    "ws-node.toml"
];

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Scenario => "scenarios",
            Self::Claim => "claims",
            Self::Publication => "publications",
            Self::Target => "targets",
        }
    }

    fn built_in(self) -> Vec<(&'static str, &'static str)> {
        let folder = match self {
            Self::Scenario => &SCENARIOS,
            Self::Claim => &CLAIMS,
            Self::Publication => &PUBLICATIONS,
            Self::Target => return TARGETS.to_vec(),
        };
        folder.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?))).collect()
    }

    /// The local folder, whose files override the built-in ones of the same name, if there is one.
    fn local(self) -> anyhow::Result<Option<PathBuf>> {
        let folder = root()?.join(self.folder());
        Ok(Some(folder).filter(|folder| folder.is_dir()))
    }

    /// All definitions of this kind, by name: the built-in ones, and those of the local folder, which override them.
    pub(crate) fn definitions(self) -> anyhow::Result<Vec<Definition>> {
        let mut all: BTreeMap<String, Definition> = BTreeMap::new();
        let is_own = |(path, _): &(&str, &str)| path.ends_with(".toml") && !path.contains('/');
        for (path, text) in self.built_in().into_iter().filter(is_own) {
            let (name, shown) = (stem(Path::new(path)), format!("{}/{path} (built in)", self.folder()));
            all.insert(name.clone(), Definition { name, shown, text: text.to_owned() });
        }
        if let Some(folder) = self.local()? {
            let reading = || format!("read the folder {}", folder.display());
            for entry in fs::read_dir(&folder).with_context(reading)? {
                let path = entry.with_context(reading)?.path();
                if path.extension().is_some_and(|extension| extension == "toml") {
                    let definition = Definition::read(&path)?;
                    all.insert(definition.name.clone(), definition);
                }
            }
        }
        Ok(all.into_values().collect())
    }
}

impl Definition {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        let text = text(path).with_context(|| format!("read {shown}"))?;
        Ok(Self { name: stem(path), shown, text })
    }
}

/// The file of a target that is named without a path: the local one, or else the built-in one. Built-in ones are written to the
/// user's cache folder, since servers read their configuration from files.
pub(crate) fn target_file(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let name = format!("{name}.toml");
    let local = Kind::Target.local()?.map(|folder| folder.join(&name)).filter(|file| file.is_file());
    if local.is_some() || !TARGETS.iter().any(|(path, _)| *path == name) {
        return Ok(local);
    }
    Ok(Some(written_targets()?.join(name)))
}

/// The user's own folder, so that no other user can change what is started from it.
fn written_targets() -> anyhow::Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
    let cache =
        cache.context("find the cache folder for the built-in targets; set HOME or XDG_CACHE_HOME")?;
    let folder = cache.join("pushbench/targets");
    for (path, text) in Kind::Target.built_in() {
        let file = folder.join(path);
        let write = || -> anyhow::Result<()> {
            let parent = file.parent().unwrap_or(&folder);
            fs::create_dir_all(parent)?;
            if fs::read_to_string(&file).ok().as_deref() != Some(text) {
                // Replaced in one step: another pushbench may be reading it.
                write_atomically(&file, text.as_bytes())?;
            }
            Ok(())
        };
        write().with_context(|| format!("write the built-in target {}", file.display()))?;
    }
    Ok(folder)
}

/// The nearest folder, from the current one upwards, that holds `scenarios/`; else the current one.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("find the current folder")?;
    let holds = here.ancestors().find(|folder| folder.join("scenarios").is_dir());
    // Shown in messages and in the manifest's command: short when it can be.
    Ok(holds.filter(|folder| *folder != here).map_or_else(PathBuf::new, Path::to_owned))
}

/// The folder of all runs: as named, or `results` in the [`root`].
pub(crate) fn results(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    named.map_or_else(|| Ok(root()?.join("results")), |path| Ok(path.to_owned()))
}

pub(crate) fn report_beside(results: &Path) -> PathBuf {
    results.parent().unwrap_or(Path::new("")).join("REPORT.md")
}

/// All scenarios of the project, by name.
pub(crate) fn all_scenarios(extent: Extent) -> anyhow::Result<Vec<Scenario>> {
    Kind::Scenario.definitions()?.iter().map(|definition| parse(definition, extent)).collect()
}

/// The scenarios that were asked for, in that order; without any, those of `set`.
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
        return parse(&Definition::read(Path::new(name))?, extent);
    }
    let all = Kind::Scenario.definitions()?;
    match all.iter().find(|definition| definition.name == name) {
        Some(definition) => parse(definition, extent),
        None => {
            let names = nearest_first(name, all.iter().map(|definition| definition.name.as_str()));
            bail!("there is no scenario {name}; there are: {names} (or give the path of a file)")
        }
    }
}

fn parse(definition: &Definition, extent: Extent) -> anyhow::Result<Scenario> {
    let Definition { name, shown, text } = definition;
    Ok(Scenario::parse(text, shown, name, &registry::slugs(), extent)?)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let length = fs::metadata(path)?.len();
    if length > LARGEST_FILE {
        bail!("it has {length} bytes, and such a file has at most {LARGEST_FILE}");
    }
    Ok(fs::read_to_string(path)?)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::{Choice, Plan};
    use crate::targets::TargetServer;

    /// Of all scenarios of a set with the targets that they name, in seconds, by name and in all.
    fn expected_s(set: Runs, extent: Extent) -> (BTreeMap<String, u64>, u64) {
        let scenarios = scenarios(&[], set, extent).unwrap();
        let named: BTreeSet<&String> = scenarios.iter().flat_map(|scenario| &scenario.targets).collect();
        let targets: Vec<_> = named.into_iter().map(|name| TargetServer::named(name).unwrap()).collect();
        let choice =
            Choice { techniques: &registry::slugs(), targets: &targets, seed: 7, ..Choice::default() };
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
        assert!(of(Extent::Full) <= 57 * 60, "{} s", of(Extent::Full));
        assert!(of(Extent::Quick) <= 290, "{} s", of(Extent::Quick));
    }

    #[test]
    fn the_search_for_limits_takes_no_more_time_than_is_promised() {
        let (each_s, all_s) = expected_s(Runs::Capacity, Extent::Full);
        assert!(all_s <= 70 * 60, "{all_s} s; {each_s:?}");
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

    /// `build.rs` has a file that is new in one of these folders built in.
    #[test]
    fn the_built_in_files_are_those_of_the_folders() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for kind in [Kind::Scenario, Kind::Claim, Kind::Publication, Kind::Target] {
            let folder = root.join(kind.folder());
            let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let on_disk: BTreeMap<String, String> = paths
                .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
                .map(|path| (stem(&path), fs::read_to_string(&path).unwrap()))
                .collect();
            let built_in: BTreeMap<String, String> = kind
                .built_in()
                .into_iter()
                .filter(|(path, _)| path.ends_with(".toml") && !path.contains('/'))
                .map(|(path, text)| (stem(Path::new(path)), text.to_owned()))
                .collect();
            assert!(!on_disk.is_empty() && built_in == on_disk, "{}: build again", folder.display());
        }
    }

    #[test]
    fn what_answers_another_question_than_cost_has_to_be_named() {
        let named: Vec<_> = all_scenarios(Extent::Full)
            .unwrap()
            .into_iter()
            .filter(|scenario| scenario.runs == Runs::WhenNamed)
            .map(|scenario| scenario.name)
            .collect();
        assert_eq!(named, ["proxies", "proxy-idle", "smoke", "stall"]);
    }

    #[test]
    fn a_chat_payload_that_a_scenario_may_ask_for_can_be_made() {
        assert_eq!(model::scenario::SMALLEST_CHAT_BYTES, loadgen::schedule::payload::SHORTEST_CHAT_BYTES);
    }
}
