//! Theory beside measurement.

use model::byte_account::{Account, Layers};
use model::settings::{Pace, Settings};
use model::trial::{Observed, RecordedHead, TrialOutcome};
use report::theory_check::{Observer, observer, predicted, scenarios};
use report::{Evidence, Trial};

use crate::fixture::{With as _, evidence, trial};

/// One trial of 40 events, 20 a second after a warm-up of 1 s, so that all of its numbers have two digits.
fn measured(technique: &str, heads: Vec<RecordedHead>, bytes: impl Fn(u64) -> Account) -> Trial {
    let trial = trial("s", "push", 0).events(40, [0, 0], 1).measured(|outcome| {
        outcome.heads = heads;
        outcome.bytes.window = bytes(40);
    });
    trial.with(|trial| {
        trial.record.key.technique = technique.to_owned();
        trial.record.settings.events.rate_per_s = 20.0;
    })
}

/// 100 B of payload and the stamp's 47 in a frame of which theory knows all.
fn frames(beyond: u64) -> Trial {
    measured("websocket", Vec::new(), |events| Account {
        up: Layers::default(),
        down: Layers {
            payload: events * 100,
            stamp: events * 47,
            message_framing: events * 4 + beyond,
            ..Layers::default()
        },
    })
}

fn head() -> RecordedHead {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    RecordedHead {
        exchange: "poll".to_owned(),
        method: "GET".to_owned(),
        target: "/events?channel=0&after=0".to_owned(),
        request: vec![field("host", "a")],
        status: 200,
        response: vec![field("content-length", "148"), field("server", "b")],
    }
}

/// GET /events?channel=0&after=30 HTTP/1.1, host: a — and HTTP/1.1 200 OK, content-length: 148, server: b.
const REQUEST: u64 = 41 + 9 + 2;
const RESPONSE: u64 = 17 + 21 + 11 + 2;

fn polls(technique: &str) -> Trial {
    measured(technique, vec![head()], |events| Account {
        up: Layers { request_head: events * REQUEST, ..Layers::default() },
        down: Layers {
            payload: events * 100,
            stamp: events * 47,
            message_framing: events,
            response_head: events * RESPONSE,
            ..Layers::default()
        },
    })
}

/// Up, down, whether they are fixed, whether they are equal, whether TLS records were shared.
fn said(trial: Trial) -> Option<([f64; 2], [bool; 3])> {
    let evidence = evidence(vec![trial]);
    let said = predicted(&evidence, &evidence.points[0])?;
    Some((said.predicted, [said.exact, said.is_equal(), said.shares_records]))
}

#[test]
fn what_is_fixed_and_measured_is_equal_to_the_byte() {
    assert_eq!(said(frames(0)), Some(([0.0, 151.0], [true, true, false])));
    let bytes = [REQUEST as f64, (148 + RESPONSE) as f64];
    assert_eq!(said(polls("long-polling")), Some((bytes, [true, true, false])));
    assert_eq!(said(frames(1)).map(|(_, is)| is), Some([true, false, false]));
}

#[test]
fn scenarios_count_what_is_fixed_and_name_what_is_not_equal() {
    let trials = |beyond| vec![frames(beyond), polls("long-polling")];
    let all = &scenarios(&evidence(trials(0)))[0];
    assert_eq!((all.points, all.exact, all.equal, all.worst), (2, 2, 2, None));
    let one = &scenarios(&evidence(trials(1)))[0];
    assert_eq!((one.exact, one.equal, one.unequal.as_slice()), (2, 1, &[("websocket".to_owned(), 1.0)][..]));
}

fn count_records(settings: &mut Settings, outcome: &mut TrialOutcome, records: u64) {
    (settings.transport.tls, outcome.bytes.window.down.tls_records) = (true, records * 22);
}

#[test]
fn what_chance_has_a_say_in_is_not_fixed() {
    type Change = fn(&mut Settings, &mut TrialOutcome);
    let changes: [(Change, [bool; 2]); 4] = [
        // A sign of life.
        (|_, outcome| outcome.bytes.window.down.control = 6, [false, false]),
        // Two events in each answer in the mean.
        (|_, outcome| outcome.counts.responses /= 2, [false, false]),
        // As many records as answers, which theory expects, and one less.
        (|settings, outcome| count_records(settings, outcome, 40), [true, false]),
        (|settings, outcome| count_records(settings, outcome, 39), [false, true]),
    ];
    let changed = |trial: Trial, change: Change| {
        let mut settings = trial.record.settings.clone();
        let trial = trial.measured(|outcome| change(&mut settings, outcome));
        said(trial.with(|trial| trial.record.settings = settings)).expect("theory knows it").1
    };
    for (change, [exact, shares]) in changes {
        let found = changed(frames(0), change);
        assert_eq!([found[0], found[2]], [exact, shares]);
    }
    // A poll's target names a number, whose digits are chance's with exponential gaps; a frame names none.
    let poisson: Change = |settings, _| settings.events.pace = Pace::Poisson;
    assert_eq!([polls("long-polling"), frames(0)].map(|trial| changed(trial, poisson)[0]), [false, true]);
}

#[test]
fn unknown_technique_unknown_head_and_two_way_traffic_are_passed_over() {
    let headless = polls("long-polling").measured(|outcome| outcome.heads.clear());
    let again = polls("long-polling").with(|trial| trial.record.settings.http.keep_alive = false);
    for trial in [headless, again, trial("s", "push", 0).events(10, [1, 1], 1)] {
        assert_eq!(said(trial), None);
    }
}

fn seen(beyond: i64, retransmitted: u64) -> Evidence {
    let trial = frames(0).measured(|outcome| outcome.bytes.total = outcome.bytes.window);
    let bytes = (40 * 151 + 52 * 100 + 16 * 3 + beyond) as u64;
    evidence(vec![trial.with(|trial| {
        trial.record.settings.observed = true;
        trial.record.observed = Some(Observed { packets: 100, bytes, retransmitted, connections: 3 });
    })])
}

#[test]
fn layers_and_headers_add_up_to_the_kernel_s_count() {
    for (beyond, retransmitted, equal, explained) in
        [(0, 0, 1, 0), (7, 0, 0, 0), (3_000, 2, 0, 1), (3_001, 2, 0, 0), (-1, 2, 0, 0)]
    {
        let found = observer(&seen(beyond, retransmitted));
        let bytes = (40 * 151 + 52 * 100 + 16 * 3 + beyond) as u64;
        assert_eq!(found, Observer { trials: 1, equal, explained, bytes, failed: 0 }, "{beyond}");
    }
}
