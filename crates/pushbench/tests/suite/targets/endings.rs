//! Targets that die in the middle, interrupts and killed processes: no process of a target is left.

use model::trial::TrialResult;
use rustix::process::Signal;

use crate::sandbox::Sandbox;

/// A trial that nobody waits for.
const ENDLESS: &str = r#"
question = "What if nobody waits?"
reading = "Nothing is left behind."
repetitions = 1
techniques = ["long-polling"]
targets = ["mine"]
events.rate = "5/s"
phases.window = "10min"
"#;

/// A target of three processes: a shell, one that only waits, and one of pushbench's own servers, which lives as long as its
/// input is open. Our own server's trial takes as long as the target's; the two are distinguished by their parents.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("targets")).expect("a folder");
    let program = env!("CARGO_BIN_EXE_pushbench");
    let script =
        sandbox.script("server", &format!("sleep 601 | {program} serve long-polling --listen 127.0.0.1:$1"));
    let text = format!(
        "label = \"A\"\nabout = \"b\"\n[start]\ncommand = [\"{script}\", \"{{port}}\"]\n\
         [publish]\npath = \"/messages?channel={{channel}}\"\n\
         [techniques.long-polling]\npath = \"/events?channel={{channel}}&after={{after}}\"\nresume = \"query\"\n"
    );
    std::fs::write(sandbox.path("targets/mine.toml"), text).expect("a target is written");
    sandbox.scenario("endless", ENDLESS);
    sandbox
}

/// Starts the run, whose first trial by this seed is the target's, and waits until its load generator runs.
fn start(sandbox: &Sandbox) -> crate::sandbox::Running {
    let running = sandbox.start("run --scenario endless --no-report --seed 2");
    sandbox.descendant("sleep 601");
    sandbox.descendant("pushbench load");
    running
}

#[test]
fn an_interrupted_or_killed_supervisor_leaves_none_of_a_targets_processes() {
    for signal in [Signal::INT, Signal::KILL] {
        let sandbox = sandbox();
        let running = start(&sandbox);
        running.signal(signal);
        let output = running.finish();
        assert!(matches!(output.code, Some(130 | 137)), "{output:?}");
        sandbox.until_no_process_is_left();
    }
}

#[test]
fn a_target_that_dies_in_a_trial_fails_it_and_leaves_no_process() {
    let sandbox = sandbox();
    let mut running = start(&sandbox);
    sandbox.descendant("/server ").kill();
    running.until_progress("FAILED: ");
    running.signal(Signal::INT);
    running.finish().expect(130, &[]);
    let TrialResult::Failed(failure) = sandbox.records().remove(0).result else { panic!("it died") };
    assert!(failure.reason.contains("mine ended by itself by signal 9"), "{failure:?}");
    sandbox.until_no_process_is_left();
}

#[test]
fn a_target_supervisor_that_is_killed_takes_the_target_with_it() {
    let sandbox = sandbox();
    let mut running = start(&sandbox);
    let ours = [sandbox.descendant("/server ").pid, sandbox.descendant("sleep 601").pid];
    sandbox.descendant("pushbench supervise-target").kill();
    running.until_progress("FAILED: ");
    crate::sandbox::until("the target has ended", || {
        !sandbox.descendants().iter().any(|left| ours.contains(&left.pid))
    });
    running.signal(Signal::INT);
    running.finish().expect(130, &[]);
    sandbox.until_no_process_is_left();
}
