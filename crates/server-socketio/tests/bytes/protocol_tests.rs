//! Literal packets to what is served to the official protocol test suites: what they look at, and no more than that.

use test_support::http::get;
use test_support::server::{Peer, Running, plain, start};
use test_support::websocket::{masked, text};

use crate::{accepted, connected, handshake, packet};

async fn server() -> Running {
    start(server_socketio::encode(&plain()), plain(), server_socketio::protocol_tests::serve).await
}

/// The next that the server says, but pings, which are answered.
async fn hear(peer: &mut Peer) -> (u8, Vec<u8>) {
    loop {
        let head = peer.take(2).await;
        let payload = peer.take(usize::from(head[1])).await;
        match (head[0], payload) {
            (0x81, ping) if ping == b"2" => peer.send(text("3")).await,
            said => return said,
        }
    }
}

async fn expect(peer: &mut Peer, packet: &str) {
    let (first, payload) = hear(peer).await;
    assert_eq!((first, String::from_utf8(payload).unwrap().as_str()), (0x81, packet));
}

#[tokio::test]
async fn engine_io_says_back_what_is_said_and_keeps_to_its_heartbeat() {
    let server = server().await;
    let mut peer = server.send(handshake(None).replace("socket.io", "engine.io")).await;
    peer.expect(accepted()).await;
    peer.until(br#"","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#).await;
    peer.send(text("4hello")).await;
    expect(&mut peer, "4hello").await;
    peer.send(masked(0x82, [1, 2, 3])).await;
    assert_eq!(hear(&mut peer).await, (0x82, vec![1, 2, 3]));
    peer.until(&packet("2")).await;
    // Nobody answers.
    peer.expect([&packet("1")[..], b"\x88\0"].concat()).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn socket_io_says_back_auth_arguments_and_attachments_in_both_namespaces() {
    let server = server().await;
    let mut peer = connected(&server, None).await;
    peer.until(b"}").await;
    for name in ["", "/custom,"] {
        peer.send(text(format!("40{name}{{\"token\":\"123\"}}"))).await;
        let (_, joined) = hear(&mut peer).await;
        assert!(joined.starts_with(format!("40{name}{{\"sid\":\"").as_bytes()), "{}", joined.escape_ascii());
        expect(&mut peer, &format!("42{name}[\"auth\",{{\"token\":\"123\"}}]")).await;
        peer.send(text(format!("42{name}[\"message\",1,\"2\",{{\"3\":[true]}}]"))).await;
        expect(&mut peer, &format!("42{name}[\"message-back\",1,\"2\",{{\"3\":[true]}}]")).await;
        let attached = r#"{"_placeholder":true,"num":0}"#;
        peer.send(text(format!("451-{name}7[\"message-with-ack\",[{attached}]]"))).await;
        peer.send(masked(0x82, [4, 5])).await;
        expect(&mut peer, &format!("461-{name}7[[{attached}]]")).await;
        assert_eq!(hear(&mut peer).await, (0x82, vec![4, 5]));
    }
    peer.send(text("40/elsewhere,")).await;
    expect(&mut peer, r#"44/elsewhere,{"message":"Invalid namespace"}"#).await;
}

#[tokio::test]
async fn other_paths_are_not_there() {
    let server = server().await;
    server.send(get("/events")).await.expect("HTTP/1.1 404 Not Found\r\n").await;
}
