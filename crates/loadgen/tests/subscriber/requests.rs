//! What a subscriber asks for, and on how many connections.

use loadgen::subscriber::{http_streaming, polling, raw_tcp, websocket};
use model::settings::{EmptyAnswer, Frames};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

use crate::rig::{Rig, event, found, head, run, settings, two_way};

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn get(path: &str, rig: &Rig) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", rig.address())
}

#[test]
fn a_poll_asks_for_what_follows_the_last_event_on_the_same_connection() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let _subscriber = spawn_local(polling::long(rig.session()));
        let (mut stream, first) = rig.accept().await;
        assert_eq!(first, get("/events?channel=0&after=0", &rig));
        stream.write_all(&found(&[1, 2])).await.unwrap();
        assert_eq!(head(&mut stream).await, get("/events?channel=0&after=2", &rig));
        stream.write_all(NO_CONTENT).await.unwrap();
        assert_eq!(head(&mut stream).await, get("/events?channel=0&after=2", &rig));

        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.events, counters.responses, counters.empty_responses), (2, 1, 1));
        assert_eq!((counters.requests, counters.connections), (3, 1));
    });
}

#[test]
fn a_poll_that_keeps_no_connection_says_so_and_opens_a_new_one() {
    run(async {
        let mut settings = settings();
        settings.http.keep_alive = false;
        let mut rig = Rig::new(settings).await;
        let _subscriber = spawn_local(polling::short(rig.session()));
        for connections in 1..=3 {
            let (mut stream, request) = rig.accept().await;
            assert!(request.ends_with("\r\nconnection: close\r\n\r\n"), "{request}");
            stream.write_all(NO_CONTENT).await.unwrap();
            assert_eq!(rig.worker.snapshot().counters.connections, connections);
        }
    });
}

#[test]
fn a_poll_that_may_be_answered_304_names_what_it_has() {
    run(async {
        let mut settings = settings();
        settings.short_polling.empty = EmptyAnswer::NotModified;
        let mut rig = Rig::new(settings).await;
        let _subscriber = spawn_local(polling::short(rig.session()));
        let (mut stream, request) = rig.accept().await;
        assert!(request.contains("\r\nif-none-match: \"0\"\r\n"), "{request}");
        stream.write_all(&found(&[1])).await.unwrap();
        let request = head(&mut stream).await;
        assert!(request.contains("\r\nif-none-match: \"1\"\r\n"), "{request}");
        stream.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n").await.unwrap();
        head(&mut stream).await;
        assert_eq!(rig.worker.snapshot().counters.empty_responses, 1);
    });
}

#[test]
fn messages_are_posted_one_after_another_on_a_connection_of_their_own() {
    run(async {
        let mut rig = Rig::new(two_way()).await;
        let _subscriber = spawn_local(http_streaming::sse(rig.session()));
        // Both are opened at once, so that the first message does not wait for its connection.
        let (mut stream, mut posts) = rig.accept_pair().await;
        assert_eq!(head(&mut stream).await, get("/stream?channel=0&after=0", &rig));
        rig.sender.send(5).unwrap();
        rig.sender.send(6).unwrap();
        let mut request = head(&mut posts).await;
        for intended_ns in [5, 6] {
            let expected = "POST /messages?channel=0 HTTP/1.1\r\n";
            assert!(request.starts_with(expected) && request.contains("content-length: 52\r\n"), "{request}");
            let mut body = [0; 52];
            posts.read_exact(&mut body).await.unwrap();
            assert_eq!(protocol::Message::decode(&body).unwrap().stamp.intended_ns, intended_ns);
            posts.write_all(NO_CONTENT).await.unwrap();
            if intended_ns == 5 {
                request = head(&mut posts).await;
            }
        }
    });
}

#[test]
fn a_websocket_sends_messages_with_the_opcode_of_the_settings_and_answers_pings() {
    run(async {
        for (frames, opcode) in [(Frames::Text, 0x81), (Frames::Binary, 0x82)] {
            let mut settings = settings();
            settings.websocket.frames = frames;
            let mut rig = Rig::new(settings).await;
            let _subscriber = spawn_local(websocket::subscribe(rig.session()));
            let mut stream = rig.accept_websocket().await;
            rig.sender.send(5).unwrap();
            let mut frame = [0; 6 + 52];
            stream.read_exact(&mut frame).await.unwrap();
            assert_eq!(frame[..2], [opcode, 0x80 | 52]);
            stream.write_all(b"\x89\x01?").await.unwrap();
            let mut pong = [0; 6 + 1];
            stream.read_exact(&mut pong).await.unwrap();
            assert_eq!(pong[..2], [0x8a, 0x81]);
        }
    });
}

#[test]
fn raw_tcp_says_hello_and_takes_frames_however_they_are_cut() {
    run(async {
        let mut rig = Rig::new(settings()).await;
        let _subscriber = spawn_local(raw_tcp::subscribe(rig.session()));
        let (mut stream, _) = rig.listener.accept().await.unwrap();
        let mut hello = [0; 4 + 17];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello[..], b"\0\0\0\x11channel=0&after=0"[..]);
        let frames = [protocol::frame::encode(&event(1)), protocol::frame::encode(&event(2))].concat();
        for part in frames.chunks(7) {
            stream.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        rig.until_events(2).await;
        rig.sender.send(5).unwrap();
        let mut frame = [0; 4 + 52];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[..6], *b"\0\0\0\x34[\"");
    });
}
