//! Servers and load generators that die, hang or print rubbish: a failed trial is a result with its reason, the rest is
//! run, and nobody is left behind.

use model::trial::{Failure, Side, TrialRecord, TrialResult};

use crate::sandbox::Sandbox;

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
    let sandbox = Sandbox::new();
    let program = sandbox.script("server", script);
    let output = sandbox.output(&format!("run --scenario short --repetitions 1 --server-program {program}"));
    output.expect(1, &["FAILED: ", words, "2 trials failed or lost events"]);
    let records = sandbox.records();
    assert_eq!(records.len(), 2, "a failed trial does not end the run");
    for record in &records {
        assert_eq!(failure(record).side, Side::Server);
        assert!(failure(record).reason.contains(words), "{record:?}");
    }
    assert!(!sandbox.path("REPORT.md").exists(), "nothing was measured");
    sandbox.until_no_process_is_left();
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
    let sandbox = Sandbox::new();
    let output = sandbox.output("run --scenario short --repetitions 1 --server-program no-such-program");
    output.expect(1, &["no-such-program cannot be started: No such file or directory"]);
}

#[test]
fn a_server_that_dies_in_the_window_fails_its_trial() {
    let (sandbox, running) = Sandbox::running(ONE);
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench serve").kill();
    running.finish().expect(1, &["FAILED: the server ended with signal: 9 (SIGKILL)"]);
    assert_eq!(failure(&sandbox.records()[0]).side, Side::Server);
    sandbox.until_no_process_is_left();
}

#[test]
fn a_load_generator_that_is_killed_fails_its_trial() {
    let (sandbox, running) = Sandbox::running(ONE);
    sandbox.descendant("pushbench load").kill();
    running.finish().expect(1, &["FAILED: the load generator ended with signal: 9 (SIGKILL)"]);
    assert_eq!(failure(&sandbox.records()[0]).side, Side::Load);
    sandbox.until_no_process_is_left();
}

#[test]
fn what_the_server_prints_at_its_end_is_reported_for_a_failed_trial() {
    let sandbox = Sandbox::new();
    sandbox.scenario("one", ONE);
    let script = format!("\"{}\" \"$@\"; echo connections rejected: 3 >&2", env!("CARGO_BIN_EXE_pushbench"));
    let program = sandbox.script("server", &script);
    let running = sandbox.start(&format!("run --scenario one --no-report --server-program {program}"));
    sandbox.descendant("pushbench load").kill();
    let words = "the load generator ended with signal: 9 (SIGKILL); the server said: connections rejected: 3";
    running.finish().expect(1, &["FAILED: ", words]);
    assert_eq!(failure(&sandbox.records()[0]).reason, words);
    sandbox.until_no_process_is_left();
}

#[test]
fn what_the_server_prints_at_its_end_is_noted_for_a_complete_trial() {
    let sandbox = Sandbox::new();
    let script = format!("\"{}\" \"$@\"; echo connections rejected: 3 >&2", env!("CARGO_BIN_EXE_pushbench"));
    let program = sandbox.script("server", &script);
    let arguments = "run --scenario short --repetitions 1 --no-report";
    let output = sandbox.output(&format!("{arguments} --server-program {program}"));
    assert!(output.err.contains(": the server said: connections rejected: 3"), "{}", output.err);
    assert!(sandbox.records().iter().all(|record| record.result.outcome().is_some()));
}
