//! How sessions end: the code and reason are read, whatever was in flight.

mod support;

use std::time::Duration;

use server_kit::Settings;
use server_kit::hub::SessionClose;
use server_kit::settings::Limits;
use server_kit::testing::{message, numbered};
use support::{close, frame, join, server, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

fn limited(limits: Limits) -> Settings {
    Settings { limits, ..Settings::default() }
}

#[tokio::test]
async fn a_stop_says_going_away() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    server.stop();
    peer.expect(close(1001, "going away")).await;
    peer.send(frame(0x88, &1001u16.to_be_bytes())).await;
    peer.stream.shutdown().await.unwrap();
    peer.expect_end().await;
    server.ended().await;
}

#[tokio::test]
async fn who_was_told_why_has_time_to_answer_before_the_connection_ends() {
    let limits = Limits { message_bytes: 1_000, ..Limits::default() };
    for (bytes, code) in [
        (text(b"hello"), 1008),
        (text(&[b'x'; 5_000]), 1009),
        (frame(0xc1, b"a"), 1002),
        (text(b"\xff\xfe"), 1007),
    ] {
        let server = server(limited(limits.clone())).await;
        let mut peer = join(&server, "/ws").await;
        peer.send(bytes).await;
        let said = peer.take(2).await;
        let said = peer.take(usize::from(said[1])).await;
        assert_eq!(said[..2], u16::to_be_bytes(code));
        let silent = timeout(Duration::from_millis(20), peer.stream.read(&mut [0])).await;
        assert!(silent.is_err(), "{code}: the connection ended before the client could close: {silent:?}");
        peer.send(frame(0x88, &said[..2])).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_long_for_a_client_that_does_not_answer() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    server.stop();
    peer.expect(close(1001, "going away")).await;
    server.ended().await;
}

#[tokio::test]
async fn a_dismissal_closes_all_sessions_of_now_with_its_code_and_reason() {
    let server = server(Settings::default()).await;
    let (one, two) = (join(&server, "/ws").await, join(&server, "/ws?channel=7").await);
    server.hub.dismiss(SessionClose { code: 1011, reason: "a reason".to_owned() }).unwrap();
    for mut peer in [one, two] {
        peer.expect(close(1011, "a reason")).await;
        peer.send(frame(0x88, &1011u16.to_be_bytes())).await;
        peer.expect_end().await;
    }
    let mut later = join(&server, "/ws").await;
    server.hub.dismiss(SessionClose { code: 4000, reason: String::new() }).unwrap();
    later.expect(close(4000, "")).await;
    later.expect_end().await;
}

#[tokio::test]
async fn a_code_that_is_never_sent_dismisses_nobody() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    server.hub.dismiss(SessionClose { code: 1006, reason: String::new() }).unwrap_err();
    server.until_waiting(1).await;
    server.publish("x");
    peer.expect([&[0x81, 48][..], numbered(1, "x").as_bytes()].concat()).await;
}

#[tokio::test]
async fn the_clients_close_is_answered_with_its_code() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    peer.send(frame(0x88, b"\x03\xe8bye")).await;
    peer.expect(close(1000, "bye")).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_1002() {
    let cases = [
        (&b"\x81\x01a"[..], "Received an unmasked frame from client"),
        (&frame(0xc1, b"a"), "Reserved bits are non-zero"),
        (&frame(0x80, b"a"), "Continue frame but nothing to continue"),
    ];
    for (bytes, reason) in cases {
        let server = server(Settings::default()).await;
        let mut peer = join(&server, "/ws").await;
        peer.send(bytes).await;
        peer.expect(close(1002, reason)).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_closed_with_1007() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    peer.send(text(b"\xff\xfe")).await;
    peer.expect(close(1007, "a text frame is not UTF-8")).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn what_is_not_a_message_is_closed_with_1008() {
    let server = server(Settings::default()).await;
    let mut peer = join(&server, "/ws").await;
    peer.send(text(b"hello")).await;
    peer.expect(close(1008, "not a message: a message of 5 bytes is too short to hold a stamp")).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009_though_it_is_still_coming() {
    let server = server(limited(Limits { message_bytes: 1_000, ..Limits::default() })).await;
    let whole = text(&vec![b'x'; 5_000_000]);
    let fragments = [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 600]), vec![0; 2_000_000]].concat();
    for (bytes, size) in [(whole, 5_000_000), (fragments, 1_200)] {
        let mut peer = join(&server, "/ws").await;
        peer.send(bytes).await;
        peer.expect(close(1009, &format!("a message of {size} bytes is over the limit of 1000"))).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn who_fell_out_of_the_window_is_closed_with_1013_and_what_it_missed() {
    let server = server(limited(Limits { replay_events: 2, ..Limits::default() })).await;
    for _ in 0..6 {
        server.publish("x");
    }
    let mut peer = join(&server, "/ws?after=1").await;
    peer.expect(close(1013, "too slow, missed 3")).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_so_once_it_does_and_delays_nobody() {
    let server = server(limited(Limits { replay_events: 8, ..Limits::default() })).await;
    let slow = join(&server, "/ws").await;
    let mut quick = join(&server, "/ws").await;
    // More than any socket buffer holds.
    let payload = "x".repeat(60_000);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect([&[0x81, 126, 0xea, 0x8f], numbered(seq, &payload).as_bytes()].concat()).await;
    }
    let received = slow.rest().await;
    let last = received[received.len() - 30..].escape_ascii().to_string();
    assert!(last.contains(r"\x03\xf5too slow, missed "), "{last}");
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused_and_one_that_closed_frees_its_place() {
    let server = server(limited(Limits { connections: 1, ..Limits::default() })).await;
    let mut first = join(&server, "/ws").await;
    let mut second = server.send(support::handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    second.expect("HTTP/1.1 503 Service Unavailable\r\n").await;
    first.send(frame(0x88, b"")).await;
    first.expect(b"\x88\0").await;
    first.expect_end().await;
    server.until_waiting(0).await;
    let mut third = join(&server, "/ws").await;
    third.send(text(&message("x"))).await;
    third.expect([&[0x81, 48][..], numbered(1, "x").as_bytes()].concat()).await;
}
