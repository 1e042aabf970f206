//! Literal requests to the short-polling server and its literal replies. These hold for what all HTTP servers share, too:
//! `POST /messages`, rejections and limits.

mod http2;
mod tls;

use std::io::Read as _;

use flate2::read::GzDecoder;
use server_kit::Settings;
use server_kit::settings::{EmptyAnswer, Limits};
use server_short_polling::{encode, serve};
use test_support::exchange::*;
use test_support::exchanges;
use test_support::http::{NOTHING, get, get_with, last, lines, post, rejected, reply};
use test_support::server::{
    Running, admitting, compressed, greeting, idle_ms, limited, line, message, plain, replaying, start,
};

async fn server(settings: Settings) -> Running {
    start(encode, settings, serve).await
}

/// The header fields of a reply that names the cursor.
fn tagged(tag: u64) -> String {
    format!("cache-control: no-cache\r\netag: \"{tag}\"\r\n")
}

fn tagged_line(seq: u64, payload: &str) -> String {
    let fields = format!("content-type: application/x-ndjson\r\n{}", tagged(seq));
    reply("200 OK", &fields, &line(seq, payload))
}

/// A reply without a body.
fn bare(status: &str, fields: &str) -> String {
    reply(status, fields, "").replace("content-length: 0\r\n", "")
}

/// A poll that knows event 1.
fn conditional() -> String {
    get_with("/events?after=1", "if-none-match: \"1\"\r\n")
}

fn accepting(after: u64, encodings: &str) -> String {
    get_with(&format!("/events?after={after}"), &format!("accept-encoding: {encodings}\r\n"))
}

/// A body of five million bytes by this head, which is over the limit.
fn too_long(head: &str) -> Step {
    let limit = "the body is over the limit of 100 bytes";
    let reply = rejected("413 Payload Too Large", "connection: close\r\n", limit);
    all([open(head), send(vec![b'x'; 5_000_000]), expect(reply), End])
}

/// What comes of a request that is rejected, on a connection that stays.
fn refused(request: impl AsRef<[u8]>, status: &str, fields: &str, reason: &str) -> Step {
    all([send(request), expect(rejected(status, fields, reason))])
}

exchanges! { server;
    a_poll_is_answered_with_what_is_there_and_the_next_with_nothing(plain()):
        publish("one"), open(get("/events?channel=0&after=0")),
        expect(lines("[\"0000000100000000000000010000000000000002\",\"one\"]\n")),
        send(get("/events?channel=0&after=1")), expect(NOTHING),
        publish("two"), publish("three"), send(get("/events?channel=0&after=1")),
        expect(lines(&(line(2, "two") + &line(3, "three"))));

    a_fresh_poll_gets_nothing(plain()):
        publish("missed"), open(get("/events")), expect(NOTHING);

    a_fresh_poll_gets_only_the_greeting(greeting()):
        publish("missed"), open(get("/events")), expect(lines(&"x".repeat(93)).trim_end_matches('x')),
        expect("[\"0000000100000000000000000000000000000000\",{\"content\":\"welcome\",\"timestamp\":");

    answers_carry_the_position_as_their_tag_and_a_known_one_is_not_modified(
        Settings { empty: EmptyAnswer::NotModified, ..plain() }
    ):
        publish("one"), open(get("/events?after=0")), expect(tagged_line(1, "one")),
        send(conditional()), expect(bare("304 Not Modified", &tagged(1))),
        publish("two"), send(conditional()), expect(tagged_line(2, "two")),
        send(get("/events?after=2")), expect(bare("204 No Content", &tagged(2)));

    a_client_that_was_away_too_long_gets_what_it_missed(replaying(2)):
        publish_times(6, "x"),
        open(get("/events?after=1")), expect(rejected("410 Gone", "", "too slow, missed 3"));

    a_posted_message_is_published(plain()):
        open(post("/messages?channel=0", message("up"))), expect(NOTHING),
        send(get("/events?after=0")), expect(lines(&line(1, "up")));

    /// A target in absolute form (RFC 9112 §3.2.2) is not plain, so that hyper answers, from then on.
    a_request_that_is_not_plain_is_answered_by_the_same_bytes(plain()):
        open(get("http://x/events?after=0")), expect(NOTHING),
        publish("one"), send(get("/events?after=0")), expect(lines(&line(1, "one")));

    what_is_not_understood_is_refused_with_a_line_and_the_connection_stays(plain()):
        connect(),
        refused(get("/"), "404 Not Found", "", "there is nothing here"),
        refused(get("/events?after=soon"), "400 Bad Request", "", "after takes a whole number, not `soon`"),
        refused(
            get("/events?channel=1024"), "404 Not Found", "",
            "there is no channel 1024: this server's are numbered from 0 to 1023",
        ),
        refused(
            get("/events").replace("GET", "DELETE"), "405 Method Not Allowed", "allow: GET\r\n",
            "only GET is allowed here",
        ),
        refused(get("/messages"), "405 Method Not Allowed", "allow: POST\r\n", "only POST is allowed here"),
        refused(
            post("/messages", "hm"), "400 Bad Request", "",
            "not a message: a message of 2 bytes is too short to hold a stamp",
        );

    a_body_over_the_limit_is_answered_413_though_it_is_still_coming(
        limited(Limits { body_bytes: 100, ..Limits::default() })
    ):
        too_long("POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n"),
        too_long("POST /messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4c4b40\r\n");

    a_head_over_the_limit_is_answered_431(limited(Limits { header_bytes: 8_192, ..Limits::default() })):
        open(get_with("/events", &format!("cookie: {}\r\n", "c".repeat(20_000)))),
        expect(reply("431 Request Header Fields Too Large", "connection: close\r\n", "")), End;

    what_is_no_http_is_answered_400(plain()):
        open("what?\r\n\r\n"), expect(reply("400 Bad Request", "connection: close\r\n", "")), End;

    a_connection_over_the_limit_is_answered_503_and_a_free_place_is_used(admitting(1)):
        open(get("/events")), expect(NOTHING),
        open(get("/events")),
        expect(rejected("503 Service Unavailable", "connection: close\r\n", "too many connections")), End,
        On(0), send(get_with("/events", "connection: close\r\n")), expect(last(NOTHING)), End,
        open(get("/events")), expect(NOTHING);

    an_idle_connection_is_closed(idle_ms(50)):
        open(get("/events")), expect(NOTHING), End;

    a_body_that_does_not_come_is_answered_408(idle_ms(50)):
        open("POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"),
        expect(rejected("408 Request Timeout", "connection: close\r\n", "the request did not come in time")),
        End;

    // The first is accepted by the time that the second is answered.
    a_stop_closes_idle_connections(plain()):
        connect(), open(get("/events")), expect(NOTHING), Stop, Ended, End, On(0), End;

    lines_stay_as_they_are_for_a_client_that_rules_gzip_out(compressed(plain())):
        publish("one"), open(accepting(0, "br, gzip;q=0")), expect(lines(&line(1, "one")));

    lines_stay_as_they_are_where_the_server_does_not_compress(plain()):
        publish("one"), open(accepting(0, "gzip")), expect(lines(&line(1, "one")));
}

#[tokio::test]
async fn all_that_is_there_is_one_answer_however_it_lies_in_memory() {
    let server = server(plain()).await;
    let mut expected = String::new();
    for n in 35..=50 {
        let payload = "x".repeat(n * 331);
        expected += &line(server.publish(&payload), &payload);
    }
    server.send(get("/events?after=0")).await.expect(lines(&expected)).await;
}

#[tokio::test]
async fn what_is_over_256_kib_waits_for_the_next_poll() {
    let server = server(plain()).await;
    let payload = "x".repeat(32 * 1024 - 48);
    server.publish_times(20, &payload);
    for (after, last) in [(0, 8), (8, 16), (16, 20)] {
        let mut peer = server.send(get(&format!("/events?after={after}"))).await;
        let expected: String = (after + 1..=last).map(|seq| line(seq, &payload)).collect();
        peer.expect(lines(&expected)).await;
    }
}

#[tokio::test]
async fn lines_are_compressed_for_a_client_that_asks_and_nothing_is_without_lines() {
    let server = server(compressed(plain())).await;
    let payload = "say it again, ".repeat(100);
    server.publish_times(2, &payload);
    let mut peer = server.send(accepting(0, "gzip, deflate, br")).await;
    let head = String::from_utf8(peer.until("\r\n\r\n").await).unwrap();
    let (before, length) = head.split_once("content-length: ").unwrap();
    let expected = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\ncontent-encoding: gzip\r\n";
    assert_eq!(before, expected);
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    assert!(length < payload.len() / 2, "{length} bytes for what is said 200 times");
    let mut text = String::new();
    GzDecoder::new(&peer.take(length).await[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, line(1, &payload) + &line(2, &payload));
    peer.send(accepting(2, "gzip")).await;
    peer.expect(NOTHING).await;
}
