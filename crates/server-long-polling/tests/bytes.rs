//! Literal requests to the long-polling server and its literal answers.

use std::time::{Duration, Instant};

use server_kit::Settings;
use server_kit::settings::Limits;
use server_kit::testing::{DATE, Running, message, numbered, start};
use server_long_polling::{encode, serve};

const NOTHING: &str = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: DATE\r\n\r\n";

async fn server(settings: Settings) -> Running {
    start(encode, settings, serve).await
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n")
}

fn ok(body: &str) -> String {
    let len = body.len();
    reply(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\ncontent-length: {len}\r\ndate: DATE\r\n\r\n{body}"
    ))
}

fn reply(text: &str) -> String {
    text.replace("DATE", DATE)
}

#[tokio::test]
async fn a_poll_is_held_until_there_is_an_event() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(get("/events?channel=0&after=0")).await;
    server.until_waiting(1).await;
    server.publish("one");
    peer.expect(ok("[\"0000000100000000000000010000000000000002\",\"one\"]\n")).await;
}

#[tokio::test]
async fn everything_that_is_there_goes_into_one_answer_at_once() {
    let server = server(Settings::default()).await;
    server.publish("one");
    server.publish("two");
    let mut peer = server.send(get("/events?after=0")).await;
    peer.expect(ok(&format!("{}\n{}\n", numbered(1, "one"), numbered(2, "two")))).await;
}

/// A target in absolute form (RFC 9112 §3.2.2) is nothing plain, so that hyper answers, from then on.
#[tokio::test]
async fn a_request_that_is_not_plain_is_answered_by_the_same_bytes() {
    let server = server(Settings { hold: Duration::from_millis(50), ..Settings::default() }).await;
    let mut peer = server.send(get("http://x/events?after=0")).await;
    peer.expect(reply(NOTHING)).await;
    peer.send(get("/events?after=0")).await;
    server.until_waiting(1).await;
    server.publish("one");
    peer.expect(ok(&(numbered(1, "one") + "\n"))).await;
}

#[tokio::test]
async fn requests_that_come_together_are_answered_one_behind_another() {
    let server = server(Settings::default()).await;
    server.publish("one");
    let requests = [get("/events?after=0"), get("/events?after=1"), get("/nothing")].concat();
    let mut peer = server.send(requests).await;
    peer.expect(ok(&(numbered(1, "one") + "\n"))).await;
    server.until_waiting(1).await;
    server.publish("two");
    peer.expect(ok(&(numbered(2, "two") + "\n"))).await;
    peer.expect("HTTP/1.1 404 Not Found\r\n").await;
}

#[tokio::test]
async fn a_stop_is_heard_between_requests_that_came_together() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(get("/events?after=0").repeat(40)).await;
    server.until_waiting(1).await;
    server.publish("one");
    server.stop();
    peer.expect(ok(&(numbered(1, "one") + "\n"))).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_poll_that_falls_out_of_the_window_while_it_is_held_is_told_so() {
    let limits = Limits { replay_events: 2, ..Limits::default() };
    let server = server(Settings { limits, ..Settings::default() }).await;
    let mut peer = server.send(get("/events")).await;
    server.until_waiting(1).await;
    for _ in 0..5 {
        server.publish("x");
    }
    peer.expect("HTTP/1.1 410 Gone\r\n").await;
    peer.until(b"too slow, missed 3\n").await;
    peer.send(get("/events?after=4")).await;
    peer.expect(ok(&(numbered(5, "x") + "\n"))).await;
}

#[tokio::test]
async fn a_poll_without_an_event_is_answered_after_the_hold() {
    let hold = Duration::from_millis(50);
    let server = server(Settings { hold, ..Settings::default() }).await;
    let begun = Instant::now();
    let mut peer = server.send(get("/events?after=0")).await;
    peer.expect(reply(NOTHING)).await;
    assert!(begun.elapsed() >= hold);
    server.publish("one");
    peer.send(get("/events?after=0")).await;
    peer.expect(ok(&(numbered(1, "one") + "\n"))).await;
}

#[tokio::test]
async fn a_greeting_answers_a_fresh_poll_at_once() {
    let server = server(Settings { greeting: true, ..Settings::default() }).await;
    let head = ok(&"x".repeat(93));
    let mut peer = server.send(get("/events")).await;
    peer.expect(&head[..head.len() - 93]).await;
    peer.expect("[\"0000000000000000000000000000000000000000\",{\"content\":\"welcome\",\"timestamp\":")
        .await;
}

#[tokio::test]
async fn a_client_that_was_away_too_long_is_told_what_it_missed() {
    let limits = Limits { replay_events: 2, ..Limits::default() };
    let server = server(Settings { limits, ..Settings::default() }).await;
    for _ in 0..6 {
        server.publish("x");
    }
    let mut peer = server.send(get("/events?after=1")).await;
    peer.expect(reply(
        "HTTP/1.1 410 Gone\r\ncontent-type: text/plain\r\ncache-control: no-store\r\ncontent-length: 19\r\ndate: DATE\r\n\r\ntoo slow, missed 3\n",
    ))
    .await;
}

#[tokio::test]
async fn a_message_posted_beside_a_held_poll_answers_it() {
    let server = server(Settings::default()).await;
    let mut poll = server.send(get("/events?after=0")).await;
    server.until_waiting(1).await;
    let body = String::from_utf8(message("up").to_vec()).unwrap();
    let len = body.len();
    let mut post = server
        .send(format!("POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n{body}"))
        .await;
    post.expect(reply(NOTHING)).await;
    poll.expect(ok(&(numbered(1, "up") + "\n"))).await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_not_held_any_longer() {
    let server = server(Settings::default()).await;
    let peer = server.send(get("/events")).await;
    server.until_waiting(1).await;
    drop(peer);
    server.until_waiting(0).await;
}

#[tokio::test]
async fn a_stop_answers_held_polls_that_there_is_nothing() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(get("/events")).await;
    server.until_waiting(1).await;
    server.stop();
    peer.expect(reply(NOTHING).replace("\r\ndate", "\r\nconnection: close\r\ndate")).await;
    peer.expect_end().await;
    server.ended().await;
}
