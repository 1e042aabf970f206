//! A WebSocket client that knows nothing but bytes.

// Each test binary uses its own part.
#![allow(dead_code)]

use server_kit::Settings;
use server_kit::testing::{DATE, Peer, Running, start};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) async fn server(settings: Settings) -> Running {
    start(server_websocket::encode(settings.frames), settings, server_websocket::serve).await
}

pub(crate) fn handshake(target: &str, key: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
    )
}

/// A client behind its handshake.
pub(crate) async fn join(server: &Running, target: &str) -> Peer {
    let mut peer = server.send(handshake(target, "dGhlIHNhbXBsZSBub25jZQ==")).await;
    expect_accepted(&mut peer).await;
    peer
}

pub(crate) async fn expect_accepted(peer: &mut Peer) {
    peer.expect(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\ndate: {DATE}\r\n\r\n"
    ))
    .await;
}

pub(crate) fn text(payload: &[u8]) -> Vec<u8> {
    frame(0x81, payload)
}

pub(crate) fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

/// A masked frame; `first` holds the final bit and the opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ ..126 => out.push(0x80 | len as u8),
        len @ ..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// The server's close frame.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut out = vec![0x88, 2 + reason.len() as u8];
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
    out
}
