//! Literal frames to the WebSocket server and back: on HTTP/1.1, plain and behind TLS, and how sessions end.

mod deflate;
mod http2;

use std::time::Duration;

use protocol::websocket::{Kind, encode};
use server_kit::Settings;
use server_kit::hub::SessionClose;
use server_kit::settings::{Frames, LagPolicy, Limits};
use server_kit::tls::Resumption;
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http::rejected;
use test_support::server::{
    DATE, LARGE, Peer, Running, admitting, behind_tls, greeting, heartbeat_ms, limited, message, numbered,
    plain, replaying, start,
};
use test_support::websocket::{ACCEPT, KEY, close, handshake, masked, text};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

async fn server(settings: Settings) -> Running {
    start(server_websocket::encode(&settings), settings, server_websocket::serve).await
}

fn tls() -> Settings {
    behind_tls(plain(), Resumption::Off)
}

/// With messages of up to 1,000 bytes.
fn short_messages() -> Settings {
    limited(Limits { message_bytes: 1_000, ..Limits::default() })
}

/// The reply to the handshake, with these header fields before its date.
fn accepted(fields: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {ACCEPT}\r\n{fields}date: {DATE}\r\n\r\n"
    )
}

/// A client behind its handshake.
fn join(target: &str) -> Step {
    all([open(handshake(target, KEY)), expect(accepted(""))])
}

async fn joined(server: &Running, target: &str) -> Peer {
    let mut peer = server.send(handshake(target, KEY)).await;
    peer.expect(accepted("")).await;
    peer
}

/// An event as a text frame.
fn event(seq: u64, payload: &str) -> Vec<u8> {
    encode(Kind::Text, numbered(seq, payload).as_bytes()).to_vec()
}

/// The client has closed with this code, too, and the connection ends.
fn close_back(code: u16) -> Step {
    all([send(masked(0x88, code.to_be_bytes())), End])
}

/// What comes of a handshake in which this is replaced.
fn not_websocket(from: &str, to: &str) -> Step {
    let fields = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    let reply = rejected("426 Upgrade Required", fields, "this path speaks WebSocket, version 13");
    all([open(handshake("/ws", KEY).replace(from, to)), expect(reply)])
}

/// How a session ends in which the client sends this.
fn closes(bytes: impl AsRef<[u8]>, code: u16, reason: &str) -> Step {
    all([join("/ws"), send(bytes), expect(close(code, reason)), End])
}

/// Two events that wait and are of this opcode; the second has a length of two bytes.
fn events_of(first: u8) -> Step {
    all([
        publish("one"),
        join("/ws?channel=0&after=0"),
        expect([first, 50]),
        expect("[\"0000000100000000000000010000000000000002\",\"one\"]"),
        publish(&"x".repeat(200)),
        expect([first, 126, 0, 247]),
        expect(numbered(2, &"x".repeat(200))),
    ])
}

exchanges! { server;
    the_handshake_is_the_one_of_the_standard(plain()):
        open(handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")),
        expect(accepted("").replace(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));

    a_request_that_does_not_ask_for_websocket_is_answered_426(plain()):
        not_websocket("version: 13", "version: 8"), not_websocket("upgrade: websocket", "upgrade: h2c"),
        not_websocket("connection: Upgrade", "connection: x"),
        open(handshake("/ws", "short")), expect("HTTP/1.1 400 Bad Request\r\n");

    an_event_is_an_unmasked_text_frame(plain()):
        events_of(0x81);

    an_event_is_an_unmasked_binary_frame_where_that_is_set(Settings { frames: Frames::Binary, ..plain() }):
        events_of(0x82);

    many_events_that_wait_come_in_order(plain()):
        publish_times(2_000, "x"), join("/ws?after=0"),
        expect((1..=2_000).flat_map(|seq| event(seq, "x")).collect::<Vec<_>>());

    a_fresh_subscriber_is_greeted(greeting()):
        publish("missed"), join("/ws"),
        expect(b"\x81\x5c[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",");

    a_clients_message_is_published_whatever_its_opcode_and_its_cut(plain()):
        join("/ws"), send(text(message("a"))), expect(event(1, "a")),
        send(masked(0x82, message("b"))), expect(event(2, "b")),
        send(masked(0x01, &message("c")[..10])), send(masked(0x80, &message("c")[10..])), expect(event(3, "c"));

    a_message_in_the_same_segment_as_the_handshake_is_taken(plain()):
        open([handshake("/ws", KEY).as_bytes(), &text(message("a"))].concat()),
        expect(accepted("")), expect(event(1, "a"));

    a_ping_is_answered_with_its_payload(plain()):
        join("/ws"), send(masked(0x89, "are you there")), expect(b"\x8a\x0dare you there");

    silence_is_broken_by_a_ping(heartbeat_ms(30)):
        join("/ws"), expect(b"\x89\0\x89\0");

    a_slow_client_that_may_skip_goes_on(Settings { lag_policy: LagPolicy::Skip, ..replaying(1) }):
        publish_times(3, "x"), join("/ws?after=1"), expect(event(3, "x"));

    a_client_that_goes_away_frees_its_place(plain()):
        join("/ws"), Waiting(1), Leave, Waiting(0);

    a_stop_says_going_away(plain()):
        join("/ws"), Stop, expect(close(1001, "going away")),
        send(masked(0x88, 1001_u16.to_be_bytes())), Shutdown, End, Ended;

    a_stop_does_not_wait_long_for_a_client_that_does_not_answer(plain()):
        join("/ws"), Stop, expect(close(1001, "going away")), Ended;

    the_application_closes_all_sessions_of_now_with_its_code_and_reason(plain()):
        join("/ws"), join("/ws?channel=7"), CloseSessions(1011, "a reason"),
        On(0), expect(close(1011, "a reason")), close_back(1011),
        On(1), expect(close(1011, "a reason")), close_back(1011),
        join("/ws"), CloseSessions(4000, ""), expect(close(4000, "")), End;

    a_code_that_is_never_sent_closes_no_session(plain()):
        join("/ws"),
        Check(|server| {
            server.hub.close_sessions(SessionClose { code: 1006, reason: String::new() }).unwrap_err();
        }),
        Waiting(1), publish("x"), expect(event(1, "x"));

    the_clients_close_is_answered_with_its_code(plain()):
        closes(masked(0x88, b"\x03\xe8bye"), 1000, "bye");

    what_breaks_the_protocol_is_closed_with_1002(plain()):
        closes(b"\x81\x01a", 1002, "Received an unmasked frame from client"),
        closes(masked(0xc1, "a"), 1002, "Reserved bits are non-zero"),
        closes(masked(0x80, "a"), 1002, "Continue frame but nothing to continue");

    text_that_is_not_utf8_is_closed_with_1007(plain()):
        closes(text(b"\xff\xfe"), 1007, "a text frame is not UTF-8");

    what_is_not_a_message_is_closed_with_1008(plain()):
        closes(text("hello"), 1008, "not a message: a message of 5 bytes is too short to hold a stamp");

    a_message_over_the_limit_is_closed_with_1009_though_it_is_still_coming(short_messages()):
        closes(text(vec![b'x'; 5_000_000]), 1009, "a message of 5000000 bytes is over the limit of 1000"),
        closes(
            [masked(0x01, [b'x'; 600]), masked(0x80, [b'x'; 600]), vec![0; 2_000_000]].concat(),
            1009, "a message of 1200 bytes is over the limit of 1000",
        );

    a_subscriber_that_fell_out_of_the_window_is_closed_with_1013_and_what_it_missed(replaying(2)):
        publish_times(6, "x"), join("/ws?after=1"), expect(close(1013, "too slow, missed 3")), End;

    a_connection_over_the_limit_is_refused_and_one_that_closed_frees_its_place(admitting(1)):
        join("/ws"), open(handshake("/ws", KEY)), expect("HTTP/1.1 503 Service Unavailable\r\n"),
        On(0), send(masked(0x88, "")), expect(b"\x88\0"), End, Waiting(0),
        join("/ws"), send(text(message("x"))), expect(event(1, "x"));

    // With close_notify: rustls takes an end without it for an error.
    a_client_that_ends_tls_is_answered_by_its_end(tls()):
        connect_tls(&["http/1.1"]), send(handshake("/ws", KEY)), until("\r\n\r\n"), Shutdown, End;
}

#[tokio::test]
async fn a_client_that_got_the_reason_has_time_to_answer_before_the_connection_ends() {
    for (bytes, code) in [
        (text("hello"), 1008),
        (text([b'x'; 5_000]), 1009),
        (masked(0xc1, "a"), 1002),
        (text(b"\xff\xfe"), 1007),
    ] {
        let server = server(short_messages()).await;
        let mut peer = joined(&server, "/ws").await;
        peer.send(bytes).await;
        let said = peer.take(2).await;
        let said = peer.take(usize::from(said[1])).await;
        assert_eq!(said[..2], u16::to_be_bytes(code));
        let silent = timeout(Duration::from_millis(20), peer.stream.read(&mut [0])).await;
        assert!(silent.is_err(), "{code}: the connection ended before the client could close: {silent:?}");
        peer.send(masked(0x88, &said[..2])).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_learns_it_once_it_does_and_delays_no_other() {
    let server = server(replaying(8)).await;
    let slow = joined(&server, "/ws").await;
    let mut quick = joined(&server, "/ws").await;
    let payload = "x".repeat(LARGE);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect([&[0x81, 126, 0xea, 0x8f], numbered(seq, &payload).as_bytes()].concat()).await;
    }
    let received = slow.rest().await;
    let last = received[received.len() - 30..].escape_ascii().to_string();
    assert!(last.contains(r"\x03\xf5too slow, missed "), "{last}");
}

#[tokio::test]
async fn events_come_behind_tls_and_a_broken_record_is_counted() {
    let server = server(tls()).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(handshake("/ws", KEY)).await;
    assert!(peer.until("\r\n\r\n").await.starts_with(b"HTTP/1.1 101 "));
    server.until_waiting(1).await;
    server.publish("one");
    peer.expect([b"\x81\x32", numbered(1, "one").as_bytes()].concat()).await;
    peer.send_broken_record().await;
    server.until_waiting(0).await;
    assert_eq!(server.until_rejected().await, "TLS: cannot decrypt peer's message");
}
