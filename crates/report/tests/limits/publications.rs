//! Published statements that chance has a part in.

use model::manifest::PublicationInfo;
use model::trial::{Failure, Side, TrialResult, Verdict};

use super::fixture::Run;
use super::fixture::limits::{capacities, frontier, overloads, shootout};
use super::fixture::records::six;
use super::{cells, folder, report, section};

const HEAD: &str = "id = \"F0\"\ntitle = \"t\"\nsource = \"s\"\nset_up = \"u\"\nscenario = \"overload\"\n";

fn figure(what: &str, value: f64, rest: &str) -> String {
    format!("[[figure]]\nwhat = \"{what}\"\nvalue = {value:?}\nunit = \"×\"\n{rest}\n")
}

fn ratio(of: &str, to: &str) -> String {
    format!("measure = {{ from = \"ratio\", of = {of}, to = {to} }}")
}

fn at(technique: &str, load: f64, figure: &str) -> String {
    format!(
        "{{ from = \"figure\", at = {{ technique = \"{technique}\" }}, load = {load:?}, figure = \"{figure}\" }}"
    )
}

fn capacity(technique: &str) -> String {
    format!("{{ from = \"capacity\", at = {{ technique = \"{technique}\" }} }}")
}

fn judged(run: &mut Run, figures: &[String]) -> String {
    let text = format!("{HEAD}{}", figures.concat());
    run.manifest.publications.push(PublicationInfo { id: "F0".to_owned(), text });
    let root = folder();
    section(&report(root.path(), run), "publications").to_owned()
}

fn run() -> Run {
    let mut run = Run::new(&six());
    overloads(&mut run);
    run
}

#[test]
fn bound_is_reproduced_when_the_whole_interval_lies_on_its_side() {
    let batches = ratio(&at("held", 1.5, "events-per-response"), &at("held", 0.5, "events-per-response"));
    let same = ratio(&at("frames", 1.5, "events-per-response"), &at("frames", 0.5, "events-per-response"));
    let text = judged(
        &mut run(),
        &[
            figure("above", 1.0, &format!("is = \"above\"\n{batches}")),
            figure("below", 1.0, &format!("is = \"below\"\n{batches}")),
            figure("at the bound", 1.0, &format!("is = \"above\"\n{same}")),
            figure("equal", 1.0, &same),
        ],
    );
    assert_eq!(cells(&text, "| above |")[1..], ["above 1 ×", "4.00 ×", "**reproduced**"]);
    assert_eq!(cells(&text, "| below |")[3], "*differs*; no cause is known");
    assert!(cells(&text, "| at the bound |")[3].starts_with("*too close to tell*"), "{text}");
    assert_eq!(cells(&text, "| equal |")[3], "**reproduced**");
    assert!(text.contains("Of 4 figures: 2 reproduced, 1 differ, 1 too close to tell."), "{text}");
}

#[test]
fn too_few_repetitions_leave_a_bound_open() {
    let mut run = run();
    run.trials.retain(|(record, _)| record.key.repetition < 2);
    let batches = ratio(&at("held", 1.5, "events-per-response"), &at("held", 0.5, "events-per-response"));
    let above = figure("above", 1.0, &format!("is = \"above\"\n{batches}"));
    let text = judged(&mut run, &[above, figure("equal", 4.0, &format!("tolerance = 1\n{batches}"))]);
    for what in ["| above |", "| equal |"] {
        assert_eq!(cells(&text, what)[3], "*too close to tell*: there are too few trials", "{text}");
    }
}

#[test]
fn shares_of_a_capacity_that_may_be_higher_decide_nothing() {
    let queues = ratio(&at("frames", 1.5, "p99"), &at("frames", 0.5, "p99"));
    let above = || figure("above", 1.5, &format!("is = \"above\"\n{queues}"));
    let known = judged(&mut run(), &[above()]);
    assert_eq!(cells(&known, "| above |")[3], "**reproduced**", "{known}");
    let mut limited = run();
    let records = limited.trials.iter_mut().map(|(record, _)| record);
    for step in records.filter(|record| record.key.technique == "frames").filter_map(|it| it.search.as_mut())
    {
        if step.step == 2 {
            step.verdict = Verdict::NotJudged { why: "busy".to_owned() };
        }
    }
    let open = judged(&mut limited, &[above()]);
    let verdict = cells(&open, "| above |")[3];
    assert!(
        verdict.starts_with("*too close to tell*: the load is a share of a capacity that may be"),
        "{open}"
    );
}

#[test]
fn capacity_without_one_of_its_searches_decides_nothing() {
    let mut run = run();
    let records = run.trials.iter_mut().map(|(record, _)| record);
    let held = records.filter(|record| record.key.technique == "held" && record.key.repetition == 0);
    for step in held.filter_map(|record| record.search.as_mut()) {
        (step.rate_per_s, step.verdict) = (1.0, Verdict::Failed { why: "late".to_owned() });
    }
    let quotient = ratio(&capacity("held"), &capacity("frames"));
    let text = judged(&mut run, &[figure("carried", 0.5, &quotient)]);
    let verdict = cells(&text, "| carried |")[3];
    assert_eq!(verdict, "*too close to tell*: in some repetitions no rate passed at all", "{text}");
}

#[test]
fn ratio_of_capacities_is_paired_and_one_sided_where_one_may_come_further() {
    let quotient = ratio(&capacity("held"), &capacity("frames"));
    let exact = judged(&mut run(), &[figure("carried", 0.5, &quotient)]);
    assert!((super::number(cells(&exact, "| carried |")[2]) - 0.2875).abs() < 0.001, "{exact}");
    assert_eq!(cells(&exact, "| carried |")[3], "*differs*; no cause is known", "{exact}");
    let mut limited = run();
    for (record, _) in limited.trials.iter_mut().filter(|(record, _)| record.key.technique == "held") {
        if let Some(step) = record.search.as_mut().filter(|step| step.step == 2) {
            step.verdict = Verdict::NotJudged { why: "busy".to_owned() };
        }
    }
    let open = judged(&mut limited, &[figure("carried", 0.5, &quotient)]);
    // Of the one what passed, of the other what lies between that and what failed.
    assert!(cells(&open, "| carried |")[2].starts_with("≥ 0.274 ["), "{open}");
    assert!(cells(&open, "| carried |")[3].starts_with("*too close to tell*"), "{open}");
}

#[test]
fn equal_latency_is_read_off_the_lines_of_its_rate() {
    let mut run = Run::new(&six());
    frontier(&mut run);
    let side = |technique: &str| {
        format!(
            "{{ scenario = \"frontier\", technique = \"{technique}\", point = {{ \"events.rate\" = \"200/s\" }} }}"
        )
    };
    let rule = |within_ms: u32| {
        let (of, to) = (side("frames"), side("grid"));
        format!("measure = {{ from = \"equal-latency\", of = {of}, to = {to}, within_ms = {within_ms} }}")
    };
    let text = judged(
        &mut run,
        &[
            figure("at 400 ms", 1.0, &format!("is = \"below\"\n{}", rule(400))),
            figure("quicker than a poll can be", 1.0, &format!("is = \"below\"\n{}", rule(1))),
        ],
    );
    assert_eq!(cells(&text, "| at 400 ms |")[3], "**reproduced**", "{text}");
    assert_eq!(cells(&text, "| quicker than a poll can be |")[3], "*not measured* in this run", "{text}");
    // Where some of the samples bound p90 and not p99, the lines are of p90.
    run.trials.retain(|(record, _)| record.key.point["events.rate"] != "2/s" || record.key.repetition == 0);
    run.manifest.publications.clear();
    let text = judged(&mut run, &[figure("at p90", 1.0, &format!("is = \"below\"\n{}", rule(400)))]);
    assert_eq!(cells(&text, "| at p90 |")[3], "*not measured* in this run", "{text}");
}

#[test]
fn steps_pass_a_limit_between_the_last_that_kept_it_and_the_next() {
    let mut run = Run::new(&six());
    shootout(&mut run, &[1_000, 2_000, 2_700]);
    let rule = |ms: u32| {
        let at = "{ scenario = \"shootout\", technique = \"frames\" }";
        format!("tolerance = 500\nmeasure = {{ from = \"steps\", at = {at}, p95_ms = {ms} }}")
    };
    let text =
        judged(&mut run, &[figure("passed", 2_500.0, &rule(20)), figure("never", 4_000.0, &rule(90_000))]);
    // The model's server makes 130,000 deliveries a second, so that 2,700 clients queue and 2,000 do not.
    let passed = super::number(cells(&text, "| passed |")[2]);
    assert!((2_001.0..2_700.0).contains(&passed), "{text}");
    assert!(cells(&text, "| never |")[2].starts_with("≥ 2700"), "{text}");
    assert!(cells(&text, "| never |")[3].starts_with("*too close to tell*"), "{text}");
    // A step that did not run to its end says nothing of the server.
    let last = run.trials.iter_mut().map(|(record, _)| record);
    for record in last.filter(|record| record.settings.subscribers.count == 2_700) {
        let reason = "too few descriptors".to_owned();
        record.result = TrialResult::Failed(Failure { side: Side::Load, reason });
        record.histograms = None;
    }
    run.manifest.publications.clear();
    let text = judged(&mut run, &[figure("broke", 2_500.0, &rule(20))]);
    assert!(cells(&text, "| broke |")[2].starts_with("≥ 2000"), "{text}");
}

#[test]
fn capacity_at_several_points_is_not_guessed() {
    let mut run = Run::new(&six());
    capacities(&mut run);
    let scoped = |point: &str| {
        let at = format!("{{ scenario = \"capacity\", technique = \"frames\"{point} }}");
        format!("measure = {{ from = \"capacity\", at = {at} }}")
    };
    let text = judged(
        &mut run,
        &[
            figure("anywhere", 1.0, &scoped("")),
            figure("at one", 1.0, &scoped(", point = { \"fan-out\" = \"1000\" }")),
        ],
    );
    assert_eq!(cells(&text, "| anywhere |")[3], "*not measured* in this run", "{text}");
    assert!(cells(&text, "| at one |")[3].starts_with("*differs*"), "{text}");
}
