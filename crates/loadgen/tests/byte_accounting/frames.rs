//! WebSocket and raw TCP.

use loadgen::byte_accounting::Protocol::{Http, RawTcp};
use model::byte_account::Layers;

use crate::exchange::{Step, account, assert_account, down, event, greeting, up};

pub(crate) const ASK: &str =
    "GET /ws?channel=0 HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
pub(crate) const UPGRADED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
pub(crate) const KEY: [u8; 4] = [0x11, 0x80, 0xfe, 0x5b];

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
const PONG: u8 = 10;
pub(crate) const FIN: u8 = 0x80;

/// A frame as RFC 6455 §5.2 has it.
pub(crate) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = match payload.len() {
        len @ 0..=125 => vec![first, mask_bit | len as u8],
        len @ 126..=0xffff => [&[first, mask_bit | 126][..], &(len as u16).to_be_bytes()].concat(),
        len => [&[first, mask_bit | 127][..], &(len as u64).to_be_bytes()].concat(),
    };
    bytes.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    bytes
}

fn opened(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    [up(ASK), down(UPGRADED)].into_iter().chain(steps).collect()
}

fn handshake(head: &str) -> Layers {
    Layers { handshake: head.len() as u64, ..Layers::default() }
}

#[test]
fn a_server_frame_has_2_4_or_10_bytes_of_header() {
    for (message_len, header) in [(47, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let payload = message_len - 47;
        let frame = frame(FIN | TEXT, &event(payload), None);
        let found = account(Http, opened([down(&frame)])).down;
        let expected =
            Layers { stamp: 47, payload: payload as u64, message_framing: header, ..handshake(UPGRADED) };
        assert_eq!(found, expected, "a message of {message_len} bytes");
    }
}

#[test]
fn a_client_frame_has_4_bytes_more_for_its_mask() {
    for (message_len, header) in [(47, 6), (125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
        let payload = message_len - 47;
        let frame = frame(FIN | BINARY, &event(payload), Some(KEY));
        let found = account(Http, opened([up(&frame)])).up;
        let expected =
            Layers { stamp: 47, payload: payload as u64, message_framing: header, ..handshake(ASK) };
        assert_eq!(found, expected, "a message of {message_len} bytes");
    }
}

#[test]
fn frames_of_both_directions_are_told_apart_at_any_cut() {
    let hello = frame(FIN | TEXT, &greeting(), None);
    let ping = frame(FIN | PING, b"", None);
    let pong = frame(FIN | PONG, b"", Some(KEY));
    let close = frame(FIN | CLOSE, b"\x03\xe8", Some(KEY));
    let closed = frame(FIN | CLOSE, b"\x03\xe8", None);
    let data = [frame(FIN | TEXT, &event(100), None), frame(FIN | TEXT, &event(5), None)].concat();
    let message = frame(FIN | TEXT, &event(33), Some(KEY));
    assert_account(
        Http,
        &opened([
            down([&hello[..], &data].concat()),
            down(&ping),
            up([&pong[..], &message].concat()),
            up(&close),
            down(&closed),
        ]),
        Layers { control: 6 + 8, payload: 33, stamp: 47, message_framing: 6, ..handshake(ASK) },
        Layers {
            control: (hello.len() + 2 + 4) as u64,
            payload: 105,
            stamp: 2 * 47,
            message_framing: 4 + 2,
            ..handshake(UPGRADED)
        },
    );
}

#[test]
fn a_message_in_fragments_counts_all_their_headers_and_not_the_ping_between() {
    let message = event(40);
    let (one, rest) = message.split_at(30);
    let (two, three) = rest.split_at(30);
    let fragments = |key| {
        [
            frame(TEXT, one, key),
            frame(CONTINUATION, two, key),
            frame(FIN | PING, b"?", key),
            frame(FIN | CONTINUATION, three, key),
        ]
        .concat()
    };
    assert_account(
        Http,
        &opened([down(fragments(None)), up(fragments(Some(KEY)))]),
        Layers { payload: 40, stamp: 47, message_framing: 3 * 6, control: 7, ..handshake(ASK) },
        Layers { payload: 40, stamp: 47, message_framing: 3 * 2, control: 3, ..handshake(UPGRADED) },
    );
}

#[test]
fn what_is_no_message_is_control_with_its_header() {
    let other = frame(FIN | TEXT, b"hello", None);
    let empty = frame(FIN | BINARY, b"", None);
    assert_account(
        Http,
        &opened([down(&other), down(&empty)]),
        handshake(ASK),
        Layers { control: 7 + 2, ..handshake(UPGRADED) },
    );
}

#[test]
fn a_frame_that_has_not_come_to_its_end_is_unfinished() {
    let frame = frame(FIN | TEXT, &event(10), None);
    let found = account(Http, opened([down(&frame[..30])])).down;
    assert_eq!(found, Layers { unfinished: 30, ..handshake(UPGRADED) });
}

#[test]
fn raw_tcp_is_a_hello_and_four_bytes_a_message() {
    let hello = protocol::frame::encode(b"channel=0&after=17");
    let last = protocol::frame::encode(b"{\"error\":\"too slow\",\"missed\":7}");
    let greeting = protocol::frame::encode(&greeting());
    let data = [protocol::frame::encode(&event(5)), protocol::frame::encode(&event(0))].concat();
    assert_account(
        RawTcp,
        &[up(&hello), down(&greeting), down(&data), up(protocol::frame::encode(&event(7))), down(&last)],
        Layers { handshake: 22, payload: 7, stamp: 47, message_framing: 4, ..Layers::default() },
        Layers {
            control: (greeting.len() + last.len()) as u64,
            payload: 5,
            stamp: 2 * 47,
            message_framing: 8,
            ..Layers::default()
        },
    );
}

#[test]
fn an_empty_hello_and_empty_frames_of_raw_tcp_are_taken() {
    assert_account(
        RawTcp,
        &[up([0; 4]), up([0; 4]), down([0; 4])],
        Layers { handshake: 4, control: 4, ..Layers::default() },
        Layers { control: 4, ..Layers::default() },
    );
}
