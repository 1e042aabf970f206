//! Who is planned, how often, in which order, and how trials are called.

use super::*;
use crate::fixture;

const SLUGS: [&str; 3] = ["a", "b", "c"];

fn scenario(body: &str) -> Scenario {
    fixture::scenario(&SLUGS, &format!("events.rate = \"1/s\"\n{body}"))
}

fn plan(body: &str, seed: u64) -> Plan {
    Plan::new(&[scenario(body)], &Choice { techniques: &SLUGS, seed, ..Choice::default() })
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
fn only_chosen_techniques_take_part_as_often_as_asked() {
    let chosen = Choice { techniques: &["c"], repetitions: Some(2), seed: 1, ..Choice::default() };
    let plan = Plan::new(&[scenario("techniques = [\"b\", \"c\"]")], &chosen);
    let found: Vec<_> = plan.trials.iter().map(|t| (t.technique.as_str(), t.repetition)).collect();
    assert_eq!(found, [("c", 0), ("c", 1)]);
}

/// A server that somebody else wrote, with two of the registry's techniques.
fn foreign(name: &str) -> TargetServer {
    let text = "label = \"x\"\nabout = \"y\"\naddress = \"127.0.0.1:1\"\n[publish]\npath = \"/p\"\n\
                [techniques.websocket]\npath = \"/w\"\n[techniques.long-polling]\npath = \"/l\"\n";
    let known = ["long-polling", "websocket"];
    let target = model::target::Target::parse(text, "x.toml", name, &known);
    TargetServer { target: target.unwrap_or_else(|error| panic!("{error}")), file: "x.toml".into() }
}

/// With these lines in the scenario, who is planned, and what is said to be left out.
fn with_targets(lines: &str) -> (Vec<(String, Option<String>)>, Vec<String>) {
    let slugs = ["long-polling", "websocket", "raw-tcp"];
    let lines = format!("events.rate = \"1/s\"\ntargets = [\"other\"]\n{lines}");
    let scenarios = [fixture::scenario(&slugs, &lines)];
    let targets = [foreign("other"), foreign("not-named-here")];
    let choice =
        Choice { techniques: &slugs, targets: &targets, repetitions: Some(1), seed: 3, ..Choice::default() };
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
        ("transport.tls = true", "a target speaks TLS as its file says, not as the scenario does"),
        ("transport.http = \"2\"", "targets are measured over HTTP/1.1 only"),
        (
            "uplink = { rate = \"1/s\", to = \"application\" }",
            "a target hands nothing back to the application",
        ),
    ] {
        let (planned, said) = with_targets(lines);
        assert!(planned.iter().all(|(_, target)| target.is_none()), "{lines}: {planned:?}");
        assert_eq!(said, [format!("target other in x: {why}")], "{lines}");
    }
    // Polls send by the request that publishes.
    let (planned, said) = with_targets("uplink = { rate = \"1/s\", to = \"channel\" }");
    let of_target: Vec<_> = planned.into_iter().filter(|(_, target)| target.is_some()).collect();
    assert_eq!(of_target, [("long-polling".to_owned(), Some("other".to_owned()))]);
    let why = "its file does not say how subscribers send by this technique";
    assert_eq!(said, [format!("target other in x: {why}")]);
}

#[test]
fn a_trials_files_are_named_after_it() {
    let plan = plan("repetitions = 1\n[[sweep]]\nkey = \"events.payload\"\nvalues = [\"16 KiB\"]", 7);
    let trial = plan.trials().next().unwrap();
    assert_eq!(trial.file_stem(), format!("0000-x-16-kib-{}-r0", trial.planned.technique));
}

/// A search with two loads behind it.
const SEARCH: &str = "repetitions = 2\nbound.p99 = \"9ms\"\n\
                      search = { from = \"8/s\", then = [\"50%\", \"150%\"] }";

fn searched() -> Plan {
    let choice = Choice { techniques: &SLUGS, seed: 7, ..Choice::default() };
    Plan::new(&[fixture::scenario(&SLUGS, SEARCH)], &choice)
}

#[test]
fn searches_are_places_of_the_plan_whose_repetitions_alternate() {
    let plan = searched();
    let repetitions: Vec<u32> = plan.trials.iter().map(|trial| trial.repetition).collect();
    assert_eq!(repetitions, [0, 0, 0, 1, 1, 1]);
    assert!(plan.expected_trials_from(0) > 6 * (5 + 2), "{}", plan.expected_trials_from(0));
    let last = plan.trials().last().unwrap();
    assert_eq!(plan.expected_trials_from(5), last.expected_trials());
}

#[test]
fn a_searchs_trials_have_their_rates_and_files_of_their_own() {
    let plan = searched();
    let whole = plan.trials().next().unwrap();
    let technique = &whole.planned.technique;
    let point = whole.at_step(&Step { step: 3, attempt: 1, rate_per_s: 12.5 });
    let step = Trial { point: &point, part: Part::Step { step: 3, attempt: 1 }, ..whole };
    assert_eq!(step.file_stem(), format!("0000-x-12.5-s-{technique}-r0-step03-again"));
    assert_eq!(
        (step.key().point["events.rate"].as_str(), point.settings.events.rate_per_s),
        ("12.5/s", 12.5)
    );
    let point = whole.at_load(1.5, 12.5);
    let load = Trial { point: &point, part: Part::Load(1.5), ..whole };
    assert_eq!(load.file_stem(), format!("0000-x-150-{technique}-r0"));
    assert_eq!((load.key().point["load"].as_str(), point.settings.events.rate_per_s), ("150%", 18.75));
    assert_eq!((load.expected_trials(), point.search), (1, None));
}

#[test]
fn a_plan_with_a_search_is_read_again_as_it_was() {
    let plan = searched();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}
