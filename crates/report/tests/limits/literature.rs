//! Published statements that chance has a part in.

use schema::manifest::LiteratureInfo;
use schema::trial::Verdict;

use super::fixture::Run;
use super::fixture::limits::{capacities, frontier, overloads};
use super::fixture::model::six;
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
    run.manifest.literature.push(LiteratureInfo { id: "F0".to_owned(), text });
    let root = folder();
    section(&report(root.path(), run), "literature").to_owned()
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
    let text = judged(&mut run, &[figure("above", 1.0, &format!("is = \"above\"\n{batches}"))]);
    assert!(cells(&text, "| above |")[3].starts_with("*too close to tell*"), "{text}");
}

#[test]
fn ratio_of_capacities_is_paired_and_one_sided_where_one_may_come_further() {
    let quotient = ratio(&capacity("held"), &capacity("frames"));
    let exact = judged(&mut run(), &[figure("carried", 0.5, &quotient)]);
    assert!(cells(&exact, "| carried |")[2].starts_with("0.287"), "{exact}");
    assert_eq!(cells(&exact, "| carried |")[3], "*differs*; no cause is known", "{exact}");
    let mut limited = run();
    for (record, _) in limited.trials.iter_mut().filter(|(record, _)| record.key.technique == "held") {
        if let Some(step) = record.search.as_mut().filter(|step| step.step == 2) {
            step.verdict = Verdict::NotJudged { why: "busy".to_owned() };
        }
    }
    let open = judged(&mut limited, &[figure("carried", 0.5, &quotient)]);
    assert!(cells(&open, "| carried |")[2].starts_with("≥ 0.287"), "{open}");
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
}

#[test]
fn steps_pass_a_limit_between_the_last_that_kept_it_and_the_next() {
    let mut run = Run::new(&six());
    run.scenario("shootout", &["clients"], "");
    for repetition in 0..3 {
        for count in [1_000, 2_000, 2_700] {
            let mut at = super::fixture::runs::at("shootout");
            (at.settings.subscribers.count, at.settings.events.rate_per_s) = (count, 50.0);
            at.point = vec![("clients", count.to_string())];
            run.trial(&at, 4, &six()[4], repetition);
        }
    }
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
