//! Servers that refuse, fall silent, or speak something else. The client says which, and never waits for ever.

use loadgen::subscriber::{SocketIoError, SubscribeError, socketio};
use model::settings::SocketIoTransports::{self, Polling, Upgrade, Websocket};
use tokio::io::AsyncWriteExt;
use tokio::task::{JoinHandle, spawn_local};

use super::server::{
    JOINED, OPEN, answer, by, frame, joined, message, next_text, open, refuse, request, say, take_connect,
    take_websocket,
};
use crate::rig::{Rig, agree, chain, run};

type Subscriber = JoinHandle<Result<(), SubscribeError>>;

async fn begin(transports: SocketIoTransports) -> (Rig, Subscriber) {
    let mut rig = Rig::new(by(transports)).await;
    let subscriber = spawn_local(socketio::subscribe(rig.session()));
    (rig, subscriber)
}

async fn failed(subscriber: Subscriber) -> String {
    chain(&subscriber.await.unwrap().unwrap_err())
}

#[test]
fn an_open_packet_that_is_none_is_reported() {
    run(async {
        for (said, expected) in [
            ("", "read Engine.IO: a packet is empty"),
            ("hello", "read Engine.IO: a packet begins with h, which is no packet type"),
            ("<html>", "read Engine.IO: a packet begins with <, which is no packet type"),
            ("6", "an open packet was due, and the server sent a packet of kind Noop"),
            ("bAAAA", "an open packet was due, and the server sent an attachment"),
            ("0[]", "read the server's open packet: the open packet is no object"),
            (
                r#"0{"sid":""}"#,
                "read the server's open packet: the open packet is not what it must be: missing field",
            ),
        ] {
            let (rig, subscriber) = begin(Polling).await;
            open(&rig, said).await;
            let error = failed(subscriber).await;
            assert!(error.starts_with(expected), "{said}: {error}");
        }
        for (said, expected) in [
            ("?", "read Engine.IO: a packet begins with ?, which is no packet type"),
            ("2", "an open packet was due, and the server sent a packet of kind Ping"),
        ] {
            let (rig, subscriber) = begin(Websocket).await;
            let mut websocket = take_websocket(&rig, "").await;
            say(&mut websocket, said).await;
            assert_eq!(failed(subscriber).await, expected);
        }
    });
}

#[test]
fn a_session_that_the_server_does_not_know_is_reported_in_its_words() {
    run(async {
        let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
        let (rig, subscriber) = begin(Polling).await;
        let mut polls = open(&rig, OPEN).await;
        let _posts = take_connect(&rig).await;
        request(&mut polls).await;
        refuse(&mut polls, "400 Bad Request", unknown).await;
        let expected = format!("the server answered 400 Bad Request: {unknown}");
        assert_eq!(failed(subscriber).await, expected);

        let (rig, subscriber) = begin(Polling).await;
        let _polls = open(&rig, OPEN).await;
        let (mut posts, _) = rig.listener.accept().await.unwrap();
        request(&mut posts).await;
        refuse(&mut posts, "400 Bad Request", unknown).await;
        assert_eq!(failed(subscriber).await, expected);
    });
}

#[test]
fn a_refusal_to_join_is_reported_with_its_message() {
    run(async {
        let refusal = r#"44{"message":"there is no channel 7"}"#;
        let expected = "the server refused to connect: there is no channel 7";
        let (rig, subscriber) = begin(Polling).await;
        let mut polls = open(&rig, OPEN).await;
        let _posts = take_connect(&rig).await;
        request(&mut polls).await;
        answer(&mut polls, refusal).await;
        assert_eq!(failed(subscriber).await, expected);

        let (rig, subscriber) = begin(Websocket).await;
        let mut websocket = take_websocket(&rig, "").await;
        say(&mut websocket, OPEN).await;
        say(&mut websocket, refusal).await;
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(matches!(&error, SubscribeError::SocketIo(SocketIoError::Refused(_))), "{error}");
        assert_eq!(chain(&error), expected);
    });
}

#[test]
fn an_upgrade_that_is_refused_or_not_offered_is_an_error() {
    run(async {
        let (rig, subscriber) = begin(Upgrade).await;
        let _polls = open(&rig, OPEN).await;
        loop {
            let (mut stream, _) = rig.listener.accept().await.unwrap();
            let (asked, _) = request(&mut stream).await;
            if asked.contains("transport=websocket") {
                refuse(&mut stream, "400 Bad Request", "no upgrades here").await;
                break;
            }
            answer(&mut stream, "ok").await;
        }
        let expected = "upgrade to WebSocket: the server answered 400 Bad Request: no upgrades here";
        assert_eq!(failed(subscriber).await, expected);

        let (rig, subscriber) = begin(Upgrade).await;
        open(&rig, &OPEN.replace(r#""websocket""#, "")).await;
        assert_eq!(failed(subscriber).await, "the server offers no upgrade to WebSocket");
    });
}

#[test]
fn a_probe_is_waited_for_as_long_as_the_server_waits_for_a_pong() {
    run(async {
        for (answered, expected) in [
            (None, "the server did not answer the probe within 50ms"),
            (Some("6"), "the probe's answer was due, and the server sent a packet of kind Noop"),
            (Some("3prob"), "the probe's answer was due, and the server sent a packet of kind Pong"),
        ] {
            let (rig, subscriber) = begin(Upgrade).await;
            let _polls = open(&rig, &OPEN.replace("\"pingTimeout\":20000", "\"pingTimeout\":50")).await;
            let mut kept = Vec::new();
            loop {
                let (mut stream, head) = rig.accept().await;
                if head.contains("transport=websocket") {
                    agree(&mut stream, &head, "").await;
                    assert_eq!(next_text(&mut stream).await, "2probe");
                    if let Some(answered) = answered {
                        say(&mut stream, answered).await;
                    }
                    kept.push(stream);
                    break;
                }
                kept.push(stream);
            }
            assert_eq!(failed(subscriber).await, expected);
        }
    });
}

#[test]
fn a_server_that_stops_pinging_is_taken_for_gone() {
    run(async {
        let quick = OPEN.replace("25000", "30").replace("20000", "20");
        let expected = "the server did not ping within 50ms";
        let (rig, subscriber) = begin(Websocket).await;
        let mut websocket = take_websocket(&rig, "").await;
        say(&mut websocket, &quick).await;
        say(&mut websocket, JOINED).await;
        say(&mut websocket, "2").await;
        assert_eq!(failed(subscriber).await, expected);

        let (rig, subscriber) = begin(Polling).await;
        let _polls = open(&rig, &quick).await;
        assert_eq!(failed(subscriber).await, expected);
    });
}

#[test]
fn what_is_no_packet_ends_the_session_with_an_error() {
    run(async {
        for (said, expected) in [
            ("4", "read Socket.IO: a packet is empty"),
            ("49", "read Socket.IO: a packet begins with 9, which is no packet type"),
            ("42", "read Socket.IO: a packet of kind Event does not carry such data"),
            ("42[]", "read an event: an event has no name"),
            ("42[\"x\",", "read an event: a packet's data is no JSON array"),
            ("bAAAA", "read Socket.IO: an attachment came that belongs to no packet"),
            ("5", "a message was due, and the server sent a packet of kind Upgrade"),
            ("42[\"x\"]\x1e", "read Engine.IO: a packet is empty"),
            ("b$", "read Engine.IO: a binary packet is no base64"),
        ] {
            let (rig, subscriber) = begin(Polling).await;
            let (mut polls, _posts) = joined(&rig).await;
            answer(&mut polls, said).await;
            let error = failed(subscriber).await;
            assert!(error.starts_with(expected), "{said}: {error}");
        }
    });
}

#[test]
fn a_frame_that_is_no_packet_or_too_large_ends_the_session_with_an_error() {
    run(async {
        let oversize = [&[0x81, 127][..], &(1u64 << 30).to_be_bytes()].concat();
        for (said, expected) in [
            (frame(1, b""), "read Engine.IO: a packet is empty"),
            (frame(1, b"\xff"), "speak WebSocket: "),
            (frame(2, b"x"), "read Socket.IO: an attachment came that belongs to no packet"),
            (oversize, "speak WebSocket: "),
            (frame(3, b""), "speak WebSocket: "),
            (frame(8, b"\x03\xf5too slow"), "the server closed the session: too slow (1013)"),
        ] {
            let (rig, subscriber) = begin(Websocket).await;
            let mut websocket = take_websocket(&rig, "").await;
            say(&mut websocket, OPEN).await;
            say(&mut websocket, JOINED).await;
            websocket.write_all(&said).await.unwrap();
            let error = failed(subscriber).await;
            assert!(error.starts_with(expected), "{said:?}: {error}");
        }
    });
}

#[test]
fn an_answer_without_end_is_refused() {
    run(async {
        let (rig, subscriber) = begin(Polling).await;
        let (mut polls, _posts) = joined(&rig).await;
        polls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n4").await.unwrap();
        let flood = spawn_local(async move {
            let part = vec![b'x'; 1 << 20];
            // The client hangs up before all of it is read.
            while polls.write_all(&part).await.is_ok() {}
        });
        let error = failed(subscriber).await;
        assert!(error.contains("16777216 bytes"), "{error}");
        flood.abort();
    });
}

#[test]
fn a_session_close_is_an_error_and_a_normal_end_is_none() {
    run(async {
        let dismissed = "42[\"dismissed\",\"missed 7 events\"]\x1e41";
        let (rig, subscriber) = begin(Polling).await;
        let (mut polls, _posts) = joined(&rig).await;
        answer(&mut polls, &format!("{}\x1e{dismissed}", message(1))).await;
        let error = subscriber.await.unwrap().unwrap_err();
        assert!(
            matches!(&error, SubscribeError::SessionClosed(said) if said == "missed 7 events"),
            "{error}"
        );
        assert_eq!(rig.worker.snapshot().counters.events, 1);
        for packet in ["41", "1"] {
            let (rig, subscriber) = begin(Polling).await;
            let (mut polls, _posts) = joined(&rig).await;
            answer(&mut polls, packet).await;
            subscriber.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_post_that_is_answered_with_something_else_than_ok_is_reported() {
    run(async {
        let (rig, subscriber) = begin(Polling).await;
        let _polls = open(&rig, OPEN).await;
        let (mut posts, _) = rig.listener.accept().await.unwrap();
        request(&mut posts).await;
        answer(&mut posts, "maybe\nlater").await;
        assert_eq!(failed(subscriber).await, "the server answered a post with `maybe`");
    });
}

#[test]
fn a_client_that_is_stopped_before_it_has_joined_ends_without_error() {
    run(async {
        for transports in [Polling, Upgrade, Websocket] {
            let (rig, subscriber) = begin(transports).await;
            let (_silent, _) = rig.accept().await;
            rig.stopper.stop();
            subscriber.await.unwrap().unwrap();
        }
        // The poll under way is never answered, nor is the close packet.
        let (rig, subscriber) = begin(Polling).await;
        let (_polls, _posts) = joined(&rig).await;
        rig.stopper.stop();
        subscriber.await.unwrap().unwrap();
    });
}
