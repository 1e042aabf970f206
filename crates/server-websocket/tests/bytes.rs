//! Literal frames to the WebSocket server and back.

mod support;

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{Frames, LagPolicy, Limits};
use server_kit::testing::{DATE, message, numbered};
use support::{binary, frame, handshake, join, server, text};

#[tokio::test]
async fn the_handshake_is_the_one_of_the_standard() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    peer.expect(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\ndate: {DATE}\r\n\r\n"
    ))
    .await;
}

#[tokio::test]
async fn what_does_not_ask_for_websocket_is_told_to() {
    let server = server(Settings::default()).await;
    let good = handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==");
    let text = "this path speaks WebSocket, version 13\n";
    for (from, to) in [
        ("version: 13", "version: 8"),
        ("upgrade: websocket", "upgrade: h2c"),
        ("connection: Upgrade", "connection: x"),
    ] {
        let mut peer = server.send(good.replace(from, to)).await;
        peer.expect(format!(
            "HTTP/1.1 426 Upgrade Required\r\ncontent-type: text/plain\r\ncache-control: no-store\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\ncontent-length: 39\r\ndate: {DATE}\r\n\r\n{text}"
        ))
        .await;
    }
    let mut peer = server.send(handshake("/ws", "short")).await;
    peer.expect("HTTP/1.1 400 Bad Request\r\n").await;
}

#[tokio::test]
async fn an_event_is_an_unmasked_frame_of_the_opcode_that_is_set() {
    for (frames, first) in [(Frames::Text, 0x81), (Frames::Binary, 0x82)] {
        let server = server(Settings { frames, ..Settings::default() }).await;
        server.publish("one");
        let mut peer = join(&server, "/ws?channel=0&after=0").await;
        peer.expect([first, 50]).await;
        peer.expect("[\"0000000100000000000000010000000000000002\",\"one\"]").await;
        server.publish(&"x".repeat(200));
        peer.expect([first, 126, 0, 247]).await;
        peer.expect(numbered(2, &"x".repeat(200))).await;
    }
}

#[tokio::test]
async fn many_events_that_wait_come_in_order() {
    let server = server(Settings::default()).await;
    let mut expected = Vec::new();
    for seq in 1..=2_000 {
        server.publish("x");
        expected.extend_from_slice(&[0x81, 48]);
        expected.extend_from_slice(numbered(seq, "x").as_bytes());
    }
    join(&server, "/ws?after=0").await.expect(expected).await;
}

#[tokio::test]
async fn a_fresh_subscriber_is_greeted() {
    let server = server(Settings { greeting: true, ..Settings::default() }).await;
    server.publish("missed");
    let mut peer = join(&server, "/ws").await;
    peer.expect(b"\x81\x5c[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",").await;
}

#[tokio::test]
async fn a_clients_message_is_published_whatever_its_opcode_and_its_cut() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    peer.send(text(&message("a"))).await;
    peer.expect([&[0x81, 48][..], numbered(1, "a").as_bytes()].concat()).await;
    peer.send(binary(&message("b"))).await;
    peer.expect([&[0x81, 48][..], numbered(2, "b").as_bytes()].concat()).await;
    let whole = message("c");
    peer.send(frame(0x01, &whole[..10])).await;
    peer.send(frame(0x80, &whole[10..])).await;
    peer.expect([&[0x81, 48][..], numbered(3, "c").as_bytes()].concat()).await;
}

#[tokio::test]
async fn a_message_in_the_same_segment_as_the_handshake_is_taken() {
    let server = server(Settings::default()).await;
    let both = [handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==").as_bytes(), &text(&message("a"))].concat();
    let mut peer = server.send(both).await;
    support::expect_accepted(&mut peer).await;
    peer.expect([&[0x81, 48][..], numbered(1, "a").as_bytes()].concat()).await;
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    peer.send(frame(0x89, b"are you there")).await;
    peer.expect(b"\x8a\x0dare you there").await;
}

#[tokio::test]
async fn silence_is_broken_by_a_ping() {
    let server = server(Settings { heartbeat: Duration::from_millis(30), ..Settings::default() }).await;
    let mut peer = join(&server, "/ws").await;
    peer.expect(b"\x89\0\x89\0").await;
}

#[tokio::test]
async fn a_slow_client_that_may_skip_goes_on() {
    let limits = Limits { replay_events: 1, ..Limits::default() };
    let server = server(Settings { limits, lag_policy: LagPolicy::Skip, ..Settings::default() }).await;
    for _ in 0..3 {
        server.publish("x");
    }
    let mut peer = join(&server, "/ws?after=1").await;
    peer.expect([&[0x81, 48][..], numbered(3, "x").as_bytes()].concat()).await;
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let server = server(Settings::default()).await;
    let peer = join(&server, "/ws").await;
    server.until_waiting(1).await;
    drop(peer);
    server.until_waiting(0).await;
}
