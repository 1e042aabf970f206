//! Every technique in both browsers, with nothing lost.

use browser::BrowserKind;
use model::byte_account::Account;
use model::trial::{TrialOutcome, TrialRecord, TrialResult};

use crate::browsers::installed;
use crate::browsers::left;
use crate::sandbox::Sandbox;

const TECHNIQUES: usize = 6;

/// Every subscriber sends to all, after a greeting.
const CHAT: &str = r#"
question = "Does a page hear what everybody says?"
reading = "It does, or it does not."
greeting = true
events.kind = "chat"
subscribers = { count = 3 }
uplink = { rate = "8/s", pace = "poisson", payload = "120 B" }
short_polling.interval = "100ms"
phases = { warm_up = "200ms", window = "800ms", drain = "10s" }
"#;

/// One way, each subscriber with a channel of its own.
const NEWS: &str = r#"
question = "Does everything reach a page?"
reading = "It is, or it is not."
events.rate = "20/s"
subscribers = { count = 4, channels = 4 }
short_polling.interval = "100ms"
phases = { warm_up = "200ms", window = "800ms", drain = "10s" }
"#;

/// Runs a scenario in `kind`, and returns the outcomes, all complete.
fn run(kind: BrowserKind, scenario: &str, more: &str) -> Vec<(String, TrialOutcome)> {
    let sandbox = Sandbox::new();
    sandbox.scenario("own", scenario);
    let arguments = "run --scenario own --repetitions 1 --no-report --no-browser-probe --client";
    sandbox.output(&format!("{arguments} {}{more}", kind.name())).expect(0, &[]);
    let outcomes = sandbox.records().into_iter().map(complete).collect();
    left::nothing_of(&sandbox);
    outcomes
}

fn complete(record: TrialRecord) -> (String, TrialOutcome) {
    match record.result {
        TrialResult::Complete(outcome) => (record.key.technique, *outcome),
        other => panic!("{}: {other:?}", record.key.technique),
    }
}

/// Asserts that every event arrived once and in order, with a known clock, and that no bytes are counted.
fn assert_complete((technique, outcome): &(String, TrialOutcome)) {
    let counts = &outcome.counts;
    assert!(counts.expected > 0 && counts.delivered == counts.expected, "{technique}: {counts:?}");
    let wrong = (counts.lost, counts.duplicate, counts.reordered, counts.reconnects);
    assert_eq!(wrong, (0, 0, 0, 0), "{technique}: {counts:?}");
    assert!(counts.responses > 0 && counts.events_in_window > 0, "{technique}: {counts:?}");
    assert_eq!(outcome.bytes.total, Account::default(), "{technique}");
    let clock = outcome.clock.as_ref().unwrap_or_else(|| panic!("{technique}: no clock"));
    assert!(clock.isolated && clock.exchanges > 0, "{technique}: {clock:?}");
    let delivery = outcome.delivery.as_ref().expect("latencies");
    assert_eq!(delivery.count, counts.delivered, "{technique}");
    assert!(outcome.cost.server_cpu_ns > 0, "{technique}");
}

fn chat(kind: BrowserKind) {
    let Some(_) = installed(kind) else { return };
    let outcomes = run(kind, CHAT, "");
    assert_eq!(outcomes.len(), TECHNIQUES);
    for outcome in &outcomes {
        assert_complete(outcome);
        let counts = &outcome.1.counts;
        assert!(counts.uplink_due > 0 && counts.uplink_sent == counts.uplink_due, "{outcome:?}");
        assert_eq!(counts.expected, 3 * counts.uplink_due, "the three in the room hear it");
        assert_eq!(counts.greetings, 3, "{outcome:?}");
    }
}

fn news(kind: BrowserKind) {
    let Some(_) = installed(kind) else { return };
    let outcomes = run(kind, NEWS, "");
    assert_eq!(outcomes.len(), TECHNIQUES);
    for outcome in &outcomes {
        assert_complete(outcome);
        let (technique, counts) = (&*outcome.0, &outcome.1.counts);
        match technique {
            // Four subscribers poll ten times a second in four fifths of one.
            "short-polling" => assert!(counts.requests >= 20, "{counts:?}"),
            "long-polling" => assert!(counts.requests > 0, "{counts:?}"),
            _ => assert_eq!(counts.requests, 0, "{technique}: {counts:?}"),
        }
    }
}

#[test]
fn everyone_in_a_chat_of_chromium_hears_everything_by_every_technique() {
    chat(BrowserKind::Chromium);
}

#[test]
fn everyone_in_a_chat_of_firefox_hears_everything_by_every_technique() {
    chat(BrowserKind::Firefox);
}

#[test]
fn everything_reaches_chromium_by_every_technique() {
    news(BrowserKind::Chromium);
}

#[test]
fn everything_reaches_firefox_by_every_technique() {
    news(BrowserKind::Firefox);
}

/// TLS with a certificate that nobody has signed; over HTTP/2, all subscribers share a connection.
#[test]
fn everything_reaches_a_page_over_tls() {
    const TLS: &str = "transport = { tls = true }\n";
    const HTTP_2: &str = "transport = { tls = true, http = \"2\", per_connection = 4 }\n";
    for kind in BrowserKind::ALL {
        let Some(_) = installed(kind) else { continue };
        for transport in [TLS, HTTP_2] {
            let techniques = " --technique long-polling --technique http-streaming-sse --technique websocket";
            let outcomes = run(kind, &format!("{transport}{NEWS}"), techniques);
            assert_eq!(outcomes.len(), 3, "{kind} {transport}");
            outcomes.iter().for_each(assert_complete);
        }
    }
}

#[test]
fn everything_reaches_a_page_by_each_transport_of_socket_io() {
    for kind in BrowserKind::ALL {
        let Some(_) = installed(kind) else { continue };
        for way in ["polling", "upgrade", "websocket"] {
            let scenario = format!("socketio.transports = \"{way}\"\n{CHAT}");
            let outcomes = run(kind, &scenario, " --technique socketio");
            assert_eq!(outcomes.len(), 1);
            assert_complete(&outcomes[0]);
            let polls = outcomes[0].1.counts.requests > 0;
            assert_eq!(polls, way == "polling", "{way}: {:?}", outcomes[0].1.counts);
        }
    }
}
