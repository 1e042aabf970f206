//! Literal bytes to the raw TCP server and back.

use std::time::Duration;

use protocol::frame;
use server_kit::Settings;
use server_kit::settings::{LagPolicy, Limits, UplinkTo};
use server_kit::testing::{Running, message, numbered, start};
use server_raw_tcp::{encode, serve};
use tokio::time::timeout;

async fn server(settings: Settings) -> Running {
    start(encode, settings, serve).await
}

fn limited(limits: Limits) -> Settings {
    Settings { limits, ..Settings::default() }
}

#[tokio::test]
async fn an_event_is_four_bytes_of_length_and_the_message() {
    let server = server(Settings::default()).await;
    server.publish("one");
    let mut peer = server.send(b"\0\0\0\x11channel=0&after=0").await;
    peer.expect(b"\0\0\0\x32[\"0000000100000000000000010000000000000002\",\"one\"]").await;
    server.publish("two");
    peer.expect(frame::encode(numbered(2, "two").as_bytes())).await;
}

#[tokio::test]
async fn many_events_that_wait_come_in_order() {
    let server = server(Settings::default()).await;
    let payload = "x".repeat(1_000);
    let mut expected = Vec::new();
    for seq in 1..=500 {
        server.publish(&payload);
        expected.extend_from_slice(&frame::encode(numbered(seq, &payload).as_bytes()));
    }
    server.send(frame::encode(b"channel=0&after=0")).await.expect(expected).await;
}

#[tokio::test]
async fn a_fresh_subscriber_is_greeted_and_resumes_behind_its_position() {
    let server = server(Settings { greeting: true, ..Settings::default() }).await;
    server.publish("missed");
    let mut peer = server.send(frame::encode(b"channel=0")).await;
    peer.expect(b"\0\0\0\x5c[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",").await;
    let mut resumed = server.send(frame::encode(b"channel=0&after=0")).await;
    resumed.expect(frame::encode(numbered(1, "missed").as_bytes())).await;
}

#[tokio::test]
async fn a_clients_message_goes_to_its_channel_itself_included() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(frame::encode(b"channel=0&after=0")).await;
    peer.send(frame::encode(&message("up"))).await;
    peer.expect(frame::encode(numbered(1, "up").as_bytes())).await;
}

#[tokio::test]
async fn a_clients_message_to_the_application_is_not_published() {
    let server = server(Settings { uplink: UplinkTo::Application, ..Settings::default() }).await;
    let mut peer = server.send(frame::encode(b"channel=0&after=0")).await;
    peer.send(frame::encode(&message("up"))).await;
    while server.hub.undelivered() == 0 {
        tokio::task::yield_now().await;
    }
    server.publish("first");
    peer.expect(frame::encode(numbered(1, "first").as_bytes())).await;
}

#[tokio::test]
async fn who_is_not_understood_is_told_why() {
    let server = server(Settings::default()).await;
    let cases = [
        (frame::encode(b"after=soon"), "the hello is not a query of channel and after"),
        (
            frame::encode(b"channel=5000"),
            "there is no channel 5000: this server's are numbered from 0 to 1023",
        ),
        (
            [frame::encode(b""), frame::encode(b"hm")].concat().into(),
            "not a message: a message of 2 bytes is too short to hold a stamp",
        ),
        (
            [&frame::encode(b"")[..], b"\0\x01\0\x01"].concat().into(),
            "a frame of 65537 bytes is over the limit of 65536",
        ),
    ];
    for (bytes, reason) in cases {
        let mut peer = server.send(bytes).await;
        peer.expect(frame::encode(format!(r#"{{"error":"{reason}"}}"#).as_bytes())).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_subscriber_that_was_away_too_long_is_told_what_it_missed() {
    let server = server(limited(Limits { replay_events: 2, ..Limits::default() })).await;
    for _ in 0..6 {
        server.publish("x");
    }
    let mut peer = server.send(frame::encode(b"after=1")).await;
    peer.expect(b"\0\0\0\x1f{\"error\":\"too slow\",\"missed\":3}").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_so_once_it_does_and_delays_nobody() {
    let server = server(limited(Limits { replay_events: 8, ..Limits::default() })).await;
    let slow = server.send(frame::encode(b"channel=0")).await;
    let mut quick = server.send(frame::encode(b"channel=0")).await;
    server.until_waiting(2).await;
    // More than any socket buffer holds.
    let payload = "x".repeat(60_000);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect(frame::encode(numbered(seq, &payload).as_bytes())).await;
    }
    let received = slow.rest().await;
    let last = received[received.len() - 40..].escape_ascii().to_string();
    assert!(last.contains(r#"{\"error\":\"too slow\",\"missed\":"#), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_everybody_gets_everything_once_and_in_order() {
    let server = server(Settings::default()).await;
    let expected: Vec<u8> = (1..=500).flat_map(|seq| frame::encode(numbered(seq, "x").as_bytes())).collect();
    let mut reading = Vec::new();
    for _ in 0..20 {
        let mut peer = server.send(frame::encode(b"channel=0&after=0")).await;
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
async fn a_subscriber_that_may_skip_goes_on_at_the_oldest_event() {
    let limits = Limits { replay_events: 1, ..Limits::default() };
    let server = server(Settings { limits, lag_policy: LagPolicy::Skip, ..Settings::default() }).await;
    for _ in 0..3 {
        server.publish("x");
    }
    let mut peer = server.send(frame::encode(b"after=1")).await;
    peer.expect(frame::encode(numbered(3, "x").as_bytes())).await;
    assert_eq!(server.hub.skipped(), 1);
}

#[tokio::test]
async fn a_client_that_does_not_say_hello_in_time_is_told_so() {
    let server = server(limited(Limits { idle: Duration::from_millis(50), ..Limits::default() })).await;
    let mut peer = server.connect().await;
    peer.expect(frame::encode(br#"{"error":"no hello came in time"}"#)).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_closed_at_once() {
    let server = server(limited(Limits { connections: 1, ..Limits::default() })).await;
    let _first = server.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
    server.connect().await.expect_end().await;
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let server = server(limited(Limits { connections: 1, ..Limits::default() })).await;
    let first = server.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
    drop(first);
    server.until_waiting(0).await;
    let _second = server.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
}

#[tokio::test]
async fn a_client_that_never_reads_again_loses_its_place() {
    let limits = Limits { connections: 1, idle: Duration::from_millis(500), ..Limits::default() };
    let server = server(limited(limits)).await;
    let _silent = server.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
    // More than any socket buffer holds.
    let payload = "x".repeat(60_000);
    for _ in 1..=200 {
        server.publish(&payload);
    }
    let admitted = async {
        // Over the limit a connection is closed at once, else there is nothing to read.
        while let Ok(_closed) =
            timeout(Duration::from_millis(50), server.connect().await.stream.peek(&mut [0])).await
        {}
    };
    timeout(Duration::from_secs(20), admitted).await.expect("the silent client's place is free");
}

#[tokio::test]
async fn a_stop_closes_every_connection() {
    let server = server(Settings::default()).await;
    // Accepted by the time that the later one waits.
    let silent = server.connect().await;
    let waiting = server.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
    server.stop();
    server.ended().await;
    waiting.expect_end().await;
    silent.expect_end().await;
}
