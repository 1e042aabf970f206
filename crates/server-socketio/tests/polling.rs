//! Literal requests to the Socket.IO server and back: the polling transport, and how it is spoken wrongly.

mod support;

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{LagPolicy, Limits};
use server_kit::testing::{DATE, message, numbered};
use support::{Polling, bad, event, get, handshake, ok, post, server, unknown, wrong};

fn limited(limits: Limits) -> Settings {
    Settings { limits, ..Settings::default() }
}

#[tokio::test]
async fn a_session_begins_with_what_the_server_keeps_to() {
    let heartbeat = Duration::from_secs(7);
    let server = server(Settings { heartbeat, ..Settings::default() }).await;
    let mut peer = server.send(get(None)).await;
    peer.expect(format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: 111\r\ndate: {DATE}\r\n\r\n0{{\"sid\":\"")).await;
    peer.take(16).await;
    peer.expect(r#"","upgrades":["websocket"],"pingInterval":7000,"pingTimeout":20000,"maxPayload":66560}"#)
        .await;
}

#[tokio::test]
async fn without_heartbeat_the_longest_is_announced_that_a_browsers_timer_takes() {
    let server = server(Settings { heartbeat: Duration::ZERO, ..Settings::default() }).await;
    let mut peer = server.send(get(None)).await;
    peer.until(br#""pingInterval":2147463647,"#).await;
}

#[tokio::test]
async fn a_poll_brings_all_that_is_there_and_a_post_is_confirmed() {
    let server = server(Settings::default()).await;
    server.publish("one");
    server.publish("two");
    let mut session = Polling::open(&server).await;
    session.peer.send(post(&session.sid, r#"40{"channel":0,"after":0}"#)).await;
    session.peer.expect(ok("ok")).await;
    let joined = format!("40{{\"sid\":\"{}\"}}", session.sid);
    let packets = session.until(&event(numbered(2, "two"))).await;
    assert_eq!(packets, [joined, event(numbered(1, "one"))]);
}

#[tokio::test]
async fn a_poll_is_held_until_there_is_something() {
    let server = server(Settings::default()).await;
    let mut session = Polling::join(&server, "").await;
    session.ask().await;
    server.publish("x");
    session.peer.expect(ok(&event(numbered(1, "x")))).await;
}

#[tokio::test]
async fn a_message_is_kept_byte_by_byte_numbered_and_acknowledged_if_that_is_asked_for() {
    let server = server(Settings::default()).await;
    let mut session = Polling::join(&server, "").await;
    let spaced = format!("4213[ \"message\" , {} ]", String::from_utf8_lossy(&message("a")));
    session.post(&format!("{spaced}\x1e{}", event(message("b")))).await;
    let mut packets = session.until(&event(numbered(2, "b"))).await;
    packets.sort_unstable();
    assert_eq!(packets, [&event(numbered(1, "a")), "4313[]"]);
}

#[tokio::test]
async fn a_fresh_subscriber_is_greeted_together_with_the_answer_to_its_join() {
    let server = server(Settings { greeting: true, ..Settings::default() }).await;
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
    for _ in 0..3_000 {
        server.publish("x");
    }
    let mut session = Polling::open(&server).await;
    session.post(r#"40{"after":0}"#).await;
    let packets = session.until(&event(numbered(3_000, "x"))).await;
    let events: Vec<_> = packets.iter().filter(|packet| packet.starts_with("42")).collect();
    assert_eq!(events.len(), 2_999);
    assert!(events.iter().zip(1..).all(|(packet, seq)| **packet == event(numbered(seq, "x"))));
}

#[tokio::test]
async fn who_may_not_join_is_told_why_and_may_try_again() {
    let server = server(limited(Limits { replay_events: 1, channels: 4, ..Limits::default() })).await;
    server.publish("x");
    server.publish("x");
    server.publish("x");
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
    session.until(&format!("40{{\"sid\":\"{}\"}}", session.sid.clone())).await;
}

#[tokio::test]
async fn what_is_no_message_is_answered_with_the_reason_and_a_disconnect_and_other_events_are_passed_over() {
    let server = server(limited(Limits { message_bytes: 100, ..Limits::default() })).await;
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
async fn a_slow_client_is_told_what_it_missed_or_skips_it() {
    let limits = Limits { replay_events: 2, ..Limits::default() };
    for (lag_policy, last) in [(LagPolicy::Disconnect, "41"), (LagPolicy::Skip, "")] {
        let server = server(Settings { limits: limits.clone(), lag_policy, ..Settings::default() }).await;
        let mut session = Polling::join(&server, "").await;
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
async fn a_bad_session_id_is_unknown() {
    let server = server(Settings::default()).await;
    let mut peer = server.connect().await;
    for sid in ["AAAAAAAAAAAAAAAA", "short", "%00"] {
        peer.send(get(Some(sid))).await;
        peer.expect(unknown()).await;
        peer.send(post(sid, "40")).await;
        peer.expect(unknown()).await;
    }
}

#[tokio::test]
async fn a_request_that_is_not_the_protocols_is_refused() {
    let server = server(Settings::default()).await;
    let good = get(None);
    for (from, to, answer) in [
        ("EIO=4", "EIO=3", wrong(r#"{"code":"5","message":"Unsupported protocol version"}"#)),
        ("EIO=4", "x=y", wrong(r#"{"code":"5","message":"Unsupported protocol version"}"#)),
        ("polling", "pigeon", wrong(r#"{"code":"0","message":"Transport unknown"}"#)),
        ("GET", "POST", wrong(r#"{"code":"2","message":"Bad handshake method"}"#)),
        ("?EIO=4&transport=polling", "", wrong(r#"{"code":"0","message":"Transport unknown"}"#)),
    ] {
        server.send(good.replacen(from, to, 1)).await.expect(answer).await;
    }
    let mut peer = server.send("GET /socket.io HTTP/1.1\r\nhost: x\r\n\r\n").await;
    peer.expect("HTTP/1.1 404 Not Found\r\n").await;
    let session = Polling::open(&server).await;
    let mut peer = server.send(get(Some(&session.sid)).replace("GET", "PUT")).await;
    peer.expect(bad()).await;
}

#[tokio::test]
async fn a_packet_that_is_none_is_refused_and_ends_its_session() {
    let server = server(Settings::default()).await;
    for body in ["abc", "\x1e40", "bnot base64", "40\x1e\u{e9}"] {
        let mut session = Polling::open(&server).await;
        session.peer.send(post(&session.sid, body)).await;
        session.peer.expect(bad()).await;
        session.ask().await;
        session.peer.expect(unknown()).await;
    }
}

#[tokio::test]
async fn a_packet_of_the_wrong_side_is_refused_and_its_session_goes_on() {
    let server = server(Settings::default()).await;
    let mut session = Polling::join(&server, "").await;
    for body in ["6", "5", "2probe"] {
        session.peer.send(post(&session.sid, body)).await;
        session.peer.expect(bad()).await;
    }
    server.publish("x");
    assert_eq!(session.poll().await, event(numbered(1, "x")));
}

#[tokio::test]
async fn an_engine_message_that_is_no_packet_of_socket_io_ends_its_session() {
    let server = server(Settings::default()).await;
    for body in ["49", "4x", "45x-[]"] {
        let mut session = Polling::join(&server, "").await;
        session.post(body).await;
        server.until_waiting(0).await;
        session.ask().await;
        session.peer.expect(unknown()).await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_ends_its_session() {
    let server = server(limited(Limits { message_bytes: 100, ..Limits::default() })).await;
    let mut session = Polling::open(&server).await;
    session.peer.send(post(&session.sid, &"4".repeat(1_200))).await;
    session.peer.expect(format!("HTTP/1.1 413 Payload Too Large\r\ncontent-type: text/plain\r\ncache-control: no-store\r\nconnection: close\r\ncontent-length: 41\r\ndate: {DATE}\r\n\r\nthe body is over the limit of 1124 bytes\n")).await;
    session.peer.expect_end().await;
    server.send(get(Some(&session.sid))).await.expect(unknown()).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_its_session_goes_on() {
    let server = server(limited(Limits { idle: Duration::from_secs(1), ..Limits::default() })).await;
    let session = Polling::join(&server, "").await;
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
    let server = server(Settings::default()).await;
    let mut session = Polling::join(&server, "").await;
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
    let server = server(limited(Limits { idle: Duration::from_secs(1), ..Limits::default() })).await;
    let mut session = Polling::open(&server).await;
    assert_eq!(session.poll().await, "1");
}

#[tokio::test]
async fn a_session_whose_client_is_gone_frees_its_place() {
    let server = server(Settings::default()).await;
    let mut session = Polling::join(&server, "").await;
    server.until_waiting(1).await;
    session.post("41").await;
    server.until_waiting(0).await;
    session.post("40").await;
    session.until(&format!("40{{\"sid\":\"{}\"}}", session.sid.clone())).await;
    server.until_waiting(1).await;
    session.post("1").await;
    server.until_waiting(0).await;
}

#[tokio::test]
async fn a_stop_answers_held_polls_with_a_close_packet() {
    let server = server(Settings::default()).await;
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
    let server = server(limited(Limits { connections: 1, ..Limits::default() })).await;
    let _first = Polling::open(&server).await;
    server.send(get(None)).await.expect("HTTP/1.1 503 Service Unavailable\r\n").await;
}

#[tokio::test]
async fn as_many_sessions_are_polled_as_connections_may_be_and_one_that_ended_makes_place() {
    let server = server(limited(Limits { connections: 3, ..Limits::default() })).await;
    let mut session = Polling::join(&server, "").await;
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
async fn without_heartbeat_a_session_that_nobody_polls_ends_and_one_whose_poll_is_held_does_not() {
    let limits = Limits { idle: Duration::from_secs(1), ..Limits::default() };
    let server = server(Settings { heartbeat: Duration::ZERO, limits, ..Settings::default() }).await;
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
    let server = server(Settings::default()).await;
    let mut session = Polling::join(&server, "").await;
    let said = message("a");
    let head = format!("POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", said.len());
    server.send([head.as_bytes(), &said].concat()).await.expect("HTTP/1.1 204 No Content\r\n").await;
    assert_eq!(session.poll().await, event(numbered(1, "a")));
}
