//! Polls, posts and refusals.

use loadgen::byte_accounting::Protocol::Http;
use model::byte_account::Layers;

use crate::exchange::{account, assert_account, down, event, greeting, up};

const POLL: &str = "GET /events?channel=0&after=17 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n";
const POST: &str = "POST /messages?channel=0 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\ncontent-length: 52\r\n\r\n";
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n";
const NOT_MODIFIED: &str = "HTTP/1.1 304 Not Modified\r\netag: \"17\"\r\ncontent-length: 400\r\n\r\n";

fn ndjson_head(content_length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {content_length}\r\n\r\n"
    )
}

fn len(text: &str) -> u64 {
    text.len() as u64
}

#[test]
fn a_poll_that_finds_events_is_heads_stamps_payloads_and_newlines() {
    let body = [event(5), b"\n".to_vec(), event(0), b"\n".to_vec()].concat();
    let head = ndjson_head(body.len());
    assert_account(
        Http,
        &[up(POLL), down(&head), down(body)],
        Layers { request_head: len(POLL), ..Layers::default() },
        Layers {
            response_head: len(&head),
            payload: 5,
            stamp: 2 * 47,
            message_framing: 2,
            ..Layers::default()
        },
    );
}

#[test]
fn a_poll_that_finds_nothing_is_control_both_ways() {
    for answer in [NO_CONTENT, NOT_MODIFIED] {
        assert_account(
            Http,
            &[up(POLL), down(answer)],
            Layers { control: len(POLL), ..Layers::default() },
            Layers { control: len(answer), ..Layers::default() },
        );
    }
}

#[test]
fn polls_on_a_kept_connection_are_told_apart() {
    let body = [event(9), b"\n".to_vec()].concat();
    let head = ndjson_head(body.len());
    let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert_account(
        Http,
        &[
            up(POLL),
            down(NOT_MODIFIED),
            up(POLL),
            down([head.as_bytes(), &body].concat()),
            up(POLL),
            down(empty),
            up(POLL),
            down(NO_CONTENT),
        ],
        Layers { request_head: len(POLL), control: 3 * len(POLL), ..Layers::default() },
        Layers {
            response_head: len(&head),
            control: len(NOT_MODIFIED) + len(empty) + len(NO_CONTENT),
            payload: 9,
            stamp: 47,
            message_framing: 1,
            ..Layers::default()
        },
    );
}

#[test]
fn a_greeting_is_control_with_its_newline() {
    let body = [greeting(), b"\n".to_vec()].concat();
    let head = ndjson_head(body.len());
    assert_account(
        Http,
        &[up(POLL), down([head.as_bytes(), &body].concat())],
        Layers { request_head: len(POLL), ..Layers::default() },
        Layers { response_head: len(&head), control: body.len() as u64, ..Layers::default() },
    );
}

#[test]
fn a_post_is_its_heads_and_one_message() {
    assert_account(
        Http,
        &[up(POST), up(event(5)), down(NO_CONTENT), up(POST), up(event(5)), down(NO_CONTENT)],
        Layers { request_head: 2 * len(POST), payload: 10, stamp: 2 * 47, ..Layers::default() },
        Layers { response_head: 2 * len(NO_CONTENT), ..Layers::default() },
    );
}

#[test]
fn the_body_of_a_refusal_is_control() {
    let refusal = "HTTP/1.1 410 Gone\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n";
    assert_account(
        Http,
        &[up(POLL), down(refusal), down("gone")],
        Layers { control: len(POLL), ..Layers::default() },
        Layers { control: len(refusal) + 4, ..Layers::default() },
    );
    assert_account(
        Http,
        &[up(POST), up(event(5)), down(refusal), down("gone")],
        Layers { request_head: len(POST), payload: 5, stamp: 47, ..Layers::default() },
        Layers { response_head: len(refusal), control: 4, ..Layers::default() },
    );
}

#[test]
fn an_answer_to_head_and_an_interim_answer_have_no_body() {
    let asking = "HEAD /events HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = ndjson_head(1_000);
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    assert_account(
        Http,
        &[up(asking), down(&answer), up(POLL), down(interim), down(NO_CONTENT)],
        Layers { request_head: len(asking), control: len(POLL), ..Layers::default() },
        Layers { response_head: len(&answer), control: len(interim) + len(NO_CONTENT), ..Layers::default() },
    );
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let body = [event(1), b"\n".to_vec()].concat();
    let head = ndjson_head(body.len());
    assert_account(
        Http,
        &[
            up([POLL, POST].concat()),
            up([&event(5), POLL.as_bytes()].concat()),
            down(NO_CONTENT),
            down([NO_CONTENT.as_bytes(), head.as_bytes(), &body].concat()),
        ],
        Layers {
            control: len(POLL),
            request_head: len(POST) + len(POLL),
            payload: 5,
            stamp: 47,
            ..Layers::default()
        },
        Layers {
            control: len(NO_CONTENT),
            response_head: len(NO_CONTENT) + len(&head),
            payload: 1,
            stamp: 47,
            message_framing: 1,
            ..Layers::default()
        },
    );
}

#[test]
fn a_poll_without_an_answer_stays_unfinished() {
    assert_account(
        Http,
        &[up(POLL)],
        Layers { unfinished: len(POLL), ..Layers::default() },
        Layers::default(),
    );
}

#[test]
fn an_answer_that_nobody_asked_for_is_control() {
    let timeout = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let expected = Layers { control: len(timeout), ..Layers::default() };
    assert_account(Http, &[down(timeout)], Layers::default(), expected);
}

#[test]
fn what_follows_something_malformed_stays_unfinished() {
    let heads = [
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ];
    for malformed in heads {
        let found = account(Http, [down(malformed), down(NO_CONTENT)]);
        assert_eq!(found.down.unfinished, len(malformed) + len(NO_CONTENT), "{malformed}");
    }
    let found = account(Http, [up("GET\r\n\r\n"), up(POST)]);
    assert_eq!(found.up.unfinished, 7 + len(POST));
}
