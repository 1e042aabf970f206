//! The kernel's count beside the tap's.

use schema::trial::{Observed, TrialResult};

use super::fixture::Run;
use super::fixture::model::six;
use super::fixture::runs::at;
use super::{folder, report, section};

/// Trials of two contestants; of the second the kernel counted so much more.
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
        let bytes = outcome.bytes.total.wire() + 52 * 100 + 16 * 3 + if order == 1 { beyond } else { 0 };
        record.observed = Some(Observed { packets: 100, bytes, retransmitted, connections: 3 });
    }
    run
}

#[test]
fn layers_and_headers_add_up_to_the_kernel_s_count() {
    let root = folder();
    let report = report(root.path(), &observed(0, 0));
    let section = section(&report, "observer");
    assert!(section.contains("In **all 2 trials** the tap's layers"), "{section}");
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
    assert!(section.contains("| **+7 B**, not explained |"), "{section}");
    let root = folder();
    let text = report(root.path(), &observed(7, 2));
    assert!(text.contains("| **+7 B**; 2 segments were sent again"), "{text}");
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
