//! Searches, and loads past what they found.

use model::settings::Bound;
use model::trial::{TrialRecord, TrialResult, Verdict};
use model::warning::Warning;

use super::fixture::Run;
use super::fixture::limits::{busy, capacities, fan_out, overloads, push_against_pull};
use super::fixture::records::six;
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
fn capacity_lies_between_what_passed_and_what_failed_with_an_interval_that_holds_both() {
    let root = folder();
    let report = report(root.path(), &run(capacities));
    let section = section(&report, "saturation");
    let row = cells(section, "| WebSocket | 1000 | 64 B |");
    // 0.9e9 / 6,900 / (1 + 64/2048), of which 0.8 passed and 0.88 failed, times 0.97, 1.00 and 1.03: 106,125, 4.303 × 1,838
    // to either side, and that 4.9 % farther.
    assert!((number(row[4]) / 106_125.0 - 1.0).abs() < 0.001, "{row:?}");
    let ends: Vec<f64> = row[4].split(['[', '–']).skip(1).map(number).collect();
    assert!((ends[0] / 93_650.0 - 1.0).abs() < 0.002 && (ends[1] / 119_600.0 - 1.0).abs() < 0.002, "{row:?}");
    // Paired repetitions drift alike, so that the ratio of 5.2 to 6.9 has the width of both searches alone.
    assert_eq!(row[5], "0.754 [0.685–0.829]", "{row:?}");
    assert_eq!(cells(section, "| Raw TCP | 1000 | 64 B |")[5], "1.00", "the floor itself: {section}");
    assert_eq!(row.last(), Some(&"server"), "{row:?}");
    assert!(section.contains("Searches behind a row: 3."), "{section}");
    assert!(
        super::section(&report, "at-a-glance").contains("**[Capacity](#scenario-capacity)**"),
        "{report}"
    );
    // Its trials are in no table of equal rates.
    assert!(super::section(&report, "results").starts_with("*All scenarios of this run"), "{report}");
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
    assert!(floor[4].starts_with("≥ ") && floor[4].ends_with("–∞]"), "{floor:?}");
    assert_eq!(floor.last(), Some(&"server × 2, **load generator** × 1"), "{floor:?}");
    let row = cells(saturation, "| WebSocket | 10 | 64 B |");
    assert!(row[5].starts_with("≤ "), "the floor may come further: {row:?}");
    let hollow = chart(root.path(), "capacity-capacity.svg");
    assert!(hollow.contains("by fan-out, with a payload of 64 B"), "{hollow}");
    assert!(hollow.contains("by payload, to 100 subscribers"), "{hollow}");
}

#[test]
fn capacities_on_unequal_shares_are_told_apart_and_not_joined() {
    let lines = |run: &Run| {
        let root = folder();
        report(root.path(), run);
        let chart = chart(root.path(), "capacity-capacity.svg");
        (chart.matches("<polyline").count() + chart.matches("<line").count(), chart)
    };
    let mut run = run(capacities);
    let (joined, equal) = lines(&run);
    assert!(!equal.contains(" core"), "{equal}");
    let all = run.trials.iter_mut().map(|(record, _)| record);
    for record in all.filter(|record| record.key.point["fan-out"] == "100") {
        record.settings.processes.cpu_contention = 7;
        record.settings.bound = Some(Bound { p99_ns: 100_000_000 });
    }
    let (apart, unequal) = lines(&run);
    for tick in ["100, 1/8 core, 100 ms", "1000, a whole core, 50 ms"] {
        assert!(unequal.contains(&format!(">{tick}</text>")), "{tick}: {unequal}");
    }
    // Of each technique: from 10 on, to 1,000, and over payload.
    assert_eq!(joined - apart, 3 * six().len(), "{unequal}");
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
    for record in searches(&mut run, "fields") {
        record.search.as_mut().expect("it is a search").verdict = Verdict::Failed { why: "late".to_owned() };
    }
    let report = report(root.path(), &run);
    let saturation = section(&report, "saturation");
    let row = cells(saturation, "| WebSocket | 1000 | 64 B |");
    assert!((number(row[4]) / 111_305.0 - 1.0).abs() < 0.001, "0.88 passed: {row:?}");
    assert_eq!(row.last(), Some(&"end of the search"), "{row:?}");
    assert_eq!(cells(saturation, "| Server-Sent Events | 1000 |")[4], "no rate passed");
}

/// One technique and the floor, to one number of subscribers.
fn at_a_thousand() -> Run {
    let mut run = run(capacities);
    run.trials.retain(|(record, _)| {
        record.key.point["fan-out"] == "1000" && ["frames", "floor"].contains(&record.key.technique.as_str())
    });
    run
}

#[test]
fn capacity_is_exact_only_when_both_attempts_above_failed() {
    let bottleneck = |change: fn(&mut TrialRecord)| {
        let root = folder();
        let mut run = at_a_thousand();
        searches(&mut run, "frames").for_each(change);
        let report = report(root.path(), &run);
        let row = cells(section(&report, "saturation"), "| WebSocket | 1000 | 64 B |");
        (row[4].starts_with("≥ "), row[row.len() - 1].to_owned())
    };
    let one_says_nothing = |record: &mut TrialRecord| {
        if let Some(step) = record.search.as_mut().filter(|step| (step.step, step.attempt) == (2, 0)) {
            step.verdict = Verdict::NotJudged { why: "the load generator was busy".to_owned() };
        }
    };
    assert_eq!(bottleneck(one_says_nothing), (true, "**load generator**".to_owned()));
    let one_alone = |record: &mut TrialRecord| {
        if record.search.as_ref().is_some_and(|step| step.attempt == 1) {
            record.search = None;
            record.load = Some(0.1);
        }
    };
    assert_eq!(bottleneck(one_alone), (true, "end of the search".to_owned()));
    let with_time = |record: &mut TrialRecord| busy(&mut record.result, 0.89);
    assert_eq!(bottleneck(with_time), (false, "server, and neither was busy".to_owned()));
    assert_eq!(bottleneck(|_| ()), (false, "server".to_owned()));
}

#[test]
fn search_that_finds_nothing_leaves_those_that_found_something() {
    let root = folder();
    let mut run = at_a_thousand();
    for record in searches(&mut run, "frames").filter(|record| record.key.repetition == 0) {
        let step = record.search.as_mut().expect("it is a search");
        (step.rate_per_s, step.verdict) = (1.0, Verdict::Failed { why: "late".to_owned() });
    }
    let report = report(root.path(), &run);
    let row = cells(section(&report, "saturation"), "| WebSocket | 1000 | 64 B |");
    // Of the other two, 1.00 and 1.03.
    assert!((number(row[4]) / 107_717.0 - 1.0).abs() < 0.001, "{row:?}");
    assert!(row[4].ends_with("no rate passed in 1 of 3"), "{row:?}");
    // 0.754 × √(1.00 × 1.03) ÷ ∛(0.97 × 1.00 × 1.03).
    assert!(row[5].starts_with("0.765 ["), "{row:?}");
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
fn shares_of_a_lower_bound_are_at_most_that_and_rings_tell_who_was_busy() {
    let root = folder();
    let mut run = run(overloads);
    for record in searches(&mut run, "frames") {
        let step = record.search.as_mut().expect("it is a search");
        if step.step == 2 {
            step.verdict = Verdict::NotJudged { why: "busy".to_owned() };
        }
    }
    let heavy = |record: &&mut TrialRecord| record.key.technique == "frames" && record.load == Some(1.5);
    for record in run.trials.iter_mut().map(|(record, _)| record).filter(heavy) {
        if let TrialResult::Complete(outcome) | TrialResult::Incomplete(outcome) = &mut record.result {
            outcome.instrument.load_busy = 0.97;
            outcome.warnings.push(Warning::LoadGeneratorBusy { busy: 0.97 });
        }
    }
    let report = report(root.path(), &run);
    let section = section(&report, "overload");
    let row = cells(section, "| WebSocket | ≤ 50 → 150 |");
    assert!(row.last().is_some_and(|busy| busy.ends_with("→ 97.0 %")), "{row:?}");
    let every = section.split_once("Every load as a table").expect("table is there").1;
    assert!(every.contains("| WebSocket | ≤ 150 |") && every.contains("| Long polling | 150 |"), "{every}");
    let chart = chart(root.path(), "overload-overload.svg");
    assert_eq!(chart.matches(">WebSocket (≤)</text>").count(), 4, "one for each plot: {chart}");
    assert!(chart.contains(">Long polling</text>"), "{chart}");
    // The backend draws 4 times as large.
    assert_eq!(chart.matches("r=\"36\"").count(), 4, "a ring in each plot: {chart}");
}

#[test]
fn losses_past_capacity_are_no_failures() {
    let root = folder();
    let mut run = run(overloads);
    let heavy = run.trials.iter_mut().find(|(record, _)| record.load == Some(1.5)).expect("there is one");
    let mut outcome = heavy.0.result.outcome().expect("ran to its end").clone();
    outcome.counts.lost = outcome.counts.expected;
    heavy.0.result = TrialResult::Incomplete(Box::new(outcome));
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
    let [server, load, gave_in] = [row[6], row[7], row[8]];
    assert!(server.matches(" %").count() == 2 && load.matches(" %").count() == 2, "{row:?}");
    assert!(gave_in.contains("server") && gave_in.contains(" : "), "{row:?}");
    assert!(chart(root.path(), "servers-fan-out.svg").contains(">WebSocket of On Node</text>"));
    assert!(servers.contains("How On Node is started"), "{servers}");
    // Posted events are in no table of fed ones.
    assert!(section(&report, "saturation").starts_with("*No scenario of this run searched"), "{report}");
}

#[test]
fn no_anchor_stands_twice() {
    let root = folder();
    let mut run = Run::new(&six());
    overloads(&mut run);
    fan_out(&mut run);
    push_against_pull(&mut run);
    let report = report(root.path(), &run);
    let mut anchors: Vec<&str> =
        report.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = anchors.len();
    anchors.sort_unstable();
    anchors.dedup();
    assert_eq!(anchors.len(), all, "{anchors:?}");
    for scenario in ["overload", "fan-out", "push-against-pull"] {
        assert!(anchors.contains(&format!("scenario-{scenario}").as_str()), "{anchors:?}");
    }
}
