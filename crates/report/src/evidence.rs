//! All runs together: which trials stand for the same point, and what they say of a metric.
//!
//! Trials of several runs are taken together where scenario, point, technique, target and settings are the same, and where the runs
//! measured the same code, or code that was shown to measure alike (`results/same-code.toml`). The newest run decides which settings and which code that is; what is left out is counted by reason.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use model::manifest::{Manifest, ProxyInfo, ScenarioInfo, TargetInfo, TechniqueInfo};
use model::settings::{Client, Settings, proxy};
use model::trial::{TrialKey, TrialRecord, TrialResult};
use serde_json::Value;

use crate::catalogue::{self, Metric, Unit};
use crate::error::ReportError;
use crate::estimate::{Estimate, RunFigure, combine, variance_between};
use crate::load::{self, Broken, Run, Trial};
use crate::same_code;
use crate::search::{self, Side};

/// The key of the metric that searches find.
const CAPACITY: &str = "capacity";
/// How a ratio names pushbench's own server as its divisor.
const OWN: &str = "own";
/// The swept key of trials at a share of their technique's capacity.
const LOAD: &str = "load";

/// Runs, and their trials by point.
#[derive(Debug)]
pub struct Evidence {
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// Every point that has trials: scenarios in the order of their names, points as swept, techniques as registered.
    pub points: Vec<Point>,
    /// What is not in the figures: a reason, and how many trials it applies to.
    pub left_out: BTreeMap<String, usize>,
    /// Files that could not be read.
    pub broken: Vec<Broken>,
    /// Trials that did not run to their end; they are in no figure.
    pub failed: Vec<Trial>,
    trials: Vec<Trial>,
    /// Variance between runs by metric, for figures themselves and for ratios.
    between: Mutex<HashMap<(&'static str, bool), f64>>,
}

/// Trials that measure the same thing.
#[derive(Debug)]
pub struct Point {
    /// The scenario's name.
    pub scenario: String,
    /// The technique's slug.
    pub technique: String,
    /// A server that others wrote; none for pushbench's own.
    pub target: Option<String>,
    /// Who subscribes.
    pub client: Client,
    /// The values of swept keys, as written.
    pub at: BTreeMap<String, String>,
    /// Offered rate as a share of the technique's own capacity, where the scenario asks for one.
    pub load: Option<f64>,
    /// Whether its trials are the steps of a search for a capacity.
    pub is_search: bool,
    /// Those of the swept values that are numbers, with their units.
    coordinates: BTreeMap<String, (f64, Unit)>,
    /// Places among the evidence's trials.
    trials: Vec<usize>,
}

impl Evidence {
    /// Reads these run folders.
    /// Fails when there is none, when one is named twice, has no readable manifest, or nothing in it can be used.
    pub fn load(folders: &[PathBuf]) -> Result<Self, ReportError> {
        if folders.is_empty() {
            return Err(ReportError::NoRuns);
        }
        let mut runs = Vec::new();
        let mut trials = Vec::new();
        for (place, folder) in folders.iter().enumerate() {
            let is_same = |other: &PathBuf| other.canonicalize().ok() == folder.canonicalize().ok();
            let (run, of_run) = load::run(folder)?;
            if folders[..place].iter().any(is_same) {
                return Err(ReportError::Twice(folder.clone()));
            }
            runs.push(run);
            trials.push(of_run);
        }
        Ok(Self::of(runs, trials))
    }

    /// Merges runs with their trials.
    pub fn of(runs: Vec<Run>, trials: Vec<Vec<Trial>>) -> Self {
        let mut pairs: Vec<(Run, Vec<Trial>)> = runs.into_iter().zip(trials).collect();
        pairs.sort_by(|(a, _), (b, _)| {
            b.manifest.started_unix_s.cmp(&a.manifest.started_unix_s).then(a.name.cmp(&b.name))
        });
        let (mut runs, mut all): (Vec<Run>, Vec<Trial>) = (Vec::new(), Vec::new());
        for (place, (run, trials)) in pairs.into_iter().enumerate() {
            runs.push(run);
            all.extend(trials.into_iter().map(|trial| Trial { run: place, ..trial }));
        }
        let mut evidence = Self {
            broken: runs.iter().flat_map(|run| run.broken.clone()).collect(),
            runs,
            points: Vec::new(),
            left_out: BTreeMap::new(),
            failed: Vec::new(),
            trials: Vec::new(),
            between: Mutex::default(),
        };
        for trial in all {
            evidence.add(trial);
        }
        evidence.sort();
        evidence
    }

    /// The runs of the machine on which most points were measured; of two, that with the newer run.
    pub fn on_the_machine_with_most_points(&self) -> Self {
        let machine = |run: usize| {
            let host = &self.runs[run].manifest.host;
            (&host.cpu, host.cores)
        };
        let points_on = |run: usize| {
            let is_there =
                |point: &&Point| self.trials(point).any(|trial| machine(trial.run) == machine(run));
            self.points.iter().filter(is_there).count()
        };
        // The last of several greatest is the newest.
        let most = (0..self.runs.len()).rev().max_by_key(|run| points_on(*run)).unwrap_or(0);
        let is_meant = |run: &usize| machine(*run) == machine(most);
        let chosen: Vec<usize> = (0..self.runs.len()).filter(is_meant).collect();
        let trials_of = |run: &usize| self.trials.iter().filter(|trial| trial.run == *run).cloned().collect();
        let trials = chosen.iter().map(trials_of).collect();
        Self::of(chosen.iter().map(|run| self.runs[*run].clone()).collect(), trials)
    }

    fn add(&mut self, trial: Trial) {
        if let Some(reason) = self.reason_to_leave_out(&trial) {
            *self.left_out.entry(reason).or_default() += 1;
            let is_failed = matches!(trial.record.result, TrialResult::Failed(_));
            if is_failed
                && self.is_same_code(&trial)
                && self.is_same_environment(&trial)
                && self.is_same_scenario(&trial)
            {
                self.failed.push(trial);
            }
            return;
        }
        let place = self.trials.len();
        let new = Point::of(&trial, self.swept_values(&trial), place);
        match self.points.iter_mut().find(|point| point.is_like(&new)) {
            Some(point) => {
                let first = &self.trials[point.trials[0]];
                if first.record.settings == trial.record.settings || point.is_search || point.load.is_some() {
                    point.trials.push(place);
                } else {
                    *self.left_out.entry("other settings than the newest run".to_owned()).or_default() += 1;
                    return;
                }
            }
            None => self.points.push(new.with_coordinates(&trial.record.settings)),
        }
        self.trials.push(trial);
    }

    fn reason_to_leave_out(&self, trial: &Trial) -> Option<String> {
        if !self.is_same_code(trial) {
            return Some("other code was measured than in the newest run".to_owned());
        }
        if !self.is_same_environment(trial) {
            return Some(
                "another version or configuration of a target or proxy than in the newest run".to_owned(),
            );
        }
        match &trial.record.result {
            TrialResult::Failed(failure) => Some(format!("the trial failed: {}", failure.reason)),
            // Steps of searches are not repeated for it, since a rate that fails is tried again anyway.
            _ if trial.record.disturbance.is_some() && trial.record.search.is_none() => {
                Some("the machine did other work".to_owned())
            }
            TrialResult::Complete(_) | TrialResult::Incomplete(_) => None,
        }
    }

    fn is_same_code(&self, trial: &Trial) -> bool {
        let [newest, own] = [&self.runs[0], &self.runs[trial.run]].map(|run| &run.manifest);
        newest.pushbench == own.pushbench && same_code::is_same(&newest.libraries, &own.libraries)
    }

    /// Whether the target and the proxy of a trial are those of the newest run that has them, in version and configuration.
    fn is_same_environment(&self, trial: &Trial) -> bool {
        let TrialRecord { key, settings, .. } = &trial.record;
        let own = &self.runs[trial.run].manifest;
        let is_newest_target = |name: &str| {
            let own = own.targets.iter().find(|info| info.name == name);
            let [own, newest] =
                [own, self.target(name)].map(|info| info.map(|info| (&info.version, &info.text)));
            own == newest
        };
        let is_newest_proxy = |name: &str| {
            let own = own.proxies.iter().find(|info| info.name == name);
            own == self.proxy(name)
        };
        key.target.as_deref().is_none_or(is_newest_target)
            && settings.through.as_deref().is_none_or(|through| is_newest_proxy(proxy(through).0))
    }

    /// Whether a trial's scenario has the file of the newest run that has it.
    fn is_same_scenario(&self, trial: &Trial) -> bool {
        let name = &trial.record.key.scenario;
        let own = self.runs[trial.run].manifest.scenarios.iter().find(|info| info.name == *name);
        own == self.scenario(name)
    }

    /// A search, and what follows it, has its own rate in each block: it is no value of the sweep.
    fn swept_values(&self, trial: &Trial) -> BTreeMap<String, String> {
        let TrialRecord { key, search, load, .. } = &trial.record;
        let mut at = key.point.clone();
        if search.is_some() || load.is_some() {
            let swept = self.scenario(&key.scenario).map_or(&[][..], |info| &info.sweeps);
            at.retain(|name, _| name == LOAD || swept.contains(name));
        }
        at
    }

    fn sort(&mut self) {
        let mut points = std::mem::take(&mut self.points);
        points.sort_by(|a, b| {
            let scenario = self.scenario_order(&a.scenario).cmp(&self.scenario_order(&b.scenario));
            let of =
                |point: &Point| (self.technique_order(&point.technique), point.target.clone(), point.client);
            scenario
                .then_with(|| self.compare_swept(a, b))
                .then_with(|| of(a).cmp(&of(b)))
                .then(a.load.unwrap_or(0.0).total_cmp(&b.load.unwrap_or(0.0)))
        });
        self.points = points;
    }

    fn compare_swept<'p>(&self, a: &'p Point, b: &'p Point) -> Ordering {
        let info = self.scenario(&a.scenario);
        let keys = info.map_or(&[][..], |info| &info.sweeps);
        let compare = |key: &String| {
            match [a, b].map(|point| point.coordinate(key)) {
                [Some((a, _)), Some((b, _))] => a.total_cmp(&b),
                // Words keep the order of the scenario's file; what a sweep leaves out comes last.
                _ => {
                    let order = |point: &'p Point| (word_order(info, point.at.get(key)), point.at.get(key));
                    order(a).cmp(&order(b))
                }
            }
        };
        keys.iter().map(compare).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    }

    fn scenario_order(&self, name: &str) -> usize {
        self.runs
            .iter()
            .flat_map(|run| &run.manifest.scenarios)
            .position(|info| info.name == name)
            .unwrap_or(usize::MAX)
    }

    fn technique_order(&self, slug: &str) -> usize {
        self.techniques().position(|info| info.slug == slug).unwrap_or(usize::MAX)
    }

    fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.runs.iter().map(|run| &run.manifest)
    }

    /// Every technique that a run knows, each once, in the order of the registry.
    pub fn techniques(&self) -> impl Iterator<Item = &TechniqueInfo> {
        self.manifests().take(1).flat_map(|manifest| &manifest.techniques)
    }

    /// What the newest run that knows this technique says of it.
    pub fn technique(&self, slug: &str) -> Option<&TechniqueInfo> {
        self.manifests().flat_map(|manifest| &manifest.techniques).find(|info| info.slug == slug)
    }

    /// A technique's name for people.
    pub fn label<'a>(&'a self, slug: &'a str) -> &'a str {
        self.technique(slug).map_or(slug, |info| info.label.as_str())
    }

    /// The slug of the technique that others are a multiple of.
    pub fn baseline(&self) -> Option<&str> {
        self.techniques().find(|info| info.baseline).map(|info| info.slug.as_str())
    }

    /// What the newest run that has this scenario says of it.
    pub fn scenario(&self, name: &str) -> Option<&ScenarioInfo> {
        self.manifests().flat_map(|manifest| &manifest.scenarios).find(|info| info.name == name)
    }

    /// A server that others wrote.
    pub fn target(&self, name: &str) -> Option<&TargetInfo> {
        self.manifests().flat_map(|manifest| &manifest.targets).find(|info| info.name == name)
    }

    /// A proxy.
    pub fn proxy(&self, name: &str) -> Option<&ProxyInfo> {
        self.manifests().flat_map(|manifest| &manifest.proxies).find(|info| info.name == name)
    }

    /// The points of a scenario that pushbench's own servers and client measured at a rate that the scenario gives.
    pub fn own(&self, scenario: &str) -> impl Iterator<Item = &Point> {
        self.of_scenario(scenario).filter(|point| point.is_own())
    }

    /// The points of a scenario whose trials are the steps of searches by pushbench's own servers and client.
    pub fn searched(&self, scenario: &str) -> impl Iterator<Item = &Point> {
        self.of_scenario(scenario).filter(|point| point.is_search && point.is_by_pushbench())
    }

    /// The points of a scenario at shares of a technique's own capacity, by pushbench's own servers and client.
    pub fn loaded(&self, scenario: &str) -> impl Iterator<Item = &Point> {
        self.of_scenario(scenario).filter(|point| point.load.is_some() && point.is_by_pushbench())
    }

    /// All points of a scenario.
    pub fn of_scenario(&self, scenario: &str) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.scenario == scenario)
    }

    /// The one own point of a scenario with this technique and these swept values; none where there is none or several.
    pub fn point(&self, scenario: &str, technique: &str, at: &BTreeMap<String, String>) -> Option<&Point> {
        only(self.own(scenario).filter(|point| point.is_at(technique, at)))
    }

    /// The same of searches for a capacity.
    pub fn search(&self, scenario: &str, technique: &str, at: &BTreeMap<String, String>) -> Option<&Point> {
        only(self.searched(scenario).filter(|point| point.is_at(technique, at)))
    }

    /// The point that a figure of this one is divided by. `to` is another technique, at the same point or, where a sweep leaves
    /// that one out, at its only value; or `key=value`, the same technique at another value of a swept key; or `own`, the same technique
    /// by pushbench's own server.
    pub fn beside<'e>(&'e self, point: &Point, to: &str) -> Option<&'e Point> {
        let mut at = point.at.clone();
        let technique = match to.split_once('=') {
            Some((key, value)) => {
                at.insert(key.to_owned(), value.to_owned());
                point.technique.as_str()
            }
            None if to == OWN => point.technique.as_str(),
            None => to,
        };
        let is_beside = |other: &&Point| {
            other.technique == technique
                && other.load == point.load
                && other.is_search == point.is_search
                && other.is_by_pushbench()
                && other.at.iter().all(|(key, value)| at.get(key) == Some(value))
        };
        self.of_scenario(&point.scenario).find(is_beside)
    }

    /// How many trials the figures rest on.
    pub fn trial_count(&self) -> usize {
        self.trials.len()
    }

    /// What an exchange took on the server's core in this run; none where that was not measured.
    pub fn exchange_ns(&self, run: usize) -> Option<f64> {
        let of_run: Vec<&Trial> = self.trials.iter().filter(|trial| trial.run == run).collect();
        (catalogue::metric("exchange")?.of)(&of_run)
    }

    /// The trials of a point.
    pub fn trials<'e>(&'e self, point: &Point) -> impl Iterator<Item = &'e Trial> {
        point.trials.iter().map(|place| &self.trials[*place])
    }

    /// The metric at this point.
    pub fn estimate(&self, point: &Point, metric: &Metric) -> Option<Estimate> {
        let estimate = combine(&self.run_figures(point, metric), self.variance_between(metric, false))?;
        Some(self.known_to(estimate, metric, &[point]))
    }

    /// The metric at `point` ÷ the metric at `other`, by the blocks that both have in each run.
    pub fn ratio(&self, point: &Point, other: &Point, metric: &Metric) -> Option<Estimate> {
        let estimate = combine(&self.run_ratios(point, other, metric), self.variance_between(metric, true))?;
        Some(self.known_to(estimate, metric, &[point, other]))
    }

    /// A capacity lies anywhere between the last rate that passed and the first that failed.
    fn known_to(&self, estimate: Estimate, metric: &Metric, points: &[&Point]) -> Estimate {
        let resolution = |point: &&Point| search::resolution(&self.trials(point).collect::<Vec<_>>());
        let factor: f64 = if metric.key == CAPACITY { points.iter().map(resolution).product() } else { 1.0 };
        if factor == 1.0 {
            return estimate;
        }
        let [low, high] = estimate.interval.unwrap_or([estimate.value; 2]);
        Estimate { interval: Some([low / factor, high * factor]), ..estimate }
    }

    /// Whether the metric at this point, divided by that at `to` if there is one, is a bound only: a capacity at which the load
    /// generator was the limit is a lower one. None where nothing can be said of the quotient.
    pub fn side(&self, point: &Point, to: Option<&Point>, metric: &Metric) -> Option<Side> {
        let side = |point: &Point| {
            let is_bound =
                metric.key == CAPACITY && search::is_lower_bound(&self.trials(point).collect::<Vec<_>>());
            if is_bound { Side::Least } else { Side::Exact }
        };
        to.map_or(Some(side(point)), |to| side(point).over(side(to)))
    }

    /// What each run says of the metric at this point.
    pub fn run_figures(&self, point: &Point, metric: &Metric) -> Vec<RunFigure> {
        let of_run = |run: usize| {
            let blocks = self.blocks(point, run);
            let blocks: Vec<&[&Trial]> = blocks.values().map(Vec::as_slice).collect();
            RunFigure::of(&blocks, metric.resampling, |blocks| (metric.of)(&blocks.concat()))
        };
        (0..self.runs.len()).filter_map(of_run).collect()
    }

    /// What each run says of the ratio. Runs in which the two have no block in common say nothing.
    pub fn run_ratios(&self, point: &Point, other: &Point, metric: &Metric) -> Vec<RunFigure> {
        let of_run = |run: usize| {
            let [own, others] = [point, other].map(|point| self.blocks(point, run));
            let pairs: Vec<(&[&Trial], &[&Trial])> = own
                .iter()
                .filter_map(|(block, trials)| Some((trials.as_slice(), others.get(block)?.as_slice())))
                .collect();
            // Each side as often as the other has trials in the block, or a block would weigh more on one side.
            RunFigure::of(&pairs, metric.resampling, |pairs| {
                let own: Vec<&Trial> =
                    pairs.iter().flat_map(|(own, others)| own.repeat(others.len())).collect();
                let others: Vec<&Trial> =
                    pairs.iter().flat_map(|(own, others)| others.repeat(own.len())).collect();
                let (own, others) = ((metric.of)(&own)?, (metric.of)(&others)?);
                (others > 0.0).then(|| own / others)
            })
        };
        (0..self.runs.len()).filter_map(of_run).collect()
    }

    fn blocks(&self, point: &Point, run: usize) -> BTreeMap<u32, Vec<&Trial>> {
        let mut blocks: BTreeMap<u32, Vec<&Trial>> = BTreeMap::new();
        for trial in self.trials(point).filter(|trial| trial.run == run) {
            blocks.entry(trial.record.key.repetition).or_default().push(trial);
        }
        blocks
    }

    /// The variance between runs of a metric: the mean over all points with several runs, since few runs say little of it at one
    /// point. Zero with a single run.
    pub fn variance_between(&self, metric: &Metric, is_ratio: bool) -> f64 {
        if self.runs.len() < 2 {
            return 0.0;
        }
        let of_point = |point: &Point| match is_ratio {
            true => variance_between(&self.run_ratios(point, self.beside(point, self.baseline()?)?, metric)),
            false => variance_between(&self.run_figures(point, metric)),
        };
        let compute = || {
            let variances: Vec<f64> = self.points.iter().filter_map(of_point).collect();
            (variances.iter().sum::<f64>() / variances.len().max(1) as f64).max(0.0)
        };
        let mut known = self.between.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry((metric.key, is_ratio)).or_insert_with(compute)
    }
}

impl Point {
    /// Whether it is this technique's, with these values of swept keys; keys that are left out may have any.
    pub fn is_at(&self, technique: &str, at: &BTreeMap<String, String>) -> bool {
        self.technique == technique && at.iter().all(|(key, value)| self.at.get(key) == Some(value))
    }

    /// Whether pushbench's own server and client measured it.
    pub fn is_by_pushbench(&self) -> bool {
        self.target.is_none() && self.client == Client::Native
    }

    /// The same, at a rate that the scenario gives.
    pub fn is_own(&self) -> bool {
        self.is_by_pushbench() && self.load.is_none() && !self.is_search
    }

    /// Whether both measure the same thing.
    pub fn is_like(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.client, it.load, it.is_search);
        of(self) == of(other)
            && self.scenario == other.scenario
            && self.technique == other.technique
            && self.target == other.target
            && self.at == other.at
    }

    fn of(trial: &Trial, at: BTreeMap<String, String>, place: usize) -> Self {
        let TrialKey { scenario, technique, target, .. } = trial.record.key.clone();
        Self {
            scenario,
            technique,
            target,
            client: trial.record.settings.client,
            at,
            load: trial.record.load,
            is_search: trial.record.search.is_some(),
            coordinates: BTreeMap::new(),
            trials: vec![place],
        }
    }

    fn with_coordinates(mut self, settings: &Settings) -> Self {
        let settings = serde_json::to_value(settings).unwrap_or_default();
        let number = |key: &String| Some((key.clone(), lookup(&settings, key)?));
        self.coordinates = self.at.keys().filter_map(number).collect();
        self
    }

    /// A swept key's value as a number with its unit; none where it is a word, or where the sweep leaves the technique out.
    pub fn coordinate(&self, key: &str) -> Option<(f64, Unit)> {
        self.coordinates.get(key).copied()
    }

    /// Whether a trial that is in no figure belongs here.
    pub fn is_of(&self, trial: &Trial) -> bool {
        self.is_like(&Self::of(trial, self.at.clone(), 0))
            && trial.record.key.point.iter().all(|pair| self.at.get(pair.0) == Some(pair.1))
    }
}

fn only<'p>(mut points: impl Iterator<Item = &'p Point>) -> Option<&'p Point> {
    points.next().filter(|_| points.next().is_none())
}

fn word_order(info: Option<&ScenarioInfo>, word: Option<&String>) -> usize {
    let place = |word: &String| info.and_then(|info| info.text.find(&format!("\"{word}\"")));
    word.and_then(place).unwrap_or(usize::MAX)
}

/// Suffixes by which `model::settings` names a unit.
const SUFFIXES: [(&str, Unit); 4] =
    [("_ns", Unit::Time), ("_per_s", Unit::Rate), ("_bytes", Unit::Bytes), ("", Unit::Number)];

fn lookup(settings: &Value, key: &str) -> Option<(f64, Unit)> {
    let (table, field) = key.rsplit_once('.').map_or((None, key), |(table, field)| (Some(table), field));
    let table = match table {
        Some(path) => path.split('.').try_fold(settings, |value, name| value.get(name))?,
        None => settings,
    };
    SUFFIXES.iter().find_map(|(suffix, unit)| Some((table.get(format!("{field}{suffix}"))?.as_f64()?, *unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swept_keys_are_found_by_the_unit_in_their_name() {
        let settings = serde_json::json!({
            "events": { "rate_per_s": 50.0, "payload_bytes": 16_384 },
            "http": { "headers": "minimal" },
            "poll": { "interval_ns": 250_000_000_u64 },
        });
        assert_eq!(lookup(&settings, "events.rate"), Some((50.0, Unit::Rate)));
        assert_eq!(lookup(&settings, "events.payload"), Some((16_384.0, Unit::Bytes)));
        assert_eq!(lookup(&settings, "poll.interval"), Some((250e6, Unit::Time)));
        assert_eq!(lookup(&settings, "http.headers"), None);
        assert_eq!(lookup(&settings, "http.nothing"), None);
    }
}
