//! Literal requests to the streaming servers and their literal streams: what is there together is one chunk.

mod gzip;
mod http2;

use std::time::Duration;

use server_http_streaming::{ndjson, sse};
use server_kit::Settings;
use server_kit::settings::{Implementation, LagPolicy};
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http::{chunk, get, get_with, post};
use test_support::server::{
    DATE, LARGE, Peer, Running, greeting, heartbeat_ms, line, message, numbered, plain, replaying, start,
};

async fn lines(settings: Settings) -> Running {
    start(ndjson::encode, settings, ndjson::serve).await
}

async fn events(settings: Settings) -> Running {
    start(sse::encode, settings, sse::serve).await
}

fn event(seq: u64, payload: &str) -> String {
    format!("id: {seq}\ndata: {}\n\n", numbered(seq, payload))
}

fn head(media_type: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\ndate: {DATE}\r\n\r\n"
    )
}

fn library() -> Settings {
    Settings { implementation: Implementation::Library, ..plain() }
}

/// Turns of two events on one connection: the message itself, since it goes to the channel, and another.
fn two_turns() -> Step {
    let turn = |seq, said| {
        all([
            expect(head("application/x-ndjson")),
            expect(chunk(&line(seq, said))),
            publish("answer"),
            expect(chunk(&line(seq + 1, "answer"))),
            expect("0\r\n\r\n"),
        ])
    };
    all([turn(1, "up"), send(post("/stream?after=2", message("more"))), turn(3, "more")])
}

/// A stream of lines to this target.
fn lines_from(target: &str) -> Step {
    all([open(get(target)), expect(head("application/x-ndjson"))])
}

/// A stream of events in answer to this request.
fn events_from(request: impl AsRef<[u8]>) -> Step {
    all([open(request), expect(head("text/event-stream")), expect("D\r\nretry: 1000\n\n\r\n")])
}

async fn line_peer(server: &Running, target: &str) -> Peer {
    let mut peer = server.send(get(target)).await;
    peer.expect(head("application/x-ndjson")).await;
    peer
}

/// The data of the chunks that come, this much of it.
async fn data(peer: &mut Peer, len: usize) -> String {
    let mut data = Vec::new();
    while data.len() < len {
        let size = peer.until("\r\n").await;
        let size = usize::from_str_radix(std::str::from_utf8(&size[..size.len() - 2]).unwrap(), 16).unwrap();
        assert_ne!(size, 0, "the stream ended");
        data.extend(peer.take(size).await);
        peer.expect("\r\n").await;
    }
    String::from_utf8(data).unwrap()
}

exchanges! { lines;
    a_line_is_a_chunk_and_several_that_are_there_are_one(plain()):
        publish("one"), lines_from("/stream?channel=0&after=0"),
        expect("33\r\n[\"0000000100000000000000010000000000000002\",\"one\"]\n\r\n"),
        publish("two"), publish("three"), expect(chunk(&(line(2, "two") + &line(3, "three")))),
        Waiting(1), publish("four"), expect(chunk(&line(4, "four")));

    /// A target in absolute form (RFC 9112 §3.2.2) is not plain, so that hyper answers.
    a_request_for_lines_that_is_not_plain_is_answered_by_the_same_bytes(plain()):
        publish("one"), lines_from("http://x/stream?after=0"), expect(chunk(&line(1, "one"))),
        publish("two"), publish("three"), expect(chunk(&(line(2, "two") + &line(3, "three")))),
        Stop, expect("0\r\n\r\n"), End;

    the_library_makes_a_chunk_of_each_event(library()):
        publish("one"), lines_from("/stream?channel=0&after=0"), expect(chunk(&line(1, "one"))),
        publish("two"), publish("three"), expect(chunk(&line(2, "two"))), expect(chunk(&line(3, "three")));

    a_posted_message_is_answered_to_the_end_of_its_turn(Settings { turn_events: Some(2), ..plain() }):
        open(post("/stream?after=0", message("up"))), two_turns();

    the_library_answers_a_posted_message_by_the_same_bytes(Settings { turn_events: Some(2), ..library() }):
        open(post("/stream?after=0", message("up"))), two_turns();

    a_posted_message_may_come_in_pieces(Settings { turn_events: Some(2), ..plain() }):
        connect(), all(post("/stream?after=0", message("up")).chunks(31).map(send)), two_turns();

    what_is_posted_and_no_message_is_rejected(Settings { turn_events: Some(2), ..plain() }):
        open(post("/stream?after=0", "up")), expect("HTTP/1.1 400 Bad Request\r\n");

    a_stream_without_turns_takes_no_messages(plain()):
        open(post("/stream?after=0", message("up"))), expect("HTTP/1.1 405 Method Not Allowed\r\n");

    a_request_may_come_in_pieces_and_another_behind_a_stream_that_ended(replaying(1)):
        publish_times(3, "x"), connect(),
        all(get("/stream?after=1").as_bytes().chunks(7).map(send)),
        expect(head("application/x-ndjson")),
        expect("20\r\n{\"error\":\"too slow\",\"missed\":1}\n\r\n0\r\n\r\n"),
        send(get("/stream?after=2")), expect(head("application/x-ndjson")), expect(chunk(&line(3, "x")));

    a_fresh_subscriber_gets_its_greeting_then_what_comes(greeting()):
        publish("missed"), lines_from("/stream"),
        expect("5D\r\n[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",\"timestamp\":"),
        until("}]\n\r\n"), publish("next"), expect(chunk(&line(2, "next")));

    silence_is_broken_by_an_empty_line_again_and_again(heartbeat_ms(30)):
        lines_from("/stream"), expect("1\r\n\n\r\n1\r\n\n\r\n");

    a_subscriber_that_was_away_too_long_gets_what_it_missed_and_the_stream_ends(replaying(2)):
        publish_times(6, "x"), lines_from("/stream?after=1"),
        expect("20\r\n{\"error\":\"too slow\",\"missed\":3}\n\r\n0\r\n\r\n");

    a_slow_client_that_may_skip_goes_on(Settings { lag_policy: LagPolicy::Skip, ..replaying(1) }):
        publish_times(3, "x"), lines_from("/stream?after=1"), expect(chunk(&line(3, "x"))),
        Check(|server| assert_eq!(server.hub.skipped(), 1));

    a_client_that_goes_away_frees_its_place(plain()):
        lines_from("/stream"), Waiting(1), Leave, Waiting(0);

    a_client_that_goes_away_behind_stray_bytes_frees_its_place(plain()):
        lines_from("/stream"), Waiting(1), send("X"), Leave, Waiting(0);

    a_stop_ends_the_stream_properly(plain()):
        lines_from("/stream"), Stop, expect("0\r\n\r\n"), Ended, End;
}

exchanges! { events;
    an_event_with_its_id_is_a_chunk(plain()):
        publish("one"), events_from(get("/stream?after=0")),
        expect("40\r\nid: 1\ndata: [\"0000000100000000000000010000000000000002\",\"one\"]\n\n\r\n"),
        publish("two"), expect(chunk(&event(2, "two")));

    a_request_for_events_that_is_not_plain_is_answered_by_the_same_bytes(plain()):
        publish("one"), events_from(get("http://x/stream?after=0")), expect(chunk(&event(1, "one")));

    no_retry_is_sent_when_there_is_none(Settings { retry: Duration::ZERO, ..plain() }):
        publish("one"), open(get("/stream?after=0")),
        expect(head("text/event-stream")), expect("40\r\nid: 1\n");

    the_last_event_id_wins_over_the_url(plain()):
        publish("one"), publish("two"), publish("three"),
        events_from(get_with("/stream?after=0", "last-event-id: 2\r\n")), expect(chunk(&event(3, "three"))),
        events_from(get_with("/stream?after=0", "last-event-id: \r\n")),
        expect(chunk(&[event(1, "one"), event(2, "two"), event(3, "three")].concat())),
        open(get_with("/stream?after=0", "last-event-id: x\r\n")), expect("HTTP/1.1 400 Bad Request\r\n");

    silence_is_broken_by_a_comment_again_and_again(heartbeat_ms(30)):
        events_from(get("/stream")), expect("3\r\n:\n\n\r\n3\r\n:\n\n\r\n");

    a_subscriber_of_events_that_was_away_too_long_gets_what_it_missed(replaying(2)):
        publish_times(6, "x"), events_from(get("/stream?after=1")),
        expect("16\r\n: too slow, missed 3\n\n\r\n0\r\n\r\n");

    a_posted_message_reaches_the_streams(plain()):
        events_from(get("/stream")), open(post("/messages", message("up"))),
        expect("HTTP/1.1 204 No Content\r\n"), On(0), expect(chunk(&event(1, "up")));

    a_stop_ends_the_stream_of_events_properly(plain()):
        events_from(get("/stream")), Stop, expect("0\r\n\r\n"), Ended, End;
}

#[tokio::test]
async fn a_run_of_many_large_events_comes_whole_and_in_order() {
    let server = lines(plain()).await;
    let payloads: Vec<_> = (1..=60).map(|n| "x".repeat(n * 997)).collect();
    let mut peer = line_peer(&server, "/stream?after=0").await;
    server.until_waiting(1).await;
    let mut expected = String::new();
    for payload in &payloads {
        expected += &line(server.publish(payload), payload);
    }
    assert_eq!(data(&mut peer, expected.len()).await, expected);
}

#[tokio::test]
async fn a_client_that_does_not_read_learns_it_once_it_does_and_delays_no_other() {
    let server = lines(replaying(8)).await;
    let slow = line_peer(&server, "/stream").await;
    let mut quick = line_peer(&server, "/stream").await;
    let payload = "x".repeat(LARGE);
    for seq in 1..=400 {
        server.publish(&payload);
        quick.expect(chunk(&line(seq, &payload))).await;
    }
    // The connection stays for a next request; at the stop, it ends behind the stream.
    server.stop();
    let received = slow.rest().await;
    assert!(received.ends_with(b"}\n\r\n0\r\n\r\n"));
    let last = String::from_utf8_lossy(&received[received.len() - 60..]);
    assert!(last.contains("{\"error\":\"too slow\",\"missed\":"), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_everybody_gets_everything_once_and_in_order() {
    let server = lines(plain()).await;
    let expected: String = (1..=500).map(|seq| line(seq, "x")).collect();
    let mut reading = Vec::new();
    for _ in 0..20 {
        let mut peer = line_peer(&server, "/stream?after=0").await;
        let expected = expected.clone();
        reading
            .push(tokio::spawn(async move { assert_eq!(data(&mut peer, expected.len()).await, expected) }));
    }
    for _ in 0..500 {
        server.publish("x");
        tokio::task::yield_now().await;
    }
    for peer in reading {
        peer.await.unwrap();
    }
}

/// Once by the server itself, and once by hyper, which a request that is not plain goes to.
#[tokio::test]
async fn a_stop_ends_a_stream_that_has_events_without_a_pause() {
    let payload = "x".repeat(LARGE);
    let expected: String = (1..=16).map(|seq| chunk(&line(seq, &payload))).collect();
    for target in ["/stream?after=0", "http://x/stream?after=0"] {
        // Each event is a run by itself.
        let steps = [
            lines_from(target),
            Waiting(1),
            publish_times(40, &payload),
            Stop,
            expect(&expected),
            expect("0\r\n\r\n"),
            End,
        ];
        exchange(lines(plain()).await, steps.into()).await;
    }
}

#[tokio::test]
async fn what_is_released_together_is_one_chunk_wherever_the_hubs_memory_parts() {
    let payload = "a payload of some bytes";
    let released = |round: u64| {
        let events: String = (round * 100 + 1..=round * 100 + 100).map(|seq| line(seq, payload)).collect();
        all([Waiting(1), publish_times(100, payload), expect(chunk(&events))])
    };
    exchange(lines(plain()).await, vec![lines_from("/stream"), all((0..20).map(released))]).await;
}
