//! HTTP/2: polls, posts and what surrounds them, byte by byte.

use loadgen::byte_accounting::Protocol::Http2;
use model::byte_account::Layers;

use crate::exchange::{Step, account, assert_account, down, event, greeting, up};
use crate::h2::*;

/// A line of NDJSON: an event with a text payload of this length.
fn line(payload_len: usize) -> Vec<u8> {
    [event(payload_len), b"\n".to_vec()].concat()
}

/// A connection on which one poll was answered with nothing, so that both first blocks have come.
fn begun(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    [up([PREFACE, &last_headers(1, GET)].concat()), down(last_headers(1, NO_CONTENT))]
        .into_iter()
        .chain(steps)
        .collect()
}

fn begun_up() -> Layers {
    Layers { http2_control: 24, first_header_block: GET.len() as u64, control: 9, ..Layers::default() }
}

fn begun_down() -> Layers {
    Layers { first_header_block: NO_CONTENT.len() as u64, control: 9, ..Layers::default() }
}

#[test]
fn a_poll_that_finds_events_is_a_header_block_stamps_payloads_and_data_framing() {
    assert_account(
        Http2,
        &begun([
            up(last_headers(3, GET)),
            down(headers(3, LINES)),
            down(last_data(3, [line(5), line(0)].concat())),
            up(last_headers(5, GET)),
            down([headers(5, OK_AND_NEWEST), data(5, line(7)), last_data(5, "")].concat()),
        ]),
        Layers { request_head: 2 * 3, frame_headers: 2 * 9, ..begun_up() },
        Layers {
            response_head: (LINES.len() + OK_AND_NEWEST.len()) as u64,
            frame_headers: 2 * 9,
            data_framing: 3 * 9,
            payload: 12,
            stamp: 3 * 47,
            message_framing: 3,
            ..begun_down()
        },
    );
}

#[test]
fn a_poll_that_finds_nothing_is_control_with_all_its_frames() {
    for answer in [NO_CONTENT, NOT_MODIFIED, NOT_FOUND, OK] {
        assert_account(
            Http2,
            &begun([up(last_headers(3, GET)), down(last_headers(3, answer))]),
            Layers { control: 9 + 9 + GET.len() as u64, ..begun_up() },
            Layers { control: 9 + 9 + answer.len() as u64, ..begun_down() },
        );
    }
}

#[test]
fn the_text_of_a_refusal_is_control_with_its_data_framing() {
    let padded = frame(DATA, PADDED | END_STREAM, 3, b"\x03gone\0\0\0");
    assert_account(
        Http2,
        &begun([up(last_headers(3, GET)), down(headers(3, NOT_FOUND)), down(&padded)]),
        Layers { control: 9 + 9 + 3, ..begun_up() },
        Layers { control: 9 + 9 + 1 + padded.len() as u64, ..begun_down() },
    );
}

#[test]
fn the_first_block_of_a_direction_is_a_layer_of_its_own_whatever_it_asks() {
    assert_account(
        Http2,
        &[
            up([PREFACE, &last_headers(1, GET)].concat()),
            down(headers(1, LINES)),
            down(last_data(1, line(1))),
        ],
        Layers { http2_control: 24, first_header_block: 3, frame_headers: 9, ..Layers::default() },
        Layers {
            first_header_block: LINES.len() as u64,
            frame_headers: 9,
            data_framing: 9,
            payload: 1,
            stamp: 47,
            message_framing: 1,
            ..Layers::default()
        },
    );
}

#[test]
fn a_post_is_header_blocks_and_one_message_however_many_frames_carry_it() {
    let message = event(60);
    let (front, back) = message.split_at(50);
    assert_account(
        Http2,
        &begun([
            up([headers(3, POST), data(3, front)].concat()),
            up(last_data(3, back)),
            down(last_headers(3, NO_CONTENT)),
            up([headers(5, POST), last_data(5, event(0))].concat()),
            down([headers(5, NOT_FOUND), last_data(5, "not here")].concat()),
        ]),
        Layers {
            request_head: 2 * 3,
            frame_headers: 2 * 9,
            data_framing: 3 * 9,
            payload: 60,
            stamp: 2 * 47,
            ..begun_up()
        },
        Layers { response_head: 2, frame_headers: 2 * 9, control: 9 + 9 + 8, ..begun_down() },
    );
}

#[test]
fn padding_and_priority_are_framing() {
    let priority = [0x80, 0, 0, 0, 15];
    let ask = [&[4][..], &priority, GET, &[0; 4]].concat();
    let answer = [&[2][..], LINES, &[0; 2]].concat();
    let body = [&[255][..], &line(3), &[0; 255]].concat();
    assert_account(
        Http2,
        &begun([
            up(frame(HEADERS, END_HEADERS | END_STREAM | PADDED | PRIORITY_FLAG, 3, ask)),
            down(frame(HEADERS, END_HEADERS | PADDED, 3, answer)),
            down(frame(DATA, PADDED, 3, body)),
            down(frame(DATA, PADDED | END_STREAM, 3, [0])),
        ]),
        Layers { request_head: 3, frame_headers: 9 + 1 + 5 + 4, ..begun_up() },
        Layers {
            response_head: LINES.len() as u64,
            frame_headers: 9 + 1 + 2,
            data_framing: 9 + 1 + 255 + 9 + 1,
            payload: 3,
            stamp: 47,
            message_framing: 1,
            ..begun_down()
        },
    );
}

#[test]
fn a_block_in_several_frames_counts_all_their_headers_and_may_end_its_stream() {
    let (one, rest) = GET.split_at(1);
    let ask = [
        frame(HEADERS, END_STREAM, 3, one),
        frame(CONTINUATION, 0, 3, ""),
        frame(CONTINUATION, END_HEADERS, 3, rest),
    ];
    let answer = [frame(HEADERS, END_STREAM, 3, ""), frame(CONTINUATION, END_HEADERS, 3, NO_CONTENT)];
    assert_account(
        Http2,
        &begun([up(ask.concat()), down(answer.concat()), up(frame(DATA, 0, 3, "late"))]),
        Layers { control: 9 + 3 * 9 + 3 + 13, ..begun_up() },
        Layers { control: 9 + 2 * 9 + 1, ..begun_down() },
    );
}

#[test]
fn interim_answers_are_control_and_trailers_are_heads() {
    let trailer = b"\x00\x03x-a\x01b";
    assert_account(
        Http2,
        &begun([
            up([headers(3, POST), data(3, event(2)), last_headers(3, trailer)].concat()),
            down([headers(3, EARLY_HINTS), last_headers(3, NO_CONTENT)].concat()),
            up([headers(5, GET), last_headers(5, trailer)].concat()),
            down([headers(5, LINES), data(5, line(2)), last_headers(5, trailer)].concat()),
            up([headers(7, GET), last_headers(7, trailer)].concat()),
            down([headers(7, NOT_MODIFIED), last_headers(7, trailer)].concat()),
        ]),
        Layers {
            request_head: 3 + 7 + 3 + 7,
            frame_headers: 4 * 9,
            data_framing: 9,
            payload: 2,
            stamp: 47,
            control: 9 + 2 * 9 + 3 + 7,
            ..begun_up()
        },
        Layers {
            response_head: 1 + LINES.len() as u64 + 7,
            frame_headers: 3 * 9,
            data_framing: 9,
            payload: 2,
            stamp: 47,
            message_framing: 1,
            control: 9 + (9 + EARLY_HINTS.len() as u64) + 2 * 9 + 1 + 7,
            ..begun_down()
        },
    );
}

#[test]
fn an_answer_to_head_has_no_body_and_is_no_empty_poll() {
    assert_account(
        Http2,
        &begun([up(last_headers(3, HEAD)), down(last_headers(3, LINES))]),
        Layers { request_head: HEAD.len() as u64, frame_headers: 9, ..begun_up() },
        Layers { response_head: LINES.len() as u64, frame_headers: 9, ..begun_down() },
    );
}

#[test]
fn frames_that_belong_to_the_connection_are_http2_control_whole() {
    let of_client = [
        frame(SETTINGS, 0, 0, [0, 4, 0, 0, 255, 255]),
        frame(WINDOW_UPDATE, 0, 0, [0; 4]),
        frame(PRIORITY, 0, 7, [0; 5]),
    ]
    .concat();
    let of_server = [
        frame(SETTINGS, 0, 0, ""),
        frame(SETTINGS, 1, 0, ""),
        frame(PING, 0, 0, [7; 8]),
        frame(0xee, 0xff, 9, [1; 300]),
        frame(GOAWAY, 0, 0, [0; 12]),
    ]
    .concat();
    assert_account(
        Http2,
        &[up([PREFACE, &of_client].concat()), down(&of_server)],
        Layers { http2_control: (24 + of_client.len()) as u64, ..Layers::default() },
        Layers { http2_control: of_server.len() as u64, ..Layers::default() },
    );
}

#[test]
fn the_reserved_bit_of_a_stream_is_ignored() {
    assert_account(
        Http2,
        &begun([up(last_headers(3, GET)), down(last_headers(1 << 31 | 3, NO_CONTENT))]),
        Layers { control: 9 + 9 + 3, ..begun_up() },
        Layers { control: 9 + 9 + 1, ..begun_down() },
    );
}

#[test]
fn a_greeting_is_control_within_its_data_framing() {
    let hello = [greeting(), b"\n".to_vec()].concat();
    assert_account(
        Http2,
        &begun([up(last_headers(3, GET)), down(headers(3, LINES)), down(last_data(3, &hello))]),
        Layers { request_head: 3, frame_headers: 9, ..begun_up() },
        Layers {
            response_head: LINES.len() as u64,
            frame_headers: 9,
            data_framing: 9,
            control: 9 + hello.len() as u64,
            ..begun_down()
        },
    );
}

#[test]
fn what_follows_something_malformed_stays_unfinished() {
    let long_block = [frame(HEADERS, 0, 3, vec![0x82; 65_000]), frame(CONTINUATION, 0, 3, vec![0x82; 537])];
    let malformed = [
        frame(DATA, PADDED, 1, [9, 0, 0]),
        frame(HEADERS, PADDED | PRIORITY_FLAG, 1, [0; 5]),
        headers(0, OK),
        headers(3, b"\xff"),
        frame(CONTINUATION, END_HEADERS, 3, GET),
        frame(PUSH_PROMISE, END_HEADERS, 3, GET),
        [frame(HEADERS, 0, 3, GET), frame(PING, 0, 0, [0; 8])].concat(),
        [frame(HEADERS, 0, 3, GET), frame(CONTINUATION, END_HEADERS, 5, "")].concat(),
        long_block.concat(),
    ];
    let behind = last_headers(3, GET);
    for bytes in malformed {
        let found = account(Http2, begun([up(&bytes), up(&behind)])).up;
        let least = behind.len() as u64;
        assert!(found.unfinished > least && found.unfinished <= bytes.len() as u64 + least, "{found:?}");
        assert_eq!(found.wire() - found.unfinished - found.control, 24 + GET.len() as u64);
    }
}

#[test]
fn a_client_that_speaks_something_else_stays_unfinished() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\n\r"] {
        let found = account(Http2, [up(bytes), up(last_headers(1, GET))]).up;
        assert_eq!(found, Layers { unfinished: found.wire(), ..Layers::default() });
    }
}
