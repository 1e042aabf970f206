//! Tools that are missing, or do not count; and who is left behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use model::manifest::Manifest;
use model::trial::{Side, TrialResult};
use rustix::process::Signal;
use test_support::{program, require};

use crate::counters::COUNTED;
use crate::sandbox::{CommandOutput, Sandbox};

/// pushbench where programs are found in the folder `bin` of the place, and nowhere else that people put them.
fn with_only(sandbox: &Sandbox, arguments: &str) -> Command {
    let mut command = sandbox.pushbench(arguments);
    command.env("PATH", sandbox.path("bin"));
    command
}

fn output_of(mut command: Command) -> CommandOutput {
    CommandOutput::of(command.output().expect("pushbench starts"))
}

#[test]
fn a_tool_that_is_missing_is_named_with_what_installs_it() {
    let sandbox = Sandbox::new();
    sandbox.scenario("counted", COUNTED);
    let arguments = "run --scenario counted --scenario short --no-report";
    output_of(with_only(&sandbox, arguments))
        .expect(0, &["skipped: scenario counted: strace is missing; install strace"]);
    assert!(sandbox.records().iter().all(|record| record.key.scenario == "short"));
    let text = fs::read_to_string(sandbox.only_run().join("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_str(&text).unwrap();
    let skipped: Vec<_> =
        manifest.skipped.iter().filter(|skipped| skipped.what == "scenario counted").collect();
    assert!(matches!(skipped[..], [one] if one.why == "strace is missing; install strace"), "{skipped:?}");
}

#[test]
fn only_what_needs_the_missing_tool_is_left_out() {
    let sandbox = Sandbox::new();
    let sweep = "[[sweep]]\nkey = \"counted\"\nvalues = [\"nothing\", \"system-calls\"]\n";
    sandbox.scenario("both", &(COUNTED.replace("counted = \"system-calls\"\n", "") + sweep));
    output_of(with_only(&sandbox, "run --scenario both --no-report"))
        .expect(0, &["skipped: counter system-calls in both: strace is missing; install strace"]);
    let records = sandbox.records();
    assert!(matches!(&records[..], [one] if one.settings.counted.is_none()), "{records:?}");
}

/// The only trial of a run, with a tool that is this script.
fn failure_with(script: &str) -> (Side, String) {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("bin")).unwrap();
    sandbox.script("bin/strace", script);
    sandbox.scenario("counted", COUNTED);
    output_of(with_only(&sandbox, "run --scenario counted --no-report")).expect(1, &[]);
    sandbox.until_no_process_is_left();
    match sandbox.records().pop().expect("there was a trial").result {
        TrialResult::Failed(failure) => (failure.side, failure.reason),
        other => panic!("{other:?}"),
    }
}

/// Starts what stands behind `--`, as the tool does.
const START: &str = "while [ \"$1\" != -- ]; do file=$1; shift; done; shift";

#[test]
fn a_tool_that_leaves_no_counts_fails_its_trial() {
    let (side, reason) = failure_with(&format!("{START}\nexec \"$@\""));
    assert_eq!(side, Side::Supervisor);
    assert!(reason.starts_with("strace left no counts: No such file"), "{reason}");
}

#[test]
fn counts_that_cannot_be_read_fail_their_trial() {
    let (side, reason) = failure_with(&format!("{START}\n\"$@\"\necho 5 write > \"$file\""));
    assert_eq!((side, reason.as_str()), (Side::Supervisor, "the counts of strace cannot be read"));
}

#[test]
fn a_tool_that_counts_nothing_more_in_the_whole_window_fails_its_trial() {
    // More in the first run than in the second.
    let script = format!(
        "{START}\n\"$@\"\ndir=$(dirname \"$file\")\nif [ -e \"$dir/again\" ]; then n=1; else n=9; fi\n\
        : > \"$dir/again\"\nprintf '%s write\\n%s total\\n' $n $n > \"$file\""
    );
    let place_path = std::env::var_os("PATH").expect("there is one");
    let script = format!("PATH={}\n{script}", Path::new(&place_path).display());
    let (side, reason) = failure_with(&script);
    assert_eq!(side, Side::Supervisor);
    assert!(reason.contains("no more than half of it"), "{reason}");
}

/// A trial of a minute, with its server under strace.
fn under_way(sandbox: &Sandbox) -> crate::sandbox::Running {
    sandbox.scenario("counted", &COUNTED.replace("\"1s\"", "\"60s\""));
    let running = sandbox.start("run --scenario counted --no-report");
    // The load generator is started when the server is ready.
    sandbox.descendant(" load");
    running
}

#[test]
fn an_interrupt_ends_the_tool_and_its_server() {
    let Some(_) = require("strace", program("strace")) else { return };
    let sandbox = Sandbox::new();
    let running = under_way(&sandbox);
    running.signal(Signal::INT);
    running.finish().expect(130, &[]);
    sandbox.until_no_process_is_left();
}

#[test]
fn a_supervisor_that_is_killed_leaves_no_process() {
    let Some(_) = require("strace", program("strace")) else { return };
    let sandbox = Sandbox::new();
    let running = under_way(&sandbox);
    running.signal(Signal::KILL);
    running.finish();
    sandbox.until_no_process_is_left();
}

#[test]
fn a_tool_that_dies_fails_its_trial_and_takes_its_server_along() {
    let Some(_) = require("strace", program("strace")) else { return };
    let sandbox = Sandbox::new();
    let running = under_way(&sandbox);
    sandbox.descendant("strace -f").kill();
    running.finish().expect(1, &[]);
    sandbox.until_no_process_is_left();
    let result = sandbox.records().pop().expect("there was a trial").result;
    assert!(matches!(&result, TrialResult::Failed(failure) if failure.side == Side::Server), "{result:?}");
}
