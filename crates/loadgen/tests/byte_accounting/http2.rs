//! HTTP/2: polls, posts and what surrounds them; many streams on one connection; WebSocket in a stream.

use loadgen::byte_accounting::Protocol::Http2;
use model::byte_account::Layers;

use crate::h2::*;
use crate::rig::{SQUEEZED, Step, account, assert_account, down, event, greeting, greeting_line, line, up};
use crate::websocket::{CLOSE, FIN, KEY, PING as WS_PING, TEXT, frame as ws};

const TRAILER: &[u8] = b"\x00\x03x-a\x01b";

fn opening(frames: &[u8]) -> Step {
    up([PREFACE, frames].concat())
}

/// Sends the preface and requests on streams 1, 3, 5.
fn polled_three_times() -> Step {
    opening(&[1, 3, 5].map(|stream| last_headers(stream, GET)).concat())
}

fn sse(payload_len: usize) -> Vec<u8> {
    [b"id: 9\ndata: ", &event(payload_len)[..], b"\n\n"].concat()
}

fn assert_http2(steps: &[Step], up: Layers, down: Layers) {
    assert_account(Http2, steps, up, down);
}

/// The same on a connection on which one poll was answered with nothing, so that both first blocks have come.
pub(crate) fn assert_begun(steps: &[Step], mut up_layers: Layers, mut down_layers: Layers) {
    up_layers += layers!(http2_control: 24, first_header_block: GET.len(), control: 9);
    down_layers += layers!(first_header_block: NO_CONTENT.len(), control: 9);
    assert_account(Http2, &begun(steps), up_layers, down_layers);
}

fn begun(steps: &[Step]) -> Vec<Step> {
    [&[opening(&last_headers(1, GET)), down(last_headers(1, NO_CONTENT))], steps].concat()
}

accounts! { assert_begun;

    a_poll_that_finds_events_is_a_header_block_stamps_payloads_and_data_framing
        [
            up(last_headers(3, GET)), down(headers(3, LINES)), down(last_data(3, [line(5), line(0)].concat())),
            up(last_headers(5, GET)), down([headers(5, OK_AND_NEWEST), data(5, line(7)), last_data(5, "")].concat()),
        ]
        up { request_head: 2 * 3, frame_headers: 2 * 9 }
        down {
            response_head: LINES.len() + OK_AND_NEWEST.len(), frame_headers: 2 * 9, data_framing: 3 * 9,
            payload: 12, stamp: 3 * 47, message_framing: 3,
        }

    a_poll_that_finds_nothing_is_control_with_all_its_frames
        for answer in [NO_CONTENT, NOT_MODIFIED, NOT_FOUND, OK];
        [up(last_headers(3, GET)), down(last_headers(3, answer))]
        up { control: 9 + GET.len() }
        down { control: 9 + answer.len() }

    the_text_of_a_refusal_is_control_with_its_data_framing
        let padded = frame(DATA, PADDED | END_STREAM, 3, b"\x03gone\0\0\0");
        [up(last_headers(3, GET)), down(headers(3, NOT_FOUND)), down(&padded)]
        up { control: 9 + 3 }
        down { control: 9 + 1 + padded.len() }

    a_post_is_header_blocks_and_one_message_however_many_frames_carry_it
        [
            up([headers(3, POST), data(3, &event(60)[..50])].concat()),
            up(last_data(3, &event(60)[50..])),
            down(last_headers(3, NO_CONTENT)),
            up([headers(5, POST), last_data(5, event(0))].concat()),
            down([headers(5, NOT_FOUND), last_data(5, "not here")].concat()),
        ]
        up { request_head: 2 * 3, frame_headers: 2 * 9, data_framing: 3 * 9, payload: 60, stamp: 2 * 47 }
        down { response_head: 2, frame_headers: 2 * 9, control: 9 + 8 }

    padding_and_priority_are_framing
        let ask = [&[4][..], &[0x80, 0, 0, 0, 15], GET, &[0; 4]].concat();
        let answer = [&[2][..], LINES, &[0; 2]].concat();
        let body = [&[255][..], &line(3), &[0; 255]].concat();
        [
            up(frame(HEADERS, END_HEADERS | END_STREAM | PADDED | PRIORITY_FLAG, 3, ask)),
            down(frame(HEADERS, END_HEADERS | PADDED, 3, answer)),
            down(frame(DATA, PADDED, 3, body)),
            down(frame(DATA, PADDED | END_STREAM, 3, [0])),
        ]
        up { request_head: 3, frame_headers: 9 + 1 + 5 + 4 }
        down {
            response_head: LINES.len(), frame_headers: 9 + 1 + 2, data_framing: 9 + 1 + 255 + 9 + 1,
            payload: 3, stamp: 47, message_framing: 1,
        }

    a_block_in_several_frames_counts_all_their_headers_and_may_end_its_stream
        let ask = [
            frame(HEADERS, END_STREAM, 3, &GET[..1]),
            frame(CONTINUATION, 0, 3, ""),
            frame(CONTINUATION, END_HEADERS, 3, &GET[1..]),
        ];
        let answer = [frame(HEADERS, END_STREAM, 3, ""), frame(CONTINUATION, END_HEADERS, 3, NO_CONTENT)];
        [up(ask.concat()), down(answer.concat()), up(frame(DATA, 0, 3, "late"))]
        up { control: 3 * 9 + 3 + 13 }
        down { control: 2 * 9 + 1 }

    interim_answers_are_control_and_trailers_are_heads
        [
            up([headers(3, POST), data(3, event(2)), last_headers(3, TRAILER)].concat()),
            down([headers(3, EARLY_HINTS), last_headers(3, NO_CONTENT)].concat()),
            up([headers(5, GET), last_headers(5, TRAILER)].concat()),
            down([headers(5, LINES), data(5, line(2)), last_headers(5, TRAILER)].concat()),
            up([headers(7, GET), last_headers(7, TRAILER)].concat()),
            down([headers(7, NOT_MODIFIED), last_headers(7, TRAILER)].concat()),
        ]
        up {
            request_head: 3 + 7 + 3 + 7, frame_headers: 4 * 9, data_framing: 9, payload: 2, stamp: 47,
            control: 2 * 9 + 3 + 7,
        }
        down {
            response_head: 1 + LINES.len() + 7, frame_headers: 3 * 9, data_framing: 9,
            payload: 2, stamp: 47, message_framing: 1, control: (9 + EARLY_HINTS.len()) + 2 * 9 + 1 + 7,
        }

    an_answer_to_head_has_no_body_and_is_no_empty_poll
        [up(last_headers(3, HEAD)), down(last_headers(3, LINES))]
        up { request_head: HEAD.len(), frame_headers: 9 }
        down { response_head: LINES.len(), frame_headers: 9 }

    the_reserved_bit_of_a_stream_is_ignored
        [up(last_headers(3, GET)), down(last_headers(1 << 31 | 3, NO_CONTENT))]
        up { control: 9 + 3 }
        down { control: 9 + 1 }

    a_greeting_is_control_within_its_data_framing
        let hello = greeting_line();
        [up(last_headers(3, GET)), down(headers(3, LINES)), down(last_data(3, &hello))]
        up { request_head: 3, frame_headers: 9 }
        down { response_head: LINES.len(), frame_headers: 9, data_framing: 9, control: hello.len() }

    websocket_in_a_stream_is_a_handshake_and_its_own_frames_in_data
        let hello = ws(FIN | TEXT, &greeting(), None);
        let (one, two) = (ws(FIN | TEXT, &event(100), None), ws(FIN | TEXT, &event(5), None));
        let message = ws(FIN | TEXT, &event(33), Some(KEY));
        let (ping, close) = (ws(FIN | WS_PING, b"", Some(KEY)), ws(FIN | CLOSE, b"\x03\xe8", Some(KEY)));
        [
            up(headers(3, CONNECT)),
            down(headers(3, OK)),
            down([data(3, &hello), data(3, [&one[..], &two[..1]].concat()), data(3, &two[1..])].concat()),
            up([data(3, &ping), data(3, message), last_data(3, &close)].concat()),
            down(last_data(3, "")),
        ]
        up {
            handshake: CONNECT.len(), frame_headers: 9, data_framing: 3 * 9, payload: 33, stamp: 47,
            message_framing: 6, control: ping.len() + close.len(),
        }
        down {
            handshake: 1, frame_headers: 9, data_framing: 4 * 9, payload: 105, stamp: 2 * 47,
            message_framing: 4 + 2, control: hello.len(),
        }
}

accounts! { assert_http2;

    the_first_block_of_a_direction_is_a_layer_of_its_own_whatever_it_asks
        [opening(&last_headers(1, GET)), down(headers(1, LINES)), down(last_data(1, line(1)))]
        up { http2_control: 24, first_header_block: 3, frame_headers: 9 }
        down {
            first_header_block: LINES.len(), frame_headers: 9, data_framing: 9,
            payload: 1, stamp: 47, message_framing: 1,
        }

    frames_that_belong_to_the_connection_are_http2_control_whole
        let of_client = [
            frame(SETTINGS, 0, 0, [0, 4, 0, 0, 255, 255]),
            frame(WINDOW_UPDATE, 0, 0, [0; 4]),
            frame(PRIORITY, 0, 7, [0; 5]),
        ].concat();
        let of_server = [
            frame(SETTINGS, 0, 0, ""),
            frame(SETTINGS, 1, 0, ""),
            frame(PING, 0, 0, [7; 8]),
            frame(0xee, 0xff, 9, [1; 300]),
            frame(GOAWAY, 0, 0, [0; 12]),
        ].concat();
        [opening(&of_client), down(&of_server)]
        up { http2_control: 24 + of_client.len() }
        down { http2_control: of_server.len() }

    answers_come_in_any_order_and_their_data_in_turns
        [
            polled_three_times(),
            down(headers(5, LINES)),
            down([data(5, &line(9)[..20]), headers(1, OK_AND_NEWEST), data(1, line(1))].concat()),
            down(last_headers(3, NO_CONTENT)),
            down([last_data(5, &line(9)[20..]), last_data(1, line(2))].concat()),
        ]
        up { http2_control: 24, first_header_block: 3, request_head: 3, control: 9 + 3, frame_headers: 2 * 9 }
        down {
            first_header_block: LINES.len(), response_head: 2, control: 9 + 1, frame_headers: 2 * 9,
            data_framing: 4 * 9, payload: 9 + 1 + 2, stamp: 3 * 47, message_framing: 3,
        }

    server_sent_events_in_data_are_fields_stamp_and_payload
        [
            opening(&last_headers(1, GET)),
            down([headers(1, EVENTS), data(1, ":\n\n"), data(1, sse(5))].concat()),
            down(data(1, [sse(5), sse(5)].concat())),
        ]
        up { http2_control: 24, first_header_block: 3, frame_headers: 9 }
        down {
            first_header_block: EVENTS.len(), frame_headers: 9, data_framing: 3 * 9,
            payload: 15, stamp: 3 * 47, message_framing: 3 * protocol::sse::framing_len(9), control: 3,
        }

    // The poll on stream 1 is still open.
    a_request_that_is_reset_before_its_answer_is_control
        let late = [headers(3, NOT_FOUND), last_data(3, "gone")].concat();
        [polled_three_times(), up(reset(3)), down(reset(5)), down(&late), up(last_headers(3, GET))]
        up { http2_control: 24 + 13, first_header_block: 3, control: 3 * (9 + 3), unfinished: 9 }
        down { http2_control: 13, first_header_block: 1, control: late.len() - 1 }

    the_first_blocks_of_a_websocket_connection_are_first_blocks_and_those_of_the_next_streams_handshakes
        [
            opening(&headers(1, CONNECT)),
            down(headers(1, OK)),
            up(headers(3, b"\x02\x07CONNECT\xbe\x86\x84")),
            down(headers(3, OK)),
        ]
        up { http2_control: 24, first_header_block: CONNECT.len(), handshake: 12, frame_headers: 2 * 9 }
        down { first_header_block: 1, handshake: 1, frame_headers: 2 * 9 }

    a_websocket_stream_that_is_refused_is_control
        [
            opening(&headers(1, CONNECT)),
            down([headers(1, NOT_FOUND), last_data(1, "no")].concat()),
            up(reset(1)),
        ]
        up { http2_control: 24 + 13, first_header_block: CONNECT.len(), control: 9 }
        down { first_header_block: 1, control: 9 + 9 + 2 }

    a_coded_body_is_compressed_within_its_data_framing
        let coded = [LINES, GZIP].concat();
        [
            opening(&last_headers(1, GET)),
            down([headers(1, &coded), data(1, SQUEEZED), last_data(1, SQUEEZED)].concat()),
            up([headers(3, &[POST, GZIP].concat()), last_data(3, SQUEEZED)].concat()),
            down(last_headers(3, NO_CONTENT)),
        ]
        up {
            http2_control: 24, first_header_block: 3, request_head: POST.len() + GZIP.len(),
            frame_headers: 2 * 9, data_framing: 9, compressed: 14,
        }
        down {
            first_header_block: coded.len(), response_head: 1,
            frame_headers: 2 * 9, data_framing: 2 * 9, compressed: 28,
        }
}

#[test]
fn a_stream_that_is_reset_leaves_its_open_line_as_control() {
    let steps = [
        opening(&last_headers(1, GET)),
        down([headers(1, LINES), data(1, line(4)), data(1, &line(9)[..30])].concat()),
    ];
    let open = account(Http2, steps.clone()).down;
    assert_eq!((open.unfinished, open.control), (30, 0));
    let closed = steps.into_iter().chain([up(reset(1)), down(data(1, "unheard"))]);
    assert_eq!(account(Http2, closed).down, layers!(unfinished: 0, control: 30 + 9 + 7, ..open));
}

#[test]
fn a_websocket_frame_that_a_reset_cuts_off_is_control() {
    let cut = &ws(FIN | TEXT, &event(5), None)[..20];
    let steps = [opening(&headers(1, CONNECT)), down([headers(1, OK), data(1, cut)].concat()), up(reset(1))];
    let found = account(Http2, steps).down;
    assert_eq!((found.control, found.unfinished), (20, 0));
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
        let found = account(Http2, begun(&[up(&bytes), up(&behind)])).up;
        let least = behind.len() as u64;
        assert!(found.unfinished > least && found.unfinished <= bytes.len() as u64 + least, "{found:?}");
        assert_eq!(found.wire() - found.unfinished - found.control, 24 + GET.len() as u64);
    }
}

#[test]
fn a_client_that_speaks_something_else_stays_unfinished() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\n\r"] {
        let found = account(Http2, [up(bytes), up(last_headers(1, GET))]).up;
        assert_eq!(found, layers!(unfinished: found.wire()));
    }
}
