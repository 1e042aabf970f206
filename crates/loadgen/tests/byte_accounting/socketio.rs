//! Engine.IO and Socket.IO: literal exchanges of each transport, and which heads are what.

use loadgen::byte_accounting::Protocol::Http;
use model::byte_account::Layers;
use protocol::Stamp;
use protocol::message::PayloadKind;

use crate::exchange::{Step, account, assert_account, down, event, greeting, message, up};
use crate::frames::{CONTINUATION, FIN, KEY, PING, TEXT, UPGRADED, frame};

const BINARY: u8 = 2;
pub(crate) const OPEN: &str = r#"0{"sid":"AAAAAAAAAAAAAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
pub(crate) const CONNECT: &str = r#"40{"channel":0,"after":17}"#;
const CONNECTED: &str = r#"40{"sid":"BBBBBBBBBBBBBBBB"}"#;
const ASK: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: a\r\n\r\n";
pub(crate) const POLL: &str =
    "GET /socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\nhost: a\r\n\r\n";
pub(crate) const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\n\
                       host: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";

/// An event with this message, as a packet.
pub(crate) fn packet(message: &[u8]) -> Vec<u8> {
    [br#"42["message","#, message, b"]"].concat()
}

/// Packets of a poll, behind one another.
pub(crate) fn packets(packets: &[&[u8]]) -> Vec<u8> {
    packets.join(&b"\x1e"[..])
}

fn answer_head(body: &[u8]) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: {length}\r\n\r\n")
}

/// The answer to a poll.
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
fn events(count: u64, payload: u64) -> Layers {
    Layers {
        payload,
        stamp: 47 * count,
        engine_io: count,
        socket_io: (r#"2["message",]"#.len() as u64) * count,
        ..Layers::default()
    }
}

fn handshake(len: usize) -> Layers {
    Layers { handshake: len as u64, ..Layers::default() }
}

fn control(len: usize) -> Layers {
    Layers { control: len as u64, ..Layers::default() }
}

#[test]
fn opening_and_connecting_by_polls_is_handshake_whole() {
    let connected = answer(CONNECTED);
    for (up_bytes, down_bytes) in
        [(ASK.as_bytes().to_vec(), answer(OPEN)), (POLL.into(), connected), (post(CONNECT), answer("ok"))]
    {
        let (asked, answered) = (up_bytes.len(), down_bytes.len());
        assert_account(Http, &[up(up_bytes), down(down_bytes)], handshake(asked), handshake(answered));
    }
}

#[test]
fn a_refused_connect_is_handshake_too() {
    let refused = answer(r#"44{"message":"channel takes a whole number"}"#);
    assert_account(Http, &[up(POLL), down(&refused)], handshake(POLL.len()), handshake(refused.len()));
}

#[test]
fn events_of_a_poll_are_packets_with_separators() {
    let body = packets(&[&packet(&event(5)), &packet(&event(300)), &packet(&event(0))]);
    assert_account(
        Http,
        &[up(POLL), down(answer(&body))],
        Layers { request_head: POLL.len() as u64, ..Layers::default() },
        Layers { response_head: answer_head(&body).len() as u64, engine_io: 3 + 2, ..events(3, 305) },
    );
}

#[test]
fn a_json_message_is_an_argument_like_any_other() {
    let stamp = Stamp { seq: 7, intended_ns: 1, actual_ns: 2 };
    let json = message(stamp, br#"{"a":[1,"]"]}"#, PayloadKind::Json);
    let frame = frame(FIN | TEXT, &packet(&json), None);
    let found = account(Http, opened([down(&frame)])).down;
    assert_eq!((found.payload, found.stamp, found.engine_io, found.socket_io), (13, 45, 1, 13));
}

#[test]
fn a_ping_beside_events_is_control_and_the_heads_are_heads() {
    let body = packets(&[b"2", &packet(&event(5)), b"2"]);
    let mut expected = Layers { response_head: answer_head(&body).len() as u64, ..events(1, 5) };
    // `2` and the separator behind it; the packet's own separator; `2`.
    (expected.control, expected.engine_io) = (3, 2);
    assert_account(
        Http,
        &[up(POLL), down(answer(&body))],
        Layers { request_head: POLL.len() as u64, ..Layers::default() },
        expected,
    );
}

#[test]
fn exchanges_of_nothing_but_heartbeats_are_control_whole() {
    for body in ["2", "1", "2\x1e2", "41", ""] {
        let answered = answer(body);
        assert_account(Http, &[up(POLL), down(&answered)], control(POLL.len()), control(answered.len()));
    }
    let (pong, taken) = (post("3"), answer("ok"));
    assert_account(Http, &[up(&pong), down(&taken)], control(pong.len()), control(taken.len()));
}

#[test]
fn a_poll_with_nothing_but_a_greeting_is_a_poll_with_heads() {
    let body = packet(&greeting());
    assert_account(
        Http,
        &[up(POLL), down(answer(&body))],
        Layers { request_head: POLL.len() as u64, ..Layers::default() },
        Layers {
            response_head: answer_head(&body).len() as u64,
            control: body.len() as u64,
            ..Layers::default()
        },
    );
}

#[test]
fn a_connect_answer_with_the_greeting_behind_it_is_each_its_own() {
    let body = packets(&[CONNECTED.as_bytes(), &packet(&greeting())]);
    assert_account(
        Http,
        &[up(POLL), down(answer(&body))],
        Layers { request_head: POLL.len() as u64, ..Layers::default() },
        Layers {
            response_head: answer_head(&body).len() as u64,
            handshake: CONNECTED.len() as u64 + 1,
            control: (body.len() - CONNECTED.len() - 1) as u64,
            ..Layers::default()
        },
    );
}

#[test]
fn a_post_of_events_is_heads_packets_and_the_answer_that_engine_io_gives() {
    let body = packets(&[&packet(&event(9)), &packet(&event(1))]);
    assert_account(
        Http,
        &[up(post(&body)), down(answer("ok"))],
        Layers { request_head: post_head(&body).len() as u64, engine_io: 3, ..events(2, 10) },
        Layers { response_head: answer_head(b"ok").len() as u64, engine_io: 2, ..Layers::default() },
    );
}

#[test]
fn a_refusal_of_a_poll_is_control_and_of_a_post_the_price_of_its_events() {
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-length: 8\r\n\r\n{\"c\":1}\n";
    assert_account(Http, &[up(POLL), down(refusal)], control(POLL.len()), control(refusal.len()));
    let body = packet(&event(9));
    assert_account(
        Http,
        &[up(post(&body)), down(refusal)],
        Layers { request_head: post_head(&body).len() as u64, ..events(1, 9) },
        Layers { response_head: (refusal.len() - 8) as u64, control: 8, ..Layers::default() },
    );
}

#[test]
fn a_post_that_is_answered_before_its_end_is_still_told() {
    let body = packet(&event(9));
    let (front, back) = body.split_at(20);
    let early = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
    assert_account(
        Http,
        &[up(post_head(&body)), up(front), down(early), up(back)],
        Layers { request_head: post_head(&body).len() as u64, ..events(1, 9) },
        control(early.len()),
    );
}

#[test]
fn a_body_in_chunks_is_told_when_its_packets_are_whole() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = packets(&[&packet(&event(5)), b"2"]);
    let (front, back) = body.split_at(40);
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    assert_account(
        Http,
        &[up(POLL), down([head.as_bytes(), &chunk(front), &chunk(back), b"0\r\n\r\n"].concat())],
        Layers { request_head: POLL.len() as u64, ..Layers::default() },
        Layers {
            response_head: head.len() as u64,
            chunk_framing: 6 + 6 + 5,
            engine_io: 2,
            control: 1,
            ..events(1, 5)
        },
    );
}

#[test]
fn the_upgrade_is_handshake_on_both_of_its_connections() {
    let (noop, up_len) = (answer("6"), UPGRADE.len());
    assert_account(Http, &[up(POLL), down(&noop)], handshake(POLL.len()), handshake(noop.len()));
    let probe = frame(FIN | TEXT, b"2probe", Some(KEY));
    let probed = frame(FIN | TEXT, b"3probe", None);
    let upgrade = frame(FIN | TEXT, b"5", Some(KEY));
    assert_account(
        Http,
        &[up(UPGRADE), down(UPGRADED), up(&probe), down(&probed), up(&upgrade)],
        handshake(up_len + probe.len() + upgrade.len()),
        handshake(UPGRADED.len() + probed.len()),
    );
}

fn opened(steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    [up(UPGRADE), down(UPGRADED)].into_iter().chain(steps).collect()
}

#[test]
fn a_websocket_session_is_told_apart_frame_by_frame() {
    let text = |payload: &[u8], key| frame(FIN | TEXT, payload, key);
    let (open, connect) = (text(OPEN.as_bytes(), None), text(CONNECT.as_bytes(), Some(KEY)));
    let connected = text(CONNECTED.as_bytes(), None);
    let hello = text(&packet(&greeting()), None);
    let data = [text(&packet(&event(5)), None), text(&packet(&event(100)), None)].concat();
    let said = text(&packet(&event(33)), Some(KEY));
    let (ping, pong) = (text(b"2", None), text(b"3", Some(KEY)));
    let (below, dismissed) = (frame(FIN | PING, b"", None), text(br#"42["dismissed","too slow"]"#, None));
    let others = hello.len() + ping.len() + below.len() + dismissed.len();
    assert_account(
        Http,
        &opened([
            down(&open),
            up(&connect),
            down([&connected[..], &hello, &data, &ping].concat()),
            up([&pong[..], &said].concat()),
            down([&below[..], &dismissed].concat()),
        ]),
        Layers {
            handshake: (UPGRADE.len() + connect.len()) as u64,
            control: pong.len() as u64,
            message_framing: 6,
            ..events(1, 33)
        },
        Layers {
            handshake: (UPGRADED.len() + open.len() + connected.len()) as u64,
            control: others as u64,
            message_framing: 2 + 4,
            ..events(2, 105)
        },
    );
}

#[test]
fn a_packet_in_fragments_is_put_together() {
    let whole = packet(&event(40));
    let (one, rest) = whole.split_at(5);
    let (two, three) = rest.split_at(50);
    for key in [None, Some(KEY)] {
        let mask = if key.is_some() { 4 } else { 0 };
        let frames = [
            frame(TEXT, one, key),
            frame(CONTINUATION, two, key),
            frame(FIN | PING, b"?", key),
            frame(FIN | CONTINUATION, three, key),
        ]
        .concat();
        let step = if key.is_some() { up(frames) } else { down(frames) };
        let expected = Layers { message_framing: 3 * (2 + mask), control: 3 + mask, ..events(1, 40) };
        let (up_handshake, down_handshake) = (handshake(UPGRADE.len()), handshake(UPGRADED.len()));
        let mut both = (up_handshake, down_handshake);
        *(if key.is_some() { &mut both.0 } else { &mut both.1 }) += expected;
        assert_account(Http, &opened([step]), both.0, both.1);
    }
}

#[test]
fn namespace_and_acknowledgement_id_belong_to_the_packet() {
    let message = event(7);
    for before in ["42/news,", "4212", "42/news,12", "420"] {
        let packet = [before.as_bytes(), br#"["message","#, &message, b"]"].concat();
        let mut expected = events(1, 7);
        expected.socket_io += (before.len() - "42".len()) as u64;
        expected.message_framing = 2;
        expected.handshake = UPGRADED.len() as u64;
        let frame = frame(FIN | TEXT, &packet, None);
        assert_account(Http, &opened([down(frame)]), handshake(UPGRADE.len()), expected);
    }
}

#[test]
fn what_is_no_event_of_ours_is_control_whatever_it_looks_like() {
    let ours = packet(&event(7));
    let mut open_bracket = ours.clone();
    open_bracket.pop();
    let bare = event(7);
    for other in [
        &b""[..],
        b"4",
        b"42",
        b"42[",
        b"2",
        br#"42["other",1]"#,
        br#"42["message","hello"]"#,
        br#"42["message",]"#,
        br#"431["ok"]"#,
        br#"451-["message",{"_placeholder":true,"num":0}]"#,
        b"42/news",
        b"7",
        b"\xff\xfe",
        &open_bracket,
        &bare,
        &[&ours[..], b" "].concat(),
    ] {
        let frame = frame(FIN | TEXT, other, None);
        let expected = Layers { control: frame.len() as u64, ..handshake(UPGRADED.len()) };
        assert_account(Http, &opened([down(&frame)]), handshake(UPGRADE.len()), expected);
    }
}

#[test]
fn an_attachment_that_looks_like_a_packet_is_none() {
    let attachment = frame(FIN | BINARY, &packet(&event(7)), None);
    // Out of order, too: behind the start of a packet that never ends.
    let cut_off = [frame(TEXT, &packet(&event(7))[..30], None), attachment.clone()].concat();
    for frames in [attachment, cut_off] {
        let expected = Layers { control: frames.len() as u64, ..handshake(UPGRADED.len()) };
        assert_account(Http, &opened([down(&frames)]), handshake(UPGRADE.len()), expected);
    }
    let in_poll = answer(packets(&[b"451-[\"message\",{\"_placeholder\":true,\"num\":0}]", b"bAQIDBA=="]));
    let found = account(Http, [up(POLL), down(in_poll)]);
    assert_eq!((found.up.request_head, found.down.payload), (POLL.len() as u64, 0));
    assert!(found.down.control > 0 && found.down.response_head > 0);
}

#[test]
fn a_poll_is_unfinished_until_its_packets_are_whole() {
    let whole = answer(packet(&event(7)));
    let open = account(Http, [up(POLL), down(&whole[..whole.len() - 1])]);
    assert_eq!(open.down.unfinished, whole.len() as u64 - 1);
    assert_eq!(open.up.unfinished, POLL.len() as u64);
}

#[test]
fn other_paths_are_not_read_as_packets() {
    let ask = "GET /socket.io HTTP/1.1\r\nhost: a\r\n\r\n";
    let answered = answer(packet(&event(7)));
    let found = account(Http, [up(ask), down(&answered)]);
    assert_eq!((found.down.payload, found.down.engine_io), (0, 0));
}
