//! Claims and their verdicts: a rule, a little evidence, and what follows.

use model::close_case::{CloseCases, SeenEvent};
use model::manifest::FileInfo;
use model::settings::{Client, Pace, Publisher, Uplink, UplinkTo};
use model::trial::{Failure, Side, TrialResult};
use report::claims::{Judged, Verdict, judge};
use report::{Evidence, Run, Trial};

use crate::fixture::{With as _, close_case, close_cases, run, trial};

const ALL: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// A claim of the scenario `s` with these rules, judged over trials of it in a run that was changed.
fn judged_in(trials: Vec<Trial>, change: impl FnOnce(&mut Run), rules: &str) -> Judged {
    let text = format!(
        "id = \"C0\"\nclaim = \"It is so.\"\nsource = \"they\"\nhow = \"h\"\nscenarios = [\"s\"]\n{rules}"
    );
    let mut run = run(1, &trials);
    run.manifest.claims.push(FileInfo { id: "C0".to_owned(), text });
    change(&mut run);
    judge(&Evidence::of(vec![run], vec![trials])).remove(0)
}

/// The verdict, and what decided it.
fn judged(trials: Vec<Trial>, rules: &str) -> (Verdict, String) {
    let judged = judged_in(trials, |_| (), rules);
    (judged.verdict, judged.because.join("; "))
}

/// The verdict is this, and `because` is in what decided it.
#[track_caller]
fn assert_judged(trials: Vec<Trial>, rules: &str, verdict: Verdict, because: &str) {
    let (found, why) = judged(trials, rules);
    assert!(found == verdict && why.contains(because), "{rules}: {found:?}, {why}");
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
        assert_judged(both(), &rules, verdict, because);
    }
}

#[test]
fn what_was_measured_once_decides_bytes_and_not_time() {
    let open = (Verdict::NotMeasurableHere, "open: all (3.40 ×, measured once)".to_owned());
    assert_eq!(judged(first_block(), &must(&ratio("cpu", "at_least = 2"))), open);
    assert_eq!(judged(first_block(), &must(&ratio("bytes", "at_least = 2"))).0, Verdict::Holds);
    let late = must(
        "{ from = \"figure\", at_most = 33, measure = { from = \"figure\", figure = \"uplink-p99\", at = { technique = \"push\" } } }",
    );
    let sends = |block: u32| {
        trial("s", "push", block).events(10, [80, 20], 1).latencies((1..=2_000).map(|ns| ns * 1_000)).with(
            |trial| {
                let to = UplinkTo::Application;
                let uplink = Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 10, to };
                trial.record.settings.uplink = Some(uplink);
                let sample = trial.samples["delivery"].clone();
                trial.samples.insert("uplink".to_owned(), sample);
            },
        )
    };
    assert_judged(vec![sends(0)], &late, Verdict::NotMeasurableHere, "1.98 ms, measured once");
    assert_judged(vec![sends(0), sends(1)], &late, Verdict::Holds, "1.98 ms");
}

#[test]
fn limit_applies_where_its_rule_does_not_hold() {
    let musts = must(&requests("at_least = 1"));
    let with = |bound: &str| format!("{musts}{}", limit(&requests(bound)));
    let limited = (Verdict::HoldsWithALimit, "not in the rain (1)".to_owned());
    assert_eq!(judged(both(), &with("at_most = 0")), limited);
    assert_judged(both(), &with("at_most = 1"), Verdict::Holds, "");
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
    let one = takes("connections", "at_least = 1, at_most = 1");
    assert_eq!(judged(both(), &one).1, "all: 1");
    assert_judged(both(), &takes("servers", "at_most = 1"), Verdict::Holds, "");
    // It was not read.
    assert_judged(both(), &takes("memory", "at_most = 9"), Verdict::NotMeasurableHere, "");
    let mut broken = both();
    broken[2] = broken[2].clone().measured(|outcome| outcome.counts.connections = 20);
    assert_eq!(judged(broken, &one), (Verdict::Fails, "not so: all (1 to 2)".to_owned()));
}

/// These trials, of which this one failed.
fn failing(mut trials: Vec<Trial>, place: usize) -> Vec<Trial> {
    let failure = Failure { side: Side::Server, reason: "it ended".to_owned() };
    trials[place].record.result = TrialResult::Failed(failure);
    trials
}

#[test]
fn failed_trials_are_not_complete() {
    let rule = must("{ from = \"complete\", at = { technique = \"poll\" } }");
    assert_eq!(judged(both(), &rule).1, "all: 3 of 3 trials complete");
    assert_eq!(judged(failing(both(), 0), &rule).1, "not so: all (2 of 3 trials complete)");
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
    let open = "Firefox: 1 of 1 trials complete, and none by Polling";
    assert_judged(one, &all, Verdict::NotMeasurableHere, open);
    assert_judged(failing(by(&ALL), 5), &all, Verdict::Fails, "Firefox: 1 of 2 trials complete");
}

/// Codes 1000, 1006 (which Firefox ends otherwise) and 1011.
fn tried_by(clients: &[Client]) -> CloseCases {
    let seen = [SeenEvent::Open, SeenEvent::Error];
    let case = |code, client| close_case(code, client, (code, client) != (1_006, Client::Firefox), &seen);
    let cases = |client: &Client| [1_000, 1_006, 1_011].map(|code| case(code, *client));
    close_cases(clients, clients.iter().flat_map(cases).collect())
}

#[test]
fn close_codes_are_judged_when_every_client_tried_them() {
    let with = |clients: &[Client], rule: &str| {
        let judged = judged_in(both(), |run| run.close_cases = Some(tried_by(clients)), &must(rule));
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
        let mut cases = tried_by(&ALL);
        cases.close_cases.retain(|case| case.client != Client::Firefox || case.code != 1_011);
        run.close_cases = Some(cases);
    };
    let judged = judged_in(both(), lacks_one, &must(&codes("[1000, 1011]")));
    assert!(judged.because.join("; ").contains("1011 was not tried with Firefox"), "{judged:?}");
}

#[test]
fn newest_text_of_a_claim_is_judged_and_one_that_cannot_be_read_says_why() {
    let claim = |text: &str| FileInfo { id: "C0".to_owned(), text: text.to_owned() };
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
