//! Ctrl-C at any moment, a supervisor that is killed, and going on with what was interrupted.

use std::fs;

use model::trial::Verdict;
use rustix::process::Signal;

use crate::sandbox::{Sandbox, files, until};

/// Trials that nobody waits for.
const ENDLESS: &str = r#"
question = "What if nobody waits?"
reading = "Nothing is left behind."
repetitions = 2
techniques = ["raw-tcp"]
events.rate = "50/s"
phases.window = "10min"
"#;

#[test]
fn an_interrupted_run_keeps_its_records_and_goes_on_from_there() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start("run --scenario short --no-report");
    running.until_progress("[2/6]");
    running.signal(Signal::INT);
    let output = running.finish();
    output.expect(130, &["of 6 trials; go on with: pushbench run --resume results/"]);
    sandbox.until_no_process_is_left();

    let first = files(&sandbox.only_run().join("trials"), "json");
    assert!((2..6).contains(&first.len()), "{first:?}");
    let before: Vec<_> = first.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    sandbox
        .output("run --resume --no-report --keep-trials")
        .expect(0, &[&format!("short: {} trials", 6 - first.len())]);
    let records = sandbox.records();
    assert_eq!(records.iter().map(|record| record.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    for (path, bytes) in before {
        assert_eq!(fs::read(path).unwrap(), bytes, "{} was not run again", path.display());
    }
    sandbox.output("run --resume").expect(2, &["there is no interrupted run in results"]);
}

#[test]
fn a_run_ends_at_once_in_the_middle_of_a_trial() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = Sandbox::new();
        sandbox.scenario("endless", ENDLESS);
        let running = sandbox.start("run --scenario endless");
        sandbox.descendant("pushbench load");
        running.signal(signal);
        running.finish().expect(130, &["interrupted after 0 of 2 trials"]);
        sandbox.until_no_process_is_left();
        assert_eq!(files(&sandbox.only_run().join("trials"), "json").len(), 0);
        assert!(!sandbox.path("REPORT.md").exists());
    }
}

#[test]
fn a_run_ends_at_once_during_the_socket_ping() {
    let sandbox = Sandbox::new();
    let running = sandbox.start("run --scenario short");
    sandbox.descendant("pushbench socket-ping");
    running.signal(Signal::INT);
    running.finish().expect(130, &["interrupted after 0 of 6 trials"]);
    sandbox.until_no_process_is_left();
}

#[test]
fn no_process_outlives_a_supervisor_that_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.scenario("endless", ENDLESS);
    let running = sandbox.start("run --scenario endless");
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench serve");
    running.signal(Signal::KILL);
    assert_eq!(running.finish().code, Some(128 + 9));
    sandbox.until_no_process_is_left();
}

#[test]
fn a_stopped_server_does_not_outlive_a_supervisor_that_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.scenario("endless", &format!("{ENDLESS}\n[stall]\nat = \"0s\"\nfor = \"10min\"\n"));
    let running = sandbox.start("run --scenario endless");
    let server = sandbox.descendant("pushbench serve");
    until("the stall", || server.is_stopped());
    running.signal(Signal::KILL);
    assert_eq!(running.finish().code, Some(128 + 9));
    sandbox.until_no_process_is_left();
}

#[test]
fn a_run_of_another_version_is_not_gone_on_with() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.start("run --scenario short --no-report");
    running.until_progress("[1/6]");
    running.signal(Signal::INT);
    running.finish().expect(130, &[]);
    let manifest = sandbox.only_run().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let other = text.replace("\"pushbench\": \"", "\"pushbench\": \"9");
    assert_ne!(text, other);
    fs::write(&manifest, other).unwrap();
    sandbox.output("run --resume").expect(
        2,
        &["error: go on with results/", "caused by: the version of pushbench is", "start a new run"],
    );
}

/// Searches of three rates, the second repetition's other ones than the first's, and a load each.
const SEARCH: &str = r#"
question = "How many?"
reading = "As many as are allowed."
repetitions = 2
techniques = ["raw-tcp", "long-polling"]
phases = { warm_up = "50ms", window = "200ms" }
bound.p99 = "4s"
search = { from = "20/s", most = "80/s", then = ["50%"] }
"#;

#[test]
fn an_interrupted_search_goes_on_with_the_step_that_it_was_at() {
    let sandbox = Sandbox::new();
    sandbox.scenario("search", SEARCH);
    let mut running = sandbox.start("run --scenario search --seed 5 --no-report");
    running.until_progress("[2/4] search 40/s");
    running.signal(Signal::INT);
    running.finish().expect(130, &["interrupted after 1 of 4 trials and searches; go on with"]);
    sandbox.until_no_process_is_left();

    let first = files(&sandbox.only_run().join("trials"), "json");
    assert!((6..8).contains(&first.len()), "{first:?}");
    let before: Vec<_> = first.iter().map(|path| (path, fs::read(path).unwrap())).collect();
    sandbox.output("run --resume --no-report --keep-trials").expect(0, &["search: 3 searches, seed 5"]);
    for (path, bytes) in before {
        assert_eq!(fs::read(path).unwrap(), bytes, "{} was not run again", path.display());
    }
    let records = sandbox.records();
    // The second search of a technique begins near what the first has found.
    assert_eq!(records.len(), 2 * (3 + 1) + 2 * (2 + 1), "{records:#?}");
    let steps: Vec<_> = records.iter().filter_map(|record| record.search.as_ref()).collect();
    assert!(steps.iter().all(|step| step.attempt == 0 && step.verdict == Verdict::Passed), "{steps:?}");
    sandbox.output("run --resume").expect(2, &["there is no interrupted run in results"]);
}
