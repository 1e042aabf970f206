//! The polling transport, and how it is spoken wrongly.

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{LagPolicy, Limits};
use test_support::exchange::{Step, all, expect, open, until};
use test_support::exchanges;
use test_support::http::{self, rejected};
use test_support::server::{
    admitting, greeting, heartbeat_ms, idle_ms, limited, message, numbered, plain, replaying,
};

use crate::{
    Polling, SID_LEN, asks, bad, event, get, handshake, messages_of, ok, post, server, unknown, wrong,
};

/// What comes of a first poll in which this is replaced.
fn instead(from: &str, to: &str, code: u8, reason: &str) -> Step {
    asks(get(None).replacen(from, to, 1), wrong(code, reason))
}

/// What comes of a poll and a post that name this session.
fn no_session(sid: &str) -> Step {
    all([asks(get(Some(sid)), unknown()), asks(post(sid, "40"), unknown())])
}

exchanges! { server;
    without_heartbeat_the_longest_is_announced_that_a_browsers_timer_takes(heartbeat_ms(0)):
        open(get(None)), until(r#""pingInterval":2147463647,"#);

    a_bad_session_id_is_unknown(plain()):
        no_session("AAAAAAAAAAAAAAAA"), no_session("short"), no_session("%00");

    a_request_that_is_not_the_protocols_is_refused(plain()):
        instead("EIO=4", "EIO=3", 5, "Unsupported protocol version"),
        instead("EIO=4", "x=y", 5, "Unsupported protocol version"),
        instead("polling", "pigeon", 0, "Transport unknown"),
        instead("GET", "POST", 2, "Bad handshake method"),
        instead("?EIO=4&transport=polling", "", 0, "Transport unknown"),
        open(http::get("/socket.io")), expect("HTTP/1.1 404 Not Found\r\n");
}

#[tokio::test]
async fn a_session_begins_with_what_the_server_keeps_to() {
    let server = server(heartbeat_ms(7_000)).await;
    let mut peer = server.send(get(None)).await;
    let length = ok(&"x".repeat(111));
    peer.expect(length.trim_end_matches('x')).await;
    peer.expect("0{\"sid\":\"").await;
    peer.take(SID_LEN).await;
    peer.expect(r#"","upgrades":["websocket"],"pingInterval":7000,"pingTimeout":20000,"maxPayload":66560}"#)
        .await;
}

#[tokio::test]
async fn a_poll_brings_all_that_is_there_and_a_post_is_confirmed() {
    let server = server(plain()).await;
    server.publish("one");
    server.publish("two");
    let mut session = Polling::open(&server).await;
    session.post(r#"40{"channel":0,"after":0}"#).await;
    let packets = session.until(&event(numbered(2, "two"))).await;
    assert_eq!(packets, [session.connect(), event(numbered(1, "one"))]);
}

#[tokio::test]
async fn a_poll_is_held_until_there_is_something() {
    let (server, mut session) = Polling::joined(plain()).await;
    session.ask().await;
    server.publish("x");
    session.peer.expect(ok(&event(numbered(1, "x")))).await;
}

#[tokio::test]
async fn a_message_is_kept_byte_by_byte_numbered_and_acknowledged_if_that_is_asked_for() {
    let (_server, mut session) = Polling::joined(plain()).await;
    let spaced = format!("4213[ \"message\" , {} ]", String::from_utf8_lossy(&message("a")));
    session.post(&format!("{spaced}\x1e{}", event(message("b")))).await;
    let mut packets = session.until(&event(numbered(2, "b"))).await;
    packets.sort_unstable();
    assert_eq!(packets, [&event(numbered(1, "a")), "4313[]"]);
}

#[tokio::test]
async fn a_fresh_subscriber_is_greeted_together_with_the_answer_to_its_join() {
    let server = server(greeting()).await;
    server.publish("missed");
    let mut session = Polling::open(&server).await;
    session.post("40").await;
    let fetched = session.poll().await;
    let greeting = r#"42["message",["0000000100000000000000000000000000000000",{"content":"welcome","#;
    assert!(fetched.contains(greeting), "{fetched}");
}

#[tokio::test]
async fn more_events_than_a_body_holds_come_by_several_in_order() {
    let limits = Limits { message_bytes: 1_000, replay_events: 5_000, ..Limits::default() };
    let server = server(limited(limits)).await;
    server.publish_times(3_000, "x");
    let mut session = Polling::open(&server).await;
    session.post(r#"40{"after":0}"#).await;
    let packets = session.until(&event(numbered(3_000, "x"))).await;
    let events: Vec<_> = packets.iter().filter(|packet| packet.starts_with("42")).collect();
    assert_eq!(events.len(), 2_999);
    assert!(events.iter().zip(1..).all(|(packet, seq)| **packet == event(numbered(seq, "x"))));
}

#[tokio::test]
async fn a_client_that_may_not_join_gets_the_reason_and_may_try_again() {
    let server = server(limited(Limits { replay_events: 1, channels: 4, ..Limits::default() })).await;
    server.publish_times(3, "x");
    let mut session = Polling::open(&server).await;
    for (auth, why) in [
        (r#"{"channel":4}"#, "there is no channel 4: this server's are numbered from 0 to 3"),
        (r#"{"after":1}"#, "too slow, missed 1"),
        (
            r#"{"after":"soon"}"#,
            r#"a client says where it begins as {\"channel\":…,\"after\":…}, whole numbers"#,
        ),
    ] {
        session.post(&format!("40{auth}")).await;
        session.until(&format!("44{{\"message\":\"{why}\"}}")).await;
    }
    session.post("40/elsewhere,").await;
    session.until(r#"44/elsewhere,{"message":"Invalid namespace"}"#).await;
    session.post("40").await;
    session.until(&session.connect()).await;
}

#[tokio::test]
async fn what_is_no_message_is_answered_with_the_reason_and_a_disconnect_and_other_events_are_passed_over() {
    let server = server(messages_of(100)).await;
    for (said, why) in [
        (r#"42["message",7]"#.to_owned(), "not a message: a message of 1 bytes is too short to hold a stamp"),
        (r#"42["message"]"#.to_owned(), "not a message: the event has not one JSON value as its argument"),
        (event(message(&"x".repeat(60))), "a message of 107 bytes is over the limit of 100"),
    ] {
        let mut session = Polling::join(&server, "").await;
        session.post(&format!("42[\"other\",1]\x1e{said}")).await;
        assert_eq!(session.poll().await, format!("42[\"dismissed\",\"{why}\"]\x1e41"));
    }
}

#[tokio::test]
async fn a_slow_client_gets_what_it_missed_or_skips_it() {
    for (lag_policy, last) in [(LagPolicy::Disconnect, "41"), (LagPolicy::Skip, "")] {
        let (server, mut session) = Polling::joined(Settings { lag_policy, ..replaying(2) }).await;
        // More than the session's buffer holds of events; the rest waits in the window.
        for _ in 0..2_000 {
            server.publish("x");
            tokio::task::yield_now().await;
        }
        match lag_policy {
            LagPolicy::Disconnect => {
                let packets = session.until(last).await;
                let expected = packets.last().map(String::as_str).unwrap_or_default();
                assert!(expected.starts_with(r#"42["dismissed","too slow, missed "#), "{expected}");
            }
            LagPolicy::Skip => {
                session.until(&event(numbered(2_000, "x"))).await;
                assert!(server.hub.skipped() > 0);
            }
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_the_protocols_is_refused() {
    let (server, session) = Polling::opened(plain()).await;
    server.send(get(Some(&session.sid)).replace("GET", "PUT")).await.expect(bad()).await;
}

#[tokio::test]
async fn a_packet_that_is_none_is_refused_and_ends_its_session() {
    let server = server(plain()).await;
    for body in ["abc", "\x1e40", "bnot base64", "40\x1e\u{e9}"] {
        let mut session = Polling::open(&server).await;
        session.peer.send(post(&session.sid, body)).await;
        session.peer.expect(bad()).await;
        session.expect_ended().await;
    }
}

#[tokio::test]
async fn a_packet_of_the_wrong_side_is_refused_and_its_session_goes_on() {
    let (server, mut session) = Polling::joined(plain()).await;
    for body in ["6", "5", "2probe"] {
        session.peer.send(post(&session.sid, body)).await;
        session.peer.expect(bad()).await;
    }
    server.publish("x");
    assert_eq!(session.poll().await, event(numbered(1, "x")));
}

#[tokio::test]
async fn an_engine_message_that_is_no_packet_of_socket_io_ends_its_session() {
    let server = server(plain()).await;
    for body in ["49", "4x", "45x-[]"] {
        let mut session = Polling::join(&server, "").await;
        session.post(body).await;
        server.until_waiting(0).await;
        session.expect_ended().await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_ends_its_session() {
    let (server, mut session) = Polling::opened(messages_of(100)).await;
    session.peer.send(post(&session.sid, &"4".repeat(1_200))).await;
    let reason = "the body is over the limit of 1124 bytes";
    session.peer.expect(rejected("413 Payload Too Large", "connection: close\r\n", reason)).await;
    session.peer.expect_end().await;
    server.send(get(Some(&session.sid))).await.expect(unknown()).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_its_session_goes_on() {
    let (server, session) = Polling::joined(idle_ms(1_000)).await;
    let whole = post(&session.sid, &event(message("never")));
    let mut peer = server.send(&whole[..whole.len() - 5]).await;
    peer.expect("HTTP/1.1 408 Request Timeout\r\n").await;
    peer.rest().await;
    server.publish("x");
    let mut again = Polling { peer: server.connect().await, sid: session.sid };
    assert_eq!(again.poll().await, event(numbered(1, "x")));
}

#[tokio::test]
async fn a_second_poll_at_a_time_is_refused_and_ends_the_session_with_the_first() {
    let (server, mut session) = Polling::joined(plain()).await;
    session.ask().await;
    // Whichever comes second is rejected; both are answered.
    let mut second = server.send(get(Some(&session.sid))).await;
    let mut answers = [session.peer.until(b"\r\n\r\n").await, second.until(b"\r\n\r\n").await];
    answers.sort();
    assert!(answers[0].starts_with(b"HTTP/1.1 200 OK"), "{}", answers[0].escape_ascii());
    assert!(answers[1].starts_with(b"HTTP/1.1 400 Bad Request"), "{}", answers[1].escape_ascii());
    server.until_waiting(0).await;
    server.send(get(Some(&session.sid))).await.expect(unknown()).await;
}

#[tokio::test]
async fn a_session_that_never_joins_is_closed() {
    let (_server, mut session) = Polling::opened(idle_ms(1_000)).await;
    assert_eq!(session.poll().await, "1");
}

#[tokio::test]
async fn a_session_whose_client_is_gone_frees_its_place() {
    let (server, mut session) = Polling::joined(plain()).await;
    server.until_waiting(1).await;
    session.post("41").await;
    server.until_waiting(0).await;
    session.post("40").await;
    session.until(&session.connect()).await;
    server.until_waiting(1).await;
    session.post("1").await;
    server.until_waiting(0).await;
}

#[tokio::test]
async fn a_stop_answers_held_polls_with_a_close_packet() {
    let mut server = server(plain()).await;
    let mut joined = Polling::join(&server, "").await;
    let mut bare = Polling::open(&server).await;
    joined.ask().await;
    bare.ask().await;
    // Both are held by then: a third request has been answered behind them.
    server.send(handshake(Some("short"))).await.expect(unknown()).await;
    server.until_waiting(1).await;
    server.stop();
    assert_eq!(joined.answer().await, "1");
    assert_eq!(bare.answer().await, "1");
    server.ended().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused() {
    let server = server(admitting(1)).await;
    let _first = Polling::open(&server).await;
    server.send(get(None)).await.expect("HTTP/1.1 503 Service Unavailable\r\n").await;
}

#[tokio::test]
async fn as_many_sessions_are_polled_as_connections_may_be_and_one_that_ended_makes_place() {
    let (server, mut session) = Polling::joined(admitting(3)).await;
    for _ in 0..2 {
        session.peer.send(get(None)).await;
        session.peer.until(b"}").await;
    }
    let mut peer = server.send(get(None)).await;
    peer.expect("HTTP/1.1 503 Service Unavailable\r\n").await;
    peer.rest().await;
    session.post("1").await;
    server.until_waiting(0).await;
    // The library drops it in a task of its own.
    while !server.send(get(None)).await.until(b"\r\n").await.starts_with(b"HTTP/1.1 200 OK") {}
}

#[tokio::test]
async fn without_heartbeat_a_session_without_polls_ends_and_one_whose_poll_is_held_does_not() {
    let server = server(Settings { heartbeat: Duration::ZERO, ..idle_ms(1_000) }).await;
    let mut held = Polling::join(&server, "").await;
    held.ask().await;
    let left = Polling::join(&server, "").await;
    server.until_waiting(2).await;
    server.until_waiting(1).await;
    server.send(get(Some(&left.sid))).await.expect(unknown()).await;
    server.publish("x");
    held.peer.expect(ok(&event(numbered(1, "x")))).await;
}

#[tokio::test]
async fn a_message_may_be_posted_beside_the_session_as_everywhere() {
    let (server, mut session) = Polling::joined(plain()).await;
    server.send(http::post("/messages", message("a"))).await.expect("HTTP/1.1 204 No Content\r\n").await;
    assert_eq!(session.poll().await, event(numbered(1, "a")));
}
