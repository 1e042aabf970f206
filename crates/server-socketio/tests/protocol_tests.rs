//! Literal packets to what is served to the official protocol test suites: what they look at, and no more than that.

mod support;

use server_kit::Settings;
use server_kit::testing::{Running, start};
use support::{accepted, frame, handshake, packet, text};

async fn server() -> Running {
    start(server_socketio::encode, Settings::default(), server_socketio::protocol_tests::serve).await
}

/// The server's binary frame.
fn binary(payload: &[u8]) -> Vec<u8> {
    [&[0x82, payload.len() as u8], payload].concat()
}

#[tokio::test]
async fn engine_io_says_back_what_is_said_and_keeps_to_its_heartbeat() {
    let server = server().await;
    let mut peer = server.send(handshake(None).replace("socket.io", "engine.io")).await;
    peer.expect(accepted()).await;
    peer.until(br#"","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#).await;
    peer.send(text("4hello")).await;
    peer.expect(packet("4hello")).await;
    peer.send(frame(0x82, &[1, 2, 3])).await;
    peer.expect(binary(&[1, 2, 3])).await;
    peer.expect(packet("2")).await;
    // Nobody answers.
    peer.expect([&packet("1")[..], b"\x88\0"].concat()).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn socket_io_says_back_auth_arguments_and_attachments_in_both_namespaces() {
    let server = server().await;
    let mut peer = server.send(handshake(None)).await;
    peer.expect(accepted()).await;
    peer.until(b"}").await;
    for name in ["", "/custom,"] {
        peer.send(text(format!("40{name}{{\"token\":\"123\"}}"))).await;
        peer.until(b"}").await;
        peer.expect(packet(&format!("42{name}[\"auth\",{{\"token\":\"123\"}}]"))).await;
        peer.send(text(format!("42{name}[\"message\",1,\"2\",{{\"3\":[true]}}]"))).await;
        peer.expect(packet(&format!("42{name}[\"message-back\",1,\"2\",{{\"3\":[true]}}]"))).await;
        let attached = r#"{"_placeholder":true,"num":0}"#;
        peer.send(text(format!("451-{name}7[\"message-with-ack\",[{attached}]]"))).await;
        peer.send(frame(0x82, &[4, 5])).await;
        peer.expect(packet(&format!("461-{name}7[[{attached}]]"))).await;
        peer.expect(binary(&[4, 5])).await;
        peer.send(text("3")).await;
    }
    peer.send(text("40/elsewhere,")).await;
    peer.expect(packet(r#"44/elsewhere,{"message":"Invalid namespace"}"#)).await;
}

#[tokio::test]
async fn other_paths_are_not_there() {
    let mut peer = server().await.send("GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await;
    peer.expect("HTTP/1.1 404 Not Found\r\n").await;
}
