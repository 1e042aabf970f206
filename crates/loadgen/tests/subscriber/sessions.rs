//! What a subscriber asks for, on how many connections, how it reports that the server rejects it, and how it stops.

use futures_util::FutureExt;
use loadgen::subscriber::{SubscribeError, http_streaming, polling, raw_tcp, websocket};
use model::settings::{EmptyAnswer, Settings};
use protocol::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;

use crate::rig::{
    OVER_HTTP, Rig, Subscribe, answer, event, found, greeting, head, is_at_end, read, settings, two_way,
    until,
};

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn get(path: &str, rig: &Rig) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", rig.address())
}

#[tokio::test(flavor = "local")]
async fn a_poll_asks_for_what_follows_the_last_event_on_the_same_connection() {
    let (rig, mut stream, first) = Rig::asked(settings(), polling::long).await;
    assert_eq!(first, get("/events?channel=0&after=0", &rig));
    stream.write_all(&found(&[1, 2])).await.unwrap();
    assert_eq!(head(&mut stream).await, get("/events?channel=0&after=2", &rig));
    stream.write_all(NO_CONTENT).await.unwrap();
    assert_eq!(head(&mut stream).await, get("/events?channel=0&after=2", &rig));

    let counters = rig.worker.snapshot().counters;
    assert_eq!((counters.events, counters.responses, counters.empty_responses), (2, 1, 1));
    assert_eq!((counters.requests, counters.connections), (3, 1));
}

#[tokio::test(flavor = "local")]
async fn a_poll_that_keeps_no_connection_says_so_and_opens_a_new_one() {
    let mut settings = settings();
    settings.http.keep_alive = false;
    let rig = Rig::subscribed(settings, polling::short).await;
    for connections in 1..=3 {
        let (mut stream, request) = rig.accept().await;
        assert!(request.ends_with("\r\nconnection: close\r\n\r\n"), "{request}");
        stream.write_all(NO_CONTENT).await.unwrap();
        assert_eq!(rig.worker.snapshot().counters.connections, connections);
    }
}

#[tokio::test(flavor = "local")]
async fn a_poll_that_may_be_answered_304_names_what_it_has() {
    let mut settings = settings();
    settings.short_polling.empty = EmptyAnswer::NotModified;
    let (rig, mut stream, request) = Rig::asked(settings, polling::short).await;
    assert!(request.contains("\r\nif-none-match: \"0\"\r\n"), "{request}");
    stream.write_all(&found(&[1])).await.unwrap();
    let request = head(&mut stream).await;
    assert!(request.contains("\r\nif-none-match: \"1\"\r\n"), "{request}");
    stream.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n").await.unwrap();
    head(&mut stream).await;
    assert_eq!(rig.worker.snapshot().counters.empty_responses, 1);
}

#[tokio::test(flavor = "local")]
async fn messages_are_posted_one_after_another_on_a_connection_of_their_own() {
    let rig = Rig::subscribed(two_way(), http_streaming::sse).await;
    // Both are opened at once, so that the first message does not wait for its connection.
    let (mut stream, mut posts) = rig.accept_pair().await;
    assert_eq!(head(&mut stream).await, get("/stream?channel=0&after=0", &rig));
    rig.sender.send(5).unwrap();
    rig.sender.send(6).unwrap();
    let mut request = head(&mut posts).await;
    for intended_ns in [5, 6] {
        let expected = "POST /messages?channel=0 HTTP/1.1\r\n";
        assert!(request.starts_with(expected) && request.contains("content-length: 52\r\n"), "{request}");
        let body: [u8; 52] = read(&mut posts).await;
        assert_eq!(Message::decode(&body).unwrap().stamp.intended_ns, intended_ns);
        posts.write_all(NO_CONTENT).await.unwrap();
        if intended_ns == 5 {
            request = head(&mut posts).await;
        }
    }
}

#[tokio::test(flavor = "local")]
async fn raw_tcp_says_hello_and_takes_frames_however_they_are_cut() {
    let (rig, mut stream) = Rig::accepted(settings(), raw_tcp::subscribe).await;
    assert_eq!(read(&mut stream).await, *b"\0\0\0\x11channel=0&after=0");
    let frames = [protocol::frame::encode(&event(1)), protocol::frame::encode(&event(2))].concat();
    for part in frames.chunks(7) {
        stream.write_all(part).await.unwrap();
        yield_now().await;
    }
    rig.until_events(2).await;
    rig.sender.send(5).unwrap();
    let frame: [u8; 4 + 52] = read(&mut stream).await;
    assert_eq!(frame[..6], *b"\0\0\0\x34[\"");
}

const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 14\r\n\r\nmissed 7\nmore\n";

#[tokio::test(flavor = "local")]
async fn an_unexpected_status_is_reported_with_the_first_line_of_its_body() {
    let rig = Rig::new(settings()).await;
    let websocket: (&str, Subscribe) = ("websocket", |session| websocket::subscribe(session).boxed_local());
    for (technique, subscribe) in OVER_HTTP.into_iter().chain([websocket]) {
        rig.subscribe(subscribe);
        let (mut stream, _) = rig.accept().await;
        stream.write_all(GONE.as_bytes()).await.unwrap();
        assert_eq!(rig.error().await.to_string(), "the server answered 410 Gone: missed 7", "{technique}");
    }
}

#[tokio::test(flavor = "local")]
async fn the_last_word_of_a_stream_closes_the_session() {
    let (rig, mut stream, _) = Rig::asked(settings(), http_streaming::ndjson).await;
    let last = b"{\"error\":\"too slow\",\"missed\":7}\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n\n";
    stream.write_all(&[head.as_bytes(), &event(1), b"\n", last].concat()).await.unwrap();
    rig.assert_session_closed("too slow").await;
    assert_eq!(rig.worker.snapshot().counters.events, 1);
}

#[tokio::test(flavor = "local")]
async fn the_last_frame_of_raw_tcp_closes_the_session() {
    let (rig, mut stream) = Rig::accepted(settings(), raw_tcp::subscribe).await;
    stream.write_all(&protocol::frame::encode(&event(1))).await.unwrap();
    stream.write_all(&protocol::frame::encode(b"{\"error\":\"too slow\"}")).await.unwrap();
    rig.assert_session_closed("too slow").await;
    assert_eq!(rig.worker.snapshot().counters.events, 1);
}

#[tokio::test(flavor = "local")]
async fn a_frame_that_no_message_can_fill_is_refused_before_it_comes() {
    let (rig, mut stream) = Rig::accepted(settings(), raw_tcp::subscribe).await;
    stream.write_all(b"HTTP").await.unwrap();
    let error = rig.error().await;
    assert!(matches!(error, SubscribeError::Oversize(_)), "{error}");
}

#[tokio::test(flavor = "local")]
async fn a_server_that_is_not_there_is_named() {
    let rig = Rig::new(settings()).await;
    let (session, address) = (rig.session_of(0), rig.address());
    drop(rig.listener);
    let error = polling::short(session).await.unwrap_err();
    assert_eq!(error.to_string(), format!("connect to {address}"));
}

#[tokio::test(flavor = "local")]
async fn a_request_that_is_held_is_dropped_and_its_connection_closed() {
    for (technique, subscribe) in OVER_HTTP {
        let (rig, mut stream, _) = Rig::asked(settings(), subscribe).await;
        rig.stop().await;
        assert!(is_at_end(&mut stream).await, "{technique}");
    }
}

#[tokio::test(flavor = "local")]
async fn raw_tcp_shuts_its_side_down() {
    let (rig, mut stream) = Rig::accepted(settings(), raw_tcp::subscribe).await;
    rig.until_connected().await;
    rig.stop().await;
    assert_eq!(read(&mut stream).await, *b"\0\0\0\x11channel=0&after=0");
    assert!(is_at_end(&mut stream).await);
}

#[tokio::test(flavor = "local")]
async fn each_subscriber_counts_to_its_own_connection_and_nothing_later() {
    let rig = Rig::new(settings()).await;
    let mut streams = Vec::new();
    for index in 0..3 {
        rig.subscribe_as(&rig.session_of(index), raw_tcp::subscribe);
        let mut stream = rig.accept_stream().await;
        rig.until_connected().await;
        stream.write_all(&protocol::frame::encode(b"no message")).await.unwrap();
        streams.push(stream);
    }
    until(|| rig.worker.snapshot().socket_read == 3 * 14).await;
    let set_ups = rig.worker.take_set_ups();
    assert_eq!((set_ups.elapsed.len(), set_ups.account.up.handshake), (3, 3 * 21));
    assert_eq!(set_ups.account.wire(), 3 * 21);
}

#[tokio::test(flavor = "local")]
async fn a_poller_that_was_greeted_rests_until_all_are_connected() {
    for (_, subscribe) in &OVER_HTTP[..2] {
        let (rig, mut stream) = Rig::accepted(Settings { greeting: true, ..settings() }, subscribe).await;
        let mut room = [0; 1024];
        let asked = stream.read(&mut room).await.unwrap();
        stream.write_all(&answer(&protocol::lines::encode(&greeting()))).await.unwrap();
        rig.until_connected().await;
        for _ in 0..1000 {
            yield_now().await;
        }
        let counters = rig.worker.snapshot().counters;
        assert_eq!((counters.requests, counters.greetings), (1, 1));
        let set_ups = rig.worker.take_set_ups();
        assert_eq!(set_ups.account.up.wire(), asked as u64);

        rig.worker.open(0..1);
        assert!(stream.read(&mut room).await.unwrap() > 0);
        assert_eq!(rig.worker.snapshot().counters.requests, 2);
    }
}
