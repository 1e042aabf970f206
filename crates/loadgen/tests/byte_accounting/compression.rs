//! What a compressor left of messages: `compressed` as it comes, with the framing round it apart.

use loadgen::byte_accounting::Protocol::{Http, Http2};
use model::byte_account::Layers;

use crate::exchange::{account, assert_account, down, event, up};
use crate::frames::{ASK as UPGRADE, CONTINUATION, FIN, KEY, PING, TEXT, UPGRADED, frame};
use crate::h2::{self, GET, GZIP, LINES, POST, PREFACE, data, headers, last_data, last_headers};

const RSV1: u8 = 0x40;
const ASK: &str = "GET /events HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n";
/// Anything: nobody looks into it.
const SQUEEZED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\n\n[]";

fn len(text: &str) -> u64 {
    text.len() as u64
}

#[test]
fn a_coded_body_is_compressed_whole() {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        SQUEEZED.len()
    );
    assert_account(
        Http,
        &[up(ASK), down(&head), down(SQUEEZED)],
        Layers { request_head: len(ASK), ..Layers::default() },
        Layers { response_head: len(&head), compressed: SQUEEZED.len() as u64, ..Layers::default() },
    );
}

#[test]
fn the_chunks_of_a_coded_stream_are_chunk_framing() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let chunk = [b"e\r\n", SQUEEZED, b"\r\n"].concat();
    assert_account(
        Http,
        &[up(ASK), down(head), down(&chunk), down(&chunk), down("0\r\n\r\n")],
        Layers { request_head: len(ASK), ..Layers::default() },
        Layers {
            response_head: len(head),
            compressed: 2 * 14,
            chunk_framing: 2 * 5 + 5,
            ..Layers::default()
        },
    );
}

#[test]
fn a_coded_refusal_is_control_and_identity_is_no_coding() {
    let refusal = "HTTP/1.1 404 Not Found\r\ncontent-encoding: gzip\r\ncontent-length: 14\r\n\r\n";
    let plain = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-encoding: Identity\r\n\
                 content-length: 50\r\n\r\n";
    assert_account(
        Http,
        &[up(ASK), down(refusal), down(SQUEEZED), up(ASK), down(plain), down(event(2)), down("\n")],
        Layers { control: len(ASK), request_head: len(ASK), ..Layers::default() },
        Layers {
            control: len(refusal) + 14,
            response_head: len(plain),
            payload: 2,
            stamp: 47,
            message_framing: 1,
            ..Layers::default()
        },
    );
}

#[test]
fn a_coded_body_of_http2_is_compressed_within_its_data_framing() {
    let coded = [LINES, GZIP].concat();
    assert_account(
        Http2,
        &[
            up([PREFACE, &last_headers(1, GET)].concat()),
            down([headers(1, &coded), data(1, SQUEEZED), last_data(1, SQUEEZED)].concat()),
            up([headers(3, &[POST, GZIP].concat()), last_data(3, SQUEEZED)].concat()),
            down(last_headers(3, h2::NO_CONTENT)),
        ],
        Layers {
            http2_control: 24,
            first_header_block: 3,
            request_head: (POST.len() + GZIP.len()) as u64,
            frame_headers: 2 * 9,
            data_framing: 9,
            compressed: 14,
            ..Layers::default()
        },
        Layers {
            first_header_block: coded.len() as u64,
            response_head: 1,
            frame_headers: 2 * 9,
            data_framing: 2 * 9,
            compressed: 28,
            ..Layers::default()
        },
    );
}

#[test]
fn a_coded_post_is_compressed() {
    let head = "POST /messages HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ncontent-length: 14\r\n\r\n";
    let found = account(Http, [up(head), up(SQUEEZED)]).up;
    assert_eq!(found, Layers { request_head: len(head), compressed: 14, ..Layers::default() });
}

#[test]
fn a_compressed_message_is_told_by_its_first_frame_and_leaves_the_next_one_alone() {
    let messages = |key| {
        [
            frame(FIN | RSV1 | TEXT, SQUEEZED, key),
            frame(RSV1 | TEXT, &SQUEEZED[..4], key),
            frame(FIN | PING, b"?", key),
            frame(CONTINUATION, &SQUEEZED[4..], key),
            frame(FIN | CONTINUATION, b"", key),
            frame(FIN | TEXT, &event(3), key),
        ]
        .concat()
    };
    assert_account(
        Http,
        &[up(UPGRADE), down(UPGRADED), down(messages(None)), up(messages(Some(KEY)))],
        Layers {
            handshake: len(UPGRADE),
            compressed: 28,
            message_framing: 5 * 6,
            control: 7,
            payload: 3,
            stamp: 47,
            ..Layers::default()
        },
        Layers {
            handshake: len(UPGRADED),
            compressed: 28,
            message_framing: 5 * 2,
            control: 3,
            payload: 3,
            stamp: 47,
            ..Layers::default()
        },
    );
}
