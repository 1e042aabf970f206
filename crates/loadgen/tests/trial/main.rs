//! Whole trials against a small server of the test's own, which follows a script: lose, repeat, swap, cut; and the publisher
//! by itself, against a feed of the test's own.

mod publisher;
mod server;

use std::time::Instant;

use loadgen::subscriber;
use loadgen::trial::{self, TrialError};
use model::settings::{Events, Pace, Payload, Phases, Settings, Subscribers, Uplink, UplinkTo};
use model::trial::{ServerSpec, Side, TrialOutcome, TrialSpec};
use model::warning::Warning;
use server::{Content, Script, Server};

const MS: u64 = 1_000_000;
const SUBSCRIBERS: u64 = 5;

fn settings() -> Settings {
    Settings {
        events: Events { rate_per_s: 500.0, pace: Pace::Constant, payload_bytes: 40, payload: Payload::Chat },
        subscribers: Subscribers { count: SUBSCRIBERS as u32, channels: 1, added_delay_ns: 0 },
        phases: Phases { warm_up_ns: 100 * MS, window_ns: 400 * MS, drain_ns: 5_000 * MS },
        ..Settings::default()
    }
}

fn run(settings: Settings, script: Script) -> Result<TrialOutcome, TrialError> {
    run_trusting(None, settings, script)
}

fn run_trusting(
    certificate: Option<&str>,
    settings: Settings,
    script: Script,
) -> Result<TrialOutcome, TrialError> {
    let running = Server::start(script);
    let server = ServerSpec {
        certificate: certificate.map(str::to_owned),
        feed: running.feed.to_str().map(str::to_owned),
        pid: Some(std::process::id()),
        ..ServerSpec::at(running.address)
    };
    let spec = TrialSpec { seed: 9, ..TrialSpec::new("raw-tcp", server, settings) };
    trial::run(&spec, |session| Box::pin(subscriber::raw_tcp::subscribe(session)))
}

/// A constant schedule has exactly this many events in the window.
const EVENTS: u64 = 200;

#[test]
fn every_event_is_delivered_and_every_byte_has_its_layer() {
    let outcome = run(settings(), Script::default()).unwrap();
    let counts = &outcome.counts;
    assert_eq!((counts.published, counts.expected), (EVENTS, EVENTS * SUBSCRIBERS));
    assert_eq!((counts.delivered, counts.lost), (EVENTS * SUBSCRIBERS, 0));
    assert_eq!((counts.duplicate, counts.reordered, counts.reconnects), (0, 0, 0));
    assert_eq!(counts.connections, SUBSCRIBERS);
    for quantiles in [&outcome.delivery, &outcome.service] {
        assert_eq!(quantiles.as_ref().unwrap().count, EVENTS * SUBSCRIBERS);
    }
    assert!(outcome.delivery.unwrap().mean_ns >= outcome.service.unwrap().mean_ns);
    let bytes = &outcome.bytes;
    assert_eq!((bytes.total.down.wire(), bytes.total.up.wire()), (bytes.socket_read, bytes.socket_written));
    let (payload, stamp) = (bytes.window.down.payload, bytes.window.down.stamp);
    let events = counts.events_in_window;
    assert_eq!((payload, stamp), (events * 40, events * protocol::message::JSON_STAMP_LEN as u64));
    assert!(outcome.cost.elapsed_ns > 0 && outcome.cost.load_cpu_ns > 0);
    assert_eq!(outcome.warnings.iter().filter(|warning| matches!(warning, Warning::NotPinned)).count(), 1);
    let tags: Vec<&str> = outcome.histograms.keys().map(String::as_str).collect();
    assert_eq!(tags, ["delivery", "schedule-lag", "scheduling-delay-load", "service"]);
}

#[test]
fn what_is_lost_or_late_is_counted_for_each_subscriber() {
    let script = Script {
        deliver: |seq| match seq {
            100 | 120 => &[],
            121 => &[0, -1],
            _ => &[0],
        },
        ..Script::default()
    };
    let mut settings = settings();
    settings.phases.drain_ns = 200 * MS;
    let counts = run(settings, script).unwrap().counts;
    assert_eq!(counts.lost, SUBSCRIBERS, "an event that no subscriber received is lost at each of them");
    assert_eq!((counts.duplicate, counts.reordered), (0, SUBSCRIBERS));
    assert_eq!(counts.delivered + counts.lost, counts.expected);
}

#[test]
fn figures_of_a_server_that_sends_messages_again_are_refused() {
    for (deliver, expected) in [
        (
            (|seq| if seq == 110 { &[0, 0] } else { &[0] }) as fn(u64) -> &'static [i64],
            "5 of 1,000 deliveries",
        ),
        (|_| &[0, 0], "1,000 of 1,000 deliveries"),
    ] {
        let error = run(settings(), Script { deliver, ..Script::default() }).unwrap_err();
        assert_eq!(error.side(), Side::Server);
        assert_eq!(
            error.to_string(),
            format!("{expected} came again: the server sends messages more than once")
        );
    }
}

#[test]
fn a_server_that_changes_payloads_is_found_out_by_their_length_or_their_content() {
    for (content, expected) in [
        (
            Content::Longer,
            "1,000 of 1,000 messages came with another length, the first with a payload of 41 bytes",
        ),
        (Content::Garbled, "payloads came with another content"),
    ] {
        let error = run(settings(), Script { content, ..Script::default() }).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn a_subscriber_whose_connection_breaks_goes_on_where_it_was() {
    let outcome = run(settings(), Script { cut_at: Some(120), ..Script::default() }).unwrap();
    let counts = &outcome.counts;
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (0, 0, 0));
    assert_eq!((counts.reconnects, counts.connections), (SUBSCRIBERS, 2 * SUBSCRIBERS));
    assert!(outcome.warnings.contains(&Warning::Reconnects { count: SUBSCRIBERS }));
}

#[test]
fn messages_of_the_subscribers_are_expected_at_every_member_of_the_channel() {
    let mut settings = settings();
    settings.events.rate_per_s = 0.0;
    settings.uplink =
        Some(Uplink { rate_per_s: 50.0, pace: Pace::Constant, payload_bytes: 60, to: UplinkTo::Channel });
    let outcome = run(settings, Script::default()).unwrap();
    let counts = &outcome.counts;
    let all = 20 * SUBSCRIBERS;
    assert_eq!((counts.published, counts.uplink_due, counts.uplink_sent), (0, all, all));
    assert_eq!((counts.expected, counts.lost), (20 * SUBSCRIBERS * SUBSCRIBERS, 0));
    assert_eq!(outcome.instrument.schedule_lag.map(|lag| lag.count), Some(all));
}

#[test]
fn a_trial_with_greetings_begins_when_all_are_greeted() {
    let mut settings = settings();
    settings.greeting = true;
    let counts = run(settings, Script { greet: true, ..Script::default() }).unwrap().counts;
    assert_eq!((counts.greetings, counts.lost), (SUBSCRIBERS, 0));
    assert_eq!(counts.delivered, EVENTS * SUBSCRIBERS);
}

#[test]
fn a_server_that_goes_in_mid_trial_ends_it_with_the_reason() {
    let error = run(settings(), Script { leave_at: Some(80), ..Script::default() }).unwrap_err();
    assert_eq!(error.side(), Side::Server);
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(
        (error.to_string().as_str(), cause.as_deref()),
        ("the publisher gave up", Some("the server closed the feed"))
    );
}

#[test]
fn a_server_that_sends_something_else_than_messages_is_reported() {
    let error = run(settings(), Script { content: Content::Malformed, ..Script::default() }).unwrap_err();
    assert!(matches!(error, TrialError::Unreadable(1.., _)), "{error}");
}

#[test]
fn a_server_that_lets_all_subscribers_go_is_reported_with_its_words() {
    let mut settings = settings();
    settings.phases.drain_ns = 200 * MS;
    let script = Script { content: Content::Text(b"too slow"), ..Script::default() };
    let error = run(settings, script).unwrap_err();
    let expected = "nothing was delivered; the last error was: the server closed the session: too slow";
    assert_eq!((error.to_string().as_str(), error.side()), (expected, Side::Server));
}

#[test]
fn a_payload_that_cannot_be_made_and_a_feed_that_is_not_there_are_reported_at_once() {
    let mut impossible = settings();
    impossible.events.payload_bytes = loadgen::schedule::payload::SHORTEST_CHAT_BYTES - 1;
    let error = run(impossible, Script::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a chat payload of 39 bytes is too short: it takes 40 with an empty content"
    );

    let server = ServerSpec {
        feed: Some("/nowhere/feed".to_owned()),
        pid: Some(std::process::id()),
        ..ServerSpec::at(([127, 0, 0, 1], 1).into())
    };
    let spec = TrialSpec::new("", server, settings());
    let subscribe: trial::Subscribe = |session| Box::pin(subscriber::raw_tcp::subscribe(session));
    let error = trial::run(&spec, subscribe).unwrap_err();
    assert_eq!(error.to_string(), "connect to the feed /nowhere/feed");
    let server = ServerSpec { pid: Some(u32::MAX), ..spec.server.clone() };
    let error = trial::run(&TrialSpec { server, ..spec }, subscribe).unwrap_err();
    assert!(matches!(error, TrialError::ServerEnded(_)), "{error}");
}

#[test]
fn a_server_that_is_not_trusted_or_speaks_no_tls_fails_the_trial_long_before_the_connections_limit() {
    let mut settings = settings();
    settings.transport.tls = true;
    for (certificate, expected) in [
        (None, "the settings ask for TLS, and the server named no certificate"),
        (Some("no base64!"), "the server's certificate is not base64"),
    ] {
        let error = run_trusting(certificate, settings.clone(), Script::default()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.side()), (expected, Side::Server));
    }
    let begin = Instant::now();
    let error = run_trusting(Some("AQID"), settings, Script::default()).unwrap_err();
    assert!(begin.elapsed() < trial::CONNECT_LIMIT / 2, "{:?}", begin.elapsed());
    assert!(error.to_string().starts_with("0 of 5 subscribers are connected after "), "{error}");
    assert!(error.to_string().contains("the last error was: speak TLS: "), "{error}");
}

#[test]
fn what_it_took_to_connect_and_the_kernels_segments_are_in_the_outcome() {
    let outcome = run(settings(), Script::default()).unwrap();
    let set_up = &outcome.set_up;
    let hello = 4 + "channel=0&after=0".len() as u64;
    assert_eq!((set_up.subscribers, set_up.account.wire()), (SUBSCRIBERS, SUBSCRIBERS * hello));
    assert_eq!(set_up.elapsed.as_ref().map(|elapsed| elapsed.count), Some(SUBSCRIBERS));
    let (window, total) = (outcome.segments.window, outcome.segments.total);
    assert!(window.down.with_data > 0 && window.down.with_data < total.down.with_data);
    assert_eq!(total.up.with_data, SUBSCRIBERS, "a hello each");
    // A SYN of 60 bytes, then 52 each.
    assert_eq!(total.up.header_bytes, total.up.segments * 52 + SUBSCRIBERS * 8);
}
