//! What real servers do, one oddity each, and what must come of it: whole trials of three subscribers and seven events.
//!
//! A row is a server that is ordinary but for what its script says, and the outcome by the standard that it names.

mod rows;
mod server;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use loadgen::subscriber::{http_streaming, polling, socketio, websocket};
use loadgen::trial::{self, Subscribe};
use model::settings::{
    Events, HeaderProfile, Http, Pace, Phases, Publisher, Settings, SocketIo, SocketIoTransports, Subscribers,
};
use model::target::{Publish, PublishRequest, Resumes, Subscription, Success};
use model::trial::{ServerSpec, TargetSpec, TrialOutcome, TrialSpec};
use model::warning::Warning;
use rows::{ALL, DELIVERIES, EVENTS, Expected, Row, SSE, SUBSCRIBERS, Subscriber, row};
use server::{HangUp, Script};

const MS: u64 = 1_000_000;
const PAYLOAD: u32 = 100;

/// The outcome, or the failure with its causes.
fn run(row: &Row) -> Result<TrialOutcome, String> {
    run_at(server::start(row.script).0, row)
}

fn run_at(address: SocketAddr, row: &Row) -> Result<TrialOutcome, String> {
    let settings = Settings {
        publisher: Publisher::Post,
        events: Events {
            rate_per_s: 100.0,
            pace: Pace::Constant,
            payload_bytes: PAYLOAD,
            payload: row.payload,
        },
        subscribers: Subscribers { count: SUBSCRIBERS, channels: row.channels, added_delay_ns: 0 },
        phases: Phases { warm_up_ns: 0, window_ns: EVENTS * 10 * MS, drain_ns: 3_000 * MS },
        socketio: SocketIo { transports: SocketIoTransports::Websocket },
        http: Http { headers: HeaderProfile::Browser, keep_alive: true, unbuffered: false },
        ..Settings::default()
    };
    let (resumes, path) = match row.subscriber {
        Subscriber::Sse => (Resumes::LastEventId, "/sub?channel={channel}"),
        Subscriber::LongPolling => (Resumes::Query, "/sub?channel={channel}&after={after}"),
        Subscriber::Ndjson | Subscriber::WebSocket | Subscriber::SocketIo => {
            (Resumes::None, "/sub?channel={channel}")
        }
    };
    let subscription = Subscription { resumes, connected: row.connected, ..Subscription::at(path) };
    let publish = Publish::Request(PublishRequest {
        path: "/publish?channel={channel}".to_owned(),
        success: Success { lacks: row.lacks.map(str::to_owned), ..Success::default() },
        ..PublishRequest::own()
    });
    let target = Some(TargetSpec { further_pids: Vec::new(), publish, subscription, tls: None });
    let spec = TrialSpec { target, ..TrialSpec::new("", ServerSpec::at(address), settings) };
    let subscribe: Subscribe = match row.subscriber {
        Subscriber::Sse => |session| Box::pin(http_streaming::sse(session)),
        Subscriber::Ndjson => |session| Box::pin(http_streaming::ndjson(session)),
        Subscriber::WebSocket => |session| Box::pin(websocket::subscribe(session)),
        Subscriber::LongPolling => |session| Box::pin(polling::long(session)),
        Subscriber::SocketIo => |session| Box::pin(socketio::subscribe(session)),
    };
    trial::run(&spec, subscribe).map_err(|error| {
        let causes = std::iter::successors(error.source(), |&error| error.source());
        causes.fold(error.to_string(), |chain, cause| format!("{chain}: {cause}"))
    })
}

/// What is not as the row expects.
fn mistake(row: &Row) -> Option<String> {
    let outcome = run(row);
    let wrong = match (&row.expected, &outcome) {
        (Expected::Fails(words), Err(reason)) => {
            (!reason.contains(words)).then(|| format!("fails with: {reason}"))
        }
        (Expected::Fails(_), Ok(outcome)) => Some(format!("does not fail: {:?}", outcome.counts)),
        (Expected::Complete { .. }, Err(reason)) => Some(format!("fails with: {reason}")),
        (Expected::Complete { reconnects, control }, Ok(outcome)) => {
            incomplete(outcome, *reconnects, *control)
        }
    };
    wrong.map(|wrong| format!("{}: {wrong}", row.oddity))
}

fn incomplete(outcome: &TrialOutcome, reconnects: u64, control: u64) -> Option<String> {
    let (counts, bytes) = (&outcome.counts, &outcome.bytes);
    let found = [counts.delivered, counts.lost, counts.duplicate, counts.reordered, counts.foreign];
    let payload = bytes.total.down.payload;
    if found != [DELIVERIES, 0, 0, 0, 0] {
        Some(format!("delivered, lost, duplicate, reordered, foreign are {found:?}"))
    } else if (counts.reconnects, outcome.control.messages) != (reconnects, control) {
        Some(format!("{} reconnects, control: {:?}", counts.reconnects, outcome.control))
    } else if bytes.total.down.wire() != bytes.socket_read {
        Some(format!("bytes without a layer: {bytes:?}"))
    } else if outcome.warnings.iter().any(|it| matches!(it, Warning::BytesDoNotAddUp { .. })) {
        Some(format!("bytes do not add up: {:?}", outcome.warnings))
    } else if bytes.total.down.compressed == 0 && payload != DELIVERIES * u64::from(PAYLOAD) {
        Some(format!("{payload} bytes of payload"))
    } else {
        None
    }
}

/// All rows at once, since each of them waits most of the time.
fn check(rows: &[Row]) {
    let mistakes: Vec<String> = thread::scope(|scope| {
        let trials: Vec<_> = rows.iter().map(|row| scope.spawn(|| mistake(row))).collect();
        trials.into_iter().filter_map(|trial| trial.join().expect("no panic")).collect()
    });
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
}

#[test]
fn odd_server_sent_events_come_to_what_the_standard_says() {
    check(&rows::server_sent_events());
}

#[test]
fn odd_streams_and_polls_are_read() {
    check(&rows::streams_and_polls());
}

#[test]
fn odd_handshakes_come_to_what_the_standard_says() {
    check(&rows::handshakes());
}

#[test]
fn odd_frames_are_read_and_messages_that_were_changed_are_found_out() {
    check(&rows::frames());
}

#[test]
fn odd_answers_to_posts_are_read() {
    check(&rows::answers_to_posts());
}

#[test]
fn a_server_that_ends_every_stream_at_once_is_asked_again_with_pauses() {
    let script = Script { first: "event: ping\ndata: 1\n\n", hang_up: HangUp::Streams, ..SSE };
    let (address, subscriptions) = server::start(script);
    let reason = run_at(address, &row("it ends streams", Subscriber::Sse, script, ALL)).unwrap_err();
    // In about three seconds, pauses that double from 50 ms allow six or seven to each of three subscribers.
    let count = subscriptions.load(Ordering::Relaxed);
    assert!((SUBSCRIBERS..=10 * SUBSCRIBERS).contains(&count), "{count} subscriptions: {reason}");
}

#[test]
fn a_server_that_takes_posts_more_slowly_than_they_are_due_is_reported_as_the_limit() {
    let script = Script { posted_after: Duration::from_millis(60), ..SSE };
    let outcome = run(&row("slow answers", Subscriber::Sse, script, ALL)).unwrap();
    let limit = outcome.warnings.iter().find_map(|warning| match warning {
        Warning::PublishingLimit { due_per_s, most_per_s } => Some((*due_per_s, *most_per_s)),
        _ => None,
    });
    let (due_per_s, most_per_s) = limit.expect("a warning");
    assert!(due_per_s == 100.0 && most_per_s < 17.0, "{most_per_s} of {due_per_s}");
    assert!(outcome.instrument.publish_call.unwrap().min_ns >= 59 * MS);
}
