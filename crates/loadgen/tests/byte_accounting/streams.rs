//! Responses that never end: chunks, lines and Server-Sent Events.

use loadgen::byte_accounting::Protocol::Http;
use model::byte_account::Layers;

use crate::exchange::{account, assert_account, down, event, greeting, up};

const ASK: &str = "GET /stream?channel=0 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n";
const LINES: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream;charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

fn asked() -> Layers {
    Layers { request_head: ASK.len() as u64, ..Layers::default() }
}

/// One chunk (RFC 9112 §7.1): its framing is the digits of the size and two line ends.
fn chunk(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

#[test]
fn an_event_a_chunk_is_stamp_payload_newline_and_chunk_framing() {
    // 47 + 1 + 1 is one digit more than 0xf, 47 + 300 + 1 one more than 0xff.
    let small = chunk([event(1), b"\n".to_vec()].concat());
    let large = chunk([event(300), b"\n".to_vec()].concat());
    assert_account(
        Http,
        &[up(ASK), down(LINES), down(small), down(large)],
        asked(),
        Layers {
            response_head: LINES.len() as u64,
            payload: 301,
            stamp: 2 * 47,
            message_framing: 2,
            chunk_framing: 6 + 7,
            ..Layers::default()
        },
    );
}

#[test]
fn greetings_heartbeats_and_last_words_in_a_stream_are_control() {
    let hello = [greeting(), b"\n".to_vec()].concat();
    let last = b"{\"error\":\"too slow\",\"missed\":7}\n";
    assert_account(
        Http,
        &[up(ASK), down(LINES), down(chunk(&hello)), down(chunk("\n")), down(chunk(last)), down("0\r\n\r\n")],
        asked(),
        Layers {
            response_head: LINES.len() as u64,
            control: (hello.len() + 1 + last.len()) as u64,
            chunk_framing: 6 + 5 + 6 + 5,
            ..Layers::default()
        },
    );
}

#[test]
fn a_message_over_several_chunks_and_a_chunk_of_several_messages_are_both_read() {
    let line = [event(20), b"\n".to_vec()].concat();
    let both = [&line[..], &line[..]].concat();
    let (front, back) = both.split_at(50);
    assert_account(
        Http,
        &[up(ASK), down([LINES.as_bytes(), &chunk(front), &chunk(back)].concat())],
        asked(),
        Layers {
            response_head: LINES.len() as u64,
            payload: 40,
            stamp: 2 * 47,
            message_framing: 2,
            chunk_framing: 6 + 6,
            ..Layers::default()
        },
    );
}

#[test]
fn extensions_and_trailers_are_chunk_framing_and_the_connection_goes_on() {
    let line = [event(0), b"\n".to_vec()].concat();
    let extended = [b"30;name=value\r\n", &line[..], b"\r\n"].concat();
    let trailers = "000\r\nx-a: b\r\nx-c: d\r\n\r\n";
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_account(
        Http,
        &[up(ASK), down(LINES), down(&extended), down(trailers), up(ASK), down(empty)],
        Layers { request_head: ASK.len() as u64, control: ASK.len() as u64, ..Layers::default() },
        Layers {
            response_head: LINES.len() as u64,
            stamp: 47,
            message_framing: 1,
            chunk_framing: (extended.len() - line.len() + trailers.len()) as u64,
            control: empty.len() as u64,
            ..Layers::default()
        },
    );
}

#[test]
fn a_line_without_its_end_is_unfinished_in_an_open_stream_and_control_in_an_ended_one() {
    let part = &event(3)[..20];
    let open = account(Http, [up(ASK), down(LINES), down(chunk(part))]);
    assert_eq!(open.down.unfinished, 20);
    let ended = account(Http, [up(ASK), down(LINES), down(chunk(part)), down("0\r\n\r\n")]);
    assert_eq!((ended.down.unfinished, ended.down.control), (0, 20));
}

#[test]
fn a_broken_chunk_leaves_the_rest_unfinished() {
    for broken in ["\r\n", "xyz\r\n", "1234567890123456\r\n", "1\r\nab\r\n"] {
        let found = account(Http, [up(ASK), down(LINES), down(broken), down(chunk("abc"))]);
        assert!(found.down.unfinished >= chunk("abc").len() as u64, "{broken:?}");
    }
}

#[test]
fn server_sent_events_are_fields_stamp_and_payload() {
    let one = [b"id: 9\ndata: ", &event(5)[..], b"\n\n"].concat();
    let two = [b"id: 10\ndata: ", &event(0)[..], b"\n\n"].concat();
    let hello = [b"id: 6\ndata: ", &greeting()[..], b"\n\n"].concat();
    let controls = [b"retry: 1000\n\n", &hello[..], b":\n\n", b": too slow, missed 7\n\n"].concat();
    assert_account(
        Http,
        &[up(ASK), down(EVENTS), down(chunk(&controls)), down(chunk(one)), down(chunk(two))],
        asked(),
        Layers {
            response_head: EVENTS.len() as u64,
            payload: 5,
            stamp: 2 * 47,
            message_framing: (protocol::sse::framing_len(9) + protocol::sse::framing_len(10)) as u64,
            chunk_framing: 3 * 6,
            control: controls.len() as u64,
            ..Layers::default()
        },
    );
}

#[test]
fn all_line_ends_and_spacings_of_server_sent_events_are_understood() {
    let text = event(2);
    // Framing and control bytes of each stream, counted by hand.
    let cases: [(&[&[u8]], u64, u64); 7] = [
        (&[b"data:", &text, b"\r\n\r\n"], 9, 0),
        (&[b"data:", &text, b"\r\r"], 7, 0),
        (&[b"event: tick\ndata: ", &text, b"\r\n\n"], 21, 0),
        (&[b"\xef\xbb\xbfdata: ", &text, b"\n\n"], 11, 0),
        (&[b"retry: 5\r\n", b"data: ", &text, b"\n\n"], 8, 10),
        (&[b"comment-like: x\r\n:c\r\n", b"data: ", &text, b"\n\n"], 8, 21),
        (&[b"id: 4\r\n\r\n", b"data: ", &text, b"\r\n\r\n"], 10, 9),
    ];
    for (parts, message_framing, control) in cases {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        assert_account(
            Http,
            &[up(ASK), down(head), down(parts.concat())],
            asked(),
            Layers {
                response_head: head.len() as u64,
                payload: 2,
                stamp: 47,
                message_framing,
                control,
                ..Layers::default()
            },
        );
    }
}

#[test]
fn data_of_several_lines_and_blocks_without_data_are_control() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let text = event(2);
    for block in [
        [b"data: ", &text[..], b"\ndata: ", &text[..], b"\n\n"].concat(),
        b"id: 7\nevent: tick\n\n".to_vec(),
        b"data\n\n".to_vec(),
        b"\n\r\n\r".to_vec(),
    ] {
        assert_account(
            Http,
            &[up(ASK), down(head), down(&block)],
            asked(),
            Layers { response_head: head.len() as u64, control: block.len() as u64, ..Layers::default() },
        );
    }
}
