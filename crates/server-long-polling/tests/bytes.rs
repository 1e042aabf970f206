//! Literal requests to the long-polling server and its literal replies, on HTTP/1.1 and HTTP/2.

use std::time::{Duration, Instant};

use server_kit::Settings;
use server_long_polling::{encode, serve};
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http::{NOTHING, get, last, lines, post, rejected};
use test_support::http2::{self, DATA, END_STREAM, HEADERS, preface};
use test_support::server::{Peer, Running, greeting, line, message, on_http2, plain, replaying, start};

const HOLD: Duration = Duration::from_millis(50);

async fn server(settings: Settings) -> Running {
    start(encode, settings, serve).await
}

fn brief() -> Settings {
    Settings { hold: HOLD, ..plain() }
}

exchanges! { server;
    a_poll_is_held_until_there_is_an_event(plain()):
        open(get("/events?channel=0&after=0")), Waiting(1), publish("one"),
        expect(lines("[\"0000000100000000000000010000000000000002\",\"one\"]\n"));

    everything_that_is_there_goes_into_one_answer_at_once(plain()):
        publish("one"), publish("two"),
        open(get("/events?after=0")), expect(lines(&(line(1, "one") + &line(2, "two"))));

    /// A target in absolute form (RFC 9112 §3.2.2) is not plain, so that hyper answers, from then on.
    a_request_that_is_not_plain_is_answered_by_the_same_bytes(brief()):
        open(get("http://x/events?after=0")), expect(NOTHING),
        send(get("/events?after=0")), Waiting(1), publish("one"), expect(lines(&line(1, "one")));

    requests_that_come_together_are_answered_one_behind_another(plain()):
        publish("one"),
        open([get("/events?after=0"), get("/events?after=1"), get("/nothing")].concat()),
        expect(lines(&line(1, "one"))),
        Waiting(1), publish("two"), expect(lines(&line(2, "two"))),
        expect("HTTP/1.1 404 Not Found\r\n");

    a_stop_is_heard_between_requests_that_came_together(plain()):
        open(get("/events?after=0").repeat(40)), Waiting(1),
        publish("one"), Stop, expect(lines(&line(1, "one"))), End;

    a_poll_that_falls_out_of_the_window_while_it_is_held_gets_what_it_missed(replaying(2)):
        open(get("/events")), Waiting(1), publish_times(5, "x"),
        expect("HTTP/1.1 410 Gone\r\n"), until("too slow, missed 3\n"),
        send(get("/events?after=4")), expect(lines(&line(5, "x")));

    a_greeting_answers_a_fresh_poll_at_once(greeting()):
        open(get("/events")), expect(lines(&"x".repeat(93)).trim_end_matches('x')),
        expect("[\"0000000000000000000000000000000000000000\",{\"content\":\"welcome\",\"timestamp\":");

    a_client_that_was_away_too_long_gets_what_it_missed(replaying(2)):
        publish_times(6, "x"),
        open(get("/events?after=1")), expect(rejected("410 Gone", "", "too slow, missed 3"));

    a_message_posted_beside_a_held_poll_answers_it(plain()):
        open(get("/events?after=0")), Waiting(1),
        open(post("/messages", message("up"))), expect(NOTHING),
        On(0), expect(lines(&line(1, "up")));

    a_client_that_goes_away_is_not_held_any_longer(plain()):
        open(get("/events")), Waiting(1), Leave, Waiting(0);

    a_stop_answers_held_polls_that_there_is_nothing(plain()):
        open(get("/events")), Waiting(1), Stop, expect(last(NOTHING)), End, Ended;

    a_request_on_http2_is_answered_that_there_is_nothing_after_the_hold(on_http2(brief())):
        open([preface(), http2::get(1, "/events")].concat()), Answer(1, http2::NO_CONTENT);
}

#[tokio::test]
async fn a_poll_without_an_event_is_answered_after_the_hold() {
    let server = server(brief()).await;
    let begun = Instant::now();
    let mut peer = server.send(get("/events?after=0")).await;
    peer.expect(NOTHING).await;
    assert!(begun.elapsed() >= HOLD);
    server.publish("one");
    peer.send(get("/events?after=0")).await;
    peer.expect(lines(&line(1, "one"))).await;
}

/// Polls on two streams of a connection.
async fn held_on_http2(server: &Running) -> Peer {
    let requests = [preface(), http2::get(1, "/events"), http2::get(3, "/events")].concat();
    let peer = server.send(requests).await;
    server.until_waiting(2).await;
    peer
}

#[tokio::test]
async fn requests_that_are_held_on_one_connection_are_all_answered_by_an_event() {
    let server = server(on_http2(plain())).await;
    let mut peer = held_on_http2(&server).await;
    server.publish("one");
    let mut answered = Vec::new();
    for _ in 0..4 {
        let frame = peer.stream_frame().await;
        if frame.kind == HEADERS {
            assert_eq!(&frame.payload[..1], http2::OK);
        } else {
            let payload = line(1, "one").into_bytes();
            assert_eq!((frame.kind, frame.flags, frame.payload), (DATA, END_STREAM, payload));
            answered.push(frame.stream);
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[tokio::test]
async fn a_stop_answers_what_is_held_on_http2() {
    let server = server(on_http2(plain())).await;
    let mut peer = held_on_http2(&server).await;
    server.stop();
    let mut answered = [0; 2];
    for stream in &mut answered {
        let frame = peer.stream_frame().await;
        assert_eq!((frame.kind, &frame.payload[..1]), (HEADERS, http2::NO_CONTENT));
        *stream = frame.stream;
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}
