//! Socket.IO against servers that send literal bytes: a session by each way, acknowledgements and attachments, and servers that
//! refuse, fall silent or speak something else.

use bytes::Bytes;
use loadgen::subscriber::socketio::{self, Socket};
use loadgen::subscriber::{SocketIoError, SubscribeError};
use model::settings::SocketIoTransports::{self, Polling, Upgrade, Websocket};
use model::settings::{HeaderProfile, Settings, SocketIo};
use model::target::Subscription;
use protocol::socket_io::{Argument, Kind, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{spawn_local, yield_now};

use crate::rig::{Rig, agree, chain, event, greeting, head, is_at_end, read, two_way};

const POSTED: &str = "POST /socket.io/?EIO=4&transport=polling&t=…&sid=abc HTTP/1.1";

#[tokio::test(flavor = "local")]
async fn a_session_by_polling_polls_on_one_connection_and_posts_on_another() {
    let rig = Rig::new(by(Polling)).await;
    let session = rig.subscribe(socketio::subscribe);
    let mut polls = open(&rig, OPEN).await;
    let mut posts = take_connect(&rig).await;
    take_poll(&mut polls).await;
    assert!(!session.is_connected());
    answer_poll(&mut polls, JOINED).await;
    assert!(session.is_connected());

    answer_poll(&mut polls, &format!("{}\x1e2\x1e{}", message(1), message(2))).await;
    assert_eq!(request(&mut posts).await, (POSTED.to_owned(), "3".to_owned()));
    answer(&mut posts, "ok").await;
    assert_eq!(rig.worker.snapshot().counters.events, 2);

    rig.sender.send(5).unwrap();
    let (asked, body) = request(&mut posts).await;
    assert_eq!((asked.as_str(), &body[..13]), (POSTED, r#"42["message","#));
    let sent = protocol::Message::decode(&body.as_bytes()[13..body.len() - 1]).unwrap();
    assert_eq!(sent.stamp.intended_ns, 5);
    answer(&mut posts, "ok").await;

    rig.cancel();
    for packet in ["41", "1"] {
        assert_eq!(request(&mut posts).await.1, packet);
        answer(&mut posts, "ok").await;
    }
    rig.ended().await.unwrap();
    let counters = rig.worker.snapshot().counters;
    // Three polls were answered and one was not; five posts.
    assert_eq!((counters.requests, counters.connections), (9, 2));
    assert_eq!((counters.responses, counters.empty_responses), (1, 1));
}

#[tokio::test(flavor = "local")]
async fn what_waits_behind_a_post_is_posted_together_up_to_what_the_server_takes() {
    let (rig, _polls, mut posts) = joined().await;
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
}

#[tokio::test(flavor = "local")]
async fn a_session_is_upgraded_when_the_probe_is_answered_and_polls_and_posts_have_ended() {
    let rig = begin(Upgrade).await;
    let mut polls = open(&rig, OPEN).await;
    let (mut posts, mut websocket) = connections(&rig).await;
    assert_eq!(request(&mut posts).await.1, CONNECT);
    answer(&mut posts, "ok").await;
    take_poll(&mut polls).await;
    answer_poll(&mut polls, JOINED).await;

    probed(&mut websocket).await;
    // The client waits for this poll, and asks for no other one.
    answer(&mut polls, &format!("6\x1e{}", message(1))).await;
    assert_eq!(next_text(&mut websocket).await, "5");
    rig.until_connected().await;

    say(&mut websocket, &message(2)).await;
    say(&mut websocket, "2").await;
    assert_eq!(next_text(&mut websocket).await, "3");
    assert_eq!(rig.worker.snapshot().counters.events, 2);
    rig.sender.send(5).unwrap();
    assert!(next_text(&mut websocket).await.starts_with(r#"42["message",["#));
    assert!(is_at_end(&mut polls).await && is_at_end(&mut posts).await, "polling is over");

    leaves(&rig, &mut websocket).await;
    websocket.write_all(&frame(8, b"")).await.unwrap();
    assert!(is_at_end(&mut websocket).await);
    rig.ended().await.unwrap();
}

/// The connections of posts and of the WebSocket, which are opened at the same time.
async fn connections(rig: &Rig) -> (TcpStream, TcpStream) {
    let (websocket, posts) = rig.accept_pair().await;
    let mut first = [0];
    let (posts, mut websocket) = match websocket.peek(&mut first).await {
        Ok(1) if first == *b"P" => (websocket, posts),
        _ => (posts, websocket),
    };
    let head = head(&mut websocket).await;
    assert!(head.starts_with("GET /socket.io/?EIO=4&transport=websocket&sid=abc HTTP/1.1\r\n"), "{head}");
    agree(&mut websocket, &head, "", b"").await;
    (posts, websocket)
}

#[tokio::test(flavor = "local")]
async fn a_session_by_websocket_asks_for_nothing_else() {
    let rig = Rig::new(by(Websocket)).await;
    let session = rig.subscribe(socketio::subscribe);
    let mut websocket = open_websocket(&rig).await;
    assert_eq!(next_text(&mut websocket).await, CONNECT);
    assert!(!session.is_connected());
    say(&mut websocket, JOINED).await;
    for part in [frame(1, message(1).as_bytes()), frame(1, b"2"), frame(1, message(2).as_bytes())] {
        for byte in part {
            websocket.write_all(&[byte]).await.unwrap();
            yield_now().await;
        }
    }
    assert_eq!(next_text(&mut websocket).await, "3");
    rig.until_events(2).await;
    assert!(session.is_connected());
    leaves(&rig, &mut websocket).await;
    drop(websocket);
    rig.ended().await.unwrap();
    let counters = rig.worker.snapshot().counters;
    assert_eq!((counters.requests, counters.connections, counters.responses), (1, 1, 2));
}

#[tokio::test(flavor = "local")]
async fn a_client_that_reconnects_sends_its_last_event_number() {
    let rig = Rig::new(by(Websocket)).await;
    let session = rig.session_of(0);
    for (asked, seq) in [(CONNECT, 7), (r#"40{"channel":0,"after":7}"#, 8)] {
        rig.subscribe_as(&session, socketio::subscribe);
        let mut websocket = open_websocket(&rig).await;
        assert_eq!(next_text(&mut websocket).await, asked);
        say(&mut websocket, JOINED).await;
        say(&mut websocket, &message(seq)).await;
        say(&mut websocket, "41").await;
        rig.ended().await.unwrap();
    }
}

#[tokio::test(flavor = "local")]
async fn a_greeted_client_is_connected_when_the_greeting_has_come_and_the_transport_stays() {
    let settings = Settings { greeting: true, ..by(Upgrade) };
    let rig = Rig::new(settings).await;
    let session = rig.subscribe(socketio::subscribe);
    let mut polls = open(&rig, OPEN).await;
    let (mut posts, mut websocket) = connections(&rig).await;
    assert_eq!(request(&mut posts).await.1, r#"40{"channel":0}"#);
    answer(&mut posts, "ok").await;
    take_poll(&mut polls).await;
    answer_poll(&mut polls, &format!("{JOINED}\x1e{}", carrying(greeting()))).await;
    assert!(!session.is_connected());
    probed(&mut websocket).await;
    answer(&mut polls, "6").await;
    assert_eq!(next_text(&mut websocket).await, "5");
    rig.until_connected().await;
    assert_eq!(session.resume().start, protocol::Start::After(7));
}

#[tokio::test(flavor = "local")]
async fn without_keep_alive_a_client_opens_a_connection_for_each_poll_and_each_post() {
    let mut settings = by(Polling);
    settings.http.keep_alive = false;
    settings.http.headers = HeaderProfile::Browser;
    let (rig, mut first, said) = Rig::asked(settings, socketio::subscribe).await;
    assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
    answer(&mut first, OPEN).await;
    drop(first);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = rig.accept_stream().await;
        let said = head(&mut stream).await;
        assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
        if said.starts_with("POST") {
            assert!(said.contains("\r\ncontent-type: text/plain;charset=UTF-8\r\n"), "{said}");
        }
        kinds.push(said.starts_with("POST"));
    }
    kinds.sort_unstable();
    assert_eq!(kinds, [false, true]);
}

#[tokio::test(flavor = "local")]
async fn a_message_larger_than_a_read_is_taken_whole() {
    let (rig, mut polls, _posts) = joined().await;
    let all: Vec<String> = (1..=2000).map(message).collect();
    answer_poll(&mut polls, &all.join("\x1e")).await;
    let counters = rig.worker.snapshot().counters;
    assert_eq!((counters.events, counters.unreadable), (2000, 0));
    assert_eq!(event(1).len(), 52);
}

#[tokio::test(flavor = "local")]
async fn a_message_that_wants_an_answer_gets_one_and_one_of_bytes_is_put_together() {
    let (rig, mut polls, mut posts) = joined().await;
    let text = String::from_utf8(event(1)).unwrap();
    let base64 = base64(&event(2));
    let said = format!(
        "4212[\"message\",{text}]\x1e451-13[\"message\",{{\"_placeholder\":true,\"num\":0}}]\x1eb{base64}"
    );
    answer_poll(&mut polls, &said).await;
    assert_eq!(request(&mut posts).await.1, "4312[]\x1e4313[]");
    let counters = rig.worker.snapshot().counters;
    assert_eq!((counters.events, counters.unreadable), (2, 0));
}

#[tokio::test(flavor = "local")]
async fn what_nobody_listens_for_is_passed_over() {
    let (rig, mut polls, _posts) = joined().await;
    let others = ["42[\"news\",1]", "421[\"news\"]", "431[]", "42/admin,[\"message\",1]", "3", "6"];
    answer_poll(&mut polls, &others.join("\x1e")).await;
    assert_eq!(rig.worker.snapshot().counters.events, 0);
}

#[tokio::test(flavor = "local")]
async fn events_and_answers_go_both_ways_with_their_attachments_in_frames_of_their_own() {
    let rig = Rig::new(by(Websocket)).await;
    let opening = spawn_local(Socket::open(rig.session_of(0)));
    let mut websocket = open_websocket(&rig).await;
    next_text(&mut websocket).await;
    say(&mut websocket, JOINED).await;
    let mut socket = opening.await.unwrap().unwrap();

    let buffer = Argument::Binary(Bytes::from_static(&[1, 2, 3, 4]));
    socket.send(&Packet::event("foo", &[buffer.clone(), Argument::Json("7".into())], Some(14)));
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(next_text(&mut websocket).await, format!("451-14[\"foo\",{placeholder},7]"));
    assert_eq!(next_frame(&mut websocket).await, (2, vec![1, 2, 3, 4]));

    say(&mut websocket, &format!("461-14[\"bar\",{placeholder}]")).await;
    websocket.write_all(&frame(2, &[1, 2, 3, 4])).await.unwrap();
    let answered = socket.next().await.unwrap();
    assert_eq!((answered.kind, answered.id), (Kind::BinaryAck, Some(14)));
    assert_eq!(answered.arguments().unwrap(), [Argument::Json("\"bar\"".into()), buffer]);

    say(&mut websocket, "41").await;
    assert_eq!(socket.next().await, None);
    socket.ended().await.unwrap();
}

fn base64(bytes: &[u8]) -> String {
    let mut body = bytes::BytesMut::new();
    protocol::engine_io::Packet::Binary(Bytes::copy_from_slice(bytes)).push_record(&mut body);
    String::from_utf8(body[1..].to_vec()).unwrap()
}

async fn begin(transports: SocketIoTransports) -> Rig {
    Rig::subscribed(by(transports), socketio::subscribe).await
}

/// A session by polling that the server has opened, the connection of polls, and that of posts with its first request read.
async fn asked_to_join() -> (Rig, TcpStream, TcpStream) {
    let rig = begin(Polling).await;
    let polls = open(&rig, OPEN).await;
    let mut posts = rig.accept_stream().await;
    request(&mut posts).await;
    (rig, polls, posts)
}

#[tokio::test(flavor = "local")]
async fn an_open_packet_that_is_none_is_reported() {
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
        let rig = begin(Polling).await;
        open(&rig, said).await;
        let error = rig.failure().await;
        assert!(error.starts_with(expected), "{said}: {error}");
    }
    for (said, expected) in [
        ("?", "read Engine.IO: a packet begins with ?, which is no packet type"),
        ("2", "an open packet was due, and the server sent a packet of kind Ping"),
    ] {
        let rig = begin(Websocket).await;
        let mut websocket = take_websocket(&rig).await;
        say(&mut websocket, said).await;
        assert_eq!(rig.failure().await, expected);
    }
}

#[tokio::test(flavor = "local")]
async fn a_session_that_the_server_does_not_know_is_reported_in_its_words() {
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    let (rig, mut polls, _posts) = joining().await;
    refuse(&mut polls, "400 Bad Request", unknown).await;
    let expected = format!("the server answered 400 Bad Request: {unknown}");
    assert_eq!(rig.failure().await, expected);

    let (rig, _polls, mut posts) = asked_to_join().await;
    refuse(&mut posts, "400 Bad Request", unknown).await;
    assert_eq!(rig.failure().await, expected);
}

#[tokio::test(flavor = "local")]
async fn a_refusal_to_join_is_reported_with_its_message() {
    let refusal = r#"44{"message":"there is no channel 7"}"#;
    let expected = "the server refused to connect: there is no channel 7";
    let (rig, mut polls, _posts) = joining().await;
    answer(&mut polls, refusal).await;
    assert_eq!(rig.failure().await, expected);

    let rig = begin(Websocket).await;
    let mut websocket = open_websocket(&rig).await;
    say(&mut websocket, refusal).await;
    let error = rig.error().await;
    assert!(matches!(&error, SubscribeError::SocketIo(SocketIoError::Refused(_))), "{error}");
    assert_eq!(chain(&error), expected);
}

#[tokio::test(flavor = "local")]
async fn an_upgrade_that_is_refused_or_not_offered_is_an_error() {
    let rig = begin(Upgrade).await;
    let _polls = open(&rig, OPEN).await;
    loop {
        let mut stream = rig.accept_stream().await;
        let (asked, _) = request(&mut stream).await;
        if asked.contains("transport=websocket") {
            refuse(&mut stream, "400 Bad Request", "no upgrades here").await;
            break;
        }
        answer(&mut stream, "ok").await;
    }
    let expected = "upgrade to WebSocket: the server answered 400 Bad Request: no upgrades here";
    assert_eq!(rig.failure().await, expected);

    let rig = begin(Upgrade).await;
    open(&rig, &OPEN.replace(r#""websocket""#, "")).await;
    assert_eq!(rig.failure().await, "the server offers no upgrade to WebSocket");
}

#[tokio::test(flavor = "local")]
async fn a_probe_is_waited_for_as_long_as_the_server_waits_for_a_pong() {
    for (answered, expected) in [
        (None, "the server did not answer the probe within 50ms"),
        (Some("6"), "the probe's answer was due, and the server sent a packet of kind Noop"),
        (Some("3prob"), "the probe's answer was due, and the server sent a packet of kind Pong"),
    ] {
        let rig = begin(Upgrade).await;
        let _polls = open(&rig, &OPEN.replace("\"pingTimeout\":20000", "\"pingTimeout\":50")).await;
        let mut kept = Vec::new();
        loop {
            let (mut stream, head) = rig.accept().await;
            if head.contains("transport=websocket") {
                agree(&mut stream, &head, "", b"").await;
                assert_eq!(next_text(&mut stream).await, "2probe");
                if let Some(answered) = answered {
                    say(&mut stream, answered).await;
                }
                kept.push(stream);
                break;
            }
            kept.push(stream);
        }
        assert_eq!(rig.failure().await, expected);
    }
}

#[tokio::test(flavor = "local")]
async fn a_server_that_stops_pinging_is_taken_for_gone() {
    let quick = OPEN.replace("25000", "30").replace("20000", "20");
    let expected = "the server did not ping within 50ms";
    let rig = begin(Websocket).await;
    let mut websocket = take_websocket(&rig).await;
    say(&mut websocket, &quick).await;
    say(&mut websocket, JOINED).await;
    say(&mut websocket, "2").await;
    assert_eq!(rig.failure().await, expected);

    let rig = begin(Polling).await;
    let _polls = open(&rig, &quick).await;
    assert_eq!(rig.failure().await, expected);
}

#[tokio::test(flavor = "local")]
async fn what_is_no_packet_ends_the_session_with_an_error() {
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
        let (rig, mut polls, _posts) = joined().await;
        answer(&mut polls, said).await;
        let error = rig.failure().await;
        assert!(error.starts_with(expected), "{said}: {error}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_frame_that_is_no_packet_or_too_large_ends_the_session_with_an_error() {
    let oversize = [&[0x81, 127][..], &(1u64 << 30).to_be_bytes()].concat();
    for (said, expected) in [
        (frame(1, b""), "read Engine.IO: a packet is empty"),
        (frame(1, b"\xff"), "speak WebSocket: "),
        (frame(2, b"x"), "read Socket.IO: an attachment came that belongs to no packet"),
        (oversize, "speak WebSocket: "),
        (frame(3, b""), "speak WebSocket: "),
        (frame(8, b"\x03\xf5too slow"), "the server closed the session: too slow (1013)"),
    ] {
        let rig = begin(Websocket).await;
        let mut websocket = open_websocket(&rig).await;
        say(&mut websocket, JOINED).await;
        websocket.write_all(&said).await.unwrap();
        let error = rig.failure().await;
        assert!(error.starts_with(expected), "{said:?}: {error}");
    }
}

#[tokio::test(flavor = "local")]
async fn an_answer_without_end_is_refused() {
    let (rig, mut polls, _posts) = joined().await;
    polls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n4").await.unwrap();
    let flood = spawn_local(async move {
        let part = vec![b'x'; 1 << 20];
        // The client hangs up before all of it is read.
        while polls.write_all(&part).await.is_ok() {}
    });
    let error = rig.failure().await;
    assert!(error.contains("16777216 bytes"), "{error}");
    flood.abort();
}

#[tokio::test(flavor = "local")]
async fn a_session_close_is_an_error_and_a_normal_end_is_none() {
    let dismissed = "42[\"dismissed\",\"missed 7 events\"]\x1e41";
    let (rig, mut polls, _posts) = joined().await;
    answer(&mut polls, &format!("{}\x1e{dismissed}", message(1))).await;
    rig.assert_session_closed("missed 7 events").await;
    assert_eq!(rig.worker.snapshot().counters.events, 1);
    for packet in ["41", "1"] {
        let (rig, mut polls, _posts) = joined().await;
        answer(&mut polls, packet).await;
        rig.ended().await.unwrap();
    }
}

#[tokio::test(flavor = "local")]
async fn a_post_may_be_answered_with_any_text() {
    let (rig, mut polls, mut posts) = asked_to_join().await;
    answer(&mut posts, "OK").await;
    take_poll(&mut polls).await;
    answer_poll(&mut polls, JOINED).await;
    answer_poll(&mut polls, "2").await;
    assert_eq!(request(&mut posts).await.1, "3");
    answer(&mut posts, "").await;
    answer_poll(&mut polls, "2").await;
    assert_eq!(request(&mut posts).await.1, "3");
    assert!(!rig.has_ended());
}

/// A namespace, a join by an event, other names and other arguments.
#[tokio::test(flavor = "local")]
async fn a_target_is_joined_as_its_file_says_and_its_events_may_have_any_name() {
    let subscription = Subscription {
        namespace: Some("/chat".to_owned()),
        join: Some(r#"["subscribe",{"room":"{channel}"}]"#.to_owned()),
        ..Subscription::at("/socket.io/")
    };
    let rig = Rig::at_target(by(Websocket), subscription).await;
    rig.subscribe(socketio::subscribe);
    let (mut stream, request) = rig.accept().await;
    agree(&mut stream, &request, "", b"").await;
    say(&mut stream, OPEN).await;
    assert_eq!(next_text(&mut stream).await, r#"40/chat,{"channel":0,"after":0}"#);
    say(&mut stream, r#"40/chat,{"sid":"x"}"#).await;
    assert_eq!(next_text(&mut stream).await, r#"42/chat,["subscribe",{"room":"0"}]"#);
    let event = String::from_utf8(event(1)).unwrap();
    let text = serde_json::to_string(&event).unwrap();
    say(&mut stream, &format!(r#"42/chat,["update","0",{event}]"#)).await;
    say(&mut stream, r#"42/chat,["joined","0"]"#).await;
    say(
        &mut stream,
        &format!(r#"42/chat,["update",{{"data":{}}}]"#, text.replacen("00000001", "00000002", 1)),
    )
    .await;
    rig.until_events(2).await;
    let snapshot = rig.worker.snapshot();
    assert_eq!((snapshot.counters.control, snapshot.counters.responses), (1, 2));
    let down = snapshot.account.down;
    assert_eq!((down.payload + down.stamp, down.unfinished), (snapshot.counters.event_bytes, 0));
}

#[tokio::test(flavor = "local")]
async fn a_client_that_is_stopped_before_it_has_joined_ends_without_error() {
    for transports in [Polling, Upgrade, Websocket] {
        let rig = begin(transports).await;
        let (_silent, _) = rig.accept().await;
        rig.stop().await;
    }
    // The poll under way is never answered, nor is the close packet.
    let (rig, _polls, _posts) = joined().await;
    rig.stop().await;
}

/// What an open packet says whose pings are not waited for.
const OPEN: &str =
    r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":200}"#;
/// The server lets the client join.
const JOINED: &str = r#"40{"sid":"xyz"}"#;
/// What a client asks that was never there.
const CONNECT: &str = r#"40{"channel":0,"after":0}"#;

fn by(transports: SocketIoTransports) -> Settings {
    Settings { socketio: SocketIo { transports }, ..two_way() }
}

fn message(seq: u64) -> String {
    carrying(event(seq))
}

/// The packet that carries a message.
fn carrying(message: Vec<u8>) -> String {
    format!("42[\"message\",{}]", String::from_utf8(message).unwrap())
}

/// The next request, its value against caches left out, and its body.
async fn request(stream: &mut TcpStream) -> (String, String) {
    let head = head(stream).await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    let line = head.lines().next().unwrap();
    let asked = match line.split_once("&t=") {
        Some((before, behind)) => format!("{before}&t=…{}", &behind[8..]),
        None => line.to_owned(),
    };
    (asked, String::from_utf8(body).unwrap())
}

async fn answer(stream: &mut TcpStream, body: &str) {
    refuse(stream, "200 OK\r\ncontent-type: text/plain; charset=UTF-8", body).await;
}

/// Answers with this status, which may have header fields behind it.
async fn refuse(stream: &mut TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Takes in the first poll of a session, and opens it with this. Returns the connection of polls.
async fn open(rig: &Rig, said: &str) -> TcpStream {
    let mut polls = rig.accept_stream().await;
    assert_eq!(request(&mut polls).await.0, "GET /socket.io/?EIO=4&transport=polling&t=… HTTP/1.1");
    answer(&mut polls, said).await;
    polls
}

/// Takes in the first post, which asks to join. Returns the connection of posts.
async fn take_connect(rig: &Rig) -> TcpStream {
    let mut posts = rig.accept_stream().await;
    assert_eq!(request(&mut posts).await, (POSTED.to_owned(), CONNECT.to_owned()));
    answer(&mut posts, "ok").await;
    posts
}

/// A session by polling whose client waits for the answer to its request to join: the connections of polls and posts.
async fn joining() -> (Rig, TcpStream, TcpStream) {
    let rig = begin(Polling).await;
    let mut polls = open(&rig, OPEN).await;
    let posts = take_connect(&rig).await;
    take_poll(&mut polls).await;
    (rig, polls, posts)
}

/// A session by polling whose client has joined: the connections of polls and posts, a poll being under way.
async fn joined() -> (Rig, TcpStream, TcpStream) {
    let (rig, mut polls, posts) = joining().await;
    answer_poll(&mut polls, JOINED).await;
    (rig, polls, posts)
}

async fn answer_poll(polls: &mut TcpStream, body: &str) {
    answer(polls, body).await;
    take_poll(polls).await;
}

async fn take_poll(polls: &mut TcpStream) {
    let asked = request(polls).await.0;
    assert_eq!(asked, "GET /socket.io/?EIO=4&transport=polling&t=…&sid=abc HTTP/1.1");
}

/// A frame of the server's (RFC 6455 §5.2), of fewer than 126 bytes.
fn frame(opcode: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).ok().filter(|&length| length < 126).unwrap();
    [&[0x80 | opcode, length], content].concat()
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(&frame(1, text.as_bytes())).await.unwrap();
}

/// The next frame of the client's: its opcode, and its content without the mask.
async fn next_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let start: [u8; 6] = read(stream).await;
    let mut content = vec![0; usize::from(start[1] & 0x7f)];
    assert!(content.len() < 126, "a longer length is not read here");
    stream.read_exact(&mut content).await.unwrap();
    content.iter_mut().zip(start[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (start[0] & 0x0f, content)
}

async fn next_text(stream: &mut TcpStream) -> String {
    let (opcode, content) = next_frame(stream).await;
    assert_eq!(opcode, 1);
    String::from_utf8(content).unwrap()
}

/// The client probes the WebSocket of an upgrade.
async fn probed(websocket: &mut TcpStream) {
    assert_eq!(next_text(websocket).await, "2probe");
    say(websocket, "3probe").await;
}

/// The client is stopped, disconnects, and closes.
async fn leaves(rig: &Rig, websocket: &mut TcpStream) {
    rig.cancel();
    assert_eq!(next_text(websocket).await, "41");
    assert_eq!(next_frame(websocket).await, (8, vec![]));
}

/// Takes in the WebSocket handshake of a session.
async fn take_websocket(rig: &Rig) -> TcpStream {
    let (stream, head) = rig.accept_websocket("").await;
    assert!(head.starts_with("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"), "{head}");
    stream
}

/// The same, and opens the session.
async fn open_websocket(rig: &Rig) -> TcpStream {
    let mut websocket = take_websocket(rig).await;
    say(&mut websocket, OPEN).await;
    websocket
}
