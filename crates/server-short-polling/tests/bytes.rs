//! Literal requests to the short-polling server and its literal answers. These hold for what all HTTP servers share,
//! too: `POST /messages`, rejections and limits.

use std::time::Duration;

use server_kit::Settings;
use server_kit::settings::{EmptyAnswer, Limits};
use server_kit::testing::{DATE, Running, message, numbered, start};
use server_short_polling::{encode, serve};

const NOTHING: &str = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\ndate: DATE\r\n\r\n";

async fn server(settings: Settings) -> Running {
    start(encode, settings, serve).await
}

async fn limited(limits: Limits) -> Running {
    server(Settings { limits, ..Settings::default() }).await
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

fn rejected(status: &str, header: &str, text: &str) -> String {
    let len = text.len() + 1;
    reply(&format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncache-control: no-store\r\n{header}content-length: {len}\r\ndate: DATE\r\n\r\n{text}\n"
    ))
}

fn reply(text: &str) -> String {
    text.replace("DATE", DATE)
}

#[tokio::test]
async fn a_poll_is_answered_with_what_is_there_and_the_next_with_nothing() {
    let server = server(Settings::default()).await;
    server.publish("one");
    let mut peer = server.send(get("/events?channel=0&after=0")).await;
    peer.expect(ok("[\"0000000100000000000000010000000000000002\",\"one\"]\n")).await;
    peer.send(get("/events?channel=0&after=1")).await;
    peer.expect(reply(NOTHING)).await;
    server.publish("two");
    server.publish("three");
    peer.send(get("/events?channel=0&after=1")).await;
    peer.expect(ok(&format!("{}\n{}\n", numbered(2, "two"), numbered(3, "three")))).await;
}

#[tokio::test]
async fn a_fresh_poll_gets_nothing_or_only_the_greeting() {
    let plain = server(Settings::default()).await;
    plain.publish("missed");
    plain.send(get("/events")).await.expect(reply(NOTHING)).await;
    let greets = server(Settings { greeting: true, ..Settings::default() }).await;
    greets.publish("missed");
    let head = ok(&"x".repeat(93));
    let mut peer = greets.send(get("/events")).await;
    peer.expect(&head[..head.len() - 93]).await;
    peer.expect("[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",\"timestamp\":")
        .await;
}

#[tokio::test]
async fn answers_carry_the_position_as_their_tag_and_a_known_one_is_not_modified() {
    let server = server(Settings { empty: EmptyAnswer::NotModified, ..Settings::default() }).await;
    server.publish("one");
    let mut peer = server.send(get("/events?after=0")).await;
    let line = numbered(1, "one") + "\n";
    peer.expect(reply(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-cache\r\netag: \"1\"\r\ncontent-length: 51\r\ndate: DATE\r\n\r\n{line}"
    )))
    .await;
    let conditional = "GET /events?after=1 HTTP/1.1\r\nhost: x\r\nif-none-match: \"1\"\r\n\r\n";
    peer.send(conditional).await;
    let not_modified =
        "HTTP/1.1 304 Not Modified\r\ncache-control: no-cache\r\netag: \"1\"\r\ndate: DATE\r\n\r\n";
    peer.expect(reply(not_modified)).await;
    server.publish("two");
    peer.send(conditional).await;
    let line = numbered(2, "two") + "\n";
    peer.expect(reply(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-cache\r\netag: \"2\"\r\ncontent-length: 51\r\ndate: DATE\r\n\r\n{line}"
    )))
    .await;
    peer.send(get("/events?after=2")).await;
    let unconditional =
        "HTTP/1.1 204 No Content\r\ncache-control: no-cache\r\netag: \"2\"\r\ndate: DATE\r\n\r\n";
    peer.expect(reply(unconditional)).await;
}

#[tokio::test]
async fn a_client_that_was_away_too_long_is_told_what_it_missed() {
    let server = limited(Limits { replay_events: 2, ..Limits::default() }).await;
    for _ in 0..6 {
        server.publish("x");
    }
    let mut peer = server.send(get("/events?after=1")).await;
    peer.expect(rejected("410 Gone", "", "too slow, missed 3")).await;
}

#[tokio::test]
async fn a_posted_message_is_published() {
    let server = server(Settings::default()).await;
    let body = message("up");
    let head =
        format!("POST /messages?channel=0 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut peer = server.send(head.as_bytes()).await;
    peer.send(&body).await;
    peer.expect(reply(NOTHING)).await;
    peer.send(get("/events?after=0")).await;
    peer.expect(ok(&(numbered(1, "up") + "\n"))).await;
}

/// A target in absolute form (RFC 9112 §3.2.2) is nothing plain, so that hyper answers, from then on.
#[tokio::test]
async fn a_request_that_is_not_plain_is_answered_by_the_same_bytes() {
    let server = server(Settings::default()).await;
    let mut peer = server.send(get("http://x/events?after=0")).await;
    peer.expect(reply(NOTHING)).await;
    server.publish("one");
    peer.send(get("/events?after=0")).await;
    peer.expect(ok(&(numbered(1, "one") + "\n"))).await;
}

#[tokio::test]
async fn all_that_is_there_is_one_answer_however_it_lies_in_memory() {
    let server = server(Settings::default()).await;
    let mut expected = String::new();
    for (n, seq) in (35..=50).zip(1..) {
        let payload = "x".repeat(n * 331);
        server.publish(&payload);
        expected += &(numbered(seq, &payload) + "\n");
    }
    server.send(get("/events?after=0")).await.expect(ok(&expected)).await;
}

#[tokio::test]
async fn what_is_over_256_kib_waits_for_the_next_poll() {
    let server = server(Settings::default()).await;
    let payload = "x".repeat(32 * 1024 - 48);
    for _ in 0..20 {
        server.publish(&payload);
    }
    let lines = |range: std::ops::RangeInclusive<u64>| -> String {
        range.map(|seq| numbered(seq, &payload) + "\n").collect()
    };
    for (after, last) in [(0, 8), (8, 16), (16, 20)] {
        let mut peer = server.send(get(&format!("/events?after={after}"))).await;
        peer.expect(ok(&lines(after + 1..=last))).await;
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_line_and_the_connection_stays() {
    let server = server(Settings::default()).await;
    let cases = [
        (get("/"), rejected("404 Not Found", "", "there is nothing here")),
        (
            get("/events?after=soon"),
            rejected("400 Bad Request", "", "after takes a whole number, not `soon`"),
        ),
        (
            get("/events?channel=1024"),
            rejected(
                "404 Not Found",
                "",
                "there is no channel 1024: this server's are numbered from 0 to 1023",
            ),
        ),
        (
            "DELETE /events HTTP/1.1\r\nhost: x\r\n\r\n".into(),
            rejected("405 Method Not Allowed", "allow: GET\r\n", "only GET is allowed here"),
        ),
        (
            get("/messages"),
            rejected("405 Method Not Allowed", "allow: POST\r\n", "only POST is allowed here"),
        ),
        (
            "POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhm".into(),
            rejected(
                "400 Bad Request",
                "",
                "not a message: a message of 2 bytes is too short to hold a stamp",
            ),
        ),
    ];
    let mut peer = server.connect().await;
    for (request, expected) in cases {
        peer.send(request).await;
        peer.expect(expected).await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_though_it_is_still_coming() {
    let server = limited(Limits { body_bytes: 100, ..Limits::default() }).await;
    let expected =
        rejected("413 Payload Too Large", "connection: close\r\n", "the body is over the limit of 100 bytes");
    let announced = "POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n";
    let chunked = "POST /messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4c4b40\r\n";
    for head in [announced, chunked] {
        let mut peer = server.send(head).await;
        peer.send(vec![b'x'; 5_000_000]).await;
        peer.expect(&expected).await;
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_answered_431() {
    let server = limited(Limits { header_bytes: 8_192, ..Limits::default() }).await;
    let cookie = "c".repeat(20_000);
    let mut peer = server.send(format!("GET /events HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n")).await;
    peer.expect(reply(
        "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: DATE\r\n\r\n",
    ))
    .await;
    peer.expect_end().await;
}

#[tokio::test]
async fn what_is_no_http_is_answered_400() {
    let server = server(Settings::default()).await;
    let mut peer = server.send("what?\r\n\r\n").await;
    peer.expect(reply(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: DATE\r\n\r\n",
    ))
    .await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_answered_503_and_a_free_place_is_used() {
    let server = limited(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = server.send(get("/events")).await;
    first.expect(reply(NOTHING)).await;
    let mut second = server.send(get("/events")).await;
    second.expect(rejected("503 Service Unavailable", "connection: close\r\n", "too many connections")).await;
    second.expect_end().await;
    first.send("GET /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    first.expect(reply(NOTHING).replace("\r\ndate", "\r\nconnection: close\r\ndate")).await;
    first.expect_end().await;
    server.send(get("/events")).await.expect(reply(NOTHING)).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = limited(Limits { idle: Duration::from_millis(50), ..Limits::default() }).await;
    let mut peer = server.send(get("/events")).await;
    peer.expect(reply(NOTHING)).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let server = limited(Limits { idle: Duration::from_millis(50), ..Limits::default() }).await;
    let mut peer = server.send("POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n").await;
    peer.expect(rejected("408 Request Timeout", "connection: close\r\n", "the request did not come in time"))
        .await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_stop_closes_idle_connections() {
    let server = server(Settings::default()).await;
    // Accepted by the time that the later one is answered.
    let unused = server.connect().await;
    let mut used = server.send(get("/events")).await;
    used.expect(reply(NOTHING)).await;
    server.stop();
    server.ended().await;
    used.expect_end().await;
    unused.expect_end().await;
}
