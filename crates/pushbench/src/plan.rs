//! The plan of a run: which trials, in which order, with which seeds. Pure; it is stored with the run, so that a run
//! that was interrupted goes on with exactly what was planned.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schema::manifest::Skipped;
use schema::scenario::{Point, Rung, Scenario};
use schema::settings::{Settings, ShortPolling};
use schema::trial::TrialKey;
use serde::{Deserialize, Serialize};

use crate::pages::browser_of;
use crate::target::{Foreign, entries};

/// What the start of a server that somebody else wrote takes. Measured: 60 ms for nginx, 300 ms for Node.
const TARGET_NS: u64 = 200_000_000;

/// What a trial takes beyond its phases: two processes, the connections, and the drain. Measured: 0.1 to 0.2 s.
const AROUND_NS: u64 = 150_000_000;

/// A browser's start and end, and the comparison of clocks. Measured: 2 s for Chromium, 4 s for Firefox.
const BROWSER_NS: u64 = 3_000_000_000;

/// All trials of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// [`SCHEMA_VERSION`](schema::SCHEMA_VERSION).
    pub(crate) schema_version: u32,
    /// The scenarios with their points.
    pub(crate) scenarios: Vec<PlannedScenario>,
    /// In the order in which they run.
    pub(crate) trials: Vec<PlannedTrial>,
    /// The files of the targets that take part.
    #[serde(default)]
    pub(crate) targets: Vec<PathBuf>,
}

/// A scenario's points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedScenario {
    /// The scenario's name.
    pub(crate) name: String,
    /// Its points, in the order of the sweeps.
    pub(crate) points: Vec<PlannedPoint>,
}

/// What a trial at a point is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedPoint {
    /// The swept keys' values as written.
    pub(crate) values: BTreeMap<String, String>,
    /// What is told.
    pub(crate) settings: Settings,
    /// The place on the way to the bound.
    pub(crate) rung: Option<Rung>,
}

/// A trial to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedTrial {
    /// Index into the plan's scenarios.
    pub(crate) scenario: usize,
    /// Index into the scenario's points.
    pub(crate) point: usize,
    /// The technique's slug.
    pub(crate) technique: String,
    /// The server that somebody else wrote; none for our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// From 0.
    pub(crate) repetition: u32,
    /// Decides send times and payloads; the same for all techniques, so that each meets the same events.
    pub(crate) seed: u64,
}

/// A trial of the plan with all that belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial<'a> {
    /// Place in the plan, from 0.
    pub(crate) index: usize,
    /// The scenario's name.
    pub(crate) scenario: &'a str,
    /// Its point.
    pub(crate) point: &'a PlannedPoint,
    /// The rest.
    pub(crate) planned: &'a PlannedTrial,
}

/// What limits a plan from outside of the scenario files.
#[derive(Debug, Clone)]
pub(crate) struct Choice<'a> {
    /// The techniques that take part, in the order of the registry.
    pub(crate) techniques: &'a [&'a str],
    /// Servers that somebody else wrote, for the scenarios that name them.
    pub(crate) targets: &'a [Foreign],
    /// How often, if not as the scenarios say.
    pub(crate) repetitions: Option<u32>,
    /// Decides the order, and each trial's own seed.
    pub(crate) seed: u64,
}

impl Plan {
    /// Plans `scenarios` in their order. Within a scenario all techniques are gone through once before any is
    /// repeated, in an order shuffled anew for each repetition; rungs to a bound are climbed in their order.
    pub(crate) fn new(scenarios: &[Scenario], choice: &Choice<'_>) -> Self {
        let mut rng = fastrand::Rng::with_seed(choice.seed);
        let mut trials = Vec::new();
        for (index, scenario) in scenarios.iter().enumerate() {
            for repetition in 0..choice.repetitions.unwrap_or(most_repetitions(scenario)) {
                let mut round = round(index, scenario, repetition, choice);
                rng.shuffle(&mut round);
                round.sort_by_key(|trial| scenario.points[trial.point].rung.as_ref().map(|rung| rung.step));
                trials.append(&mut round);
            }
        }
        Self {
            schema_version: schema::SCHEMA_VERSION,
            scenarios: scenarios.iter().map(planned_scenario).collect(),
            trials,
            targets: choice.targets.iter().map(|foreign| foreign.file.clone()).collect(),
        }
    }

    /// All trials in order.
    pub(crate) fn trials(&self) -> impl Iterator<Item = Trial<'_>> {
        self.trials.iter().enumerate().filter_map(|(index, planned)| {
            let scenario = self.scenarios.get(planned.scenario)?;
            Some(Trial {
                index,
                scenario: &scenario.name,
                point: scenario.points.get(planned.point)?,
                planned,
            })
        })
    }
}

fn most_repetitions(scenario: &Scenario) -> u32 {
    scenario.points.iter().map(|point| point.repetitions).max().unwrap_or(0)
}

fn round(index: usize, scenario: &Scenario, repetition: u32, choice: &Choice<'_>) -> Vec<PlannedTrial> {
    let again = |point: &Point| choice.repetitions.unwrap_or(point.repetitions) > repetition;
    let mut round = Vec::new();
    for (point, of_point) in scenario.points.iter().enumerate().filter(|(_, point)| again(point)) {
        let seed = trial_seed(choice.seed, &scenario.name, point, repetition);
        for Contestant { technique, target } in contestants(scenario, of_point, choice) {
            if cannot(technique, target, &of_point.settings).is_none() {
                let (technique, target) = (technique.to_owned(), target.map(str::to_owned));
                round.push(PlannedTrial { scenario: index, point, technique, target, repetition, seed });
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
    let own = techniques.iter().map(|&technique| Contestant { target: None, technique });
    let named = choice.targets.iter().filter(|foreign| scenario.targets.contains(&foreign.target.name));
    let others = named.flat_map(|foreign| {
        let has = techniques.iter().filter(|&&slug| foreign.target.techniques.contains_key(slug));
        has.map(|&technique| Contestant { target: Some(foreign.target.name.as_str()), technique })
    });
    own.chain(others).collect()
}

fn cannot(technique: &str, target: Option<&str>, settings: &Settings) -> Option<&'static str> {
    match target {
        None => entries::own_cannot(technique, settings),
        Some(_) => entries::cannot(settings),
    }
}

/// Who would take part in `scenarios` and cannot with their settings, once for each reason.
pub(crate) fn left_out(scenarios: &[Scenario], choice: &Choice<'_>) -> Vec<Skipped> {
    let mut found: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
    for scenario in scenarios {
        for point in &scenario.points {
            for Contestant { technique, target } in contestants(scenario, point, choice) {
                let Some(why) = cannot(technique, target, &point.settings) else { continue };
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
        rung: point.rung.clone(),
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
        format!("{:04}-{}{point}-{technique}{target}-r{repetition}", self.index, self.scenario)
    }

    /// What it is for people: `notifications websocket r2`, with the point's values.
    pub(crate) fn title(&self) -> String {
        let values: String = self.point.values.values().map(|value| format!(" {value}")).collect();
        let PlannedTrial { technique, target, repetition, .. } = self.planned;
        let target = target.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
        format!("{}{values} {technique}{target} r{repetition}", self.scenario)
    }

    /// How long it will take, in nanoseconds.
    pub(crate) fn expected_ns(&self) -> u64 {
        let phases = &self.point.settings.phases;
        let browser_ns = browser_of(self.point.settings.client).map_or(0, |_| BROWSER_NS);
        let target_ns = self.planned.target.as_ref().map_or(0, |_| TARGET_NS);
        phases.warm_up_ns + phases.window_ns + self.last_wait_ns() + AROUND_NS + browser_ns + target_ns
    }

    /// How long the window's last events wait for a poll: the mean of one wait, or of the longest of so many.
    fn last_wait_ns(&self) -> u64 {
        if self.planned.technique != ShortPolling::TECHNIQUE {
            return 0;
        }
        let Settings { short_polling, subscribers, .. } = &self.point.settings;
        let count = u64::from(subscribers.count);
        short_polling.interval_ns / (count + 1) * count
    }
}

#[cfg(test)]
mod tests {
    use schema::scenario::Extent;

    use super::*;

    const SLUGS: [&str; 3] = ["a", "b", "c"];

    fn scenario(body: &str) -> Scenario {
        let text = format!("question = \"?\"\nreading = \"!\"\nevents.rate = \"1/s\"\n{body}");
        Scenario::parse(&text, "x.toml", "x", &SLUGS, Extent::Full).unwrap_or_else(|error| panic!("{error}"))
    }

    fn plan(body: &str, seed: u64) -> Plan {
        Plan::new(&[scenario(body)], &Choice { techniques: &SLUGS, targets: &[], repetitions: None, seed })
    }

    #[test]
    fn every_round_has_each_technique_once_in_an_order_of_its_own() {
        let plan = plan("repetitions = 20", 7);
        let rounds: Vec<Vec<&str>> = plan
            .trials
            .chunks(3)
            .map(|round| round.iter().map(|trial| trial.technique.as_str()).collect())
            .collect();
        assert_eq!(rounds.len(), 20);
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, SLUGS);
        }
        assert!(rounds.iter().any(|round| *round != rounds[0]), "{rounds:?}");
    }

    #[test]
    fn the_seed_decides_the_plan() {
        assert_eq!(plan("repetitions = 5", 7), plan("repetitions = 5", 7));
        assert_ne!(plan("repetitions = 5", 7), plan("repetitions = 5", 8));
    }

    #[test]
    fn all_techniques_of_a_round_meet_the_same_events() {
        let plan = plan("repetitions = 2", 7);
        let seeds: Vec<u64> = plan.trials.iter().map(|trial| trial.seed).collect();
        assert!(seeds[..3].iter().all(|seed| *seed == seeds[0]));
        assert_ne!(seeds[0], seeds[3]);
    }

    #[test]
    fn rungs_are_climbed_in_order() {
        let body = "repetitions = 1\nbound.p99 = \"1ms\"\n[[sweep]]\nkey = \"events.rate\"\nvalues = [\"1/s\", \"2/s\", \"3/s\"]\nuntil = \"bound\"";
        let plan = plan(body, 7);
        let points: Vec<usize> = plan.trials.iter().map(|trial| trial.point).collect();
        assert_eq!(points, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn only_chosen_techniques_take_part_as_often_as_asked() {
        let chosen = Choice { techniques: &["c"], targets: &[], repetitions: Some(2), seed: 1 };
        let plan = Plan::new(&[scenario("techniques = [\"b\", \"c\"]")], &chosen);
        let found: Vec<_> = plan.trials.iter().map(|t| (t.technique.as_str(), t.repetition)).collect();
        assert_eq!(found, [("c", 0), ("c", 1)]);
    }

    /// A server that somebody else wrote, with two of the registry's techniques.
    fn foreign(name: &str) -> Foreign {
        let text = "label = \"x\"\nabout = \"y\"\naddress = \"127.0.0.1:1\"\n[publish]\npath = \"/p\"\n\
                    [techniques.websocket]\npath = \"/w\"\n[techniques.long-polling]\npath = \"/l\"\n";
        let known = ["long-polling", "websocket"];
        let target = schema::target::Target::parse(text, "x.toml", name, &known);
        Foreign { target: target.unwrap_or_else(|error| panic!("{error}")), file: "x.toml".into() }
    }

    /// With these lines in the scenario, who is planned, and what is said to be left out.
    fn with_targets(lines: &str) -> (Vec<(String, Option<String>)>, Vec<String>) {
        let slugs = ["long-polling", "websocket", "raw-tcp"];
        let text = format!(
            "question = \"?\"\nreading = \"!\"\nevents.rate = \"1/s\"\ntargets = [\"other\"]\n{lines}"
        );
        let scenario = Scenario::parse(&text, "x.toml", "x", &slugs, Extent::Full);
        let scenarios = [scenario.unwrap_or_else(|error| panic!("{error}"))];
        let targets = [foreign("other"), foreign("not-named-here")];
        let choice = Choice { techniques: &slugs, targets: &targets, repetitions: Some(1), seed: 3 };
        let plan = Plan::new(&scenarios, &choice);
        let mut planned: Vec<_> =
            plan.trials.iter().map(|trial| (trial.technique.clone(), trial.target.clone())).collect();
        planned.sort();
        let said = left_out(&scenarios, &choice);
        (planned, said.into_iter().map(|skipped| format!("{}: {}", skipped.what, skipped.why)).collect())
    }

    #[test]
    fn a_target_runs_in_the_same_rounds_what_it_has_and_our_own_what_can_be_posted_to() {
        let (planned, said) = with_targets("publisher = \"post\"");
        let other = Some("other".to_owned());
        let expected = [
            ("long-polling".to_owned(), None),
            ("long-polling".to_owned(), other.clone()),
            ("websocket".to_owned(), None),
            ("websocket".to_owned(), other),
        ];
        assert_eq!(planned, expected);
        assert_eq!(said, ["technique raw-tcp in x: events are published by POST, and it speaks no HTTP"]);
    }

    #[test]
    fn a_target_takes_no_part_in_what_it_cannot_and_is_named_once() {
        for (lines, why) in [
            ("greeting = true", "targets greet nobody"),
            ("transport.tls = true", "targets are measured without TLS only"),
            ("transport.http = \"2\"", "targets are measured over HTTP/1.1 only"),
            ("uplink.rate = \"1/s\"", "subscribers of a target send nothing"),
        ] {
            let (planned, said) = with_targets(lines);
            assert!(planned.iter().all(|(_, target)| target.is_none()), "{lines}: {planned:?}");
            assert_eq!(said, [format!("target other in x: {why}")], "{lines}");
        }
    }

    #[test]
    fn short_polling_waits_for_its_last_polls() {
        let text = "question = \"?\"\nreading = \"!\"\nevents.rate = \"1/s\"\nsubscribers.count = 9\n";
        let slugs = ["short-polling", "websocket"];
        let scenario = Scenario::parse(text, "x.toml", "x", &slugs, Extent::Full).unwrap();
        let choice = Choice { techniques: &slugs, targets: &[], repetitions: Some(1), seed: 7 };
        let plan = Plan::new(&[scenario], &choice);
        let of = |slug: &str| plan.trials().find(|trial| trial.planned.technique == slug).unwrap();
        let longer_ns = of("short-polling").expected_ns() - of("websocket").expected_ns();
        assert_eq!(longer_ns, 900_000_000, "the longest of nine waits of up to a second");
    }

    #[test]
    fn a_trials_files_are_named_after_it() {
        let plan = plan("repetitions = 1\n[[sweep]]\nkey = \"events.payload\"\nvalues = [\"16 KiB\"]", 7);
        let trial = plan.trials().next().unwrap();
        assert_eq!(trial.file_stem(), format!("0000-x-16-kib-{}-r0", trial.planned.technique));
    }
}
