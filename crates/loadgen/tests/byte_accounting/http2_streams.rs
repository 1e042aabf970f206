//! HTTP/2: many streams on one connection, streams that are reset, and WebSocket in a stream.

use loadgen::byte_accounting::Protocol::Http2;
use model::byte_account::Layers;

use crate::exchange::{Step, account, assert_account, down, event, greeting, up};
use crate::frames::{CLOSE, FIN, KEY, PING as WS_PING, TEXT, frame as ws};
use crate::h2::*;

fn line(payload_len: usize) -> Vec<u8> {
    [event(payload_len), b"\n".to_vec()].concat()
}

/// Sends the preface and requests on streams 1, 3, 5.
fn asked(blocks: [&[u8]; 3]) -> Step {
    let [one, three, five] = blocks;
    up([PREFACE, &last_headers(1, one), &last_headers(3, three), &last_headers(5, five)].concat())
}

#[test]
fn answers_come_in_any_order_and_their_data_in_turns() {
    let (front, back) = (line(9)[..20].to_vec(), line(9)[20..].to_vec());
    assert_account(
        Http2,
        &[
            asked([GET, GET, GET]),
            down(headers(5, LINES)),
            down([data(5, &front), headers(1, OK_AND_NEWEST), data(1, line(1))].concat()),
            down(last_headers(3, NO_CONTENT)),
            down([last_data(5, &back), last_data(1, line(2))].concat()),
        ],
        Layers {
            http2_control: 24,
            first_header_block: 3,
            request_head: 3,
            control: 9 + 3,
            frame_headers: 2 * 9,
            ..Layers::default()
        },
        Layers {
            first_header_block: LINES.len() as u64,
            response_head: 2,
            control: 9 + 1,
            frame_headers: 2 * 9,
            data_framing: 4 * 9,
            payload: 9 + 1 + 2,
            stamp: 3 * 47,
            message_framing: 3,
            ..Layers::default()
        },
    );
}

#[test]
fn server_sent_events_in_data_are_fields_stamp_and_payload() {
    let one = [b"id: 9\ndata: ", &event(5)[..], b"\n\n"].concat();
    let beat = b":\n\n";
    assert_account(
        Http2,
        &[
            up([PREFACE, &last_headers(1, GET)].concat()),
            down([headers(1, EVENTS), data(1, beat), data(1, &one)].concat()),
            down(data(1, [&one[..], &one].concat())),
        ],
        Layers { http2_control: 24, first_header_block: 3, frame_headers: 9, ..Layers::default() },
        Layers {
            first_header_block: EVENTS.len() as u64,
            frame_headers: 9,
            data_framing: 3 * 9,
            payload: 15,
            stamp: 3 * 47,
            message_framing: 3 * protocol::sse::framing_len(9) as u64,
            control: 3,
            ..Layers::default()
        },
    );
}

#[test]
fn a_request_that_is_reset_before_its_answer_is_control() {
    let late = [headers(3, NOT_FOUND), last_data(3, "gone")].concat();
    assert_account(
        Http2,
        &[asked([GET, GET, GET]), up(reset(3)), down(reset(5)), down(&late), up(last_headers(3, GET))],
        Layers {
            http2_control: 24 + 13,
            first_header_block: 3,
            control: 3 * (9 + 3),
            // The poll on stream 1 is still open.
            unfinished: 9,
            ..Layers::default()
        },
        Layers {
            http2_control: 13,
            first_header_block: 1,
            control: late.len() as u64 - 1,
            ..Layers::default()
        },
    );
}

#[test]
fn a_stream_that_is_reset_leaves_its_open_line_as_control() {
    let part = &line(9)[..30];
    let steps = [
        up([PREFACE, &last_headers(1, GET)].concat()),
        down([headers(1, LINES), data(1, line(4)), data(1, part)].concat()),
    ];
    let open = account(Http2, steps.clone()).down;
    assert_eq!((open.unfinished, open.control), (30, 0));
    let expected = Layers { unfinished: 0, control: 30 + 9 + 7, ..open };
    let closed = steps.into_iter().chain([up(reset(1)), down(data(1, "unheard"))]);
    assert_eq!(account(Http2, closed).down, expected);
}

#[test]
fn websocket_in_a_stream_is_a_handshake_and_its_own_frames_in_data() {
    let hello = ws(FIN | TEXT, &greeting(), None);
    let (one, two) = (ws(FIN | TEXT, &event(100), None), ws(FIN | TEXT, &event(5), None));
    let (front, back) = two.split_at(1);
    let message = ws(FIN | TEXT, &event(33), Some(KEY));
    let (ping, close) = (ws(FIN | WS_PING, b"", Some(KEY)), ws(FIN | CLOSE, b"\x03\xe8", Some(KEY)));
    assert_account(
        Http2,
        &[
            up([PREFACE, &last_headers(1, GET)].concat()),
            down(last_headers(1, NO_CONTENT)),
            up(headers(3, CONNECT)),
            down(headers(3, OK)),
            down([data(3, &hello), data(3, [&one[..], front].concat()), data(3, back)].concat()),
            up([data(3, &ping), data(3, &message), last_data(3, &close)].concat()),
            down(last_data(3, "")),
        ],
        Layers {
            http2_control: 24,
            first_header_block: 3,
            handshake: CONNECT.len() as u64,
            frame_headers: 9,
            data_framing: 3 * 9,
            payload: 33,
            stamp: 47,
            message_framing: 6,
            control: 9 + (ping.len() + close.len()) as u64,
            ..Layers::default()
        },
        Layers {
            first_header_block: 1,
            handshake: 1,
            frame_headers: 9,
            data_framing: 4 * 9,
            payload: 105,
            stamp: 2 * 47,
            message_framing: 4 + 2,
            control: 9 + hello.len() as u64,
            ..Layers::default()
        },
    );
}

#[test]
fn the_first_blocks_of_a_websocket_connection_are_first_blocks_and_those_of_the_next_streams_handshakes() {
    assert_account(
        Http2,
        &[
            up([PREFACE, &headers(1, CONNECT)].concat()),
            down(headers(1, OK)),
            up(headers(3, b"\x02\x07CONNECT\xbe\x86\x84")),
            down(headers(3, OK)),
        ],
        Layers {
            http2_control: 24,
            first_header_block: CONNECT.len() as u64,
            handshake: 12,
            frame_headers: 2 * 9,
            ..Layers::default()
        },
        Layers { first_header_block: 1, handshake: 1, frame_headers: 2 * 9, ..Layers::default() },
    );
}

#[test]
fn a_websocket_stream_that_is_refused_is_control() {
    assert_account(
        Http2,
        &[
            up([PREFACE, &headers(1, CONNECT)].concat()),
            down([headers(1, NOT_FOUND), last_data(1, "no")].concat()),
            up(reset(1)),
        ],
        Layers {
            http2_control: 24 + 13,
            first_header_block: CONNECT.len() as u64,
            control: 9,
            ..Layers::default()
        },
        Layers { first_header_block: 1, control: 9 + 9 + 2, ..Layers::default() },
    );
}

#[test]
fn a_websocket_frame_that_a_reset_cuts_off_is_control() {
    let cut = &ws(FIN | TEXT, &event(5), None)[..20];
    let steps = [
        up([PREFACE, &headers(1, CONNECT)].concat()),
        down([headers(1, OK), data(1, cut)].concat()),
        up(reset(1)),
    ];
    let found = account(Http2, steps).down;
    assert_eq!((found.control, found.unfinished), (20, 0));
}
