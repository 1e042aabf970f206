//! permessage-deflate (RFC 7692): the handshake and the bad cases in literal bytes, events through a client's codec.

use bytes::{Bytes, BytesMut};
use protocol::deflate::{Agreement, Codec, Kind, Message, OFFER, Role};
use server_kit::Settings;
use server_kit::settings::Frames;
use test_support::exchange::*;
use test_support::server::{Peer, Running, compressed, heartbeat_ms, message, numbered, plain, replaying};
use test_support::websocket::{KEY, close, handshake, masked, text};
use test_support::{exchanges, is_alone};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;

use crate::{accepted, join, server, short_messages, tls};

const MIB: usize = 1 << 20;
const AGREED: &str = "sec-websocket-extensions: permessage-deflate\r\n";

fn offering(target: &str, offer: &str) -> String {
    handshake(target, KEY).replace("\r\n\r\n", &format!("\r\nsec-websocket-extensions: {offer}\r\n\r\n"))
}

fn codec(role: Role) -> Codec {
    Codec::new(role, Agreement::of_answer(Some("permessage-deflate")).unwrap(), MIB)
}

/// A compressed frame of this role's.
fn deflated(role: Role, payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    codec(role).data(Kind::Text, payload, &mut out);
    out
}

/// A client that offers this, and what of it is agreed to.
fn agrees(offer: &str, fields: &str) -> Step {
    all([open(offering("/ws", offer)), expect(accepted(fields))])
}

/// A compressed session.
fn join_compressed(target: &str) -> Step {
    all([open(offering(target, OFFER)), expect(accepted(AGREED))])
}

/// How a compressed session ends in which the client sends this.
fn closes(bytes: impl AsRef<[u8]>, code: u16, reason: &str) -> Step {
    all([join_compressed("/ws"), send(bytes), expect(close(code, reason)), End])
}

exchanges! { server;
    what_is_offered_is_agreed_to_and_nothing_else(compressed(plain())):
        agrees("permessage-deflate; client_max_window_bits", AGREED),
        agrees(
            "x, permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
            "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=9\r\n",
        ),
        agrees("x\r\nsec-websocket-extensions: permessage-deflate", AGREED),
        agrees("permessage-deflate; x", ""), agrees("x", "");

    an_offer_to_a_server_that_does_not_compress_is_passed_over(plain()):
        agrees(OFFER, ""), publish("one"), expect([&[0x81, 50][..], numbered(1, "one").as_bytes()].concat());

    a_client_that_does_not_offer_gets_frames_as_ever(compressed(plain())):
        join("/ws"), publish("one"), expect([&[0x81, 50][..], numbered(1, "one").as_bytes()].concat()),
        send(masked(0xc1, b"\0")), expect(close(1002, "Reserved bits are non-zero"));

    what_breaks_the_protocol_is_closed_with_its_code(compressed(short_messages())):
        closes(b"\x81\x01a", 1002, "client frames must be masked"),
        closes(masked(0xc9, ""), 1002, "RSV1 on control or continuation frame"),
        closes(masked(0xc0, ""), 1002, "RSV1 on control or continuation frame"),
        closes(masked(0xa1, "a"), 1002, "RSV2 and RSV3 must be 0"),
        closes(masked(0x80, "a"), 1002, "a message goes on that has not begun");

    what_cannot_be_taken_is_closed_with_its_code(compressed(short_messages())):
        // A block of the reserved type (RFC 1951 §3.2.3).
        closes(masked(0xc1, [0x07]), 1007, "a compressed message cannot be inflated"),
        // A stored block of the byte 0xff.
        closes(masked(0xc1, b"\x00\x01\x00\xfe\xff\xff\x00"), 1007, "a text message is not UTF-8"),
        closes(text(b"\xff"), 1007, "a text message is not UTF-8"),
        // RFC 7692 §7.2.3.1
        closes(
            masked(0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            1008, "not a message: a message of 5 bytes is too short to hold a stamp",
        ),
        closes(
            masked(0xc1, &deflated(Role::Server, &[b'x'; 2_000])[2..]),
            1009, "a message is over the limit of 1000",
        ),
        closes(text([b'x'; 5_000]), 1009, "a message is over the limit of 1000");

    closes_are_said_and_answered_as_ever(compressed(replaying(2))):
        closes(masked(0x88, b"\x03\xe8bye"), 1000, "bye"),
        publish_times(6, "x"), join_compressed("/ws?after=1"), expect(close(1013, "too slow, missed 3")),
        join_compressed("/ws"), CloseSessions(1011, "a reason"), expect(close(1011, "a reason")), End,
        join_compressed("/ws"), Stop, expect(close(1001, "going away")), Ended;
}

/// A client with which compression is agreed on.
pub(crate) struct Client<S = TcpStream> {
    peer: Peer<S>,
    codec: Codec,
}

impl Client {
    async fn join(server: &Running, target: &str) -> Self {
        Self::agreed(server.send(offering(target, OFFER)).await).await
    }

    async fn agreed(mut peer: Peer) -> Self {
        peer.expect(accepted(AGREED)).await;
        Self::of(peer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn of(peer: Peer<S>) -> Self {
        Self { peer, codec: codec(Role::Client) }
    }

    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match self.codec.next_message().unwrap() {
                Some(message) => return message,
                None => assert_ne!(self.peer.stream.read_buf(self.codec.buffer()).await.unwrap(), 0),
            }
        }
    }

    pub(crate) async fn send(&mut self, payload: &[u8]) {
        let mut out = BytesMut::new();
        self.codec.data(Kind::Text, payload, &mut out);
        self.peer.send(out).await;
    }
}

pub(crate) fn event(seq: u64, payload: &str) -> Message {
    Message::Data(Kind::Text, Bytes::from(numbered(seq, payload)))
}

#[tokio::test]
async fn events_are_compressed_with_what_was_said_before() {
    for (frames, first) in [(Frames::Text, 0xc1), (Frames::Binary, 0xc2)] {
        let server = server(compressed(Settings { frames, ..plain() })).await;
        let mut client = Client::join(&server, "/ws").await;
        let mut lengths = [0; 2];
        for length in &mut lengths {
            server.publish("the quick brown fox jumps over the lazy dog");
            let header = client.peer.stream.read_u16().await.unwrap().to_be_bytes();
            assert_eq!(header[0], first);
            *length = usize::from(header[1]);
            let mut payload = vec![0; *length];
            client.peer.stream.read_exact(&mut payload).await.unwrap();
        }
        assert!(lengths[1] < 25 && lengths[0] > 50, "{lengths:?}");
    }
}

#[tokio::test]
async fn many_events_that_wait_come_in_order_and_compressed() {
    let server = server(compressed(plain())).await;
    server.publish_times(2_000, "x");
    let mut client = Client::join(&server, "/ws?after=0").await;
    for seq in 1..=2_000 {
        assert_eq!(client.next().await, event(seq, "x"));
    }
}

#[tokio::test]
async fn a_fresh_subscriber_is_greeted_and_silence_is_broken() {
    let server = server(compressed(Settings { greeting: true, ..heartbeat_ms(30) })).await;
    let mut client = Client::join(&server, "/ws").await;
    assert!(matches!(client.next().await, Message::Data(Kind::Text, greeting) if greeting.ends_with(b"}]")));
    assert_eq!(client.next().await, Message::Ping(Bytes::new()));
}

#[tokio::test]
async fn a_clients_message_is_published_compressed_or_not_and_however_it_is_cut() {
    let server = server(compressed(plain())).await;
    let mut client = Client::join(&server, "/ws").await;
    client.send(&message("a")).await;
    assert_eq!(client.next().await, event(1, "a"));
    client.peer.send(text(message("b"))).await;
    assert_eq!(client.next().await, event(2, "b"));

    // One compressed message in three frames, with a ping between.
    let whole = deflated(Role::Server, &message("c"));
    let mut cut = Client::join(&server, "/ws").await;
    for part in [masked(0x41, &whole[2..5]), masked(0x00, &whole[5..9]), masked(0x89, b"?")] {
        cut.peer.send(part).await;
    }
    cut.peer.expect(b"\x8a\x01?").await;
    cut.peer.send(masked(0x80, &whole[9..])).await;
    assert_eq!(cut.next().await, event(3, "c"));
}

#[tokio::test]
async fn a_message_in_the_same_segment_as_the_handshake_is_inflated() {
    let server = server(compressed(plain())).await;
    let out = deflated(Role::Client, &message("a"));
    let peer = server.send([offering("/ws", OFFER).as_bytes(), &out].concat()).await;
    assert_eq!(Client::agreed(peer).await.next().await, event(1, "a"));
}

#[tokio::test]
async fn a_broken_tls_record_in_a_compressed_session_is_counted() {
    let server = server(compressed(tls())).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(offering("/ws", OFFER)).await;
    let answer = String::from_utf8(peer.until("\r\n\r\n").await).unwrap();
    assert!(answer.contains("\r\nsec-websocket-extensions: permessage-deflate\r\n"), "{answer}");
    peer.send_broken_record().await;
    server.until_waiting(0).await;
    assert_eq!(server.until_rejected().await, "TLS: cannot decrypt peer's message");
}

/// What a message inflates to that is a thousandth of it.
const BOMB_BYTES: usize = 60 * MIB;

/// One compressed message: what ends each part of it (RFC 7692 §7.2.1) stands between them.
fn bomb() -> Vec<u8> {
    let mut codec = codec(Role::Server);
    let mut parts = Vec::new();
    for _ in 0..BOMB_BYTES / MIB {
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

#[tokio::test]
async fn a_message_that_inflates_a_thousandfold_is_closed_with_1009_and_takes_up_no_more_than_a_message() {
    if !is_alone() {
        return;
    }
    let server = server(compressed(plain())).await;
    let bomb = bomb();
    assert!(bomb.len() < 65_536 && BOMB_BYTES > 900 * bomb.len(), "{} bytes", bomb.len());
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::join(&server, "/ws").await);
    }
    let before = peak();
    for client in &mut clients {
        client.peer.send(masked(0xc2, &bomb)).await;
    }
    for mut client in clients {
        client.peer.expect(close(1009, "a message is over the limit of 65536")).await;
        client.peer.expect_end().await;
    }
    let grown = peak() - before;
    assert!(grown < BOMB_BYTES / 2, "the process grew by {grown} bytes");
}
