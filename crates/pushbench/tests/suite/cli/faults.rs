//! Servers and load generators that die, hang or print rubbish: a failed trial is a result with its reason, the rest is
//! run, and nobody is left behind.

use model::trial::{Failure, Side, TrialRecord, TrialResult};

use crate::sandbox::Place;

/// One trial, long enough to do something to it.
const ONE: &str = r#"
question = "What if it breaks?"
reading = "Look at the reason."
repetitions = 1
techniques = ["raw-tcp"]
events.rate = "50/s"
phases.window = "40s"
"#;

fn failure(record: &TrialRecord) -> &Failure {
    let TrialResult::Failed(failure) = &record.result else { panic!("{record:?}") };
    failure
}

/// Runs `short` against a server program with this script; every trial must fail on the server's side.
#[track_caller]
fn every_trial_fails_with(script: &str, words: &str) {
    let place = Place::new();
    let program = place.script("server", script);
    let told =
        place.output(&["run", "--scenario", "short", "--repetitions", "1", "--server-program", &program]);
    told.expect(1, &["FAILED: ", words, "2 trials failed or lost events"]);
    let records = place.records();
    assert_eq!(records.len(), 2, "a failed trial does not end the run");
    for record in &records {
        assert_eq!(failure(record).side, Side::Server);
        assert!(failure(record).reason.contains(words), "{record:?}");
    }
    assert!(!place.path("REPORT.md").exists(), "nothing was measured");
    place.until_nobody_is_left();
}

#[test]
fn a_server_that_prints_rubbish_fails_its_trials() {
    every_trial_fails_with(
        "echo listening on port 4000; cat",
        "the server's first line is not its ready line: \"listening on port 4000\"",
    );
}

#[test]
fn a_server_that_dies_at_once_fails_its_trials_and_is_quoted() {
    every_trial_fails_with(
        "echo out of memory >&2; exit 3",
        "the server ended with exit status: 3; it said: out of memory",
    );
}

#[test]
fn a_server_that_never_listens_fails_its_trials() {
    every_trial_fails_with("exec sleep 600", "the server said nothing for 10 s");
}

#[test]
fn a_server_program_that_is_not_there_fails_its_trials() {
    let place = Place::new();
    let told = place.output(&[
        "run",
        "--scenario",
        "short",
        "--repetitions",
        "1",
        "--server-program",
        "no-such-program",
    ]);
    told.expect(1, &["no-such-program cannot be started: No such file or directory"]);
}

#[test]
fn a_server_that_dies_in_the_window_fails_its_trial() {
    let (place, running) = Place::running(ONE);
    place.descendant("pushbench load");
    place.descendant("pushbench serve").kill();
    running.told().expect(1, &["FAILED: the server ended with signal: 9 (SIGKILL)"]);
    assert_eq!(failure(&place.records()[0]).side, Side::Server);
    place.until_nobody_is_left();
}

#[test]
fn a_load_generator_that_is_killed_fails_its_trial() {
    let (place, running) = Place::running(ONE);
    place.descendant("pushbench load").kill();
    running.told().expect(1, &["FAILED: the load generator ended with signal: 9 (SIGKILL)"]);
    assert_eq!(failure(&place.records()[0]).side, Side::Load);
    place.until_nobody_is_left();
}

#[test]
fn what_the_server_says_at_its_end_is_told_of_a_trial_that_failed() {
    let place = Place::new();
    place.scenario("one", ONE);
    let script = format!("\"{}\" \"$@\"; echo connections refused: 3 >&2", env!("CARGO_BIN_EXE_pushbench"));
    let program = place.script("server", &script);
    let running = place.start(&["run", "--scenario", "one", "--no-report", "--server-program", &program]);
    place.descendant("pushbench load").kill();
    let words = "the load generator ended with signal: 9 (SIGKILL); the server said: connections refused: 3";
    running.told().expect(1, &["FAILED: ", words]);
    assert_eq!(failure(&place.records()[0]).reason, words);
    place.until_nobody_is_left();
}

#[test]
fn what_the_server_says_at_its_end_is_noted_of_a_trial_that_did_not_fail() {
    let place = Place::new();
    let script = format!("\"{}\" \"$@\"; echo connections refused: 3 >&2", env!("CARGO_BIN_EXE_pushbench"));
    let program = place.script("server", &script);
    let arguments = ["run", "--scenario", "short", "--repetitions", "1", "--no-report"];
    let told = place.output(&[&arguments[..], &["--server-program", &program]].concat());
    assert!(told.err.contains(": the server said: connections refused: 3"), "{}", told.err);
    assert!(place.records().iter().all(|record| record.result.outcome().is_some()));
}
