//! Theory beside measurement.

use model::byte_account::{Account, Layers};
use model::settings::{Pace, Settings};
use model::trial::{RecordedHead, TrialOutcome, TrialResult};

use super::fixture::records::{Kind, six};
use super::fixture::runs::at;
use super::fixture::{Contestant, Run};
use super::{folder, report, section};

/// 100 B of payload and the stamp's 47 in a frame of which theory knows all.
fn frames(beyond: u64) -> Run {
    let frames = Contestant { slug: "websocket", ..six()[4] };
    let mut run = Run::new(&[frames]);
    run.scenario("plain", &[], "");
    measured(&mut run, &frames, Vec::new(), |events| Account {
        up: Layers::default(),
        down: Layers {
            payload: events * 100,
            stamp: events * 47,
            message_framing: events * 4 + beyond,
            ..Layers::default()
        },
    });
    run
}

/// A poll with heads of 49 and 57 bytes.
fn polls() -> Run {
    let polls = Contestant { slug: "long-polling", kind: Kind::Request, ..six()[1] };
    let mut run = Run::new(&[polls]);
    run.scenario("plain", &[], "");
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let head = RecordedHead {
        exchange: "poll".to_owned(),
        method: "GET".to_owned(),
        target: "/events?channel=0&after=0".to_owned(),
        request: vec![field("host", "a")],
        status: 200,
        response: vec![field("content-length", "148"), field("server", "b")],
    };
    // GET /events?channel=0&after=30 HTTP/1.1, host: a — and HTTP/1.1 200 OK, content-length: 148, server: b.
    let (request, response) = (41 + 9 + 2, 17 + 21 + 11 + 2);
    measured(&mut run, &polls, vec![head], |events| Account {
        up: Layers { request_head: events * request, ..Layers::default() },
        down: Layers {
            payload: events * 100,
            stamp: events * 47,
            message_framing: events,
            response_head: events * response,
            ..Layers::default()
        },
    });
    run
}

/// One trial at 20 events a second after a warm-up of 1 s, so that all of its numbers have two digits.
fn measured(
    run: &mut Run,
    contestant: &Contestant,
    heads: Vec<RecordedHead>,
    bytes: impl Fn(u64) -> Account,
) {
    let mut at = at("plain");
    at.settings.events.rate_per_s = 20.0;
    at.settings.phases.warm_up_ns = 1_000_000_000;
    run.trial(&at, 0, contestant, 0);
    let TrialResult::Complete(outcome) = &mut run.trials[0].0.result else {
        panic!("model loses nothing here")
    };
    outcome.heads = heads;
    outcome.counts.empty_responses = 0;
    outcome.counts.responses = outcome.counts.events_in_window;
    outcome.bytes.window = bytes(outcome.counts.events_in_window);
}

fn chart(root: &std::path::Path) -> String {
    std::fs::read_to_string(root.join("results/run/charts/bytes-plain.svg")).expect("chart is there")
}

#[test]
fn what_is_fixed_and_measured_is_equal_to_the_byte() {
    for (run, row) in [
        (frames(0), "| WebSocket | 0 | 151 | 0 | 151 | 0 | yes |"),
        (polls(), "| Long polling | 52.0 | 199 | 52.0 | 199 | 0 | yes |"),
    ] {
        let root = folder();
        let report = report(root.path(), &run);
        let theory = section(&report, "theory");
        assert!(theory.contains("| [plain](#scenario-plain) | 1 | 1 | 1 | 0 | 0 | – |"), "{theory}");
        assert!(theory.contains(row), "{theory}");
        assert!(
            report.contains("A thin mark across a bar is what the standards fix to the byte."),
            "{report}"
        );
    }
}

#[test]
fn one_byte_too_many_is_bold() {
    let root = folder();
    let report = report(root.path(), &frames(1));
    let theory = section(&report, "theory");
    assert!(theory.contains("| 1 | 1 | **0** | 0 | 0 | +0.00 % |"), "{theory}");
    assert!(theory.contains("| **+1 B in all** | yes |"), "{theory}");
}

#[test]
fn what_chance_has_a_say_in_is_not_fixed() {
    type Change = fn(&mut Settings, &mut TrialOutcome);
    let changes: [(Change, &str); 4] = [
        // A sign of life.
        (|_, outcome| outcome.bytes.window.down.control = 6, "no"),
        // Two events in each answer in the mean.
        (|_, outcome| outcome.counts.responses /= 2, "no"),
        // As many records as answers, which theory expects, and one less.
        (|settings, outcome| secure(settings, outcome, 0), "yes"),
        (|settings, outcome| secure(settings, outcome, 22), "no: shared TLS records"),
    ];
    for (change, expected) in changes {
        assert_eq!(fixed(frames(0), change), expected);
    }
    // A poll's target names a number, whose digits are chance's with exponential gaps; a frame names none.
    let poisson: Change = |settings, _| settings.events.pace = Pace::Poisson;
    assert_eq!([fixed(polls(), poisson), fixed(frames(0), poisson)], ["no", "yes"]);
}

fn secure(settings: &mut Settings, outcome: &mut TrialOutcome, less: u64) {
    settings.transport.tls = true;
    outcome.bytes.window.down.tls_records = outcome.counts.responses * 22 - less;
}

/// Whether the run's one row is said to be fixed to the byte.
fn fixed(mut run: Run, change: fn(&mut Settings, &mut TrialOutcome)) -> String {
    let (record, _) = &mut run.trials[0];
    let TrialResult::Complete(outcome) = &mut record.result else { panic!("model loses nothing here") };
    change(&mut record.settings, outcome);
    let root = folder();
    let report = report(root.path(), &run);
    let row = section(&report, "theory").lines().rfind(|line| line.starts_with("| ")).expect("row is there");
    row.trim_matches(['|', ' ']).rsplit(" | ").next().expect("cell is there").to_owned()
}

#[test]
fn unknown_technique_and_unknown_head_are_passed_over() {
    let root = folder();
    let mut run = polls();
    let TrialResult::Complete(outcome) = &mut run.trials[0].0.result else {
        panic!("model loses nothing here")
    };
    outcome.heads.clear();
    let text = report(root.path(), &run);
    assert!(section(&text, "theory").contains("Theory says nothing of the scenarios of this run"), "{text}");
    assert!(!chart(root.path()).contains("NaN") && !text.contains("A thin mark"), "{text}");
    let root = folder();
    let text = report(root.path(), &super::fixture::runs::small());
    assert!(section(&text, "theory").contains("Theory says nothing"), "{text}");
}

#[test]
fn rate_chart_has_a_thin_line_where_the_standards_fix_an_event_that_comes_alone() {
    let root = folder();
    let chart = |run: &Run| {
        let report = report(root.path(), run);
        let chart = std::fs::read_to_string(root.path().join("results/run/charts/rate-rates.svg"));
        (report, chart.expect("chart is there"))
    };
    let rates = |slug: &'static str| {
        let contestant = Contestant { slug, ..six()[4] };
        let mut run = Run::new(&[contestant]);
        run.scenario("rates", &["events.rate"], "");
        for rate in [1, 10, 100] {
            let mut at = at("rates");
            at.settings.events.rate_per_s = f64::from(rate);
            at.point = vec![("events.rate", format!("{rate}/s"))];
            run.trial(&at, 0, &contestant, 0);
        }
        run
    };
    let lines = |chart: &str| chart.matches("<polyline").count();
    let (known, with) = chart(&rates("websocket"));
    let (unknown, without) = chart(&rates("frames"));
    assert!(known.contains("Thin dashes are theory") && !unknown.contains("Thin dashes"), "{known}");
    // Dashes of ten pixels, from one end of the plot to the other.
    assert!(lines(&with) > lines(&without) + 50, "{} and {}", lines(&with), lines(&without));
}
