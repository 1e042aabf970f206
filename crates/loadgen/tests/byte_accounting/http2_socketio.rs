//! Engine.IO over HTTP/2: its packets tell what heads and DATA framing are.

use loadgen::byte_accounting::Protocol::Http2;
use model::byte_account::Layers;

use crate::exchange::{Step, assert_account, down, event, up};
use crate::frames::{FIN, KEY, TEXT, frame};
use crate::h2;
use crate::socketio::{CONNECT, OPEN, packet, packets};

const HEADER: u64 = 9;
/// `2["message",` and `]`.
const SOCKET_IO: u64 = 13;

/// A connection whose first blocks are gone: a GET that found nothing.
fn begun(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let first =
        [up(h2::PREFACE), up(h2::last_headers(1, h2::GET)), down(h2::last_headers(1, h2::NO_CONTENT))];
    first.into_iter().chain(steps).collect()
}

/// What [`begun`] costs up and down, and these layers.
fn beside(up: Layers, down: Layers) -> (Layers, Layers) {
    let mut both = (up, down);
    both.0 += Layers {
        http2_control: h2::PREFACE.len() as u64,
        first_header_block: h2::GET.len() as u64,
        control: HEADER,
        ..Layers::default()
    };
    both.1 += Layers { first_header_block: 1, control: HEADER, ..Layers::default() };
    both
}

fn assert_begun(steps: impl IntoIterator<Item = Step>, up: Layers, down: Layers) {
    let (up, down) = beside(up, down);
    assert_account(Http2, &begun(steps), up, down);
}

#[test]
fn a_poll_with_events_is_heads_and_data_framing() {
    let body = packets(&[b"2", &packet(&event(5)), &packet(&event(30))]);
    let (front, back) = body.split_at(60);
    assert_begun(
        [
            up(h2::last_headers(3, h2::POLL_PACKETS)),
            down(h2::headers(3, h2::OK)),
            down(h2::data(3, front)),
            down(h2::last_data(3, back)),
        ],
        Layers { request_head: h2::POLL_PACKETS.len() as u64, frame_headers: HEADER, ..Layers::default() },
        Layers {
            response_head: 1,
            frame_headers: HEADER,
            data_framing: 2 * HEADER,
            control: 2,
            engine_io: 3,
            socket_io: 2 * SOCKET_IO,
            payload: 35,
            stamp: 2 * 47,
            ..Layers::default()
        },
    );
}

#[test]
fn a_poll_with_nothing_but_a_ping_is_control_with_all_its_frames() {
    let padded = h2::frame(h2::DATA, h2::PADDED | h2::END_STREAM, 3, b"\x022\0\0");
    for last in [h2::last_data(3, "2"), padded] {
        let control = 1 + HEADER + last.len() as u64;
        assert_begun(
            [up(h2::last_headers(3, h2::POLL_PACKETS)), down(h2::headers(3, h2::OK)), down(&last)],
            Layers { control: HEADER + h2::POLL_PACKETS.len() as u64, ..Layers::default() },
            Layers { control, ..Layers::default() },
        );
    }
}

#[test]
fn an_open_packet_is_handshake_with_its_data_framing() {
    assert_begun(
        [
            up(h2::last_headers(3, h2::POLL_PACKETS)),
            down(h2::headers(3, h2::OK)),
            down(h2::last_data(3, OPEN)),
        ],
        Layers { handshake: h2::POLL_PACKETS.len() as u64, frame_headers: HEADER, ..Layers::default() },
        Layers { handshake: 1 + HEADER + OPEN.len() as u64, frame_headers: HEADER, ..Layers::default() },
    );
}

#[test]
fn posts_are_what_their_packets_are_and_so_are_their_answers() {
    let answered = [down(h2::headers(3, h2::OK)), down(h2::last_data(3, "ok"))];
    let posted = |body: &[u8]| {
        let [head, end] = answered.clone();
        [up(h2::headers(3, h2::POST_PACKETS)), up(h2::last_data(3, body)), head, end]
    };
    let head = h2::POST_PACKETS.len() as u64;
    assert_begun(
        posted(&packet(&event(5))),
        Layers {
            request_head: head,
            frame_headers: HEADER,
            data_framing: HEADER,
            engine_io: 1,
            socket_io: SOCKET_IO,
            payload: 5,
            stamp: 47,
            ..Layers::default()
        },
        Layers {
            response_head: 1,
            frame_headers: HEADER,
            data_framing: HEADER,
            engine_io: 2,
            ..Layers::default()
        },
    );
    assert_begun(
        posted(b"3"),
        Layers { control: head + 2 * HEADER + 1, ..Layers::default() },
        Layers { control: 1 + 2 * HEADER + 2, ..Layers::default() },
    );
    let handshake = head + HEADER + CONNECT.len() as u64;
    assert_begun(
        posted(CONNECT.as_bytes()),
        Layers { handshake, frame_headers: HEADER, ..Layers::default() },
        Layers { handshake: 1 + HEADER + 2, frame_headers: HEADER, ..Layers::default() },
    );
}

#[test]
fn a_poll_that_is_reset_is_what_had_come_of_it() {
    let asked = up(h2::last_headers(3, h2::POLL_PACKETS));
    let head = h2::POLL_PACKETS.len() as u64;
    let reset_len = h2::reset(3).len() as u64;
    assert_begun(
        [asked.clone(), up(h2::reset(3))],
        Layers { control: head + HEADER, http2_control: reset_len, ..Layers::default() },
        Layers::default(),
    );
    let some = packets(&[&packet(&event(5)), b"42"]);
    assert_begun(
        [asked, down(h2::headers(3, h2::OK)), down(h2::data(3, &some)), up(h2::reset(3))],
        Layers { request_head: head, frame_headers: HEADER, http2_control: reset_len, ..Layers::default() },
        Layers {
            response_head: 1,
            frame_headers: HEADER,
            data_framing: HEADER,
            engine_io: 2,
            socket_io: SOCKET_IO,
            payload: 5,
            stamp: 47,
            control: 2,
            ..Layers::default()
        },
    );
}

#[test]
fn an_extended_connect_to_engine_io_carries_packets() {
    let (said, heard) = (frame(FIN | TEXT, &packet(&event(5)), Some(KEY)), frame(FIN | TEXT, b"2", None));
    assert_begun(
        [
            up(h2::headers(3, h2::CONNECT_PACKETS)),
            down(h2::headers(3, h2::OK)),
            up(h2::data(3, &said)),
            down(h2::data(3, &heard)),
        ],
        Layers {
            handshake: h2::CONNECT_PACKETS.len() as u64,
            frame_headers: HEADER,
            data_framing: HEADER,
            message_framing: 6,
            engine_io: 1,
            socket_io: SOCKET_IO,
            payload: 5,
            stamp: 47,
            ..Layers::default()
        },
        Layers {
            handshake: 1,
            frame_headers: HEADER,
            data_framing: HEADER,
            control: heard.len() as u64,
            ..Layers::default()
        },
    );
}

/// The first block of a connection stays what it is, whatever the exchange turns out to be.
#[test]
fn a_first_poll_fills_the_table() {
    assert_account(
        Http2,
        &[
            up(h2::PREFACE),
            up(h2::last_headers(1, h2::POLL_PACKETS)),
            down(h2::headers(1, h2::OK)),
            down(h2::last_data(1, OPEN)),
        ],
        Layers {
            http2_control: h2::PREFACE.len() as u64,
            first_header_block: h2::POLL_PACKETS.len() as u64,
            frame_headers: HEADER,
            ..Layers::default()
        },
        Layers {
            first_header_block: 1,
            frame_headers: HEADER,
            handshake: HEADER + OPEN.len() as u64,
            ..Layers::default()
        },
    );
}
