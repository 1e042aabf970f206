//! A session by each way, from the first byte to the last.

use loadgen::Session;
use loadgen::subscriber::socketio;
use model::settings::{HeaderProfile, Settings, SocketIoTransports};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

use super::server::{
    CONNECT, JOINED, OPEN, answer, by, frame, joined, message, next_frame, next_text, open, request, say,
    take_connect, take_poll, take_websocket,
};
use crate::rig::{Rig, agree, event, head, run, until};

const POSTED: &str = "POST /socket.io/?EIO=4&transport=polling&t=…&sid=abc HTTP/1.1";

#[test]
fn a_session_by_polling_polls_on_one_connection_and_posts_on_another() {
    run(async {
        let mut rig = Rig::new(by(SocketIoTransports::Polling)).await;
        let session = rig.session();
        let subscriber = spawn_local(socketio::subscribe(session.clone()));
        let mut polls = open(&rig, OPEN).await;
        let mut posts = take_connect(&rig).await;
        take_poll(&mut polls).await;
        assert!(!session.is_connected());
        answer(&mut polls, JOINED).await;
        take_poll(&mut polls).await;
        assert!(session.is_connected());

        answer(&mut polls, &format!("{}\x1e2\x1e{}", message(1), message(2))).await;
        take_poll(&mut polls).await;
        assert_eq!(request(&mut posts).await, (POSTED.to_owned(), "3".to_owned()));
        answer(&mut posts, "ok").await;
        assert_eq!(rig.worker.snapshot().counters.events, 2);

        rig.sender.send(5).unwrap();
        let (asked, body) = request(&mut posts).await;
        assert_eq!((asked.as_str(), &body[..13]), (POSTED, r#"42["message","#));
        let sent = protocol::Message::decode(&body.as_bytes()[13..body.len() - 1]).unwrap();
        assert_eq!(sent.stamp.intended_ns, 5);
        answer(&mut posts, "ok").await;

        rig.stopper.stop();
        for packet in ["41", "1"] {
            assert_eq!(request(&mut posts).await.1, packet);
            answer(&mut posts, "ok").await;
        }
        subscriber.await.unwrap().unwrap();
        let counters = rig.worker.snapshot().counters;
        // Three polls were answered and one was not; five posts.
        assert_eq!((counters.requests, counters.connections), (9, 2));
        assert_eq!((counters.responses, counters.empty_responses), (1, 1));
    });
}

#[test]
fn what_waits_behind_a_post_is_posted_together_up_to_what_the_server_takes() {
    run(async {
        let mut rig = Rig::new(by(SocketIoTransports::Polling)).await;
        let _subscriber = spawn_local(socketio::subscribe(rig.session()));
        let (_polls, mut posts) = joined(&rig).await;
        for intended_ns in 1..=5 {
            rig.sender.send(intended_ns).unwrap();
        }
        // Of 66 bytes each, with a byte between them; the server takes 200.
        let mut sizes = Vec::new();
        while sizes.iter().sum::<usize>() < 5 {
            let (_, body) = request(&mut posts).await;
            assert!(body.len() <= 200, "{body}");
            sizes.push(body.split('\x1e').count());
            answer(&mut posts, "ok").await;
        }
        assert_eq!(sizes, [3, 2]);
    });
}

#[test]
fn a_session_is_upgraded_when_the_probe_is_answered_and_polls_and_posts_have_ended() {
    run(async {
        let mut rig = Rig::new(by(SocketIoTransports::Upgrade)).await;
        let session = rig.session();
        let subscriber = spawn_local(socketio::subscribe(session.clone()));
        let mut polls = open(&rig, OPEN).await;
        let (mut posts, mut websocket) = connections(&rig).await;
        assert_eq!(request(&mut posts).await.1, CONNECT);
        answer(&mut posts, "ok").await;
        take_poll(&mut polls).await;
        answer(&mut polls, JOINED).await;
        take_poll(&mut polls).await;

        assert_eq!(next_text(&mut websocket).await, "2probe");
        say(&mut websocket, "3probe").await;
        // The client waits for this poll, and asks for no other one.
        answer(&mut polls, &format!("6\x1e{}", message(1))).await;
        assert_eq!(next_text(&mut websocket).await, "5");
        until(|| session.is_connected()).await;

        say(&mut websocket, &message(2)).await;
        say(&mut websocket, "2").await;
        assert_eq!(next_text(&mut websocket).await, "3");
        assert_eq!(rig.worker.snapshot().counters.events, 2);
        rig.sender.send(5).unwrap();
        assert!(next_text(&mut websocket).await.starts_with(r#"42["message",["#));
        // Both connections of polling are let go.
        assert_eq!(polls.read(&mut [0; 9]).await.unwrap(), 0);
        assert_eq!(posts.read(&mut [0; 9]).await.unwrap(), 0);

        rig.stopper.stop();
        assert_eq!(next_text(&mut websocket).await, "41");
        assert_eq!(next_frame(&mut websocket).await, (8, vec![]));
        websocket.write_all(&frame(8, b"")).await.unwrap();
        assert_eq!(websocket.read(&mut [0; 9]).await.unwrap(), 0);
        subscriber.await.unwrap().unwrap();
    });
}

/// The connections of posts and of the WebSocket, which are opened at the same time.
async fn connections(rig: &Rig) -> (tokio::net::TcpStream, tokio::net::TcpStream) {
    let (websocket, posts) = rig.accept_pair().await;
    let mut first = [0];
    let (posts, mut websocket) = match websocket.peek(&mut first).await {
        Ok(1) if first == *b"P" => (websocket, posts),
        _ => (posts, websocket),
    };
    let head = head(&mut websocket).await;
    assert!(head.starts_with("GET /socket.io/?EIO=4&transport=websocket&sid=abc HTTP/1.1\r\n"), "{head}");
    agree(&mut websocket, &head, "").await;
    (posts, websocket)
}

#[test]
fn a_session_by_websocket_asks_for_nothing_else() {
    run(async {
        let mut rig = Rig::new(by(SocketIoTransports::Websocket)).await;
        let session = rig.session();
        let subscriber = spawn_local(socketio::subscribe(session.clone()));
        let mut websocket = take_websocket(&rig, "").await;
        say(&mut websocket, OPEN).await;
        assert_eq!(next_text(&mut websocket).await, CONNECT);
        assert!(!session.is_connected());
        say(&mut websocket, JOINED).await;
        for part in [frame(1, message(1).as_bytes()), frame(1, b"2"), frame(1, message(2).as_bytes())] {
            for byte in part {
                websocket.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(next_text(&mut websocket).await, "3");
        until(|| rig.worker.snapshot().counters.events == 2).await;
        assert!(session.is_connected());
        rig.stopper.stop();
        assert_eq!(next_text(&mut websocket).await, "41");
        assert_eq!(next_frame(&mut websocket).await, (8, vec![]));
        drop(websocket);
        subscriber.await.unwrap().unwrap();
        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.requests, counters.connections, counters.responses), (1, 1, 2));
    });
}

#[test]
fn a_client_that_reconnects_sends_its_last_event_number() {
    run(async {
        let mut rig = Rig::new(by(SocketIoTransports::Websocket)).await;
        let session = rig.session();
        for (asked, seq) in [(CONNECT, 7), (r#"40{"channel":0,"after":7}"#, 8)] {
            let subscriber = spawn_local(socketio::subscribe(session.clone()));
            let mut websocket = take_websocket(&rig, "").await;
            say(&mut websocket, OPEN).await;
            assert_eq!(next_text(&mut websocket).await, asked);
            say(&mut websocket, JOINED).await;
            say(&mut websocket, &message(seq)).await;
            say(&mut websocket, "41").await;
            subscriber.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_greeted_client_is_connected_when_the_greeting_has_come_and_the_transport_stays() {
    run(async {
        let settings = Settings { greeting: true, ..by(SocketIoTransports::Upgrade) };
        let mut rig = Rig::new(settings).await;
        let session = rig.session();
        let _subscriber = spawn_local(socketio::subscribe(session.clone()));
        let mut polls = open(&rig, OPEN).await;
        let (mut posts, mut websocket) = connections(&rig).await;
        assert_eq!(request(&mut posts).await.1, r#"40{"channel":0}"#);
        answer(&mut posts, "ok").await;
        take_poll(&mut polls).await;
        let zero = protocol::Stamp { seq: 7, intended_ns: 0, actual_ns: 0 };
        let greeting =
            protocol::Message { stamp: zero, payload: b"", kind: protocol::message::PayloadKind::Text };
        let greeting = String::from_utf8(greeting.to_bytes().to_vec()).unwrap();
        answer(&mut polls, &format!("{JOINED}\x1e42[\"message\",{greeting}]")).await;
        take_poll(&mut polls).await;
        assert!(!session.is_connected());
        assert_eq!(next_text(&mut websocket).await, "2probe");
        say(&mut websocket, "3probe").await;
        answer(&mut polls, "6").await;
        assert_eq!(next_text(&mut websocket).await, "5");
        until(|| session.is_connected()).await;
        assert_eq!(session.resume().start, protocol::Start::After(7));
    });
}

#[test]
fn without_keep_alive_a_client_opens_a_connection_for_each_poll_and_each_post() {
    run(async {
        let mut settings = by(SocketIoTransports::Polling);
        settings.http.keep_alive = false;
        settings.http.headers = HeaderProfile::Browser;
        let mut rig = Rig::new(settings).await;
        let _subscriber = spawn_local(socketio::subscribe(rig.session()));
        let (mut first, said) = rig.accept().await;
        assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
        answer(&mut first, OPEN).await;
        drop(first);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = rig.listener.accept().await.unwrap();
            let said = head(&mut stream).await;
            assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
            if said.starts_with("POST") {
                assert!(said.contains("\r\ncontent-type: text/plain;charset=UTF-8\r\n"), "{said}");
            }
            kinds.push(said.starts_with("POST"));
        }
        kinds.sort_unstable();
        assert_eq!(kinds, [false, true]);
    });
}

#[test]
fn a_message_larger_than_a_read_is_taken_whole() {
    run(async {
        let mut rig = Rig::new(by(SocketIoTransports::Polling)).await;
        let session: Session = rig.session();
        let _subscriber = spawn_local(socketio::subscribe(session));
        let (mut polls, _posts) = joined(&rig).await;
        let all: Vec<String> = (1..=2000).map(message).collect();
        answer(&mut polls, &all.join("\x1e")).await;
        take_poll(&mut polls).await;
        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.events, counters.unreadable), (2000, 0));
        assert_eq!(event(1).len(), 52);
    });
}
