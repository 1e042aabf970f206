//! permessage-deflate (RFC 7692): the handshake and the bad cases in literal bytes, events through a client's codec.

mod support;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::deflate::{Agreement, Codec, Kind, Message, OFFER, Role};
use server_kit::Settings;
use server_kit::hub::SessionClose;
use server_kit::settings::{Compression, Frames, Limits, Transport};
use server_kit::testing::{DATE, Peer, Running, message, numbered, secure};
use server_kit::tls::Resumption;
use support::{close, frame, handshake, server, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn deflate() -> Settings {
    let transport = Transport { compression: Compression::Deflate, ..Transport::default() };
    Settings { transport, ..Settings::default() }
}

fn offering(target: &str, offer: &str) -> String {
    handshake(target, KEY).replace("\r\n\r\n", &format!("\r\nsec-websocket-extensions: {offer}\r\n\r\n"))
}

async fn expect_agreed(peer: &mut Peer, extensions: &str) {
    peer.expect(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extensions}date: {DATE}\r\n\r\n"
    ))
    .await;
}

fn codec(role: Role) -> Codec {
    Codec::new(role, Agreement::of_answer(Some("permessage-deflate")).unwrap(), 1 << 20)
}

/// A client with which compression is agreed on.
struct Client {
    peer: Peer,
    codec: Codec,
}

impl Client {
    async fn join(server: &Running, target: &str) -> Self {
        Self::agreed(server.send(offering(target, OFFER)).await).await
    }

    async fn agreed(mut peer: Peer) -> Self {
        expect_agreed(&mut peer, "sec-websocket-extensions: permessage-deflate\r\n").await;
        Self { peer, codec: codec(Role::Client) }
    }

    async fn next(&mut self) -> Message {
        loop {
            match self.codec.next_message().unwrap() {
                Some(message) => return message,
                None => assert_ne!(self.peer.stream.read_buf(self.codec.buffer()).await.unwrap(), 0),
            }
        }
    }

    async fn send(&mut self, payload: &[u8]) {
        let mut out = BytesMut::new();
        self.codec.data(Kind::Text, payload, &mut out);
        self.peer.send(out).await;
    }
}

fn event(seq: u64, payload: &str) -> Message {
    Message::Data(Kind::Text, Bytes::from(numbered(seq, payload)))
}

#[tokio::test]
async fn what_is_offered_is_agreed_to_and_nothing_else() {
    let server = server(deflate()).await;
    for (offer, agreed) in [
        ("permessage-deflate; client_max_window_bits", "sec-websocket-extensions: permessage-deflate\r\n"),
        (
            "x, permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
            "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=9\r\n",
        ),
        (
            "x\r\nsec-websocket-extensions: permessage-deflate",
            "sec-websocket-extensions: permessage-deflate\r\n",
        ),
        ("permessage-deflate; x", ""),
        ("x", ""),
    ] {
        let mut peer = server.send(offering("/ws", offer)).await;
        expect_agreed(&mut peer, agreed).await;
    }
}

#[tokio::test]
async fn an_offer_to_a_server_that_does_not_compress_is_passed_over() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(offering("/ws", OFFER)).await;
    expect_agreed(&mut peer, "").await;
    server.publish("one");
    peer.expect([&[0x81, 50][..], numbered(1, "one").as_bytes()].concat()).await;
}

#[tokio::test]
async fn a_client_that_does_not_offer_gets_frames_as_ever() {
    let server = server(deflate()).await;
    let mut peer = support::join(&server, "/ws").await;
    server.publish("one");
    peer.expect([&[0x81, 50][..], numbered(1, "one").as_bytes()].concat()).await;
    peer.send(frame(0xc1, b"\0")).await;
    peer.expect(close(1002, "Reserved bits are non-zero")).await;
}

#[tokio::test]
async fn events_are_compressed_with_what_was_said_before() {
    for (frames, first) in [(Frames::Text, 0xc1), (Frames::Binary, 0xc2)] {
        let server = server(Settings { frames, ..deflate() }).await;
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
    let server = server(deflate()).await;
    for _ in 1..=2_000 {
        server.publish("x");
    }
    let mut client = Client::join(&server, "/ws?after=0").await;
    for seq in 1..=2_000 {
        assert_eq!(client.next().await, event(seq, "x"));
    }
}

#[tokio::test]
async fn a_fresh_subscriber_is_greeted_and_silence_is_broken() {
    let heartbeat = Duration::from_millis(30);
    let server = server(Settings { greeting: true, heartbeat, ..deflate() }).await;
    let mut client = Client::join(&server, "/ws").await;
    assert!(matches!(client.next().await, Message::Data(Kind::Text, greeting) if greeting.ends_with(b"}]")));
    assert_eq!(client.next().await, Message::Ping(Bytes::new()));
}

#[tokio::test]
async fn a_clients_message_is_published_compressed_or_not_and_however_it_is_cut() {
    let server = server(deflate()).await;
    let mut client = Client::join(&server, "/ws").await;
    client.send(&message("a")).await;
    assert_eq!(client.next().await, event(1, "a"));
    client.peer.send(text(&message("b"))).await;
    assert_eq!(client.next().await, event(2, "b"));

    // One compressed message in three frames, with a ping between.
    let mut whole = BytesMut::new();
    codec(Role::Server).data(Kind::Text, &message("c"), &mut whole);
    let mut cut = Client::join(&server, "/ws").await;
    for part in [frame(0x41, &whole[2..5]), frame(0x00, &whole[5..9]), frame(0x89, b"?")] {
        cut.peer.send(part).await;
    }
    cut.peer.expect(b"\x8a\x01?").await;
    cut.peer.send(frame(0x80, &whole[9..])).await;
    assert_eq!(cut.next().await, event(3, "c"));
}

#[tokio::test]
async fn a_message_in_the_same_segment_as_the_handshake_is_inflated() {
    let server = server(deflate()).await;
    let mut out = BytesMut::new();
    codec(Role::Client).data(Kind::Text, &message("a"), &mut out);
    let peer = server.send([offering("/ws", OFFER).as_bytes(), &out].concat()).await;
    assert_eq!(Client::agreed(peer).await.next().await, event(1, "a"));
}

#[tokio::test]
async fn what_cannot_be_taken_is_closed_with_its_code() {
    let limits = Limits { message_bytes: 1_000, ..Limits::default() };
    let mut long = BytesMut::new();
    codec(Role::Server).data(Kind::Text, &[b'x'; 2_000], &mut long);
    for (bytes, code, reason) in [
        (b"\x81\x01a".to_vec(), 1002, "client frames must be masked"),
        (frame(0xc9, b""), 1002, "RSV1 on control or continuation frame"),
        (frame(0xc0, b""), 1002, "RSV1 on control or continuation frame"),
        (frame(0xa1, b"a"), 1002, "RSV2 and RSV3 must be 0"),
        (frame(0x80, b"a"), 1002, "a message goes on that has not begun"),
        // A block of the reserved type (RFC 1951 §3.2.3).
        (frame(0xc1, &[0x07]), 1007, "a compressed message cannot be inflated"),
        // A stored block of the byte 0xff.
        (frame(0xc1, b"\x00\x01\x00\xfe\xff\xff\x00"), 1007, "a text message is not UTF-8"),
        (text(b"\xff"), 1007, "a text message is not UTF-8"),
        // RFC 7692 §7.2.3.1
        (
            frame(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
            1008,
            "not a message: a message of 5 bytes is too short to hold a stamp",
        ),
        (frame(0xc1, &long[2..]), 1009, "a message is over the limit of 1000"),
        (text(&[b'x'; 5_000]), 1009, "a message is over the limit of 1000"),
    ] {
        let server = server(Settings { limits: limits.clone(), ..deflate() }).await;
        let mut client = Client::join(&server, "/ws").await;
        client.peer.send(bytes).await;
        client.peer.expect(close(code, reason)).await;
        client.peer.expect_end().await;
    }
}

#[tokio::test]
async fn closes_are_said_and_answered_as_ever() {
    let limits = Limits { replay_events: 2, ..Limits::default() };
    let server = server(Settings { limits, ..deflate() }).await;
    let mut client = Client::join(&server, "/ws").await;
    client.peer.send(frame(0x88, b"\x03\xe8bye")).await;
    client.peer.expect(close(1000, "bye")).await;
    client.peer.expect_end().await;

    for _ in 0..6 {
        server.publish("x");
    }
    let mut slow = Client::join(&server, "/ws?after=1").await;
    slow.peer.expect(close(1013, "too slow, missed 3")).await;

    let mut dismissed = Client::join(&server, "/ws").await;
    server.hub.dismiss(SessionClose { code: 1011, reason: "a reason".to_owned() }).unwrap();
    dismissed.peer.expect(close(1011, "a reason")).await;
    dismissed.peer.expect_end().await;

    let mut last = Client::join(&server, "/ws").await;
    server.stop();
    last.peer.expect(close(1001, "going away")).await;
    server.ended().await;
}

#[tokio::test]
async fn a_broken_tls_record_in_a_compressed_session_is_counted() {
    let transport = Transport { compression: Compression::Deflate, ..secure::transport(Resumption::Off) };
    let server = server(Settings { transport, ..Settings::default() }).await;
    let mut peer = server.connect_tls(&["http/1.1"]).await;
    peer.send(offering("/ws", OFFER)).await;
    let answer = String::from_utf8(peer.until(b"\r\n\r\n").await).unwrap();
    assert!(answer.contains("\r\nsec-websocket-extensions: permessage-deflate\r\n"), "{answer}");
    let socket = peer.stream.get_mut().0;
    socket.write_all(b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!").await.unwrap();
    server.until_waiting(0).await;
    while server.hub.rejected().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.hub.rejected(), Some((1, "TLS: cannot decrypt peer's message".to_owned())));
}
