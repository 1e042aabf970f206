//! Counted trials: a server under callgrind or strace, in real processes.
//!
//! What is counted for the deliveries of the window's second half; tools that are missing, or leave no counts; and what is left behind.

use std::fs;
use std::path::Path;

use model::trial::{Counted, Side, TrialResult};
use rustix::process::Signal;
use test_support::{program, require};

use crate::sandbox::{Running, Sandbox};

/// A trial of a second, whose server's system calls are counted.
const COUNTED: &str = r#"
techniques = ["raw-tcp"]
counted = "system-calls"
events.rate = "100/s"
subscribers.count = 5
[phases]
warm_up = "100ms"
window = "1s"
"#;

/// The counts of a run of `text`, which has one trial.
fn counts(text: &str) -> Counted {
    let record = Sandbox::ran(text).records().pop().expect("there was a trial");
    let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
    outcome.cost.counted.clone().expect("it was counted")
}

#[test]
fn system_calls_of_a_delivery_are_counted_by_name() {
    let Some(_) = require("strace", program("strace")) else { return };
    let counted = counts(COUNTED);
    // Half a second of 100 events each, to five subscribers.
    assert_eq!(counted.deliveries, 250, "{counted:?}");
    assert!(counted.tool.starts_with("strace"), "{counted:?}");
    assert_eq!((counted.instructions, counted.system_calls.is_some()), (None, true));
    let sends =
        ["write", "writev", "sendto", "sendmsg"].map(|name| counted.by_name.get(name).copied().unwrap_or(0));
    let sends: u64 = sends.iter().sum();
    // A write for each delivery, unless a busy machine let several become due at once.
    assert!(sends > 0, "{counted:?}");
    assert!(counted.system_calls >= Some(sends), "{counted:?}");
}

#[test]
fn instructions_of_a_delivery_are_counted() {
    let Some(_) = require("valgrind", program("valgrind")) else { return };
    // So slow that hardly any events become due at once on a busy machine, where one write would then serve them all.
    let slow = COUNTED.replace("100/s", "20/s").replace("\"1s\"", "\"5s\"");
    let counted = counts(&slow.replace("system-calls", "instructions"));
    assert_eq!(counted.deliveries, 250, "{counted:?}");
    assert!(counted.tool.starts_with("valgrind"), "{counted:?}");
    let each = counted.instructions.expect("they are counted") / counted.deliveries;
    // A handful would be too few for a system call's wrapper, and start-up alone takes millions.
    assert!((200..200_000).contains(&each), "{each}: {counted:?}");
    assert_eq!((counted.system_calls, counted.by_name.len()), (None, 0));
}

#[test]
fn a_trial_that_is_not_counted_has_no_counts() {
    let sandbox = Sandbox::ran(&COUNTED.replace("system-calls", "nothing"));
    let record = sandbox.records().pop().expect("there was a trial");
    let cost = record.result.outcome().map(|outcome| outcome.cost.counted.clone());
    assert_eq!((record.settings.counted, cost), (None, Some(None)));
}

#[test]
fn a_tool_that_is_missing_is_named_with_what_installs_it() {
    let sandbox = Sandbox::new();
    sandbox.scenario("counted", COUNTED);
    let output = sandbox.output_with_path("bin", "run --scenario counted --scenario short --no-report");
    output.expect(0, &["skipped: scenario counted: strace is missing; install strace"]);
    assert!(sandbox.records().iter().all(|record| record.key.scenario == "short"));
    assert_eq!(sandbox.skipped("scenario counted"), ["strace is missing; install strace"]);
}

#[test]
fn only_what_needs_the_missing_tool_is_left_out() {
    let sandbox = Sandbox::new();
    let sweep = "[[sweep]]\nkey = \"counted\"\nvalues = [\"nothing\", \"system-calls\"]\n";
    sandbox.scenario("both", &(COUNTED.replace("counted = \"system-calls\"\n", "") + sweep));
    let output = sandbox.output_with_path("bin", "run --scenario both --no-report");
    output.expect(0, &["skipped: counter system-calls in both: strace is missing; install strace"]);
    let records = sandbox.records();
    assert!(matches!(&records[..], [one] if one.settings.counted.is_none()), "{records:?}");
}

/// Starts what stands behind `--`, as the tool does.
const START: &str = "while [ \"$1\" != -- ]; do file=$1; shift; done; shift";

#[test]
fn a_tool_that_leaves_no_counts_or_none_that_can_be_used_fails_its_trial() {
    // More in the first run than in the second.
    let less = "\"$@\"\ndir=$(dirname \"$file\")\nif [ -e \"$dir/again\" ]; then n=1; else n=9; fi\n\
        : > \"$dir/again\"\nprintf '%s write\\n%s total\\n' $n $n > \"$file\"";
    let place_path = std::env::var_os("PATH").expect("there is one");
    for (script, words) in [
        ("exec \"$@\"", "strace left no counts: No such file"),
        ("\"$@\"\necho 5 write > \"$file\"", "the counts of strace cannot be read"),
        (less, "no more than half of it"),
    ] {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("bin")).unwrap();
        sandbox
            .script("bin/strace", &format!("PATH={}\n{START}\n{script}", Path::new(&place_path).display()));
        sandbox.scenario("counted", COUNTED);
        sandbox.output_with_path("bin", "run --scenario counted --no-report").expect(1, &[]);
        sandbox.until_no_process_is_left();
        let (side, reason) = sandbox.failure();
        assert_eq!(side, Side::Supervisor);
        assert!(reason.contains(words), "{reason}");
    }
}

/// A trial of a minute, with its server under strace.
fn under_way() -> (Sandbox, Running) {
    let (sandbox, running) = Sandbox::running(&COUNTED.replace("\"1s\"", "\"60s\""));
    // The load generator is started when the server is ready.
    sandbox.descendant(" load");
    (sandbox, running)
}

#[test]
fn an_interrupted_or_killed_supervisor_leaves_neither_the_tool_nor_its_server() {
    let Some(_) = require("strace", program("strace")) else { return };
    for (signal, code) in [(Signal::INT, 130), (Signal::KILL, 128 + 9)] {
        let (sandbox, running) = under_way();
        sandbox.ends_by(signal, running, code, &[]);
    }
}

#[test]
fn a_tool_that_dies_fails_its_trial_and_takes_its_server_along() {
    let Some(_) = require("strace", program("strace")) else { return };
    let (sandbox, running) = under_way();
    sandbox.descendant("strace -f").kill();
    sandbox.ends(running, 1, &[]);
    assert_eq!(sandbox.failure().0, Side::Server);
}
