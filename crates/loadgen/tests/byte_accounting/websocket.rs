//! WebSocket and raw TCP.

use loadgen::byte_accounting::Protocol::{Http, RawTcp};
use model::byte_account::Layers;
use protocol::frame::encode as length_prefixed;

use crate::rig::{SQUEEZED, Step, account, assert_account, down, event, greeting, up};

const ASK: &str =
    "GET /ws?channel=0 HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
pub(crate) const UPGRADED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
pub(crate) const KEY: [u8; 4] = [0x11, 0x80, 0xfe, 0x5b];

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
const PONG: u8 = 10;
pub(crate) const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

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

/// A message in three frames with a ping between them.
pub(crate) fn fragments(parts: [&[u8]; 3], key: Option<[u8; 4]>) -> Vec<u8> {
    let [one, two, three] = parts;
    let frames = [(TEXT, one), (CONTINUATION, two), (FIN | PING, b"?"), (FIN | CONTINUATION, three)];
    frames.into_iter().flat_map(|(first, part)| frame(first, part, key)).collect()
}

/// A compressed message, another in two frames, and one that is not compressed.
fn some_compressed(key: Option<[u8; 4]>) -> Vec<u8> {
    [
        frame(FIN | RSV1 | TEXT, SQUEEZED, key),
        frame(RSV1 | TEXT, &SQUEEZED[..4], key),
        frame(FIN | PING, b"?", key),
        frame(CONTINUATION, &SQUEEZED[4..], key),
        frame(FIN | CONTINUATION, b"", key),
        frame(FIN | TEXT, &event(3), key),
    ]
    .concat()
}

/// The same behind an upgrade.
fn assert_opened(steps: &[Step], mut up_layers: Layers, mut down_layers: Layers) {
    up_layers += layers!(handshake: ASK.len());
    down_layers += layers!(handshake: UPGRADED.len());
    assert_account(Http, &[&[up(ASK), down(UPGRADED)], steps].concat(), up_layers, down_layers);
}

fn assert_raw_tcp(steps: &[Step], up: Layers, down: Layers) {
    assert_account(RawTcp, steps, up, down);
}

accounts! { assert_opened;

    frames_of_both_directions_are_told_apart_at_any_cut
        let hello = frame(FIN | TEXT, &greeting(), None);
        let data = [frame(FIN | TEXT, &event(100), None), frame(FIN | TEXT, &event(5), None)].concat();
        let message = frame(FIN | TEXT, &event(33), Some(KEY));
        [
            down([&hello[..], &data].concat()),
            down(frame(FIN | PING, b"", None)),
            up([&frame(FIN | PONG, b"", Some(KEY))[..], &message].concat()),
            up(frame(FIN | CLOSE, b"\x03\xe8", Some(KEY))),
            down(frame(FIN | CLOSE, b"\x03\xe8", None)),
        ]
        up { control: 6 + 8, payload: 33, stamp: 47, message_framing: 6 }
        down { control: hello.len() + 2 + 4, payload: 105, stamp: 2 * 47, message_framing: 4 + 2 }

    a_message_in_fragments_counts_all_their_headers_and_not_the_ping_between
        let message = event(40);
        let parts = [&message[..30], &message[30..60], &message[60..]];
        [down(fragments(parts, None)), up(fragments(parts, Some(KEY)))]
        up { payload: 40, stamp: 47, message_framing: 3 * 6, control: 7 }
        down { payload: 40, stamp: 47, message_framing: 3 * 2, control: 3 }

    what_is_no_message_is_control_with_its_header
        [down(frame(FIN | TEXT, b"hello", None)), down(frame(FIN | BINARY, b"", None))]
        up {}
        down { control: 7 + 2 }

    a_compressed_message_is_told_by_its_first_frame_and_leaves_the_next_one_alone
        [down(some_compressed(None)), up(some_compressed(Some(KEY)))]
        up { compressed: 28, message_framing: 5 * 6, control: 7, payload: 3, stamp: 47 }
        down { compressed: 28, message_framing: 5 * 2, control: 3, payload: 3, stamp: 47 }

    a_frame_that_has_not_come_to_its_end_is_unfinished
        [down(&frame(FIN | TEXT, &event(10), None)[..30])]
        up {}
        down { unfinished: 30 }
}

accounts! { assert_raw_tcp;

    raw_tcp_is_a_hello_and_four_bytes_a_message
        let last = length_prefixed(b"{\"error\":\"too slow\",\"missed\":7}");
        let hello = length_prefixed(&greeting());
        let data = [length_prefixed(&event(5)), length_prefixed(&event(0))].concat();
        [
            up(length_prefixed(b"channel=0&after=17")), down(&hello), down(&data),
            up(length_prefixed(&event(7))), down(&last),
        ]
        up { handshake: 22, payload: 7, stamp: 47, message_framing: 4 }
        down { control: hello.len() + last.len(), payload: 5, stamp: 2 * 47, message_framing: 8 }

    an_empty_hello_and_empty_frames_of_raw_tcp_are_taken
        [up([0; 4]), up([0; 4]), down([0; 4])]
        up { handshake: 4, control: 4 }
        down { control: 4 }
}

#[test]
fn a_server_frame_has_2_4_or_10_bytes_of_header_and_a_client_frame_4_more_for_its_mask() {
    for (message_len, header) in [(47, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let payload = message_len - 47;
        let said = up(frame(FIN | BINARY, &event(payload), Some(KEY)));
        let heard = down(frame(FIN | TEXT, &event(payload), None));
        let found = account(Http, [up(ASK), down(UPGRADED), said, heard]);
        let framed = |message_framing, handshake: &str| layers!(stamp: 47, payload: payload, message_framing: message_framing, handshake: handshake.len());
        assert_eq!(found.up, framed(header + 4, ASK), "a message of {message_len} bytes");
        assert_eq!(found.down, framed(header, UPGRADED), "a message of {message_len} bytes");
    }
}
