//! HTTP/1.1: polls, posts and refusals, streams in chunks, Server-Sent Events, and what a compressor left.

use loadgen::byte_accounting::Protocol::Http;
use model::byte_account::Layers;

use crate::rig::{SQUEEZED, Step, account, assert_account, down, event, greeting, greeting_line, line, up};

const POLL: &str = "GET /events?channel=0&after=17 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n";
const POST: &str = "POST /messages?channel=0 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\ncontent-length: 52\r\n\r\n";
const CODED_POST: &str =
    "POST /messages HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ncontent-length: 14\r\n\r\n";
const HEAD: &str = "HEAD /events HTTP/1.1\r\nhost: a\r\n\r\n";

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n";
const NOT_MODIFIED: &str = "HTTP/1.1 304 Not Modified\r\netag: \"17\"\r\ncontent-length: 400\r\n\r\n";
const EARLY_HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n";
const CODED_REFUSAL: &str = "HTTP/1.1 404 Not Found\r\ncontent-encoding: gzip\r\ncontent-length: 14\r\n\r\n";
const TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

const LINES: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream;charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
const UNCHUNKED_EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
const CODED_EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\
                            content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

const LAST_WORDS: &str = "{\"error\":\"too slow\",\"missed\":7}\n";

pub(crate) fn ndjson(content_length: usize) -> String {
    coded_ndjson("", content_length)
}

/// With a field more.
fn coded_ndjson(field: &str, content_length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n{field}content-length: {content_length}\r\n\r\n"
    )
}

fn lines(payload_lens: &[usize]) -> Vec<u8> {
    payload_lens.iter().flat_map(|&len| line(len)).collect()
}

/// One chunk (RFC 9112 §7.1): its framing is the digits of the size and two line ends.
pub(crate) fn chunk(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

fn sse(id: &str, message: &[u8]) -> Vec<u8> {
    [b"id: ", id.as_bytes(), b"\ndata: ", message, b"\n\n"].concat()
}

pub(crate) fn assert_http(steps: &[Step], up: Layers, down: Layers) {
    assert_account(Http, steps, up, down);
}

accounts! { assert_http;

    a_poll_that_finds_events_is_heads_stamps_payloads_and_newlines
        [up(POLL), down(ndjson(101)), down(lines(&[5, 0]))]
        up { request_head: POLL.len() }
        down { response_head: ndjson(101).len(), payload: 5, stamp: 2 * 47, message_framing: 2 }

    a_poll_that_finds_nothing_is_control_both_ways
        for answer in [NO_CONTENT, NOT_MODIFIED];
        [up(POLL), down(answer)]
        up { control: POLL.len() }
        down { control: answer.len() }

    polls_on_a_kept_connection_are_told_apart
        [
            up(POLL), down(NOT_MODIFIED),
            up(POLL), down([ndjson(57).as_bytes(), &line(9)].concat()),
            up(POLL), down(EMPTY),
            up(POLL), down(NO_CONTENT),
        ]
        up { request_head: POLL.len(), control: 3 * POLL.len() }
        down {
            response_head: ndjson(57).len(), payload: 9, stamp: 47, message_framing: 1,
            control: NOT_MODIFIED.len() + EMPTY.len() + NO_CONTENT.len(),
        }

    a_greeting_is_control_with_its_newline
        let body = greeting_line();
        let head = ndjson(body.len());
        [up(POLL), down([head.as_bytes(), &body].concat())]
        up { request_head: POLL.len() }
        down { response_head: head.len(), control: body.len() }

    a_post_is_its_heads_and_one_message
        [up(POST), up(event(5)), down(NO_CONTENT), up(POST), up(event(5)), down(NO_CONTENT)]
        up { request_head: 2 * POST.len(), payload: 10, stamp: 2 * 47 }
        down { response_head: 2 * NO_CONTENT.len() }

    a_post_may_be_answered_by_a_stream
        [up(POST), up(event(5)), down(LINES), down(chunk(line(1))), down("0\r\n\r\n"), up(POLL), down(NO_CONTENT)]
        up { request_head: POST.len(), payload: 5, stamp: 47, control: POLL.len() }
        down {
            response_head: LINES.len(), payload: 1, stamp: 47, message_framing: 1, chunk_framing: 6 + 5,
            control: NO_CONTENT.len(),
        }

    the_body_of_a_refused_poll_is_control
        [up(POLL), down(GONE), down("gone")]
        up { control: POLL.len() }
        down { control: GONE.len() + 4 }

    the_body_of_a_refused_post_is_control
        [up(POST), up(event(5)), down(GONE), down("gone")]
        up { request_head: POST.len(), payload: 5, stamp: 47 }
        down { response_head: GONE.len(), control: 4 }

    an_answer_to_head_and_an_interim_answer_have_no_body
        [up(HEAD), down(ndjson(1_000)), up(POLL), down(EARLY_HINTS), down(NO_CONTENT)]
        up { request_head: HEAD.len(), control: POLL.len() }
        down { response_head: ndjson(1_000).len(), control: EARLY_HINTS.len() + NO_CONTENT.len() }

    pipelined_requests_are_answered_in_their_order
        [
            up([POLL, POST].concat()),
            up([&event(5), POLL.as_bytes()].concat()),
            down(NO_CONTENT),
            down([NO_CONTENT.as_bytes(), ndjson(49).as_bytes(), &line(1)].concat()),
        ]
        up { control: POLL.len(), request_head: POST.len() + POLL.len(), payload: 5, stamp: 47 }
        down {
            control: NO_CONTENT.len(), response_head: NO_CONTENT.len() + ndjson(49).len(),
            payload: 1, stamp: 47, message_framing: 1,
        }

    a_poll_without_an_answer_stays_unfinished
        [up(POLL)]
        up { unfinished: POLL.len() }
        down {}

    an_answer_that_nobody_asked_for_is_control
        [down(TIMEOUT)]
        up {}
        down { control: TIMEOUT.len() }

    // 47 + 1 + 1 is one digit more than 0xf, 47 + 300 + 1 one more than 0xff.
    an_event_a_chunk_is_stamp_payload_newline_and_chunk_framing
        [up(POLL), down(LINES), down(chunk(line(1))), down(chunk(line(300)))]
        up { request_head: POLL.len() }
        down {
            response_head: LINES.len(), payload: 301, stamp: 2 * 47, message_framing: 2, chunk_framing: 6 + 7,
        }

    greetings_heartbeats_and_last_words_in_a_stream_are_control
        let hello = greeting_line();
        [
            up(POLL), down(LINES),
            down(chunk(&hello)), down(chunk("\n")), down(chunk(LAST_WORDS)), down("0\r\n\r\n"),
        ]
        up { request_head: POLL.len() }
        down {
            response_head: LINES.len(), control: hello.len() + 1 + LAST_WORDS.len(), chunk_framing: 6 + 5 + 6 + 5,
        }

    a_message_over_several_chunks_and_a_chunk_of_several_messages_are_both_read
        let both = lines(&[20, 20]);
        [up(POLL), down([LINES.as_bytes(), &chunk(&both[..50]), &chunk(&both[50..])].concat())]
        up { request_head: POLL.len() }
        down { response_head: LINES.len(), payload: 40, stamp: 2 * 47, message_framing: 2, chunk_framing: 6 + 6 }

    extensions_and_trailers_are_chunk_framing_and_the_connection_goes_on
        let extended = [b"30;name=value\r\n", &line(0)[..], b"\r\n"].concat();
        let trailers = "000\r\nx-a: b\r\nx-c: d\r\n\r\n";
        [up(POLL), down(LINES), down(extended), down(trailers), up(POLL), down(NO_CONTENT)]
        up { request_head: POLL.len(), control: POLL.len() }
        down {
            response_head: LINES.len(), stamp: 47, message_framing: 1, chunk_framing: 15 + 2 + trailers.len(),
            control: NO_CONTENT.len(),
        }

    server_sent_events_are_fields_stamp_and_payload
        let controls = [
            &b"retry: 1000\n\n"[..], &sse("6", &greeting()), b":\n\n", b": too slow, missed 7\n\n",
        ].concat();
        [
            up(POLL), down(EVENTS),
            down(chunk(&controls)), down(chunk(sse("9", &event(5)))), down(chunk(sse("10", &event(0)))),
        ]
        up { request_head: POLL.len() }
        down {
            response_head: EVENTS.len(), payload: 5, stamp: 2 * 47,
            message_framing: protocol::sse::framing_len(9) + protocol::sse::framing_len(10),
            chunk_framing: 3 * 6, control: controls.len(),
        }

    // Framing and control bytes of each stream, counted by hand.
    all_line_ends_and_spacings_of_server_sent_events_are_understood
        for (before, behind, message_framing, control) in [
            (&b"data:"[..], "\r\n\r\n", 9, 0),
            (b"data:", "\r\r", 7, 0),
            (b"event: tick\ndata: ", "\r\n\n", 21, 0),
            (b"\xef\xbb\xbfdata: ", "\n\n", 11, 0),
            (b"retry: 5\r\ndata: ", "\n\n", 8, 10),
            (b"comment-like: x\r\n:c\r\ndata: ", "\n\n", 8, 21),
            (b"id: 4\r\n\r\ndata: ", "\r\n\r\n", 10, 9),
        ];
        [up(POLL), down(UNCHUNKED_EVENTS), down([before, &event(2), behind.as_bytes()].concat())]
        up { request_head: POLL.len() }
        down {
            response_head: UNCHUNKED_EVENTS.len(), payload: 2, stamp: 47,
            message_framing: message_framing, control: control,
        }

    data_of_several_lines_and_blocks_without_data_are_control
        for block in [
            [b"data: ", &event(2)[..], b"\ndata: ", &event(2), b"\n\n"].concat(),
            b"id: 7\nevent: tick\n\n".to_vec(),
            b"data\n\n".to_vec(),
            b"\n\r\n\r".to_vec(),
        ];
        [up(POLL), down(UNCHUNKED_EVENTS), down(&block)]
        up { request_head: POLL.len() }
        down { response_head: UNCHUNKED_EVENTS.len(), control: block.len() }

    a_coded_body_is_compressed_whole
        let head = coded_ndjson("content-encoding: gzip\r\n", 14);
        [up(POLL), down(&head), down(SQUEEZED)]
        up { request_head: POLL.len() }
        down { response_head: head.len(), compressed: 14 }

    the_chunks_of_a_coded_stream_are_chunk_framing
        [up(POLL), down(CODED_EVENTS), down(chunk(SQUEEZED)), down(chunk(SQUEEZED)), down("0\r\n\r\n")]
        up { request_head: POLL.len() }
        down { response_head: CODED_EVENTS.len(), compressed: 2 * 14, chunk_framing: 2 * 5 + 5 }

    a_coded_refusal_is_control_and_identity_is_no_coding
        let plain = coded_ndjson("content-encoding: Identity\r\n", 50);
        [up(POLL), down(CODED_REFUSAL), down(SQUEEZED), up(POLL), down(&plain), down(line(2))]
        up { control: POLL.len(), request_head: POLL.len() }
        down {
            control: CODED_REFUSAL.len() + 14, response_head: plain.len(),
            payload: 2, stamp: 47, message_framing: 1,
        }

    a_coded_post_is_compressed
        [up(CODED_POST), up(SQUEEZED), down(NO_CONTENT)]
        up { request_head: CODED_POST.len(), compressed: 14 }
        down { response_head: NO_CONTENT.len() }
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
        assert_eq!(found.down.unfinished as usize, malformed.len() + NO_CONTENT.len(), "{malformed}");
    }
    let found = account(Http, [up("GET\r\n\r\n"), up(POST)]);
    assert_eq!(found.up.unfinished as usize, 7 + POST.len());
}

#[test]
fn a_line_without_its_end_is_unfinished_in_an_open_stream_and_control_in_an_ended_one() {
    let part = chunk(&event(3)[..20]);
    let open = account(Http, [up(POLL), down(LINES), down(&part)]);
    assert_eq!(open.down.unfinished, 20);
    let ended = account(Http, [up(POLL), down(LINES), down(&part), down("0\r\n\r\n")]);
    assert_eq!((ended.down.unfinished, ended.down.control), (0, 20));
}

#[test]
fn a_broken_chunk_leaves_the_rest_unfinished() {
    for broken in ["\r\n", "xyz\r\n", "1234567890123456\r\n", "1\r\nab\r\n"] {
        let found = account(Http, [up(POLL), down(LINES), down(broken), down(chunk("abc"))]);
        assert!(found.down.unfinished >= chunk("abc").len() as u64, "{broken:?}");
    }
}
