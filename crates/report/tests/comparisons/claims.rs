//! Claims and their verdicts.

use model::settings::Client;

use super::fixture::Run;
use super::fixture::contests::{claim, clients, contest};
use super::fixture::runs::small;
use super::fixture::surveys::close_cases;
use super::{folder, line, report, section};

const ALL: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// The claims' table of a run with one claim.
fn verdict(mut run: Run, scenario: &str, rules: &str) -> String {
    let root = folder();
    claim(&mut run, "C0", scenario, rules);
    let report = report(root.path(), &run);
    line(section(&report, "claims"), "| [C0](#claim-c0) | It is \\| so. |").to_owned()
}

fn must(rule: &str) -> String {
    format!("[[must]]\nwhat = \"all\"\nrule = {rule}\n")
}

fn limit(rule: &str) -> String {
    format!("[[limit]]\nwhat = \"not in the rain\"\nunless = {rule}\n")
}

fn cpu_ratio(bounds: &str) -> String {
    format!(
        "{{ from = \"ratio\", figure = \"cpu\", of = {{ technique = \"held\" }}, to = {{ technique = \"frames\" }}, {bounds} }}"
    )
}

#[test]
fn ratio_holds_when_its_whole_interval_does() {
    // 24 µs ÷ 6.9 µs = 3.48, with 5 % of drift.
    let judged = |bounds: &str| verdict(small(), "plain", &must(&cpu_ratio(bounds)));
    assert!(judged("at_least = 2").ends_with("| **holds** |"), "{}", judged("at_least = 2"));
    let fails = judged("at_most = 2");
    assert!(fails.contains("| **fails**: not so: all (× 3."), "{fails}");
    let open = judged("at_least = 3.48");
    assert!(open.contains("**not measurable here**: × 3.") && open.contains("leaves it open"), "{open}");
    let outside = judged("at_least = 100, at_most = 200");
    assert!(outside.contains("**fails**"), "{outside}");
}

#[test]
fn ratio_of_one_trial_is_left_open() {
    let mut run = small();
    run.trials.retain(|(record, _)| record.key.repetition < 1);
    let open = verdict(run, "plain", &must(&cpu_ratio("at_least = 2")));
    assert!(open.contains("**not measurable here**") && open.contains("too few trials"), "{open}");
}

#[test]
fn limit_applies_where_its_rule_does_not_hold() {
    let requests = |bound: &str| {
        format!(
            "{{ from = \"figure\", measure = {{ from = \"requests\", at = {{ technique = \"held\" }} }}, {bound} }}"
        )
    };
    let rules = must(&requests("at_least = 1")) + &limit(&requests("at_most = 0"));
    let limited = verdict(small(), "plain", &rules);
    assert!(limited.ends_with("| **holds with a limit**: not in the rain |"), "{limited}");
    let free =
        verdict(small(), "plain", &(must(&requests("at_least = 1")) + &limit(&requests("at_most = 1"))));
    assert!(free.ends_with("| **holds** |"), "{free}");
}

#[test]
fn trials_of_others_decide_no_claim() {
    let rule = must("{ from = \"complete\", at = { scenario = \"other-servers\", technique = \"frames\" } }");
    assert!(verdict(contest(), "other-servers", &rule).ends_with("| **holds** |"));
    let mut theirs = contest();
    theirs.trials.retain(|(record, _)| record.key.target.is_some());
    let open = verdict(theirs, "other-servers", &rule);
    assert!(open.contains("**not measurable here**: not measured in this run: other-servers |"), "{open}");
}

/// A figure that is 100 B for every technique, and a ratio; of a scenario that is named or not.
fn rules(scenario: &str) -> [String; 3] {
    let at = |slug: &str| format!("{{ {scenario}technique = \"{slug}\" }}");
    [
        format!(
            "{{ from = \"figure\", at_least = 100, measure = {{ from = \"trials\", at = {}, layers = [\"payload\"], per = \"event\" }} }}",
            at("frames")
        ),
        format!("{{ from = \"complete\", at = {} }}", at("frames")),
        format!(
            "{{ from = \"ratio\", figure = \"cpu\", of = {}, to = {}, at_least = 2 }}",
            at("held"),
            at("frames")
        ),
    ]
}

#[test]
fn posted_events_decide_only_claims_that_name_their_scenario() {
    for rule in rules("") {
        let open = verdict(contest(), "other-servers", &must(&rule));
        assert!(open.contains("**not measurable here**: not measured in this run"), "{rule}: {open}");
    }
    for rule in rules("scenario = \"other-servers\", ") {
        let holds = verdict(contest(), "other-servers", &must(&rule));
        assert!(holds.ends_with("| **holds** |"), "{rule}: {holds}");
    }
}

#[test]
fn figures_of_subscribers_that_were_limited_for_browsers_decide_only_where_they_are_named() {
    let [figure, ..] = rules("");
    let open = verdict(clients(), "clients-plain", &must(&figure));
    assert!(open.contains("**not measurable here**: not measured in this run: clients-plain |"), "{open}");
    let [figure, ..] = rules("scenario = \"clients-plain\", ");
    let named = verdict(clients(), "clients-plain", &must(&figure));
    assert!(named.ends_with("| **holds** |"), "{named}");
}

#[test]
fn browsers_must_have_taken_part_by_each_technique() {
    let without = |slug: &str, clients_kept: &[Client]| {
        let mut run = clients();
        run.trials.retain(|(record, _)| {
            record.key.technique != slug || clients_kept.contains(&record.settings.client)
        });
        run
    };
    let named = must("{ from = \"browsers\", techniques = [\"frames\"] }");
    assert!(verdict(clients(), "clients-plain", &named).ends_with("| **holds** |"));
    let native = verdict(without("frames", &[Client::Native]), "clients-plain", &named);
    assert!(native.contains("**not measurable here**: Chromium took no part"), "{native}");
    let all = must("{ from = \"browsers\" }");
    let one = verdict(without("held", &[Client::Native, Client::Chromium]), "clients-plain", &all);
    let reason =
        "Chromium: 10 of 10 trials complete; Firefox: 8 of 8 trials complete, and none by Long polling |";
    assert!(one.contains("**not measurable here**") && one.ends_with(reason), "{one}");
    let mut alone = clients();
    alone.trials.retain(|(record, _)| record.key.technique == "frames");
    let open = verdict(alone, "clients-plain", &all);
    assert!(
        open.contains("**not measurable here**: Chromium: 2 of 2 trials complete, and none by"),
        "{open}"
    );
}

#[test]
fn every_browser_must_have_taken_part() {
    let rule = must("{ from = \"browsers\" }");
    assert!(verdict(clients(), "clients-plain", &rule).ends_with("| **holds** |"));
    let mut one = clients();
    one.trials.retain(|(record, _)| record.settings.client != Client::Firefox);
    let open = verdict(one, "clients-plain", &rule);
    assert!(
        open.contains("**not measurable here**: Chromium: 10 of 10 trials complete; Firefox took no part"),
        "{open}"
    );
    let mut failed = clients();
    let record = &mut failed.trials.last_mut().expect("there are trials").0;
    record.result = model::trial::TrialResult::Failed(model::trial::Failure {
        side: model::trial::Side::Load,
        reason: "the page is gone".to_owned(),
    });
    let fails = verdict(failed, "clients-plain", &rule);
    assert!(
        fails.contains("**fails**: not so: all (Chromium: 10 of 10 trials complete; Firefox: 9 of 10"),
        "{fails}"
    );
}

#[test]
fn closings_are_judged_by_code() {
    let with = |clients: &[Client]| {
        let mut run = small();
        run.close_cases = Some(close_cases(clients));
        run
    };
    let rule = |codes: &str| must(&format!("{{ from = \"close-cases\", codes = {codes} }}"));
    assert!(verdict(with(&ALL), "plain", &rule("[1000, 1011]")).ends_with("| **holds** |"));
    let fails = verdict(with(&ALL), "plain", &rule("[1000, 1006]"));
    assert!(fails.contains("**fails**: not so: all (4 of 6 observations)"), "{fails}");
    let untried = verdict(with(&ALL), "plain", &rule("[1000, 1002]"));
    assert!(untried.contains("**not measurable here**: not tried: 1002"), "{untried}");
    let native = verdict(with(&[Client::Native]), "plain", &rule("[1000]"));
    assert!(native.contains("**not measurable here**: Chromium took no part"), "{native}");
    let none = verdict(small(), "plain", &rule("[1000]"));
    assert!(none.contains("**not measurable here**: the ways of ending were not tried"), "{none}");
    let events = must("{ from = \"events\", events = [\"open\", \"message\", \"error\", \"close\"] }");
    assert!(verdict(with(&ALL), "plain", &events).ends_with("| **holds** |"));
    for judged in [&events, &rule("[1000]"), &rule("[1000, 1011]")] {
        let browsers = verdict(with(&ALL[1..]), "plain", judged);
        assert!(browsers.contains("**not measurable here**: pushbench's client took no part"), "{browsers}");
        let one = verdict(with(&ALL[..2]), "plain", judged);
        assert!(one.contains("**not measurable here**: Firefox took no part"), "{one}");
    }
}

#[test]
fn client_that_was_there_and_did_not_try_a_code_decides_nothing() {
    let mut run = small();
    let mut ends = close_cases(&ALL);
    ends.close_cases.retain(|closing| closing.client != Client::Firefox || closing.code != 1_011);
    run.close_cases = Some(ends);
    let open = verdict(run, "plain", &must("{ from = \"close-cases\", codes = [1000, 1011] }"));
    assert!(open.contains("**not measurable here**: 1011 was not tried with Firefox"), "{open}");
}

#[test]
fn claim_that_cannot_be_read_is_said_and_not_judged() {
    let root = folder();
    let mut run = small();
    claim(&mut run, "C0", "plain", "must = []");
    let report = report(root.path(), &run);
    assert!(
        section(&report, "claims").contains("*C0 cannot be judged: C0: a claim needs a scenario"),
        "{report}"
    );
}
