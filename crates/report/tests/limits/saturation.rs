//! Searches, and loads past what they found.

use schema::trial::{TrialRecord, Verdict};

use super::fixture::Run;
use super::fixture::limits::{capacities, fan_out, overloads};
use super::fixture::model::six;
use super::{cells, chart, folder, number, report, section};

fn run(fill: fn(&mut Run)) -> Run {
    let mut run = Run::new(&six());
    fill(&mut run);
    run.manifest.planned_trials = run.trials.len() as u32;
    run
}

/// Searches of one technique.
fn searches<'r>(run: &'r mut Run, slug: &'r str) -> impl Iterator<Item = &'r mut TrialRecord> {
    let records = run.trials.iter_mut().map(|(record, _)| record);
    records.filter(move |record| record.key.technique == slug && record.search.is_some())
}

#[test]
fn capacity_is_the_highest_rate_that_passed_times_subscribers_with_an_interval_of_repetitions() {
    let root = folder();
    let report = report(root.path(), &run(capacities));
    let section = section(&report, "saturation");
    let row = cells(section, "| WebSocket | 1000 | 64 B |");
    // 0.9e9 / 6,900 / (1 + 64/2048), of which 0.8 passed, times 0.97, 1.00 and 1.03.
    assert!((number(row[3]) / 101_186.0 - 1.0).abs() < 0.01, "{row:?}");
    assert!(row[3].contains('[') && !row[3].contains('≥'), "{row:?}");
    // Paired repetitions drift alike, so that the ratio of 5.2 to 6.9 has no width.
    assert_eq!(row[4], "0.754", "{row:?}");
    assert_eq!(row.last(), Some(&"server"), "{row:?}");
    assert!(section.contains("Searches behind a row: 3."), "{section}");
    assert!(
        super::section(&report, "at-a-glance").contains("**[Capacity](#scenario-capacity)**"),
        "{report}"
    );
    // Its trials are in no table of equal rates.
    assert!(super::section(&report, "answers").starts_with("*All scenarios of this run"), "{report}");
    assert!(super::section(&report, "not-measured").starts_with("Nothing was skipped"), "{report}");
}

#[test]
fn capacity_that_the_load_generator_ended_is_a_lower_bound_and_drawn_hollow() {
    let root = folder();
    let mut run = run(capacities);
    let busy = || Verdict::NotJudged { why: "the load generator was busy".to_owned() };
    for record in searches(&mut run, "floor").filter(|record| record.key.repetition == 1) {
        let step = record.search.as_mut().expect("it is a search");
        if step.step == 2 {
            step.verdict = busy();
        }
    }
    let report = report(root.path(), &run);
    let saturation = section(&report, "saturation");
    let floor = cells(saturation, "| Raw TCP | 10 | 64 B |");
    assert!(floor[3].starts_with("≥ "), "{floor:?}");
    assert_eq!(floor.last(), Some(&"server × 2, **load generator** × 1"), "{floor:?}");
    let row = cells(saturation, "| WebSocket | 10 | 64 B |");
    assert!(row[4].starts_with("≤ "), "the floor may come further: {row:?}");
    let hollow = chart(root.path(), "capacity-capacity.svg");
    assert!(hollow.contains("by fan-out, with a payload of 64 B"), "{hollow}");
    assert!(hollow.contains("by payload, to 100 subscribers"), "{hollow}");
}

#[test]
fn second_attempt_that_passes_is_a_pass_and_a_search_that_finds_nothing_says_so() {
    let root = folder();
    let mut run = run(capacities);
    for record in searches(&mut run, "frames") {
        let step = record.search.as_mut().expect("it is a search");
        if step.attempt == 1 {
            step.verdict = Verdict::Passed;
        }
    }
    for record in searches(&mut run, "fields").filter(|record| record.key.repetition == 0) {
        record.search.as_mut().expect("it is a search").verdict = Verdict::Failed { why: "late".to_owned() };
    }
    let report = report(root.path(), &run);
    let saturation = section(&report, "saturation");
    let row = cells(saturation, "| WebSocket | 1000 | 64 B |");
    assert!((number(row[3]) / 202_372.0 - 1.0).abs() < 0.01, "1.6 instead of 0.8: {row:?}");
    assert_eq!(row.last(), Some(&"end of the search"), "{row:?}");
    assert_eq!(cells(saturation, "| Server-Sent Events | 1000 |")[3], "no rate passed");
}

#[test]
fn loads_past_capacity_show_queues_batches_and_losses() {
    let root = folder();
    let report = report(root.path(), &run(overloads));
    let section = section(&report, "overload");
    let row = cells(section, "| Long polling | 50 → 150 |");
    assert_eq!(row[4], "1.00 → 4.00", "events per response: {row:?}");
    assert_eq!(cells(section, "| WebSocket | 50 → 150 |")[4], "1.00 → 1.00");
    assert!(section.contains("Every load as a table"), "{section}");
    let chart = chart(root.path(), "overload-overload.svg");
    for text in ["50 %", "125 %", "p99 delivery latency", "server memory, MiB"] {
        assert!(chart.contains(&format!(">{text}</text>")), "{text}");
    }
}

#[test]
fn losses_past_capacity_are_no_failures() {
    let root = folder();
    let mut run = run(overloads);
    let heavy = run.trials.iter_mut().find(|(record, _)| record.load == Some(1.5)).expect("there is one");
    let mut outcome = heavy.0.result.outcome().expect("ran to its end").clone();
    outcome.counts.missing = outcome.counts.expected;
    heavy.0.result = schema::trial::TrialResult::Incomplete(Box::new(outcome));
    let report = report(root.path(), &run);
    assert!(section(&report, "not-measured").starts_with("Nothing was skipped, no trial failed"), "{report}");
    assert!(!section(&report, "overload").contains("| 50 → 150 | – → –"), "{report}");
}

#[test]
fn servers_of_others_at_saturation_stand_beside_ours_as_ratios() {
    let root = folder();
    let report = report(root.path(), &run(fan_out));
    let servers = section(&report, "other-servers");
    let row = cells(servers, "| WebSocket | On Node |");
    // Theirs takes 2.5 times as much; the model's own drift lies in between.
    let ratio = number(row[2]);
    assert!((0.36..0.45).contains(&ratio) && row[2].contains('['), "{row:?}");
    assert!((number(row[3]) / 2.5 - 1.0).abs() < 0.05, "capacities: {row:?}");
    assert!(chart(root.path(), "servers-fan-out.svg").contains(">WebSocket of On Node</text>"));
    assert!(servers.contains("How On Node is started"), "{servers}");
    // Posted events are in no table of fed ones.
    assert!(section(&report, "saturation").starts_with("*No scenario of this run searched"), "{report}");
}
