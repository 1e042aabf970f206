//! The plan of a run: which trials, in which order, with which seeds. Pure; it is stored with the run, so that a run
//! that was interrupted goes on with exactly what was planned. A search is one place in it, however many trials it takes.

pub(crate) mod budget;
mod time;

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::manifest::Skipped;
use model::quantity::{show_rate, show_share};
use model::scenario::{Point, Scenario, Search};
use model::settings::{Implementation, Settings};
use model::trial::{TrialKey, TrialRecord};
use serde::{Deserialize, Serialize};

use crate::search::{self, Step};
use crate::targets::{TargetServer, selection};

/// How a searched rate is called among a trial's values.
const RATE: &str = "events.rate";
/// How a share of the capacity is called there.
const LOAD: &str = "load";

/// Blocks that every point gets of a plan with a budget.
pub(crate) const MIN_BLOCKS: u32 = 3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// [`SCHEMA_VERSION`](model::SCHEMA_VERSION).
    pub(crate) schema_version: u32,
    /// The scenarios with their points.
    pub(crate) scenarios: Vec<PlannedScenario>,
    /// In the order in which they run.
    pub(crate) trials: Vec<PlannedTrial>,
    /// The files of the targets that take part.
    #[serde(default)]
    pub(crate) targets: Vec<PathBuf>,
    /// How long the run may take; blocks are added until then. None of a plan whose trials are fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) budget_ns: Option<u64>,
    /// Whether each contestant runs twice in each block, to be compared with itself: in even and in odd repetitions.
    #[serde(default)]
    pub(crate) self_check: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedScenario {
    pub(crate) name: String,
    pub(crate) points: Vec<PlannedPoint>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedPoint {
    /// The swept keys' values as written.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) settings: Settings,
    /// How its rate is searched for; none when the settings give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<Search>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedTrial {
    pub(crate) scenario: usize,
    pub(crate) point: usize,
    pub(crate) technique: String,
    /// The server that somebody else wrote; none for our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// From 0.
    pub(crate) repetition: u32,
    /// Trials of one block run close together; what was disturbed is repeated at its end.
    pub(crate) block: u32,
    /// Decides send times and payloads; the same for all techniques, so that each meets the same events.
    pub(crate) seed: u64,
}

impl PlannedTrial {
    /// For a self-check: with two repetitions in its block.
    fn twice(self) -> [Self; 2] {
        [0, 1].map(|half| Self { repetition: 2 * self.block + half, ..self.clone() })
    }

    /// Whether only the repetitions differ.
    pub(crate) fn is_at_same_point(&self, other: &Self) -> bool {
        (self.scenario, self.point, &self.technique, &self.target)
            == (other.scenario, other.point, &other.technique, &other.target)
    }
}

/// Which of the trials that share a place in the plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// The only one, and those that repeat it since it was disturbed; or, at a place that is a search, the search as a whole.
    Whole {
        attempt: u32,
    },
    Step {
        step: u32,
        attempt: u32,
    },
    /// At a share of the capacity that was found.
    Load(f64),
}

/// A trial of the plan with all that belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial<'a> {
    /// Place in the plan, from 0.
    pub(crate) index: usize,
    pub(crate) scenario: &'a str,
    pub(crate) point: &'a PlannedPoint,
    pub(crate) planned: &'a PlannedTrial,
    pub(crate) part: Part,
}

/// What limits a plan from outside of the scenario files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice<'a> {
    /// The techniques that take part, in the order of the registry.
    pub(crate) techniques: &'a [&'a str],
    /// Servers that somebody else wrote, for the scenarios that name them.
    pub(crate) targets: &'a [TargetServer],
    /// Whether pushbench's own servers are left out.
    pub(crate) only_targets: bool,
    /// How often, if not as the scenarios say.
    pub(crate) repetitions: Option<u32>,
    /// Decides the order, and each trial's own seed.
    pub(crate) seed: u64,
    /// How long the run may take, if that decides how often.
    pub(crate) budget_ns: Option<u64>,
    /// Whether each contestant is compared with itself; only with a budget.
    pub(crate) self_check: bool,
}

impl Plan {
    /// Plans `scenarios` in their order. Within a scenario all techniques are gone through once before any is
    /// repeated, in an order shuffled again for each repetition.
    pub(crate) fn new(scenarios: &[Scenario], choice: &Choice<'_>) -> Self {
        let mut rng = fastrand::Rng::with_seed(choice.seed);
        let mut trials: Vec<PlannedTrial> = Vec::new();
        let blocks = if choice.budget_ns.is_some() { MIN_BLOCKS } else { 0 };
        for block in 0..blocks {
            let again = Choice { repetitions: Some(blocks), ..choice.clone() };
            let all = scenarios.iter().enumerate();
            let mut all: Vec<_> =
                all.flat_map(|(index, scenario)| round(index, scenario, block, block, &again)).collect();
            if choice.self_check {
                all = all.into_iter().flat_map(PlannedTrial::twice).collect();
            }
            rng.shuffle(&mut all);
            trials.append(&mut all);
        }
        for (index, scenario) in scenarios.iter().enumerate().filter(|_| blocks == 0) {
            let most = scenario.points.iter().map(|point| point.repetitions).max().unwrap_or(0);
            for repetition in 0..choice.repetitions.unwrap_or(most) {
                let block = trials.last().map_or(0, |last| last.block + 1);
                let mut round = round(index, scenario, repetition, block, choice);
                rng.shuffle(&mut round);
                trials.append(&mut round);
            }
        }
        Self {
            schema_version: model::SCHEMA_VERSION,
            scenarios: scenarios.iter().map(planned_scenario).collect(),
            trials,
            targets: choice.targets.iter().map(|server| server.file.clone()).collect(),
            budget_ns: choice.budget_ns,
            self_check: choice.self_check,
        }
    }

    pub(crate) fn trials(&self) -> impl Iterator<Item = Trial<'_>> {
        self.trials.iter().enumerate().filter_map(|(index, planned)| {
            let scenario = self.scenarios.get(planned.scenario)?;
            Some(Trial {
                index,
                scenario: &scenario.name,
                point: scenario.points.get(planned.point)?,
                planned,
                part: Part::Whole { attempt: 0 },
            })
        })
    }

    /// About how many trials are run from this place on.
    pub(crate) fn expected_trials_from(&self, index: usize) -> u64 {
        self.trials().skip(index).map(|trial| trial.expected_trials()).sum()
    }
}

fn round(
    index: usize,
    scenario: &Scenario,
    repetition: u32,
    block: u32,
    choice: &Choice<'_>,
) -> Vec<PlannedTrial> {
    let again = |point: &Point| choice.repetitions.unwrap_or(point.repetitions) > repetition;
    let mut round = Vec::new();
    for (point, of_point) in scenario.points.iter().enumerate().filter(|(_, point)| again(point)) {
        let seed = trial_seed(choice.seed, &scenario.name, point, repetition);
        for Contestant { technique, target } in contestants(scenario, of_point, choice) {
            if cannot(technique, target, &of_point.settings, choice).is_none() {
                let (technique, target) = (technique.to_owned(), target.map(str::to_owned));
                round.push(PlannedTrial {
                    scenario: index,
                    point,
                    technique,
                    target,
                    repetition,
                    block,
                    seed,
                });
            }
        }
    }
    round
}

/// Who would run a point: a technique, of our own server or of somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Contestant<'a> {
    target: Option<&'a str>,
    technique: &'a str,
}

fn contestants<'a>(scenario: &'a Scenario, point: &'a Point, choice: &Choice<'a>) -> Vec<Contestant<'a>> {
    let among = |restricted: &[String], slug: &str| {
        restricted.is_empty() || restricted.iter().any(|other| other == slug)
    };
    let takes_part = |slug: &&&str| among(&scenario.techniques, slug) && among(&point.techniques, slug);
    let techniques: Vec<&str> = choice.techniques.iter().filter(takes_part).copied().collect();
    let own = techniques.iter().filter(|_| !choice.only_targets);
    let own = own.map(|&technique| Contestant { target: None, technique });
    // How our own servers send concerns no target, which takes part once.
    let is_lean = |point: &Point| point.settings.implementation == Implementation::Lean;
    let is_for_all = is_lean(point) || !scenario.points.iter().any(is_lean);
    let named =
        choice.targets.iter().filter(|server| is_for_all && scenario.targets.contains(&server.target.name));
    let others = named.flat_map(|server| {
        let has = techniques.iter().filter(|&&slug| server.target.techniques.contains_key(slug));
        has.map(|&technique| Contestant { target: Some(server.target.name.as_str()), technique })
    });
    own.chain(others).collect()
}

fn cannot(
    technique: &str,
    target: Option<&str>,
    settings: &Settings,
    choice: &Choice<'_>,
) -> Option<&'static str> {
    let Some(name) = target else { return selection::why_own_cannot(technique, settings) };
    let server = choice.targets.iter().find(|server| server.target.name == name)?;
    selection::why_targets_cannot(settings).or_else(|| server.why_technique_cannot(technique, settings))
}

/// The scenario without the points of `what`, which cannot be run here; none where no point is left. What is left out is added to `skipped`.
pub(crate) fn without(
    mut scenario: Scenario,
    what: &str,
    why: String,
    is_meant: impl Fn(&Settings) -> bool,
    skipped: &mut Vec<Skipped>,
) -> Option<Scenario> {
    let all = scenario.points.len();
    scenario.points.retain(|point| !is_meant(&point.settings));
    let name = &scenario.name;
    if scenario.points.is_empty() && all > 0 {
        skipped.push(Skipped { what: format!("scenario {name}"), why });
        return None;
    }
    if scenario.points.len() < all {
        skipped.push(Skipped { what: format!("{what} in {name}"), why });
    }
    Some(scenario)
}

/// Who would take part in `scenarios` and cannot with their settings, once for each reason.
pub(crate) fn left_out(scenarios: &[Scenario], choice: &Choice<'_>) -> Vec<Skipped> {
    let mut found: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for scenario in scenarios {
        for point in &scenario.points {
            for Contestant { technique, target } in contestants(scenario, point, choice) {
                let Some(why) = cannot(technique, target, &point.settings, choice) else { continue };
                // A target is left out as a whole.
                let who =
                    target.map_or_else(|| format!("technique {technique}"), |name| format!("target {name}"));
                let names = found.entry((who, why)).or_default();
                if !names.contains(&scenario.name.as_str()) {
                    names.push(&scenario.name);
                }
            }
        }
    }
    let skipped = |((who, why), names): ((String, &str), Vec<&str>)| Skipped {
        what: format!("{who} in {}", names.join(", ")),
        why: why.to_owned(),
    };
    found.into_iter().map(skipped).collect()
}

/// FNV-1a over what names the trial; the technique is left out on purpose.
fn trial_seed(seed: u64, scenario: &str, point: usize, repetition: u32) -> u64 {
    let name = format!("{seed} {scenario} {point} {repetition}");
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn planned_scenario(scenario: &Scenario) -> PlannedScenario {
    let point = |point: &Point| PlannedPoint {
        values: point.values.clone(),
        settings: point.settings.clone(),
        search: point.search.clone(),
    };
    PlannedScenario { name: scenario.name.clone(), points: scenario.points.iter().map(point).collect() }
}

/// What of a swept value can stand in a file's name.
fn file_part(value: &str) -> String {
    let part: String =
        value
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '+') { c.to_ascii_lowercase() } else { '-' }
            })
            .take(24)
            .collect();
    part.trim_matches('-').to_owned()
}

impl Trial<'_> {
    /// Which trial this is, as its record says it.
    pub(crate) fn key(&self) -> TrialKey {
        TrialKey {
            scenario: self.scenario.to_owned(),
            point: self.point.values.clone(),
            technique: self.planned.technique.clone(),
            target: self.planned.target.clone(),
            repetition: self.planned.repetition,
        }
    }

    /// The name of its files, without ending.
    pub(crate) fn file_stem(&self) -> String {
        let point: String =
            self.point.values.values().map(|value| format!("-{}", file_part(value))).collect();
        let PlannedTrial { technique, target, repetition, .. } = self.planned;
        let target = target.as_ref().map_or_else(String::new, |name| format!("-{name}"));
        let step = match self.part {
            Part::Step { step, attempt: 0 } => format!("-step{step:02}"),
            Part::Step { step, .. } => format!("-step{step:02}-again"),
            Part::Whole { attempt: 0 } | Part::Load(_) => String::new(),
            Part::Whole { attempt } => format!("-again{attempt}"),
        };
        format!("{:04}-{}{point}-{technique}{target}-r{repetition}{step}", self.index, self.scenario)
    }

    /// What it is for people: `notifications websocket r2`, with the point's values.
    pub(crate) fn title(&self) -> String {
        let values: String = self.point.values.values().map(|value| format!(" {value}")).collect();
        let PlannedTrial { technique, target, repetition, .. } = self.planned;
        let target = target.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
        format!("{}{values} {technique}{target} r{repetition}", self.scenario)
    }

    pub(crate) fn expected_trials(&self) -> u64 {
        let repetition = self.planned.repetition;
        self.point
            .search
            .as_ref()
            .map_or(1, |terms| search::expected_trials(terms, repetition).0 + terms.then.len() as u64)
    }

    /// The trial of this place that a record is of.
    pub(crate) fn has(&self, record: &TrialRecord) -> bool {
        record.index as usize == self.index && Part::of(record) == self.part
    }

    /// A point of this trial's at the rate of a search's step.
    pub(crate) fn at_step(&self, step: &Step) -> PlannedPoint {
        self.point.at(step.rate_per_s, RATE, show_rate(step.rate_per_s))
    }

    /// A point of this trial's at a share of a capacity.
    pub(crate) fn at_load(&self, share: f64, capacity_per_s: f64) -> PlannedPoint {
        self.point.at(search::rounded(share * capacity_per_s), LOAD, show_share(share))
    }
}

impl PlannedPoint {
    fn at(&self, rate_per_s: f64, key: &str, value: String) -> Self {
        let mut point = Self { search: None, ..self.clone() };
        point.settings.events.rate_per_s = rate_per_s;
        point.values.insert(key.to_owned(), value);
        point
    }
}

impl Part {
    fn of(record: &TrialRecord) -> Self {
        match (&record.search, record.load) {
            (Some(step), _) => Self::Step { step: step.step, attempt: step.attempt },
            (None, Some(share)) => Self::Load(share),
            (None, None) => Self::Whole { attempt: record.attempt },
        }
    }
}

#[cfg(test)]
mod tests;
