//! Mistakes on the command line, in scenario files, and in what is on disk.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;

use crate::sandbox::Place;

#[test]
fn a_mistake_in_a_scenario_file_is_shown_with_line_column_and_nearest_word() {
    let place = Place::new();
    place.scenario("bad", "question = \"?\"\nreading = \"!\"\n[events]\nrte = \"5/s\"\n");
    place.output(&["run", "--scenario", "bad"]).expect(
        2,
        &[
            "error: scenarios/bad.toml:4:1: `rte` is not a key of [events]",
            "4 | rte = \"5/s\"\n  | ^^^",
            "did you mean `rate`?",
        ],
    );
    assert!(!place.path("results").exists(), "nothing was begun");
}

#[test]
fn a_broken_scenario_stops_a_run_that_takes_them_all() {
    let place = Place::new();
    place.scenario("bad", "question = ");
    place.output(&["run"]).expect(2, &["scenarios/bad.toml:1:"]);
}

#[test]
fn a_scenario_that_does_not_exist_is_answered_with_those_that_do() {
    let place = Place::new();
    place.output(&["run", "--scenario", "shrt"]).expect(2, &["there is no scenario shrt; there are: short"]);
    place
        .output(&["run", "--scenario", "my/own.toml"])
        .expect(2, &["error: read scenario my/own.toml", "caused by: No such file or directory"]);
}

#[test]
fn a_scenario_asked_for_twice_is_refused() {
    let place = Place::new();
    place
        .output(&["run", "--scenario", "short", "--scenario", "scenarios/short.toml"])
        .expect(2, &["asked for twice"]);
}

#[test]
fn an_unknown_technique_is_answered_with_the_nearest() {
    let place = Place::new();
    place
        .output(&["run", "--technique", "websockets"])
        .expect(2, &["invalid value 'websockets'", "a similar value exists: 'websocket'"]);
    place.output(&["serve", "pigeon"]).expect(2, &["possible values: short-polling, long-polling"]);
}

#[test]
fn techniques_that_no_scenario_takes_leave_nothing_to_run() {
    let place = Place::new();
    let told = place.output(&["run", "--scenario", "short", "--technique", "websocket"]);
    told.expect(2, &["nothing to run: none of the techniques takes part"]);
}

#[test]
fn units_are_asked_for_on_the_command_line_too() {
    let place = Place::new();
    place.output(&["serve", "long-polling", "--hold", "25"]).expect(2, &["`25` has no unit; write \"25s\""]);
    place.output(&["run", "--repetitions", "0"]).expect(2, &["0 is not in 1..=1000"]);
}

#[test]
fn a_run_outside_of_the_project_says_where_scenarios_are_looked_for() {
    let place = Place::new();
    fs::rename(place.path("scenarios"), place.path("elsewhere")).unwrap();
    place.output(&["run"]).expect(2, &["there is no folder `scenarios` in", "name a file with --scenario"]);
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = Place::new().output(&["serve", "websocket", "--listen", &address]);
    told.expect(
        2,
        &[
            &format!("error: listen on {address}; name another port with --listen"),
            "caused by: Address already in use",
        ],
    );
}

#[test]
fn a_core_that_is_not_there_is_named() {
    let told = Place::new().output(&["serve", "websocket", "--cores", "4000"]);
    told.expect(2, &["error: keep to cores [4000]", "caused by: Invalid argument"]);
}

#[test]
fn a_feed_that_cannot_be_made_is_named() {
    let told = Place::new().output(&["serve", "websocket", "--feed", "no/such/folder/feed"]);
    told.expect(2, &["error: listen on the feed no/such/folder/feed"]);
}

#[test]
fn load_that_is_told_rubbish_says_what_it_takes() {
    let place = Place::new();
    let mut load = place.pushbench(&["load"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    load.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let output = load.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("error: read the trial's spec: one line of JSON on standard input"), "{said}");
}

#[test]
fn resuming_needs_a_run_that_was_interrupted() {
    let place = Place::new();
    place
        .output(&["run", "--resume"])
        .expect(2, &["read the folder results; make a run with `pushbench run`"]);
    fs::create_dir(place.path("results")).unwrap();
    place.output(&["run", "--resume"]).expect(2, &["there is no interrupted run in results"]);
    place
        .output(&["run", "--resume", "tmp"])
        .expect(2, &["tmp is not the folder of a run that can be gone on with"]);
    place.output(&["run", "--resume", "--seed", "7"]).expect(2, &["cannot be used with"]);
}

#[test]
fn a_report_needs_a_run() {
    let place = Place::new();
    place.output(&["report"]).expect(2, &["make a run with `pushbench run`"]);
    place.output(&["report", "tmp"]).expect(2, &["error: write the report", "tmp/manifest.json"]);
}

#[test]
fn help_tells_units_examples_and_exit_codes() {
    let place = Place::new();
    let told = place.output(&["run", "--help"]);
    assert_eq!(told.code, Some(0));
    for words in ["Examples:", "rate = \"100/s\"", "130 interrupted"] {
        assert!(told.out.contains(words), "{}", told.out);
    }
    assert!(!place.output(&["--help"]).out.contains("floor-"), "inner commands are hidden");
}

#[test]
fn every_shell_gets_completions_that_know_the_techniques() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let told = place.output(&["completions", shell]);
        assert_eq!(told.code, Some(0));
        assert!(told.out.contains("http-streaming-sse"), "{shell}");
    }
}
