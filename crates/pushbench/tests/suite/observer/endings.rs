//! Observed trials that cannot begin, or end before their time.

use std::fs;
use std::process::Command;

use model::manifest::Manifest;
use model::trial::{Side, TrialResult};
use rustix::process::Signal;
use test_support::require;

use crate::observer::namespaces;
use crate::sandbox::{CommandOutput, Sandbox};

const OBSERVED: &str = r#"
question = "What does the kernel count?"
reading = "All of it."
repetitions = 1
observed = true
techniques = ["raw-tcp"]
events.rate = "50/s"
[phases]
warm_up = "50ms"
window = "200ms"
"#;

fn long() -> String {
    OBSERVED.replace("200ms", "40s")
}

/// A command, to be completed, where the kernel lets nobody make a network: in a user namespace with a limit of none.
fn limited() -> Command {
    let mut limited = Command::new("unshare");
    limited
        .args(["--user", "--map-root-user", "sh", "-c"])
        .arg("echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"")
        .arg("sh");
    limited
}

/// pushbench where no network can be made. Nothing where one can, but nobody may limit that.
fn without_namespaces(sandbox: &Sandbox, arguments: &str) -> Option<CommandOutput> {
    if namespaces::probe(sandbox).is_err() {
        return Some(sandbox.output(arguments));
    }
    // Root may lack a user namespace that it does not need for a network.
    if !limited().arg("true").output().is_ok_and(|output| output.status.success()) {
        let missing = Err("no user namespace can be made and limited here");
        return require("user-namespaces", missing);
    }
    let pushbench = sandbox.pushbench(arguments);
    let mut limited = limited();
    limited
        .arg(pushbench.get_program())
        .args(pushbench.get_args())
        .current_dir(sandbox.path(""))
        .env("TMPDIR", sandbox.path("tmp"));
    Some(CommandOutput::of(limited.output().expect("it has just been there")))
}

#[test]
fn where_no_namespace_can_be_made_a_scenario_is_skipped_by_name_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.scenario("alone", OBSERVED);
    let arguments = "run --scenario alone --scenario short --no-report";
    let Some(output) = without_namespaces(&sandbox, arguments) else { return };
    output.expect(
        0,
        &["skipped: scenario alone: no network namespace can be made here (", "run pushbench as root"],
    );
    let records = sandbox.records();
    assert!(records.iter().all(|record| record.key.scenario == "short"), "{records:?}");
    let text = fs::read_to_string(sandbox.only_run().join("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_str(&text).unwrap();
    let skipped: Vec<_> =
        manifest.skipped.iter().filter(|skipped| skipped.what == "scenario alone").collect();
    assert!(matches!(skipped[..], [one] if one.why.contains("no network namespace")), "{skipped:?}");
    assert_eq!(manifest.planned_trials as usize, records.len());
}

#[test]
fn an_interrupt_leaves_nothing_of_an_observed_trial() {
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("long", &long());
    let running = sandbox.start("run --scenario long --no-report");
    sandbox.descendant("pushbench load");
    running.signal(Signal::INT);
    running.finish().expect(130, &["interrupted after 0 of 1 trials"]);
    sandbox.until_no_process_is_left();
}

#[test]
fn a_killed_supervisor_leaves_nothing_of_an_observed_trial() {
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("long", &long());
    let running = sandbox.start("run --scenario long --no-report");
    sandbox.descendant("pushbench load");
    running.signal(Signal::KILL);
    assert_eq!(running.finish().code, Some(128 + 9));
    sandbox.until_no_process_is_left();
}

#[test]
fn an_observer_that_dies_fails_its_trial_and_the_run_goes_on() {
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("long", &long());
    let running = sandbox.start("run --scenario long --scenario short --no-report");
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench observed-trial").kill();
    running.finish().expect(1, &["FAILED: the observer ended with signal: 9 (SIGKILL)"]);
    let records = sandbox.records();
    let TrialResult::Failed(failure) = &records[0].result else { panic!("{:?}", records[0]) };
    assert_eq!(failure.side, Side::Supervisor);
    assert!(records.len() > 1 && records[1..].iter().all(|record| record.result.outcome().is_some()));
    sandbox.until_no_process_is_left();
}

#[test]
fn faults_in_an_observed_trial_are_reported_as_in_any_other() {
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("alone", OBSERVED);
    let program = sandbox.script("server", "echo out of memory >&2; exit 3");
    let output = sandbox.output(&format!("run --scenario alone --no-report --server-program {program}"));
    output.expect(1, &["FAILED: the server ended with exit status: 3; it said: out of memory"]);
    let records = sandbox.records();
    let TrialResult::Failed(failure) = &records[0].result else { panic!("{:?}", records[0]) };
    assert_eq!((failure.side, records[0].observed), (Side::Server, None));
}
