//! Literal bytes to the raw TCP server and back, on bare TCP and behind TLS.

use std::time::Duration;

use bytes::Bytes;
use protocol::frame;
use server_kit::Settings;
use server_kit::settings::{LagPolicy, Limits, UplinkTo};
use server_kit::tls::Resumption;
use server_raw_tcp::{encode, serve};
use test_support::exchange::*;
use test_support::exchanges;
use test_support::server::{
    LARGE, Running, admitting, behind_tls, greeting, idle_ms, limited, message, numbered, on_http2, plain,
    replaying, start,
};
use tokio::time::timeout;

async fn server(settings: Settings) -> Running {
    start(encode, settings, serve).await
}

/// The version of HTTP means nothing here, not even to ALPN.
fn tls() -> Settings {
    behind_tls(on_http2(plain()), Resumption::Off)
}

fn framed(text: impl AsRef<[u8]>) -> Bytes {
    frame::encode(text.as_ref())
}

/// An event as a frame.
fn event(seq: u64, payload: &str) -> Bytes {
    framed(numbered(seq, payload))
}

/// Publishes so many events of this payload, and joins behind the first; all of them come.
fn all_come(join: Step, count: u64, payload: &str) -> Step {
    let events: Vec<u8> = (1..=count).flat_map(|seq| event(seq, payload)).collect();
    all([publish_times(count as u32, payload), join, send(framed("channel=0&after=0")), expect(events)])
}

/// What a client that sent these bytes is rejected with.
fn rejection(bytes: impl AsRef<[u8]>, reason: &str) -> Step {
    all([open(bytes), expect(framed(format!(r#"{{"error":"{reason}"}}"#))), End])
}

exchanges! { server;
    an_event_is_four_bytes_of_length_and_the_message(plain()):
        publish("one"), open(b"\0\0\0\x11channel=0&after=0"),
        expect(b"\0\0\0\x32[\"0000000100000000000000010000000000000002\",\"one\"]"),
        publish("two"), expect(event(2, "two"));

    many_events_that_wait_come_in_order(plain()):
        all_come(connect(), 500, &"x".repeat(1_000));

    a_fresh_subscriber_is_greeted_and_resumes_behind_its_position(greeting()):
        publish("missed"), open(framed("channel=0")),
        expect(b"\0\0\0\x5c[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\","),
        open(framed("channel=0&after=0")), expect(event(1, "missed"));

    a_clients_message_goes_to_its_channel_itself_included(plain()):
        open(framed("channel=0&after=0")), send(framed(message("up"))), expect(event(1, "up"));

    a_client_that_is_not_understood_gets_the_reason(plain()):
        rejection(framed("after=soon"), "the hello is not a query of channel and after"),
        rejection(framed("channel=5000"), "there is no channel 5000: this server's are numbered from 0 to 1023"),
        rejection(
            [framed(""), framed("hm")].concat(),
            "not a message: a message of 2 bytes is too short to hold a stamp",
        ),
        rejection([&framed("")[..], b"\0\x01\0\x01"].concat(), "a frame of 65537 bytes is over the limit of 65536");

    a_subscriber_that_was_away_too_long_gets_what_it_missed(replaying(2)):
        publish_times(6, "x"), open(framed("after=1")),
        expect(b"\0\0\0\x1f{\"error\":\"too slow\",\"missed\":3}"), End;

    a_subscriber_that_may_skip_goes_on_at_the_oldest_event(
        Settings { lag_policy: LagPolicy::Skip, ..replaying(1) }
    ):
        publish_times(3, "x"), open(framed("after=1")), expect(event(3, "x")),
        Check(|server| assert_eq!(server.hub.skipped(), 1));

    a_client_that_does_not_say_hello_in_time_gets_the_reason(idle_ms(50)):
        rejection("", "no hello came in time");

    a_connection_over_the_limit_is_closed_at_once(admitting(1)):
        open(framed("channel=0")), Waiting(1), connect(), End;

    a_client_that_goes_away_frees_its_place(admitting(1)):
        open(framed("channel=0")), Waiting(1), Leave, Waiting(0), open(framed("channel=0")), Waiting(1);

    // The first is accepted by the time that the second waits.
    a_stop_closes_every_connection(plain()):
        connect(), open(framed("channel=0")), Waiting(1), Stop, Ended, End, On(0), End;

    events_go_down_and_messages_up_behind_tls(tls()):
        publish("one"), connect_tls(&[]), send(b"\0\0\0\x11channel=0&after=0"),
        expect(b"\0\0\0\x32[\"0000000100000000000000010000000000000002\",\"one\"]"),
        send(framed(message("up"))), expect(event(2, "up"));

    more_than_a_record_and_a_socket_hold_arrives_whole_and_in_order(tls()):
        all_come(connect_tls(&[]), 100, &"x".repeat(LARGE));

    // It ends with close_notify: an end without it is an error.
    a_client_that_is_not_understood_gets_the_reason_behind_tls(tls()):
        connect_tls(&[]), send(framed("after=soon")),
        expect(framed(r#"{"error":"the hello is not a query of channel and after"}"#)), End;

    a_stop_ends_the_connection_with_close_notify(tls()):
        connect_tls(&[]), send(framed("channel=0")), Waiting(1), Stop, End, Ended;
}

#[tokio::test]
async fn a_clients_message_to_the_application_is_not_published() {
    let server = server(Settings { uplink: UplinkTo::Application, ..plain() }).await;
    let mut peer = server.send(framed("channel=0&after=0")).await;
    peer.send(framed(message("up"))).await;
    while server.hub.undelivered() == 0 {
        tokio::task::yield_now().await;
    }
    server.publish("first");
    peer.expect(event(1, "first")).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_learns_it_once_it_does_and_delays_no_other() {
    let server = server(replaying(8)).await;
    let slow = server.send(framed("channel=0")).await;
    let mut quick = server.send(framed("channel=0")).await;
    server.until_waiting(2).await;
    let payload = "x".repeat(LARGE);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect(event(seq, &payload)).await;
    }
    let received = slow.rest().await;
    let last = received[received.len() - 40..].escape_ascii().to_string();
    assert!(last.contains(r#"{\"error\":\"too slow\",\"missed\":"#), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_everybody_gets_everything_once_and_in_order() {
    let server = server(plain()).await;
    let expected: Vec<u8> = (1..=500).flat_map(|seq| event(seq, "x")).collect();
    let mut reading = Vec::new();
    for _ in 0..20 {
        let mut peer = server.send(framed("channel=0&after=0")).await;
        let expected = expected.clone();
        reading.push(tokio::spawn(async move { peer.expect(expected).await }));
    }
    for _ in 0..500 {
        server.publish("x");
        tokio::task::yield_now().await;
    }
    for peer in reading {
        peer.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_never_reads_again_loses_its_place() {
    let limits = Limits { connections: 1, idle: Duration::from_millis(500), ..Limits::default() };
    let server = server(limited(limits)).await;
    let _silent = server.send(framed("channel=0")).await;
    server.until_waiting(1).await;
    server.publish_times(200, &"x".repeat(LARGE));
    let admitted = async {
        // Over the limit a connection is closed at once, else there is nothing to read.
        while let Ok(_closed) =
            timeout(Duration::from_millis(50), server.connect().await.stream.peek(&mut [0])).await
        {}
    };
    timeout(Duration::from_secs(20), admitted).await.expect("the silent client's place is free");
}

#[tokio::test]
async fn a_broken_record_ends_its_connection_and_is_counted() {
    let server = server(tls()).await;
    let mut peer = server.connect_tls(&[]).await;
    peer.send(framed("channel=0")).await;
    server.until_waiting(1).await;
    peer.send_broken_record().await;
    server.until_waiting(0).await;
    assert_eq!(server.until_rejected().await, "TLS: cannot decrypt peer's message");
}
