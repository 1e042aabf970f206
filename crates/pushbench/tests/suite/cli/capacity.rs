//! Searches in real processes: what they leave, what they say, and which scenarios `--capacity` means.

use std::fs;

use model::manifest::Manifest;
use model::trial::{TrialRecord, Verdict};

use crate::sandbox::{SHORT, Sandbox};

/// A search that ends at the highest rate allowed, since nothing is hard about it.
const EASY: &str = r#"
question = "How many?"
reading = "As many as are allowed."
runs = "capacity"
repetitions = 2
techniques = ["raw-tcp"]
phases = { warm_up = "50ms", window = "200ms" }
bound.p99 = "4s"
search = { from = "20/s", most = "80/s", then = ["50%", "150%"] }
"#;

fn manifest(sandbox: &Sandbox) -> Manifest {
    let text = fs::read_to_string(sandbox.only_run().join("manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Rate, rounded, and what was searched or loaded there, in the order of the files.
fn shown(record: &TrialRecord) -> String {
    let rate = record.settings.events.rate_per_s.round();
    match (&record.search, record.load) {
        (Some(step), None) => format!("r{} step {} at {rate}", record.key.repetition, step.step),
        (None, Some(load)) => format!("r{} load {load} at {rate}", record.key.repetition),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_search_leaves_a_record_a_step_and_a_load_and_says_what_it_found() {
    let sandbox = Sandbox::new();
    sandbox.scenario("easy", EASY);
    let output = sandbox.output("run --scenario easy --seed 3 --no-report");
    let says = ["easy: 2 searches, seed 3", "[1/2] easy 20/s raw-tcp r0", "passed", "CAPACITY at least 80/s"];
    output.expect(0, &says);
    assert!(output.out.contains("capacity per channel, by repetition"), "{}", output.out);
    assert!(output.out.contains("at least 80/s, at least 80/s"), "{}", output.out);
    let mut found: Vec<_> = sandbox.records().iter().map(shown).collect();
    found.sort();
    let expected = [
        "r0 load 0.5 at 40",
        "r0 load 1.5 at 120",
        "r0 step 0 at 20",
        "r0 step 1 at 40",
        "r0 step 2 at 80",
        "r1 load 0.5 at 40",
        "r1 load 1.5 at 120",
        "r1 step 0 at 65",
        "r1 step 1 at 80",
    ];
    assert_eq!(found, expected);
    assert_eq!(manifest(&sandbox).planned_trials, 9);
    let table = fs::read_to_string(sandbox.only_run().join("trials.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 9);
    sandbox.until_no_process_is_left();
}

#[test]
fn without_a_capacity_there_are_no_shares_of_it_and_no_fault() {
    let sandbox = Sandbox::new();
    let bounded = EASY.replace("p99 = \"4s\"", "p99 = \"1ns\"").replace("repetitions = 2", "repetitions = 1");
    sandbox.scenario("hard", &bounded);
    let output = sandbox.output("run --scenario hard --no-report");
    // No publisher is within a tenth of a nanosecond of its schedule.
    output.expect(0, &["not judged: the publisher came", "CAPACITY not known"]);
    let records = sandbox.records();
    assert_eq!(records.len(), 22, "eleven rates, each twice");
    let not_judged =
        |record: &TrialRecord| matches!(record.search.as_ref().unwrap().verdict, Verdict::NotJudged { .. });
    assert!(records.iter().all(not_judged));
    let skipped = manifest(&sandbox).skipped;
    assert!(skipped.iter().any(|skipped| skipped.what == "loads of hard raw-tcp r0"), "{skipped:?}");
}

#[test]
fn capacity_means_the_scenarios_that_look_for_limits_and_nothing_else_does() {
    let sandbox = Sandbox::new();
    sandbox.scenario("easy", EASY);
    let arguments = "run --technique raw-tcp --repetitions 1 --no-report --results";
    sandbox.output(&format!("{arguments} plain")).expect(0, &["short: 1 trials"]);
    sandbox.output(&format!("{arguments} limits --capacity")).expect(0, &["easy: 1 searches"]);
    let why = |results: &str| {
        let run = fs::read_dir(sandbox.path(results)).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(run.join("manifest.json")).unwrap();
        let manifest: Manifest = serde_json::from_str(&text).unwrap();
        let scenarios = manifest.skipped.into_iter().filter(|skipped| skipped.what.starts_with("scenario"));
        scenarios.map(|skipped| format!("{}: {}", skipped.what, skipped.why)).collect::<Vec<_>>()
    };
    assert_eq!(why("plain"), ["scenario easy: it runs with --capacity"]);
    assert_eq!(why("limits"), ["scenario short: it was not asked for"]);
    sandbox
        .output("run --capacity --scenario short")
        .expect(2, &["the argument '--capacity' cannot be used with '--scenario"]);
}

#[test]
fn a_search_and_a_rate_in_one_scenario_are_refused_with_place_and_remedy() {
    let sandbox = Sandbox::new();
    sandbox.scenario("both", &format!("{SHORT}\n[bound]\np99 = \"1s\"\n[search]\nfrom = \"20/s\"\n"));
    let output = sandbox.output("run --scenario both");
    output.expect(
        2,
        &[
            "scenarios/both.toml:",
            "the rate is given, and there is a [search] for it",
            "leave events.rate out",
        ],
    );
}

#[test]
fn a_servers_signs_of_life_come_as_often_as_the_scenario_says() {
    let sandbox = Sandbox::new();
    let quiet = |heartbeat: &str| {
        format!(
            "question = \"?\"\nreading = \"!\"\nrepetitions = 1\ntechniques = [\"websocket\"]\n\
             events.rate = \"0.00001/s\"\nheartbeat = \"{heartbeat}\"\n\
             phases = {{ warm_up = \"50ms\", window = \"500ms\" }}\n"
        )
    };
    sandbox.scenario("often", &quiet("20ms"));
    sandbox.scenario("never", &quiet("0s"));
    sandbox.output("run --scenario often --scenario never --no-report").expect(0, &[]);
    for record in sandbox.records() {
        let pings = record.result.outcome().unwrap().bytes.window.down.control;
        assert_eq!(pings > 0, record.key.scenario == "often", "{}: {pings}", record.key.scenario);
    }
}
