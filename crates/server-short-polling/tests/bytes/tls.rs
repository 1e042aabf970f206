//! The short-polling server behind TLS: handshakes that fail and those that don't. These hold for all servers.

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::Limits;
use server_kit::tls::Resumption;
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http::{NOTHING, get, get_with};
use test_support::http2::{self, ACK, END_STREAM, GOAWAY, NO_CONTENT, OK, PING, SETTINGS, frame, preface};
use test_support::server::{alert, behind_tls, limited, line, on_http2, plain};
use tokio_rustls::rustls::{AlertDescription, HandshakeKind};

use crate::server;

const HTTP_1: &[&str] = &["http/1.1"];

fn tls() -> Settings {
    behind_tls(plain(), Resumption::Off)
}

fn tls_on_http2() -> Settings {
    on_http2(tls())
}

/// A poll that finds nothing, on a connection of a client that offers these protocols.
fn serves(protocols: &'static [&'static str]) -> Step {
    all([connect_tls(protocols), send(get("/events")), expect(NOTHING)])
}

exchanges! { server;
    a_client_of_http_1_need_not_ask_by_alpn(tls()):
        serves(&[]);

    // A fatal alert in a record of its own, decode_error (RFC 8446 §6).
    plain_text_is_refused_by_an_alert_and_the_server_goes_on(tls()):
        open(get("/events")), expect(b"\x15\x03\x03\0\x02\x02\x32"), End,
        Rejected("TLS handshake: received corrupt message of type InvalidContentType"), serves(HTTP_1);

    http_2_is_spoken_with_a_client_that_asks_for_it_by_alpn_and_no_other(tls_on_http2()):
        publish("one"), connect_tls(&["h2", "http/1.1"]),
        send([preface(), http2::get(1, "/events?after=0")].concat()),
        Head(1, OK), data(1, END_STREAM, line(1, "one")),
        connect_tls(&[]),
        expect(
            "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 65\r\n\r\nthis server speaks HTTP/2, which a client has to ask for by ALPN\n",
        ),
        End,
        Rejected("this server speaks HTTP/2, which a client has to ask for by ALPN");

    a_stop_ends_connections_with_close_notify_and_handshakes_at_once(tls()):
        connect(), serves(HTTP_1), Stop, End, On(0), End, Ended;
}

#[tokio::test]
async fn a_poll_is_answered_behind_tls_and_the_connection_ends_with_close_notify() {
    let server = server(tls()).await;
    server.publish("one");
    let mut peer = server.connect_tls(HTTP_1).await;
    assert_eq!(peer.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    peer.send(get_with("/events?after=0", "connection: close\r\n")).await;
    peer.until("\r\n\r\n").await;
    peer.expect(line(1, "one")).await;
    // Without close_notify, rustls reports an unexpected end.
    peer.expect_end().await;
    assert_eq!(server.hub.rejected(), None);
}

#[tokio::test]
async fn a_client_that_asks_for_another_protocol_is_refused_by_an_alert() {
    for (settings, other) in [(tls(), "h2"), (tls_on_http2(), "http/1.1")] {
        let server = server(settings).await;
        let error = server.handshake(&server.client(&[other])).await.err().expect("a rejection");
        assert_eq!(alert(&error), Some(AlertDescription::NoApplicationProtocol), "{error}");
        let reason = "TLS handshake: peer doesn't support any known protocol";
        assert_eq!(server.until_rejected().await, reason);
    }
}

#[tokio::test]
async fn a_broken_record_ends_its_connection_and_no_other() {
    let server = server(tls()).await;
    let mut peer = server.connect_tls(HTTP_1).await;
    peer.send(get("/events")).await;
    peer.expect(NOTHING).await;
    peer.send_broken_record().await;
    assert_eq!(peer.alert().await, Some(AlertDescription::BadRecordMac));
    assert_eq!(server.until_rejected().await, "TLS: cannot decrypt peer's message");
    exchange(server, vec![serves(HTTP_1)]).await;
}

#[tokio::test]
async fn a_broken_record_on_http_2_is_counted_once() {
    let mut server = server(tls_on_http2()).await;
    let mut peer = server.connect_tls(&["h2"]).await;
    peer.send([preface(), http2::get(1, "/events")].concat()).await;
    peer.expect_answer(1, NO_CONTENT).await;
    peer.send_broken_record().await;
    assert_eq!(peer.alert().await, Some(AlertDescription::BadRecordMac));
    server.stop();
    server.ended().await;
    assert_eq!(server.hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_in_time_is_given_up_and_its_place_is_free() {
    let limits = Limits { idle: Duration::from_millis(200), connections: 1, ..Limits::default() };
    let server = server(behind_tls(limited(limits), Resumption::Off)).await;
    let silent = server.connect().await;
    let mut second = server.connect_tls(HTTP_1).await;
    second.send(get("/events")).await;
    assert!(second.until("\r\n").await.starts_with(b"HTTP/1.1 503 "), "a handshake takes a place");
    silent.expect_end().await;
    assert_eq!(server.until_rejected().await, "TLS handshake: it did not come in time");
    exchange(server, vec![serves(HTTP_1)]).await;
}

#[tokio::test]
async fn a_second_handshake_is_resumed_only_where_tickets_are_given() {
    let cases = [(Resumption::Off, HandshakeKind::Full), (Resumption::Tickets, HandshakeKind::Resumed)];
    for (resumption, expected) in cases {
        let server = server(behind_tls(plain(), resumption)).await;
        let client = server.client(HTTP_1);
        for kind in [HandshakeKind::Full, expected] {
            let mut peer = server.handshake(&client).await.unwrap();
            assert_eq!(peer.stream.get_ref().1.handshake_kind(), Some(kind));
            // Tickets come with the first answer at the latest.
            peer.send(get("/events")).await;
            peer.expect(NOTHING).await;
        }
    }
}

#[tokio::test]
async fn a_stop_ends_connections_of_http_2_with_goaway_and_close_notify() {
    let mut server = server(tls_on_http2()).await;
    let mut idle = server.connect_tls(&["h2"]).await;
    idle.send([preface(), frame(SETTINGS, ACK, 0, b""), http2::get(1, "/events")].concat()).await;
    idle.expect_answer(1, NO_CONTENT).await;
    server.stop();
    assert_eq!(idle.frame_of(GOAWAY).await.payload[..4], [0x7f, 0xff, 0xff, 0xff], "none is rejected yet");
    let ping = idle.frame_of(PING).await;
    idle.send(frame(PING, ACK, 0, &ping.payload)).await;
    assert_eq!(idle.frame_of(GOAWAY).await.payload, b"\0\0\0\x01\0\0\0\0", "the last was the first");
    idle.expect_end().await;
    server.ended().await;
}
