//! WebSocket from the start, and the upgrade to it.

use std::time::Duration;

use protocol::websocket;
use server_kit::Settings;
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http;
use test_support::server::{
    LARGE, Peer, admitting, heartbeat_ms, idle_ms, message, numbered, plain, replaying,
};
use test_support::websocket::{masked, text};
use tokio::io::AsyncReadExt as _;

use crate::{
    Polling, accepted, asks, connected, event, get, handshake, joined, messages_of, packet, probe, probed,
    server, unknown, wrong,
};

/// A close frame without a code: all that the library ever sends.
const CLOSED: &[u8] = b"\x88\0";

/// A session from the start that has joined with this `auth`.
fn joins(auth: &str) -> Step {
    let answer = all([expect(b"\x81\x1c40{\"sid\":\""), until("}")]);
    let begin = all([open(handshake(None)), expect(accepted()), until("}")]);
    all([begin, send(text(format!("40{auth}"))), answer])
}

/// A session that ends when the client sends this, and what comes first.
fn ends(said: impl AsRef<[u8]>, expected: &[u8]) -> Step {
    all([joins(""), Waiting(1), send(said), expect(expected), End, Waiting(0)])
}

exchanges! { server;
    a_handshake_without_its_fields_is_refused(plain()):
        open(handshake(None).replace("upgrade: websocket\r\n", "")),
        expect("HTTP/1.1 426 Upgrade Required\r\n"),
        open(handshake(None).replace("sec-websocket-key", "x-key")),
        expect("HTTP/1.1 400 Bad Request\r\n");

    an_unknown_session_is_not_upgraded(plain()):
        asks(handshake(Some("AAAAAAAAAAAAAAAA")), unknown()), asks(handshake(Some("short")), unknown());

    a_session_begins_with_what_the_server_keeps_to(plain()):
        open(handshake(None)), expect(accepted()), expect(b"\x81\x650{\"sid\":\""),
        until(r#"","upgrades":[],"pingInterval":15000,"pingTimeout":20000,"maxPayload":66560}"#);

    a_joins_answer_comes_before_what_it_resumes_behind(plain()):
        publish_times(5_000, "x"), joins(r#"{"after":1000}"#),
        all((1_001..=5_000).map(|seq| expect(packet(&event(numbered(seq, "x"))))));

    silence_is_broken_by_a_ping_and_a_client_that_answers_stays(heartbeat_ms(100)):
        joins(""), all((0..3).map(|_| all([expect(packet("2")), send(text("3"))])));

    what_is_not_the_protocol_ends_its_session(messages_of(1_000)):
        ends(text("zz"), CLOSED), ends(text(""), CLOSED), ends(text("6"), CLOSED),
        ends(text("4".repeat(3_001)), CLOSED), ends(masked(0x81, b"4\xff"), CLOSED),
        ends(text("4x"), b"\x81\x011\x88\0"), ends(masked(0x82, "not awaited"), b"\x81\x011\x88\0");

    a_client_leaves_by_a_close_packet_a_close_frame_or_not_at_all(plain()):
        ends(text("1"), CLOSED), ends(masked(0x88, ""), CLOSED),
        joins(""), Waiting(1), Leave, Waiting(0);

    a_stop_closes_every_session_joined_or_not_and_ends_at_once(plain()):
        joins(""), open(handshake(None)), expect(accepted()), until("}"), Stop,
        On(0), expect(b"\x81\x011\x88\0"), send(masked(0x88, "")), End, On(1), End, Ended;

    a_connection_over_the_limit_is_refused_and_a_session_that_ended_frees_its_place(admitting(1)):
        joins(""), open(handshake(None)), expect("HTTP/1.1 503 Service Unavailable\r\n"),
        On(0), send(text("1")), expect(CLOSED), End, Waiting(0), joins("");
}

/// Reads so many bytes at most.
async fn read_some(peer: &mut Peer, received: &mut Vec<u8>, most: usize) {
    let mut part = vec![0; most];
    let len = peer.stream.read(&mut part).await.expect("the server lives");
    assert!(len > 0, "the session is not over");
    received.extend_from_slice(&part[..len]);
}

/// Reads to the end of the subscription, which holds the reason.
async fn expect_too_slow(peer: &mut Peer, received: &mut Vec<u8>) {
    while !received.ends_with(&packet("41")) {
        read_some(peer, received, 64 * 1024).await;
    }
    let last = received[received.len() - 60..].escape_ascii().to_string();
    assert!(last.contains(r#"42[\"dismissed\",\"too slow, missed "#), "{last}");
}

#[tokio::test]
async fn events_go_both_ways_and_acknowledgements_back() {
    let server = server(plain()).await;
    let mut peer = joined(&server, "").await;
    server.publish("down");
    peer.expect(packet(&event(numbered(1, "down")))).await;
    peer.send(text(event(message("up")))).await;
    peer.expect(packet(&event(numbered(2, "up")))).await;
    peer.send(text(format!("427{}", &event(message("asked"))[2..]))).await;
    let expected = [packet("437[]"), packet(&event(numbered(3, "asked")))];
    let got = peer.take(expected.concat().len()).await;
    assert!(
        got == expected.concat() || got == [&expected[1][..], &expected[0]].concat(),
        "{}",
        got.escape_ascii()
    );
}

#[tokio::test]
async fn what_would_break_the_packets_of_others_is_not_taken() {
    let server = server(plain()).await;
    let mut listener = joined(&server, "").await;
    let mut broken = message("x");
    let last = broken.len() - 2;
    broken[last] = b'[';
    broken[last - 2] = b'[';
    let mut peer = joined(&server, "").await;
    peer.send(text(event(&broken))).await;
    peer.rest().await;
    let mut peer = server.send(http::post("/messages", &broken)).await;
    peer.expect("HTTP/1.1 400 Bad Request\r\n").await;
    peer.until(b"not a message: it is not JSON\n").await;
    server.publish("x");
    listener.expect(packet(&event(numbered(1, "x")))).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_learns_it_once_it_does_and_delays_no_other() {
    let server = server(replaying(8)).await;
    let mut slow = joined(&server, "").await;
    let mut quick = joined(&server, "").await;
    let payload = "x".repeat(LARGE);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect(packet(&event(numbered(seq, &payload)))).await;
    }
    let mut received = Vec::new();
    expect_too_slow(&mut slow, &mut received).await;
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_disconnected_and_not_buffered_for() {
    // No ping among the events, however long it takes.
    let server = server(Settings { heartbeat: Duration::ZERO, ..replaying(8) }).await;
    let mut slow = joined(&server, "").await;
    let mut quick = joined(&server, "").await;
    let payload = "x".repeat(LARGE);
    let mut received = Vec::new();
    for seq in 1..=800 {
        server.publish(&payload);
        quick.expect(packet(&event(numbered(seq, &payload)))).await;
        if !received.ends_with(&packet("41")) {
            read_some(&mut slow, &mut received, 30 * 1024).await;
        }
    }
    expect_too_slow(&mut slow, &mut received).await;
    // What it read, and the sockets' buffers (some 10 MB at most).
    assert!(received.len() < 40_000_000, "{} bytes of 48 MB", received.len());
}

#[tokio::test]
async fn events_and_acknowledgements_never_cut_each_others_frames() {
    const MESSAGES: u64 = 1_500;
    let server = server(heartbeat_ms(0)).await;
    let mut peer = joined(&server, "").await;
    let payload = "x".repeat(6_000);
    let (mut acknowledged, mut events) = (Vec::new(), Vec::new());
    // More than the sockets' buffers hold, so that frames of both kinds are left half written.
    for seq in 1..=MESSAGES {
        peer.send(text(format!("42{seq}{}", &event(message(&payload))[2..]))).await;
        acknowledged.push(format!("43{seq}[]"));
        events.push(event(numbered(seq, &payload)));
    }
    let len = acknowledged.iter().chain(&events).map(|said| packet(said).len()).sum();
    let heard = peer.take(len).await;
    let packets = websocket::messages(&heard).map(|packet| str::from_utf8(packet).expect("text"));
    let (events_heard, others): (Vec<_>, Vec<_>) = packets.partition(|packet| packet.starts_with("42"));
    assert!(others == acknowledged, "{} acknowledgements", others.len());
    assert!(events_heard == events, "{} events", events_heard.len());
}

#[tokio::test]
async fn a_session_is_upgraded_and_loses_nothing() {
    let (server, mut session) = Polling::joined(plain()).await;
    session.ask().await;
    let mut socket = probed(&server, &session.sid).await;
    assert_eq!(session.answer().await, "6", "the held poll is let go");
    server.publish_times(1_000, "x");
    socket.send(text("5")).await;
    for seq in 1..=1_000 {
        socket.expect(packet(&event(numbered(seq, "x")))).await;
    }
    session.ask().await;
    session.peer.expect(wrong(3, "Bad request")).await;
    server.publish("x");
    socket.expect(packet(&event(numbered(1_001, "x")))).await;
}

#[tokio::test]
async fn what_does_not_fit_one_poll_is_not_lost_at_the_upgrade() {
    let payload = "x".repeat(2_000);
    for polls in 0..=2 {
        let server = server(plain()).await;
        server.publish_times(60, &payload);
        let mut session = Polling::open(&server).await;
        session.post(r#"40{"channel":0,"after":0}"#).await;
        let mut polled = String::new();
        for _ in 0..polls {
            polled += &session.poll().await;
        }
        let mut socket = connected(&server, Some(&session.sid)).await;
        socket.send([text("2probe"), text("5")].concat()).await;
        socket.expect(packet("3probe")).await;
        if polls == 0 {
            socket.expect(packet(&session.connect())).await;
        }
        for seq in polled.matches("42[").count() as u64 + 1..=60 {
            socket.expect(packet(&event(numbered(seq, &payload)))).await;
        }
        server.publish("last");
        socket.expect(packet(&event(numbered(61, "last")))).await;
    }
}

#[tokio::test]
async fn a_poll_finds_done_what_was_said_before_it() {
    let server = server(plain()).await;
    for _ in 0..20 {
        let mut session = Polling::open(&server).await;
        let mut socket = connected(&server, Some(&session.sid)).await;
        socket.send([text("2probe"), text("5")].concat()).await;
        session.ask().await;
        session.peer.expect(wrong(3, "Bad request")).await;
    }
}

#[tokio::test]
async fn a_poll_during_an_upgrade_is_answered_that_there_is_nothing() {
    let (server, mut session) = Polling::opened(plain()).await;
    let mut socket = connected(&server, Some(&session.sid)).await;
    assert_eq!(session.poll().await, "6");
    probe(&mut socket).await;
    assert_eq!(session.poll().await, "6");
}

#[tokio::test]
async fn a_second_socket_of_a_session_is_closed_and_the_first_stays() {
    let (server, session) = Polling::joined(plain()).await;
    let mut socket = probed(&server, &session.sid).await;
    socket.send(text("5")).await;
    server.publish("x");
    socket.expect(packet(&event(numbered(1, "x")))).await;
    connected(&server, Some(&session.sid)).await.expect_end().await;
    server.publish("x");
    socket.expect(packet(&event(numbered(2, "x")))).await;
}

#[tokio::test]
async fn a_second_socket_during_an_upgrade_is_closed_and_the_first_goes_on() {
    let (server, session) = Polling::joined(plain()).await;
    let mut socket = connected(&server, Some(&session.sid)).await;
    connected(&server, Some(&session.sid)).await.expect_end().await;
    probe(&mut socket).await;
    socket.send(text("5")).await;
    server.publish("x");
    socket.expect(packet(&event(numbered(1, "x")))).await;
}

#[tokio::test]
async fn an_upgrade_that_is_begun_and_abandoned_ends_its_session() {
    let server = server(idle_ms(1_000)).await;
    for said in [None, Some(text("2probe")), Some(text("hello")), Some(text("5"))] {
        let session = Polling::join(&server, "").await;
        server.until_waiting(1).await;
        let mut socket = connected(&server, Some(&session.sid)).await;
        if let Some(said) = said {
            socket.send(said).await;
        }
        server.until_waiting(0).await;
        server.send(get(Some(&session.sid))).await.expect(unknown()).await;
        socket.rest().await;
    }
}

#[tokio::test]
async fn an_upgrade_whose_socket_is_cut_ends_its_session() {
    let (server, session) = Polling::joined(plain()).await;
    server.until_waiting(1).await;
    drop(connected(&server, Some(&session.sid)).await);
    server.until_waiting(0).await;
    server.send(get(Some(&session.sid))).await.expect(unknown()).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_client_that_does_not_read() {
    let mut server = server(plain()).await;
    let deaf = joined(&server, "").await;
    let payload = "x".repeat(LARGE);
    for _ in 0..300 {
        server.publish(&payload);
        tokio::task::yield_now().await;
    }
    server.stop();
    server.ended().await;
    drop(deaf);
}
