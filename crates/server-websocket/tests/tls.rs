//! The WebSocket server behind TLS: as without, and a broken record.

mod support;

use server_kit::Settings;
use server_kit::settings::{HttpVersion, Transport};
use server_kit::testing::http2::{ACK, END_HEADERS, HEADERS, SETTINGS, frame, preface};
use server_kit::testing::{numbered, secure, start};
use server_kit::tls::Resumption;
use tokio::io::AsyncWriteExt as _;

use support::handshake;

#[tokio::test]
async fn events_come_behind_tls_and_a_broken_record_is_counted() {
    let settings = Settings { transport: secure::transport(Resumption::Off), ..Settings::default() };
    let server = start(server_websocket::encode(settings.frames), settings, server_websocket::serve).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    assert!(peer.until(b"\r\n\r\n").await.starts_with(b"HTTP/1.1 101 "));
    server.until_waiting(1).await;
    server.publish("one");
    peer.expect([b"\x81\x32", numbered(1, "one").as_bytes()].concat()).await;
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    server.until_waiting(0).await;
    while server.hub.rejected().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}

#[tokio::test]
async fn a_client_that_ends_tls_is_answered_by_its_end() {
    let settings = Settings { transport: secure::transport(Resumption::Off), ..Settings::default() };
    let server = start(server_websocket::encode(settings.frames), settings, server_websocket::serve).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    peer.until(b"\r\n\r\n").await;
    peer.stream.shutdown().await.unwrap();
    // With close_notify: rustls takes an end without it for an error.
    peer.expect_end().await;
}

/// A string of HPACK's, as it is (RFC 7541 §5.2).
fn string(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// The fields of an extended CONNECT (RFC 8441 §5): literals, and scheme https by its index in the static table.
fn connect() -> Vec<u8> {
    [
        [b"\x02".to_vec(), string("CONNECT")].concat(),
        [b"\0".to_vec(), string(":protocol"), string("websocket")].concat(),
        b"\x87".to_vec(),
        [b"\x04".to_vec(), string("/ws")].concat(),
        [b"\x01".to_vec(), string("x")].concat(),
        [b"\0".to_vec(), string("sec-websocket-version"), string("13")].concat(),
    ]
    .concat()
}

#[tokio::test]
async fn a_broken_record_below_sessions_on_http_2_is_counted_once() {
    let transport = Transport { http: HttpVersion::Http2, ..secure::transport(Resumption::Off) };
    let settings = Settings { transport, ..Settings::default() };
    let server = start(server_websocket::encode(settings.frames), settings, server_websocket::serve).await;
    let mut peer = server.connect_tls(&["h2"]).await;
    peer.send([preface(), frame(SETTINGS, ACK, 0, b"")].concat()).await;
    for stream in [1, 3] {
        peer.send(frame(HEADERS, END_HEADERS, stream, &connect())).await;
        peer.expect_head(stream, b"\x88").await;
    }
    server.until_waiting(2).await;
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    server.until_waiting(0).await;
    let hub = server.hub.clone();
    server.stop();
    server.ended().await;
    assert_eq!(hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}
