//! The short-polling server behind TLS: handshakes that fail and those that don't. These hold for all servers.

use std::io;
use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{HttpVersion, Limits, Transport};
use server_kit::testing::http2::{ACK, END_STREAM, GOAWAY, PING, SETTINGS, frame, get, preface};
use server_kit::testing::{DATE, Peer, Running, numbered, secure, start};
use server_kit::tls::Resumption;
use server_short_polling::{encode, serve};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::rustls::{AlertDescription, Error, HandshakeKind};

const POLL: &str = "GET /events HTTP/1.1\r\nhost: x\r\n\r\n";

async fn server(limits: Limits) -> Running {
    let transport = secure::transport(Resumption::Off);
    start(encode, Settings { transport, limits, ..Settings::default() }, serve).await
}

async fn server_of(http: HttpVersion, resumption: Resumption) -> Running {
    let transport = Transport { http, ..secure::transport(resumption) };
    start(encode, Settings { transport, ..Settings::default() }, serve).await
}

async fn expect_nothing(peer: &mut Peer<impl AsyncRead + AsyncWrite + Unpin>) {
    peer.expect(format!("HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: {DATE}\r\n\r\n")).await;
}

async fn still_serves(server: &Running) {
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(POLL).await;
    expect_nothing(&mut peer).await;
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

fn rejected(server: &Running) -> String {
    let (count, reason) = server.hub.rejected().expect("somebody was rejected");
    assert_eq!(count, 1);
    reason
}

#[tokio::test]
async fn a_poll_is_answered_behind_tls_and_the_connection_ends_with_close_notify() {
    let server = server(Limits::default()).await;
    server.publish("one");
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    assert_eq!(peer.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    peer.send("GET /events?after=0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    peer.until(b"\r\n\r\n").await;
    peer.expect(numbered(1, "one") + "\n").await;
    // Without close_notify, rustls reports an unexpected end.
    peer.expect_end().await;
    assert_eq!(server.hub.rejected(), None);
}

#[tokio::test]
async fn a_client_of_http_1_need_not_ask_by_alpn() {
    let server = server(Limits::default()).await;
    let mut peer = server.connect_tls(&[]).await;
    peer.send(POLL).await;
    expect_nothing(&mut peer).await;
}

#[tokio::test]
async fn a_client_that_asks_for_another_protocol_is_refused_by_an_alert() {
    for (http, other) in [(HttpVersion::Http1, "h2"), (HttpVersion::Http2, "http/1.1")] {
        let server = server_of(http, Resumption::Off).await;
        let error = server.handshake(&server.client(&[other])).await.err().expect("a rejection");
        assert_eq!(alert(&error), Some(AlertDescription::NoApplicationProtocol), "{error}");
        assert_eq!(rejected(&server), "TLS handshake: peer doesn't support any known protocol");
    }
}

#[tokio::test]
async fn http_2_is_spoken_with_whoever_asks_for_it_by_alpn_and_nobody_else() {
    let server = server_of(HttpVersion::Http2, Resumption::Off).await;
    server.publish("one");
    let mut peer = server.connect_tls(&["h2", "http/1.1"]).await;
    peer.send([preface(), get(1, "/events?after=0")].concat()).await;
    peer.expect_head(1, b"\x88").await;
    peer.expect_data(1, END_STREAM, numbered(1, "one") + "\n").await;
    let mut silent = server.connect_tls(&[]).await;
    silent
        .expect(
            "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 65\r\n\r\nthis server speaks HTTP/2, which a client has to ask for by ALPN\n",
        )
        .await;
    silent.expect_end().await;
    assert_eq!(rejected(&server), "this server speaks HTTP/2, which a client has to ask for by ALPN");
}

#[tokio::test]
async fn plain_text_is_refused_by_an_alert_and_the_server_goes_on() {
    let server = server(Limits::default()).await;
    let mut peer = server.send(POLL).await;
    // A fatal alert in a record of its own, decode_error (RFC 8446 §6).
    peer.expect(b"\x15\x03\x03\0\x02\x02\x32").await;
    peer.expect_end().await;
    assert_eq!(rejected(&server), "TLS handshake: received corrupt message of type InvalidContentType");
    still_serves(&server).await;
}

#[tokio::test]
async fn a_broken_record_ends_its_connection_and_no_other() {
    let server = server(Limits::default()).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(POLL).await;
    expect_nothing(&mut peer).await;
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    let mut rest = Vec::new();
    let error = tokio::io::AsyncReadExt::read_to_end(&mut peer.stream, &mut rest).await.unwrap_err();
    assert_eq!(alert(&error), Some(AlertDescription::BadRecordMac), "{error}");
    assert_eq!(rejected(&server), "TLS: cannot decrypt peer's message");
    still_serves(&server).await;
}

#[tokio::test]
async fn a_broken_record_on_http_2_is_counted_once() {
    let server = server_of(HttpVersion::Http2, Resumption::Off).await;
    let mut peer = server.connect_tls(&["h2"]).await;
    peer.send([preface(), get(1, "/events")].concat()).await;
    peer.expect_answer(1, b"\x89").await;
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    let mut rest = Vec::new();
    let error = tokio::io::AsyncReadExt::read_to_end(&mut peer.stream, &mut rest).await.unwrap_err();
    assert_eq!(alert(&error), Some(AlertDescription::BadRecordMac), "{error}");
    server.stop();
    let hub = server.hub.clone();
    server.ended().await;
    assert_eq!(hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_in_time_is_given_up_and_its_place_is_free() {
    let limits = Limits { idle: Duration::from_millis(200), connections: 1, ..Limits::default() };
    let server = server(limits).await;
    let silent = server.connect().await;
    let mut second = server.connect_tls(&["http/1.1"]).await;
    second.send(POLL).await;
    assert!(second.until(b"\r\n").await.starts_with(b"HTTP/1.1 503 "), "a handshake takes a place");
    silent.expect_end().await;
    assert_eq!(rejected(&server), "TLS handshake: it did not come in time");
    still_serves(&server).await;
}

#[tokio::test]
async fn a_second_handshake_is_resumed_only_where_tickets_are_given() {
    let cases = [(Resumption::Off, HandshakeKind::Full), (Resumption::Tickets, HandshakeKind::Resumed)];
    for (resumption, expected) in cases {
        let server = server_of(HttpVersion::Http1, resumption).await;
        let client = server.client(&["http/1.1"]);
        for kind in [HandshakeKind::Full, expected] {
            let mut peer = server.handshake(&client).await.unwrap();
            assert_eq!(peer.stream.get_ref().1.handshake_kind(), Some(kind));
            // Tickets come with the first answer at the latest.
            peer.send(POLL).await;
            expect_nothing(&mut peer).await;
        }
    }
}

#[tokio::test]
async fn a_stop_ends_connections_with_close_notify_and_handshakes_at_once() {
    let server = server(Limits::default()).await;
    let shaking = server.connect().await;
    let mut idle = server.connect_tls(&["http/1.1"]).await;
    idle.send(POLL).await;
    expect_nothing(&mut idle).await;
    server.stop();
    idle.expect_end().await;
    shaking.expect_end().await;
    server.ended().await;
}

#[tokio::test]
async fn a_stop_ends_connections_of_http_2_with_goaway_and_close_notify() {
    let server = server_of(HttpVersion::Http2, Resumption::Off).await;
    let mut idle = server.connect_tls(&["h2"]).await;
    idle.send([preface(), frame(SETTINGS, ACK, 0, b""), get(1, "/events")].concat()).await;
    idle.expect_answer(1, b"\x89").await;
    server.stop();
    assert_eq!(idle.frame_of(GOAWAY).await.payload[..4], [0x7f, 0xff, 0xff, 0xff], "none is rejected yet");
    let ping = idle.frame_of(PING).await;
    idle.send(frame(PING, ACK, 0, &ping.payload)).await;
    assert_eq!(idle.frame_of(GOAWAY).await.payload, b"\0\0\0\x01\0\0\0\0", "the last was the first");
    idle.expect_end().await;
    server.ended().await;
}
