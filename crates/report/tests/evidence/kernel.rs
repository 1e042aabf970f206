//! The kernel's count beside byte accounting's.

use model::trial::{Observed, TrialResult};

use super::fixture::Run;
use super::fixture::records::six;
use super::fixture::runs::at;
use super::{folder, report, section};

/// Trials of two contestants; of the second the kernel counted so much more, `u64::MAX` being one byte less.
fn observed(beyond: u64, retransmitted: u64) -> Run {
    let mut run = Run::new(&six());
    run.scenario("observer", &[], "");
    let mut at = at("observer");
    at.settings.observed = true;
    for (order, contestant) in six().iter().take(2).enumerate() {
        run.trial(&at, order, contestant, 0);
        let (record, _) = &mut run.trials[order];
        let TrialResult::Complete(outcome) = &mut record.result else { panic!("model loses nothing here") };
        outcome.segments.total.up.segments = 70;
        outcome.segments.total.down.segments = 80;
        let beyond = if order == 1 { beyond } else { 0 };
        let bytes = (outcome.bytes.total.wire() + 52 * 100 + 16 * 3).wrapping_add(beyond);
        record.observed = Some(Observed { packets: 100, bytes, retransmitted, connections: 3 });
    }
    run
}

#[test]
fn layers_and_headers_add_up_to_the_kernel_s_count() {
    let root = folder();
    let report = report(root.path(), &observed(0, 0));
    let section = section(&report, "observer");
    assert!(section.contains("In **all 2 trials** byte accounting's layers"), "{section}");
    let row = section.lines().find(|line| line.starts_with("| Short polling |")).expect("row is there");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(
        [cells[3], cells[6], cells[7], cells[8], cells[9]],
        ["5248", "0 B", "100", "150", "0"],
        "{row}"
    );
    assert_eq!(cells[4], cells[5], "{row}");
}

#[test]
fn difference_is_bold_and_said_to_be_unexplained() {
    let root = folder();
    let text = report(root.path(), &observed(7, 0));
    let section = section(&text, "observer");
    assert!(section.contains("In **1 of 2 trials**"), "{section}");
    assert!(section.contains("| **+7 B, not explained** |"), "{section}");
}

#[test]
fn what_was_sent_again_explains_no_more_than_its_own_bytes() {
    for (beyond, difference) in [
        (3_000, "+3000 B; 2 segments were sent again"),
        (3_001, "**+3001 B, not explained** |"),
        (u64::MAX, "**-1 B, not explained** |"),
    ] {
        let root = folder();
        let text = report(root.path(), &observed(beyond, 2));
        assert!(section(&text, "observer").contains(&format!("| {difference}")), "{text}");
    }
}

#[test]
fn trial_that_failed_is_counted_as_planned() {
    let root = folder();
    let mut run = observed(0, 0);
    run.trials[1].0.observed = None;
    let text = report(root.path(), &run);
    assert!(
        section(&text, "observer").contains("In **1 of 2 planned trials** byte accounting's layers"),
        "{text}"
    );
}

#[test]
fn run_without_a_namespace_says_so() {
    let root = folder();
    let report = report(root.path(), &super::fixture::runs::small());
    assert!(
        section(&report, "observer").contains("No trial of this run had a network namespace"),
        "{report}"
    );
}
