//! The raw TCP server behind TLS.

use protocol::frame;
use server_kit::Settings;
use server_kit::settings::{HttpVersion, Transport};
use server_kit::testing::{Running, message, numbered, secure, start};
use server_kit::tls::Resumption;
use server_raw_tcp::{encode, serve};
use tokio::io::AsyncWriteExt as _;

async fn server() -> Running {
    // The version of HTTP means nothing here, not even to ALPN.
    let transport = Transport { http: HttpVersion::Http2, ..secure::transport(Resumption::Off) };
    start(encode, Settings { transport, ..Settings::default() }, serve).await
}

#[tokio::test]
async fn events_go_down_and_messages_up() {
    let server = server().await;
    server.publish("one");
    let mut peer = server.connect_tls(&[]).await;
    peer.send(b"\0\0\0\x11channel=0&after=0").await;
    peer.expect(b"\0\0\0\x32[\"0000000100000000000000010000000000000002\",\"one\"]").await;
    peer.send(frame::encode(&message("up"))).await;
    peer.expect(frame::encode(numbered(2, "up").as_bytes())).await;
}

#[tokio::test]
async fn more_than_a_record_and_a_socket_hold_arrives_whole_and_in_order() {
    let server = server().await;
    let payload = "x".repeat(60_000);
    let mut expected = Vec::new();
    for seq in 1..=100 {
        server.publish(&payload);
        expected.extend_from_slice(&frame::encode(numbered(seq, &payload).as_bytes()));
    }
    let mut peer = server.connect_tls(&[]).await;
    peer.send(frame::encode(b"after=0")).await;
    peer.expect(expected).await;
}

#[tokio::test]
async fn who_is_not_understood_is_told_why_behind_tls() {
    let server = server().await;
    let mut peer = server.connect_tls(&[]).await;
    peer.send(frame::encode(b"after=soon")).await;
    peer.expect(frame::encode(br#"{"error":"the hello is not a query of channel and after"}"#)).await;
    // Ends with close_notify: an end without it is an error.
    peer.expect_end().await;
}

#[tokio::test]
async fn a_broken_record_ends_its_connection_and_is_counted() {
    let server = server().await;
    let mut peer = server.connect_tls(&[]).await;
    peer.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    server.until_waiting(0).await;
    while server.hub.rejected().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}

#[tokio::test]
async fn a_stop_ends_the_connection_with_close_notify() {
    let server = server().await;
    let mut peer = server.connect_tls(&[]).await;
    peer.send(frame::encode(b"channel=0")).await;
    server.until_waiting(1).await;
    server.stop();
    peer.expect_end().await;
    server.ended().await;
}
