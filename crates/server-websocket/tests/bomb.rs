//! Messages that inflate a thousandfold. A test of its own, since it looks at the memory of the whole process.

mod support;

use bytes::BytesMut;
use protocol::deflate::{Agreement, Codec, Kind, OFFER, Role};
use server_kit::Settings;
use server_kit::settings::{Compression, Transport};
use server_kit::testing::Peer;
use support::{close, frame, handshake, server};

const MIB: usize = 1 << 20;
/// What the bomb inflates to.
const MIBS: usize = 60;
const CLIENTS: usize = 16;

/// One compressed message of so many MiB: what ends each part of it (RFC 7692 §7.2.1) stands between them.
fn bomb() -> Vec<u8> {
    let (agreement, _) = Agreement::answer(OFFER).unwrap();
    let mut codec = Codec::new(Role::Server, agreement, MIB);
    let mut parts = Vec::new();
    for _ in 0..MIBS {
        let mut part = BytesMut::new();
        codec.data(Kind::Binary, &[0; MIB], &mut part);
        parts.push(part[4..].to_vec());
    }
    parts.join(&[0, 0, 0xff, 0xff][..])
}

/// The most memory that this process ever held, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
}

async fn join(server: &server_kit::testing::Running) -> Peer {
    let request = handshake("/ws", "dGhlIHNhbXBsZSBub25jZQ==");
    let offer = format!("\r\nsec-websocket-extensions: {OFFER}\r\n\r\n");
    let mut peer = server.send(request.replace("\r\n\r\n", &offer)).await;
    peer.expect("HTTP/1.1 101 Switching Protocols\r\n").await;
    // The rest of the head is read up to its end.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::io::AsyncReadExt::read_u8(&mut peer.stream).await.unwrap());
    }
    peer
}

#[tokio::test]
async fn a_bomb_is_closed_with_1009_and_takes_up_no_more_than_a_message() {
    let transport = Transport { compression: Compression::Deflate, ..Transport::default() };
    let server = server(Settings { transport, ..Settings::default() }).await;
    let bomb = bomb();
    assert!(bomb.len() < 65_536 && MIBS * MIB > 900 * bomb.len(), "{} bytes", bomb.len());
    let mut peers = Vec::new();
    for _ in 0..CLIENTS {
        peers.push(join(&server).await);
    }
    let before = peak();
    for peer in &mut peers {
        peer.send(frame(0xc2, &bomb)).await;
    }
    for mut peer in peers {
        peer.expect(close(1009, "a message is over the limit of 65536")).await;
        peer.expect_end().await;
    }
    let grown = peak() - before;
    assert!(grown < MIBS * MIB / 2, "the process grew by {grown} bytes");
}
