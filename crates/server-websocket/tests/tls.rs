//! The WebSocket server behind TLS: as without, and a broken record.

mod support;

use server_kit::Settings;
use server_kit::testing::{numbered, secure, start};
use server_kit::tls::Resumption;
use tokio::io::AsyncWriteExt as _;

use support::handshake;

#[tokio::test]
async fn events_come_behind_tls_and_a_broken_record_is_counted() {
    let settings = Settings { transport: secure::transport(Resumption::Off), ..Settings::default() };
    let server = start(server_websocket::encode, settings, server_websocket::serve).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    assert!(peer.until(b"\r\n\r\n").await.starts_with(b"HTTP/1.1 101 "));
    server.until_waiting(1).await;
    server.publish("one");
    peer.expect([b"\x81\x32", numbered(1, "one").as_bytes()].concat()).await;
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    server.until_waiting(0).await;
    while server.hub.refused().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.hub.refused(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}

#[tokio::test]
async fn a_client_that_ends_tls_is_answered_by_its_end() {
    let settings = Settings { transport: secure::transport(Resumption::Off), ..Settings::default() };
    let server = start(server_websocket::encode, settings, server_websocket::serve).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==")).await;
    peer.until(b"\r\n\r\n").await;
    peer.stream.shutdown().await.unwrap();
    // With close_notify: rustls takes an end without it for an error.
    peer.expect_end().await;
}
