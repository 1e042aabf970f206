//! WebSocket with permessage-deflate (RFC 7692): what a subscriber asks for, takes, sends and refuses.

use bytes::BytesMut;
use loadgen::subscriber::{SubscribeError, websocket};
use model::settings::{Compression, Frames, HeaderProfile, Settings, Transport};
use protocol::deflate::{Agreement, Codec, Kind, Message, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::rig::{Rig, event, run, settings};

const AGREED: &str = "sec-websocket-extensions: permessage-deflate\r\n";
/// "Hello" (RFC 7692 §7.2.3.1).
const HELLO: &[u8] = &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn compressed() -> Settings {
    Settings {
        transport: Transport { compression: Compression::Deflate, ..Transport::default() },
        ..settings()
    }
}

fn server() -> Codec {
    Codec::new(Role::Server, Agreement::of_answer(Some("permessage-deflate")).unwrap(), 1 << 20)
}

/// The next message of the client's.
async fn next(codec: &mut Codec, stream: &mut TcpStream) -> Message {
    loop {
        match codec.next_message().unwrap() {
            Some(message) => return message,
            None => assert_ne!(stream.read_buf(codec.buffer()).await.unwrap(), 0),
        }
    }
}

#[test]
fn every_profile_offers_what_browsers_offer() {
    run(async {
        for headers in [HeaderProfile::Minimal, HeaderProfile::Browser] {
            let mut settings = compressed();
            settings.http.headers = headers;
            let mut rig = Rig::new(settings).await;
            let _subscriber = spawn_local(websocket::subscribe(rig.session()));
            let (_stream, request) = rig.accept_websocket_with(AGREED).await;
            let offer = "\r\nsec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
            assert!(request.contains(offer), "{request}");
        }
    });
}

#[test]
fn events_are_inflated_however_they_are_cut_and_fragmented() {
    run(async {
        let mut rig = Rig::new(compressed()).await;
        let _subscriber = spawn_local(websocket::subscribe(rig.session()));
        let (mut stream, _) = rig.accept_websocket_with(AGREED).await;
        let (mut server, mut frames) = (server(), BytesMut::new());
        for seq in 1..=3 {
            server.data(Kind::Text, &event(seq), &mut frames);
        }
        for part in frames.chunks(5) {
            stream.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        rig.until_events(3).await;

        let mut whole = BytesMut::new();
        server.data(Kind::Text, &event(4), &mut whole);
        let (first, last) = whole[2..].split_at(3);
        stream
            .write_all(&[&[0x41, 3], first, b"\x89\x01?", &[0x80, last.len() as u8], last].concat())
            .await
            .unwrap();
        assert_eq!(next(&mut server, &mut stream).await, Message::Pong);
        rig.until_events(4).await;
        assert_eq!(rig.worker.snapshot().counters.responses, 4);
    });
}

#[test]
fn an_event_in_the_same_segment_as_the_answer_is_taken() {
    run(async {
        let mut rig = Rig::new(compressed()).await;
        let _subscriber = spawn_local(websocket::subscribe(rig.session()));
        let mut frames = BytesMut::new();
        server().data(Kind::Binary, &event(1), &mut frames);
        // The rig writes the answer's last line with what follows it.
        let (mut stream, request) = rig.accept().await;
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n{AGREED}\r\n"
        );
        stream.write_all(&[answer.as_bytes(), &frames].concat()).await.unwrap();
        rig.until_events(1).await;
    });
}

#[test]
fn messages_are_sent_compressed_with_the_opcode_of_the_settings() {
    run(async {
        for (frames, kind) in [(Frames::Text, Kind::Text), (Frames::Binary, Kind::Binary)] {
            let mut settings = compressed();
            settings.websocket.frames = frames;
            let mut rig = Rig::new(settings).await;
            let _subscriber = spawn_local(websocket::subscribe(rig.session()));
            let (mut stream, _) = rig.accept_websocket_with(AGREED).await;
            let mut server = server();
            for intended_ns in [5, 6] {
                rig.sender.send(intended_ns).unwrap();
                let Message::Data(found, payload) = next(&mut server, &mut stream).await else {
                    panic!("no message")
                };
                let stamp = protocol::Message::decode(&payload).unwrap().stamp;
                assert_eq!((found, stamp.intended_ns), (kind, intended_ns));
            }
        }
    });
}

#[test]
fn a_server_that_does_not_agree_is_reported() {
    run(async {
        for (settings, fields, said) in [
            (compressed(), "", "permessage-deflate was asked for, and the server agreed to nothing"),
            (
                compressed(),
                "sec-websocket-extensions: permessage-deflate; server_max_window_bits=99\r\n",
                "permessage-deflate was asked for, and the server agreed to permessage-deflate; server_max_window_bits=99",
            ),
            (
                settings(),
                AGREED,
                "the server agreed to extensions that were not asked for: permessage-deflate",
            ),
        ] {
            let mut rig = Rig::new(settings).await;
            let subscriber = spawn_local(websocket::subscribe(rig.session()));
            let _stream = rig.accept_websocket_with(fields).await;
            assert_eq!(root_cause(&subscriber.await.unwrap().unwrap_err()), said);
        }
    });
}

/// The last cause of an error.
fn root_cause(error: &SubscribeError) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[test]
fn an_invalid_message_is_answered_with_its_close_code() {
    run(async {
        // 60 MiB of zeros, as messages of one would be (RFC 7692 §7.2.1 takes the mark between them off).
        let mut bomb = Vec::new();
        let mut codec = server();
        for _ in 0..60 {
            let mut part = BytesMut::new();
            codec.data(Kind::Binary, &[0; 1 << 20], &mut part);
            bomb.extend_from_slice(&part[4..]);
            bomb.extend_from_slice(&[0, 0, 0xff, 0xff]);
        }
        bomb.push(0);
        let len = u16::try_from(bomb.len()).unwrap().to_be_bytes();
        let bomb = [&[0xc2, 126, len[0], len[1]], &bomb[..]].concat();
        for (frame, code, said) in [
            (&b"\xc1\x01\x07"[..], 1_007, "a compressed message cannot be inflated"),
            (b"\xc1\x07\x00\x01\x00\xfe\xff\xff\x00", 1_007, "a text message is not UTF-8"),
            (b"\xc0\x00", 1_002, "RSV1 on control or continuation frame"),
            (&bomb, 1_009, "a message is over the limit of 16777216"),
        ] {
            let mut rig = Rig::new(compressed()).await;
            let subscriber = spawn_local(websocket::subscribe(rig.session()));
            let (mut stream, _) = rig.accept_websocket_with(AGREED).await;
            stream.write_all(frame).await.unwrap();
            let Message::Close(Some(close)) = next(&mut server(), &mut stream).await else {
                panic!("no close frame")
            };
            assert_eq!((close.code, close.reason.as_str()), (code, said));
            drop(stream);
            let error = subscriber.await.unwrap().unwrap_err();
            assert_eq!(root_cause(&error), said);
        }
    });
}

#[test]
fn a_frame_that_says_compressed_where_nothing_was_agreed_on_is_refused() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let subscriber = spawn_local(websocket::subscribe(rig.session()));
        let mut stream = rig.accept_websocket().await;
        stream.write_all(HELLO).await.unwrap();
        drop(stream);
        let error = subscriber.await.unwrap().unwrap_err();
        assert_eq!(root_cause(&error), "Reserved bits are non-zero");
    });
}

#[test]
fn a_compressed_session_closes_with_1000_and_is_closed_like_any_other() {
    run(async {
        let mut rig = Rig::new(compressed()).await;
        let subscriber = spawn_local(websocket::subscribe(rig.session()));
        let (mut stream, _) = rig.accept_websocket_with(AGREED).await;
        stream.write_all(b"\x88\x0a\x03\xf5too slow").await.unwrap();
        let mut answer = [0; 2 + 4 + 10];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[..2], [0x88, 0x80 | 10]);
        drop(stream);
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, SubscribeError::SessionClosed(said) if said == "too slow (1013)"),
            "{error}"
        );

        let session = rig.session();
        let subscriber = spawn_local(websocket::subscribe(session.clone()));
        let (mut stream, _) = rig.accept_websocket_with(AGREED).await;
        while !session.is_connected() {
            tokio::task::yield_now().await;
        }
        rig.stopper.stop();
        let mut server = server();
        let Message::Close(Some(close)) = next(&mut server, &mut stream).await else { panic!("no close") };
        assert_eq!((close.code, close.reason.as_str()), (1_000, ""));
        stream.write_all(b"\x88\x02\x03\xe8").await.unwrap();
        stream.shutdown().await.unwrap();
        subscriber.await.unwrap().unwrap();
        // The client's side ends, too, and is not reset.
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    });
}
