//! Claims and their verdicts: a rule, a little evidence, and what follows.

use model::close_case::{CloseCase, CloseCases, Peer, SeenEvent};
use model::manifest::ClaimInfo;
use model::settings::{Client, Publisher, UplinkTo};
use model::trial::{Failure, Side, TrialResult};
use report::claims::{Judged, Verdict, judge};
use report::{Evidence, Run, Trial};

use crate::fixture::{With as _, run, trial};

const ALL: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// A claim of the scenario `s` with these rules, judged over trials of it in a run that was changed.
fn judged_in(trials: Vec<Trial>, change: impl FnOnce(&mut Run), rules: &str) -> Judged {
    let text = format!(
        "id = \"C0\"\nclaim = \"It is so.\"\nsource = \"they\"\nhow = \"h\"\nscenarios = [\"s\"]\n{rules}"
    );
    let mut run = run(1, &trials);
    run.manifest.claims.push(ClaimInfo { id: "C0".to_owned(), text });
    change(&mut run);
    judge(&Evidence::of(vec![run], vec![trials])).remove(0)
}

/// The verdict, and what decided it.
fn judged(trials: Vec<Trial>, rules: &str) -> (Verdict, String) {
    let judged = judged_in(trials, |_| (), rules);
    (judged.verdict, judged.because.join("; "))
}

fn must(rule: &str) -> String {
    format!("[[must]]\nwhat = \"all\"\nrule = {rule}\n")
}

fn limit(rule: &str) -> String {
    format!("[[limit]]\nwhat = \"not in the rain\"\nunless = {rule}\n")
}

fn ratio(figure: &str, bounds: &str) -> String {
    format!(
        "{{ from = \"ratio\", figure = \"{figure}\", of = {{ technique = \"poll\" }}, to = {{ technique = \"push\" }}, {bounds} }}"
    )
}

fn requests(bound: &str) -> String {
    format!(
        "{{ from = \"figure\", measure = {{ from = \"requests\", at = {{ technique = \"poll\" }} }}, {bound} }}"
    )
}

/// Three blocks in which polling takes about 3.5 times the CPU of pushing, twice its bytes, and a request for each event.
fn both() -> Vec<Trial> {
    let block = |block: u32| {
        let cpu = 3_400 + 100 * u64::from(block);
        [
            trial("s", "poll", block).events(100, [80, 120], cpu).measured(|outcome| {
                outcome.counts.requests = 100;
                outcome.counts.connections = 10;
                outcome.set_up.subscribers = 10;
            }),
            trial("s", "push", block).events(100, [80, 20], 1_000),
        ]
    };
    (0..3).flat_map(block).collect()
}

fn first_block() -> Vec<Trial> {
    both().into_iter().take(2).collect()
}

fn of(client: Client) -> impl Fn(&str) -> Trial {
    move |technique| {
        let name = format!("{client:?}").to_lowercase();
        let trial = trial("s", technique, 0).events(10, [80, 20], 1).at("client", &name);
        trial.with(|trial| trial.record.settings.client = client)
    }
}

/// Both techniques that a page can speak, by each of these clients.
fn by(clients: &[Client]) -> Vec<Trial> {
    clients.iter().flat_map(|client| ["poll", "push"].map(of(*client))).collect()
}

#[test]
fn ratios_hold_when_their_whole_interval_does() {
    for (rules, verdict, because) in [
        (must(&ratio("cpu", "at_least = 2")), Verdict::Holds, "all: 3.50 × ["),
        (must(&ratio("cpu", "at_most = 2")), Verdict::Fails, "not so: all (3.50 × ["),
        (must(&ratio("cpu", "at_least = 3.49")), Verdict::NotMeasurableHere, "the interval leaves it open)"),
        (must(&ratio("cpu", "at_least = 100, at_most = 200")), Verdict::Fails, "not so"),
        (must(&ratio("p50", "at_least = 1")), Verdict::NotMeasurableHere, "too few events for the figure"),
    ] {
        let (found, why) = judged(both(), &rules);
        assert!(found == verdict && why.contains(because), "{rules}: {found:?}, {why}");
    }
}

#[test]
fn what_was_measured_once_decides_bytes_and_not_time() {
    let (verdict, why) = judged(first_block(), &must(&ratio("cpu", "at_least = 2")));
    assert_eq!((verdict, why.as_str()), (Verdict::NotMeasurableHere, "open: all (3.40 ×, measured once)"));
    assert_eq!(judged(first_block(), &must(&ratio("bytes", "at_least = 2"))).0, Verdict::Holds);
    let late = |bound: &str| {
        format!(
            "{{ from = \"figure\", {bound}, measure = {{ from = \"figure\", figure = \"uplink-p99\", at = {{ technique = \"push\" }} }} }}"
        )
    };
    let sends = |block: u32| {
        trial("s", "push", block).events(10, [80, 20], 1).latencies((1..=2_000).map(|ns| ns * 1_000)).with(
            |trial| {
                let uplink = model::settings::Uplink {
                    rate_per_s: 1.0,
                    pace: model::settings::Pace::Constant,
                    payload_bytes: 10,
                    to: UplinkTo::Application,
                };
                trial.record.settings.uplink = Some(uplink);
                let sample = trial.samples["delivery"].clone();
                trial.samples.insert("uplink".to_owned(), sample);
            },
        )
    };
    let (verdict, why) = judged(vec![sends(0)], &must(&late("at_most = 33")));
    assert!(verdict == Verdict::NotMeasurableHere && why.contains("1.98 ms, measured once"), "{why}");
    let (verdict, why) = judged(vec![sends(0), sends(1)], &must(&late("at_most = 33")));
    assert!(verdict == Verdict::Holds && why.contains("1.98 ms"), "{why}");
}

#[test]
fn limit_applies_where_its_rule_does_not_hold() {
    let musts = must(&requests("at_least = 1"));
    let (verdict, why) = judged(both(), &format!("{musts}{}", limit(&requests("at_most = 0"))));
    assert_eq!((verdict, why.as_str()), (Verdict::HoldsWithALimit, "not in the rain (1)"));
    assert_eq!(judged(both(), &format!("{musts}{}", limit(&requests("at_most = 1")))).0, Verdict::Holds);
}

#[test]
fn one_thing_that_must_be_and_is_not_decides_whatever_is_open() {
    let [yes, no, open] = [
        requests("at_least = 1"),
        requests("at_most = 0"),
        "{ from = \"nothing\", why = \"nobody knows\" }".to_owned(),
    ];
    for (musts, limits, verdict) in [
        (vec![&yes, &yes], vec![&yes], Verdict::Holds),
        (vec![&yes], vec![&yes, &no], Verdict::HoldsWithALimit),
        (vec![&no, &open], vec![&no], Verdict::Fails),
        (vec![&yes, &open], vec![], Verdict::NotMeasurableHere),
        (vec![&yes], vec![&no, &open], Verdict::NotMeasurableHere),
    ] {
        let musts = musts.into_iter().map(|rule| must(rule));
        let rules: String = musts.chain(limits.into_iter().map(|rule| limit(rule))).collect();
        assert_eq!(judged(both(), &rules).0, verdict, "{rules}");
    }
}

#[test]
fn what_a_subscriber_takes_is_asked_of_each_trial() {
    let takes = |what: &str, bounds: &str| {
        must(&format!(
            "{{ from = \"subscriber\", takes = \"{what}\", {bounds}, at = {{ technique = \"poll\" }} }}"
        ))
    };
    assert_eq!(judged(both(), &takes("connections", "at_least = 1, at_most = 1")).1, "all: 1");
    assert_eq!(judged(both(), &takes("servers", "at_most = 1")).0, Verdict::Holds);
    assert_eq!(
        judged(both(), &takes("memory", "at_most = 9")).0,
        Verdict::NotMeasurableHere,
        "it was not read"
    );
    let mut broken = both();
    broken[2] = broken[2].clone().measured(|outcome| outcome.counts.connections = 20);
    let (verdict, why) = judged(broken, &takes("connections", "at_least = 1, at_most = 1"));
    assert_eq!((verdict, why.as_str()), (Verdict::Fails, "not so: all (1 to 2)"));
}

#[test]
fn failed_trials_are_not_complete() {
    let rule = must("{ from = \"complete\", at = { technique = \"poll\" } }");
    assert_eq!(judged(both(), &rule).1, "all: 3 of 3 trials complete");
    let mut failed = both();
    let failure = Failure { side: Side::Server, reason: "it ended".to_owned() };
    failed[0] = failed[0].clone().with(|trial| trial.record.result = TrialResult::Failed(failure));
    assert_eq!(judged(failed, &rule).1, "not so: all (2 of 3 trials complete)");
    let elsewhere = must("{ from = \"complete\", at = { scenario = \"t\", technique = \"poll\" } }");
    assert_eq!(judged(both(), &elsewhere).1, "open: all (t was not measured)");
}

/// A figure, a ratio, and completeness; of a scenario that is named or not.
fn rules_of(scenario: &str) -> [String; 3] {
    let at = |slug: &str| format!("{{ {scenario}technique = \"{slug}\" }}");
    [
        format!(
            "{{ from = \"figure\", at_least = 80, measure = {{ from = \"trials\", at = {}, layers = [\"payload\"], per = \"event\" }} }}",
            at("push")
        ),
        format!("{{ from = \"complete\", at = {} }}", at("push")),
        format!(
            "{{ from = \"ratio\", figure = \"cpu\", of = {}, to = {}, at_least = 2 }}",
            at("poll"),
            at("push")
        ),
    ]
}

#[test]
fn posted_events_and_the_few_subscribers_beside_a_browser_decide_only_claims_that_name_their_scenario() {
    let posted = |trial: Trial| trial.with(|trial| trial.record.settings.publisher = Publisher::Post);
    let limited = |trial: Trial| trial.at("client", "native");
    for change in [posted as fn(Trial) -> Trial, limited] {
        let trials: Vec<Trial> = both().into_iter().map(change).collect();
        for rule in rules_of("") {
            assert_eq!(judged(trials.clone(), &must(&rule)).0, Verdict::NotMeasurableHere, "{rule}");
        }
        for rule in rules_of("scenario = \"s\", ") {
            assert_eq!(judged(trials.clone(), &must(&rule)).0, Verdict::Holds, "{rule}");
        }
    }
}

#[test]
fn trials_of_others_decide_no_claim() {
    let [_, complete, _] = rules_of("scenario = \"s\", ");
    let theirs =
        both().into_iter().map(|trial| trial.with(|it| it.record.key.target = Some("node".to_owned())));
    assert_eq!(judged(theirs.collect(), &must(&complete)).0, Verdict::NotMeasurableHere);
}

#[test]
fn every_browser_must_have_taken_part_by_each_technique() {
    let all = must("{ from = \"browsers\" }");
    let named = must("{ from = \"browsers\", techniques = [\"push\"] }");
    assert_eq!(judged(by(&ALL), &all).0, Verdict::Holds);
    let why = "open: all (Chromium: 2 of 2 trials complete; Firefox took no part)";
    assert_eq!(judged(by(&ALL[..2]), &all), (Verdict::NotMeasurableHere, why.to_owned()));
    let mut one = by(&ALL);
    one.retain(|trial| {
        trial.record.key.technique == "push" || trial.record.settings.client != Client::Firefox
    });
    assert_eq!(judged(one.clone(), &named).0, Verdict::Holds);
    let (verdict, why) = judged(one, &all);
    assert!(
        verdict == Verdict::NotMeasurableHere
            && why.contains("Firefox: 1 of 1 trials complete, and none by Polling"),
        "{why}"
    );
    let mut failed = by(&ALL);
    let failure = Failure { side: Side::Load, reason: "the page is gone".to_owned() };
    failed[5] = failed[5].clone().with(|trial| trial.record.result = TrialResult::Failed(failure));
    let (verdict, why) = judged(failed, &all);
    assert!(verdict == Verdict::Fails && why.contains("Firefox: 1 of 2 trials complete"), "{why}");
}

fn close_case(code: u16, client: Client, conforms: bool) -> CloseCase {
    let close = SeenEvent::Close { code, reason: String::new(), clean: true };
    CloseCase {
        code,
        situation: "somebody closes".to_owned(),
        real: true,
        by: Peer::Server,
        sent: None,
        client,
        events: vec![SeenEvent::Open, SeenEvent::Error, close],
        conforms,
    }
}

/// Codes 1000, 1006 (which Firefox ends otherwise) and 1011.
fn close_cases(clients: &[Client]) -> CloseCases {
    let cases = |client: &Client| {
        [1_000, 1_006, 1_011]
            .map(|code| close_case(code, *client, (code, *client) != (1_006, Client::Firefox)))
    };
    CloseCases {
        schema_version: model::SCHEMA_VERSION,
        clients: clients.to_vec(),
        close_cases: clients.iter().flat_map(cases).collect(),
    }
}

#[test]
fn close_codes_are_judged_when_every_client_tried_them() {
    let with = |clients: &[Client], rule: &str| {
        let judged = judged_in(both(), |run| run.close_cases = Some(close_cases(clients)), &must(rule));
        (judged.verdict, judged.because.join("; "))
    };
    let codes = |codes: &str| format!("{{ from = \"close-cases\", codes = {codes} }}");
    let events = "{ from = \"events\", events = [\"open\", \"error\", \"close\"] }";
    let open = Verdict::NotMeasurableHere;
    for (clients, rule, verdict, because) in [
        (&ALL[..], codes("[1000, 1011]"), Verdict::Holds, "6 of 6 observations"),
        (&ALL, codes("[1000, 1006]"), Verdict::Fails, "not so: all (5 of 6 observations)"),
        (&ALL, codes("[1000, 1002]"), open, "not tried: 1002"),
        (&ALL[..1], codes("[1000]"), open, "Chromium took no part"),
        (&ALL[1..], codes("[1000]"), open, "pushbench's client took no part"),
        (&ALL, events.to_owned(), Verdict::Holds, "all were seen"),
        (&ALL[..2], events.to_owned(), open, "Firefox took no part"),
        (&ALL, events.replace("open", "message"), Verdict::Fails, "pushbench's client saw no message"),
    ] {
        let (found, why) = with(clients, &rule);
        assert!(found == verdict && why.contains(because), "{rule}: {found:?}, {why}");
    }
    let untried = judged(both(), &must(&codes("[1000]")));
    assert!(untried.1.contains("the ways of ending were not tried"), "{}", untried.1);
    let lacks_one = |run: &mut Run| {
        let mut cases = close_cases(&ALL);
        cases.close_cases.retain(|case| case.client != Client::Firefox || case.code != 1_011);
        run.close_cases = Some(cases);
    };
    let judged = judged_in(both(), lacks_one, &must(&codes("[1000, 1011]")));
    assert!(judged.because.join("; ").contains("1011 was not tried with Firefox"), "{judged:?}");
}

#[test]
fn newest_text_of_a_claim_is_judged_and_one_that_cannot_be_read_says_why() {
    let claim = |text: &str| ClaimInfo { id: "C0".to_owned(), text: text.to_owned() };
    let trials = both();
    let text = |what: &str| {
        format!(
            "id = \"C0\"\nclaim = \"{what}\"\nhow = \"h\"\nscenarios = [\"s\"]\n{}",
            must(&requests("at_least = 1"))
        )
    };
    let [mut older, mut newer] = [run(1, &trials), run(2, &trials)];
    older.manifest.claims.push(claim(&text("old")));
    newer.manifest.claims.push(claim(&text("new")));
    let evidence = Evidence::of(vec![older, newer], vec![trials.clone(), trials.clone()]);
    let found = judge(&evidence);
    assert_eq!((found.len(), found[0].claim.as_str(), found[0].verdict), (1, "new", Verdict::Holds));
    let unreadable = judged_in(trials, |run| run.manifest.claims[0].text = "id = 9".to_owned(), "");
    assert!(unreadable.error.is_some_and(|error| error.contains("C0 does not describe a claim")));
}
