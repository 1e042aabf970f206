//! What is counted for the deliveries by which the whole window exceeds half of it.

use model::trial::{Counted, TrialRecord, TrialResult};
use test_support::{program, require};

use crate::counters::COUNTED;
use crate::sandbox::Sandbox;

/// The counts of a run of `text`, which has one trial.
fn counts(text: &str) -> (Counted, TrialRecord) {
    let sandbox = Sandbox::new();
    sandbox.scenario("counted", text);
    sandbox.output("run --scenario counted --no-report").expect(0, &[]);
    sandbox.until_no_process_is_left();
    let record = sandbox.records().pop().expect("there was a trial");
    let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
    (outcome.cost.counted.clone().expect("it was counted"), record)
}

#[test]
fn system_calls_of_a_delivery_are_counted_by_name() {
    let Some(_) = require("strace", program("strace")) else { return };
    let (counted, _) = counts(COUNTED);
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
    let (counted, _) = counts(&COUNTED.replace("system-calls", "instructions"));
    assert_eq!(counted.deliveries, 250, "{counted:?}");
    assert!(counted.tool.starts_with("valgrind"), "{counted:?}");
    let each = counted.instructions.expect("they are counted") / counted.deliveries;
    // A handful would be too few for a system call's wrapper, and start-up alone takes millions.
    assert!((200..200_000).contains(&each), "{each}: {counted:?}");
    assert_eq!((counted.system_calls, counted.by_name.len()), (None, 0));
}

#[test]
fn a_trial_that_is_not_counted_has_no_counts() {
    let sandbox = Sandbox::new();
    sandbox.scenario("counted", &COUNTED.replace("system-calls", "nothing"));
    sandbox.output("run --scenario counted --no-report").expect(0, &[]);
    let record = sandbox.records().pop().expect("there was a trial");
    let cost = record.result.outcome().map(|outcome| outcome.cost.counted.clone());
    assert_eq!((record.settings.counted, cost), (None, Some(None)));
}
