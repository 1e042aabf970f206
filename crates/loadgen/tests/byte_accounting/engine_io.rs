//! Engine.IO and Socket.IO: literal exchanges of each transport over both versions of HTTP, and which heads are what.

use loadgen::byte_accounting::Protocol::{Http, Http2};
use model::byte_account::Layers;
use protocol::Stamp;
use protocol::message::PayloadKind;

use crate::h2::{self, OK, POLL_PACKETS, POST_PACKETS, data, headers, last_data, last_headers, reset};
use crate::http1::{assert_http, chunk};
use crate::http2::assert_begun;
use crate::rig::{Step, account, assert_account, down, event, greeting, message, up};
use crate::websocket::{BINARY, FIN, KEY, PING, TEXT, UPGRADED, fragments, frame};

pub(crate) const OPEN: &str = r#"0{"sid":"AAAAAAAAAAAAAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
pub(crate) const CONNECT: &str = r#"40{"channel":0,"after":17}"#;
const CONNECTED: &str = r#"40{"sid":"BBBBBBBBBBBBBBBB"}"#;
const ASK: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: a\r\n\r\n";
pub(crate) const POLL: &str =
    "GET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\nhost: a\r\n\r\n";
pub(crate) const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\n\
                       host: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 8\r\n\r\n{\"c\":1}\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
const ATTACHED: &str = r#"451-["message",{"_placeholder":true,"num":0}]"#;

/// `2["message",` and `]`.
const SOCKET_IO: usize = 13;

pub(crate) fn packet(message: &[u8]) -> Vec<u8> {
    [br#"42["message","#, message, b"]"].concat()
}

fn event_packet(payload_len: usize) -> Vec<u8> {
    packet(&event(payload_len))
}

pub(crate) fn packets(packets: &[&[u8]]) -> Vec<u8> {
    packets.join(&b"\x1e"[..])
}

fn answer_head(body: &[u8]) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {length}\r\n\r\n")
}

pub(crate) fn answer(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [answer_head(body).as_bytes(), body].concat()
}

fn post_head(body: &[u8]) -> String {
    let length = body.len();
    format!(
        "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"
    )
}

pub(crate) fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [post_head(body).as_bytes(), body].concat()
}

/// What carries an event of ours: `4`, and `2["message",` with `]`.
fn events(count: usize, payload: usize) -> Layers {
    layers!(payload: payload, stamp: 47 * count, engine_io: count, socket_io: SOCKET_IO * count)
}

fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_ref(), None)
}

fn masked_text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_ref(), Some(KEY))
}

/// The same behind an upgrade.
fn assert_opened(steps: &[Step], mut up_layers: Layers, mut down_layers: Layers) {
    up_layers += layers!(handshake: UPGRADE.len());
    down_layers += layers!(handshake: UPGRADED.len());
    assert_http(&[&[up(UPGRADE), down(UPGRADED)], steps].concat(), up_layers, down_layers);
}

accounts! { assert_http;

    opening_and_connecting_by_polls_is_handshake_whole_and_so_are_a_refused_connect_and_the_noop_of_an_upgrade
        for (asked, answered) in [
            (ASK.into(), answer(OPEN)),
            (POLL.into(), answer(CONNECTED)),
            (post(CONNECT), answer("ok")),
            (POLL.into(), answer(r#"44{"message":"channel takes a whole number"}"#)),
            (POLL.into(), answer("6")),
        ];
        [up(&asked), down(&answered)]
        up { handshake: asked.len() }
        down { handshake: answered.len() }

    events_of_a_poll_are_packets_with_separators
        let body = packets(&[&event_packet(5), &event_packet(300), &event_packet(0)]);
        [up(POLL), down(answer(&body))]
        up { request_head: POLL.len() }
        down { response_head: answer_head(&body).len(), engine_io: 3 + 2, ..events(3, 305) }

    // `2` and the separator behind it; the packet's own separator; `2`.
    a_ping_beside_events_is_control_and_the_heads_are_heads
        let body = packets(&[b"2", &event_packet(5), b"2"]);
        [up(POLL), down(answer(&body))]
        up { request_head: POLL.len() }
        down { response_head: answer_head(&body).len(), control: 3, engine_io: 2, ..events(1, 5) }

    exchanges_of_nothing_but_heartbeats_are_control_whole
        for (asked, answered) in [
            (POLL.into(), answer("2")),
            (POLL.into(), answer("1")),
            (POLL.into(), answer("2\x1e2")),
            (POLL.into(), answer("41")),
            (POLL.into(), answer("")),
            (post("3"), answer("ok")),
        ];
        [up(&asked), down(&answered)]
        up { control: asked.len() }
        down { control: answered.len() }

    a_poll_with_nothing_but_a_greeting_is_a_poll_with_heads
        let body = packet(&greeting());
        [up(POLL), down(answer(&body))]
        up { request_head: POLL.len() }
        down { response_head: answer_head(&body).len(), control: body.len() }

    a_connect_answer_with_the_greeting_behind_it_is_each_its_own
        let body = packets(&[CONNECTED.as_bytes(), &packet(&greeting())]);
        [up(POLL), down(answer(&body))]
        up { request_head: POLL.len() }
        down {
            response_head: answer_head(&body).len(), handshake: CONNECTED.len() + 1,
            control: packet(&greeting()).len(),
        }

    a_post_of_events_is_heads_packets_and_the_answer_that_engine_io_gives
        let body = packets(&[&event_packet(9), &event_packet(1)]);
        [up(post(&body)), down(answer("ok"))]
        up { request_head: post_head(&body).len(), engine_io: 3, ..events(2, 10) }
        down { response_head: answer_head(b"ok").len(), engine_io: 2 }

    a_refusal_of_a_poll_is_control
        [up(POLL), down(BAD_REQUEST)]
        up { control: POLL.len() }
        down { control: BAD_REQUEST.len() }

    a_refusal_of_a_post_is_the_price_of_its_events
        let body = event_packet(9);
        [up(post(&body)), down(BAD_REQUEST)]
        up { request_head: post_head(&body).len(), ..events(1, 9) }
        down { response_head: BAD_REQUEST.len() - 8, control: 8 }

    a_post_that_is_answered_before_its_end_is_still_told
        let body = event_packet(9);
        [up(post_head(&body)), up(&body[..20]), down(TOO_LARGE), up(&body[20..])]
        up { request_head: post_head(&body).len(), ..events(1, 9) }
        down { control: TOO_LARGE.len() }

    a_body_in_chunks_is_told_when_its_packets_are_whole
        let body = packets(&[&event_packet(5), b"2"]);
        [up(POLL), down([CHUNKED.as_bytes(), &chunk(&body[..40]), &chunk(&body[40..]), b"0\r\n\r\n"].concat())]
        up { request_head: POLL.len() }
        down { response_head: CHUNKED.len(), chunk_framing: 6 + 6 + 5, engine_io: 2, control: 1, ..events(1, 5) }
}

accounts! { assert_opened;

    the_probe_and_the_upgrade_are_handshake
        let (probe, probed, upgrade) = (masked_text("2probe"), text("3probe"), masked_text("5"));
        [up(&probe), down(&probed), up(&upgrade)]
        up { handshake: probe.len() + upgrade.len() }
        down { handshake: probed.len() }

    a_websocket_session_is_told_apart_frame_by_frame
        let (connect, connected, hello) = (masked_text(CONNECT), text(CONNECTED), text(packet(&greeting())));
        let (ping, dismissed) = (text("2"), text(br#"42["dismissed","too slow"]"#));
        let ping_below = frame(FIN | PING, b"", None);
        [
            down(text(OPEN)),
            up(&connect),
            down([&connected[..], &hello, &text(event_packet(5)), &text(event_packet(100)), &ping].concat()),
            up([masked_text("3"), masked_text(event_packet(33))].concat()),
            down([&ping_below[..], &dismissed].concat()),
        ]
        up { handshake: connect.len(), control: masked_text("3").len(), message_framing: 6, ..events(1, 33) }
        down {
            handshake: text(OPEN).len() + connected.len(), message_framing: 2 + 4,
            control: hello.len() + ping.len() + ping_below.len() + dismissed.len(), ..events(2, 105)
        }

    a_packet_in_fragments_is_put_together
        let whole = event_packet(40);
        let parts = [&whole[..5], &whole[5..55], &whole[55..]];
        [down(fragments(parts, None)), up(fragments(parts, Some(KEY)))]
        up { message_framing: 3 * 6, control: 7, ..events(1, 40) }
        down { message_framing: 3 * 2, control: 3, ..events(1, 40) }

    namespace_and_acknowledgement_id_belong_to_the_packet
        for before in ["42/news,", "4212", "42/news,12", "420"];
        [down(text([before.as_bytes(), br#"["message","#, &event(7), b"]"].concat()))]
        up {}
        down { socket_io: SOCKET_IO + before.len() - "42".len(), message_framing: 2, ..events(1, 7) }

    what_is_no_event_of_ours_is_control_whatever_it_looks_like
        for other in [
            &b""[..], b"4", b"42", b"42[", b"2", b"42/news", b"7", b"\xff\xfe", &event(7), ATTACHED.as_bytes(),
            br#"42["other",1]"#, br#"42["message","hello"]"#, br#"42["message",]"#, br#"431["ok"]"#,
            event_packet(7).strip_suffix(b"]").unwrap(), &[&event_packet(7)[..], b" "].concat(),
        ];
        [down(text(other))]
        up {}
        down { control: text(other).len() }

    // Out of order, too: behind the start of a packet that never ends.
    an_attachment_that_looks_like_a_packet_is_none
        for before in [Vec::new(), frame(TEXT, &event_packet(7)[..30], None)];
        let frames = [before, frame(FIN | BINARY, &event_packet(7), None)].concat();
        [down(&frames)]
        up {}
        down { control: frames.len() }
}

accounts! { assert_begun;

    a_poll_of_http2_with_events_is_heads_and_data_framing
        let body = packets(&[b"2", &event_packet(5), &event_packet(30)]);
        [
            up(last_headers(3, POLL_PACKETS)), down(headers(3, OK)),
            down(data(3, &body[..60])), down(last_data(3, &body[60..])),
        ]
        up { request_head: POLL_PACKETS.len(), frame_headers: 9 }
        down {
            response_head: 1, frame_headers: 9, data_framing: 2 * 9, control: 2, engine_io: 3, ..events(2, 35)
        }

    a_poll_of_http2_with_nothing_but_a_ping_is_control_with_all_its_frames
        for last in [last_data(3, "2"), h2::frame(h2::DATA, h2::PADDED | h2::END_STREAM, 3, b"\x022\0\0")];
        [up(last_headers(3, POLL_PACKETS)), down(headers(3, OK)), down(&last)]
        up { control: 9 + POLL_PACKETS.len() }
        down { control: 1 + 9 + last.len() }

    an_open_packet_is_handshake_with_its_data_framing
        [up(last_headers(3, POLL_PACKETS)), down(headers(3, OK)), down(last_data(3, OPEN))]
        up { handshake: POLL_PACKETS.len(), frame_headers: 9 }
        down { handshake: 1 + 9 + OPEN.len(), frame_headers: 9 }

    a_post_of_an_event_is_heads_and_data_framing_and_so_is_its_answer
        [
            up(headers(3, POST_PACKETS)), up(last_data(3, event_packet(5))),
            down(headers(3, OK)), down(last_data(3, "ok")),
        ]
        up { request_head: POST_PACKETS.len(), frame_headers: 9, data_framing: 9, ..events(1, 5) }
        down { response_head: 1, frame_headers: 9, data_framing: 9, engine_io: 2 }

    a_post_of_a_pong_is_control_and_so_is_its_answer
        [up(headers(3, POST_PACKETS)), up(last_data(3, "3")), down(headers(3, OK)), down(last_data(3, "ok"))]
        up { control: POST_PACKETS.len() + 2 * 9 + 1 }
        down { control: 1 + 2 * 9 + 2 }

    a_post_of_connect_is_handshake_and_so_is_its_answer
        [up(headers(3, POST_PACKETS)), up(last_data(3, CONNECT)), down(headers(3, OK)), down(last_data(3, "ok"))]
        up { handshake: POST_PACKETS.len() + 9 + CONNECT.len(), frame_headers: 9 }
        down { handshake: 1 + 9 + 2, frame_headers: 9 }

    a_poll_that_is_reset_before_its_answer_is_control
        [up(last_headers(3, POLL_PACKETS)), up(reset(3))]
        up { control: POLL_PACKETS.len() + 9, http2_control: reset(3).len() }
        down {}

    a_poll_that_is_reset_behind_events_is_what_had_come_of_it
        let some = packets(&[&event_packet(5), b"42"]);
        [up(last_headers(3, POLL_PACKETS)), down(headers(3, OK)), down(data(3, &some)), up(reset(3))]
        up { request_head: POLL_PACKETS.len(), frame_headers: 9, http2_control: reset(3).len() }
        down { response_head: 1, frame_headers: 9, data_framing: 9, engine_io: 2, control: 2, ..events(1, 5) }

    an_extended_connect_to_engine_io_carries_packets
        [
            up(headers(3, h2::CONNECT_PACKETS)), down(headers(3, OK)),
            up(data(3, masked_text(event_packet(5)))), down(data(3, text("2"))),
        ]
        up {
            handshake: h2::CONNECT_PACKETS.len(), frame_headers: 9, data_framing: 9, message_framing: 6,
            ..events(1, 5)
        }
        down { handshake: 1, frame_headers: 9, data_framing: 9, control: text("2").len() }
}

/// The first block of a connection stays what it is, whatever the exchange turns out to be.
#[test]
fn a_first_poll_fills_the_table() {
    assert_account(
        Http2,
        &[
            up([h2::PREFACE, &last_headers(1, POLL_PACKETS)].concat()),
            down(headers(1, OK)),
            down(last_data(1, OPEN)),
        ],
        layers!(http2_control: 24, first_header_block: POLL_PACKETS.len(), frame_headers: 9),
        layers!(first_header_block: 1, frame_headers: 9, handshake: 9 + OPEN.len()),
    );
}

#[test]
fn a_json_message_is_an_argument_like_any_other() {
    let stamp = Stamp { seq: 7, intended_ns: 1, actual_ns: 2 };
    let json = message(stamp, br#"{"a":[1,"]"]}"#, PayloadKind::Json);
    let found = account(Http, [up(UPGRADE), down(UPGRADED), down(text(packet(&json)))]).down;
    assert_eq!((found.payload, found.stamp, found.engine_io, found.socket_io), (13, 45, 1, 13));
}

#[test]
fn an_attachment_in_a_poll_is_control_and_the_heads_are_heads() {
    let in_poll = answer(packets(&[ATTACHED.as_bytes(), b"bAQIDBA=="]));
    let found = account(Http, [up(POLL), down(in_poll)]);
    assert_eq!((found.up.request_head, found.down.payload), (POLL.len() as u64, 0));
    assert!(found.down.control > 0 && found.down.response_head > 0);
}

#[test]
fn a_poll_is_unfinished_until_its_packets_are_whole() {
    let whole = answer(event_packet(7));
    let open = account(Http, [up(POLL), down(&whole[..whole.len() - 1])]);
    assert_eq!(open.down.unfinished, whole.len() as u64 - 1);
    assert_eq!(open.up.unfinished, POLL.len() as u64);
}

#[test]
fn other_paths_are_not_read_as_packets() {
    let ask = "GET /socket.io HTTP/1.1\r\nhost: a\r\n\r\n";
    let found = account(Http, [up(ask), down(answer(event_packet(7)))]);
    assert_eq!((found.down.payload, found.down.engine_io), (0, 0));
}
