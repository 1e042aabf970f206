//! Predictions against heads and frames written out.

use super::*;
use crate::case::{Date, Head, Message, OpeningExchange, Security, Version};
use crate::prediction::layer;

const REQUEST: &[(&str, &str)] = &[("host", "127.0.0.1:8080")];
const RESPONSE: &[(&str, &str)] = &[
    ("content-type", "application/x-ndjson"),
    ("cache-control", "no-store"),
    ("content-length", "0"),
    ("date", "Sun, 22 Nov 2026 18:47:06 GMT"),
];
const POLL: Head<'static> = Head {
    method: "GET",
    target: "/events?channel=0&after=0",
    request: REQUEST,
    status: 200,
    response: RESPONSE,
};

fn case(head: Head<'static>) -> Case<'static> {
    Case {
        direction: Direction::Down,
        message: Message { payload: 100, stamp: 47 },
        seq: 1,
        batch: 1,
        head: Some(head),
        preamble: 0,
        version: Version::Http1,
        security: Security::Plain,
        compression: Compression::None,
        date: Date::Unknown,
    }
}

/// A request's head, with these header fields behind the first.
fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n{fields}\r\n")
}

/// What this technique's exchange costs after others like it.
fn steady(slug: &str, case: &Case<'_>) -> Both {
    predict(slug, case).unwrap().steady
}

#[test]
fn a_poll_is_its_heads_and_lines() {
    let found = predict("short-polling", &Case { batch: 3, seq: 100, ..case(POLL) }).unwrap();
    let asked = request("GET /events?channel=0&after=99", "");
    let answered = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncache-control: no-store\r\n\
                    content-length: 444\r\ndate: Sun, 22 Nov 2026 18:47:06 GMT\r\n\r\n";
    assert_eq!(found.steady.up.bytes(layer::REQUEST_HEAD), asked.len() as u64);
    assert_eq!(found.steady.down.bytes(layer::RESPONSE_HEAD), answered.len() as u64);
    assert_eq!(found.steady.wire(), (asked.len() + answered.len() + 444) as u64);
    assert_eq!((found.steady.is_exact(), found.set_up.wire()), (true, 0));
    assert_eq!(found.events, 3);
}

#[test]
fn a_poll_that_finds_nothing_is_control() {
    let nothing = Head { status: 204, response: &[("cache-control", "no-store")], ..POLL };
    let found = predict("long-polling", &Case { batch: 0, ..case(nothing) }).unwrap();
    let answered = "HTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n".len() as u64;
    assert_eq!(found.steady.down.bytes(layer::CONTROL), answered);
    assert_eq!(found.steady.down.wire(), answered);
    assert_eq!((found.steady.up.bytes(layer::REQUEST_HEAD), found.events), (0, 0));
}

#[test]
fn hpack_makes_the_second_poll_small() {
    let h2 = Case { version: Version::Http2, date: Date::Unchanged, ..case(POLL) };
    let found = steady("short-polling", &h2);
    // Method, scheme and authority are in tables; the path is written each time: its index, its length, 145 bits in 19 octets.
    assert_eq!(found.up.bytes(layer::REQUEST_HEAD), 3 + 1 + 1 + 19);
    // Status, type, cache-control and date are in tables; the length is not: its index in two octets, `148` in three.
    assert_eq!(found.down.bytes(layer::RESPONSE_HEAD), 4 + 2 + 1 + 3);
    assert!(found.down.is_exact_in(layer::RESPONSE_HEAD));
    let changed = steady("short-polling", &Case { date: Date::Changed, ..h2 });
    // Name by index 33, 22 octets of date and their length, in the place of one octet.
    assert_eq!(changed.down.bytes(layer::RESPONSE_HEAD), 10 - 1 + 1 + 1 + 22);
    let unknown = steady("short-polling", &Case { date: Date::Unknown, ..h2 });
    assert!(!unknown.down.is_exact_in(layer::RESPONSE_HEAD) && unknown.up.is_exact_in(layer::REQUEST_HEAD));
    // Each side may open the other's window at any time.
    assert!(!unknown.up.is_exact_in(layer::HTTP2_CONTROL));
}

#[test]
fn a_connection_over_http2_names_its_first_blocks_apart() {
    let found = predict("short-polling", &Case { version: Version::Http2, ..case(POLL) }).unwrap();
    assert_eq!(
        (found.first.up.bytes(layer::REQUEST_HEAD), found.first.up.bytes(layer::FRAME_HEADERS)),
        (0, 9)
    );
    // The authority is Huffman-coded after its index and length.
    let authority = crate::hpack::huffman(b"127.0.0.1:8080");
    assert_eq!(found.first.up.bytes(layer::FIRST_HEADER_BLOCK), 2 + (1 + 1 + authority) + (1 + 1 + 19));
    assert_eq!(found.first.down.bytes(layer::DATA_FRAMING), 9);
    assert!(!found.set_up.is_exact() && found.set_up.up.wire() == 42);
}

#[test]
fn a_stream_pays_its_heads_once() {
    let head = Head {
        target: "/stream?channel=0&after=0",
        response: &[("content-type", "text/event-stream")],
        ..POLL
    };
    let sse = Case { preamble: 13, batch: 2, seq: 9, ..case(head) };
    let found = predict("http-streaming-sse", &sse).unwrap();
    let opened = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nd\r\nretry: 1000\n\n\r\n";
    assert_eq!(found.set_up.down.wire(), opened.len() as u64);
    let events = [9, 10].map(|seq| format!("id: {seq}\ndata: {}\n\n", "x".repeat(147))).concat();
    let chunk = format!("{:x}\r\n{events}\r\n", events.len());
    assert_eq!(found.steady.down.wire(), chunk.len() as u64);
    assert_eq!(found.steady.down.bytes(layer::CHUNK_FRAMING), 7);
    assert!(found.set_up.is_exact() && found.steady.is_exact());
}

#[test]
fn a_websocket_masks_what_goes_up() {
    let up = Case { direction: Direction::Up, head: None, ..case(POLL) };
    let found = predict("websocket", &up).unwrap();
    assert_eq!(found.steady.up.bytes(layer::MESSAGE_FRAMING), 8);
    let down = predict("websocket", &Case { direction: Direction::Down, ..up }).unwrap();
    assert_eq!(down.steady.down.bytes(layer::MESSAGE_FRAMING), 4);
    assert!(!found.set_up.is_exact() && found.steady.is_exact());
}

#[test]
fn a_post_says_how_long_it_is() {
    let post = Head { method: "POST", target: "/messages?channel=0", status: 204, response: &[], ..POLL };
    let up = Case { direction: Direction::Up, ..case(post) };
    for slug in ["short-polling", "long-polling", "http-streaming-ndjson", "http-streaming-sse"] {
        let found = steady(slug, &up).up;
        let asked = request("POST /messages?channel=0", "content-length: 147\r\n");
        assert_eq!((found.wire(), found.bytes(layer::MESSAGE_FRAMING)), (asked.len() as u64 + 147, 0));
    }
}

#[test]
fn raw_tcp_is_a_length_and_knows_neither_http_nor_compression() {
    let raw = Case {
        version: Version::Http2,
        compression: Compression::Deflate,
        preamble: 17,
        head: None,
        ..case(POLL)
    };
    let found = predict("raw-tcp", &raw).unwrap();
    assert_eq!((found.set_up.up.wire(), found.set_up.down.wire(), found.steady.down.wire()), (21, 0, 151));
    assert_eq!(found.total(10).wire(), 21 + 1_510);
}

#[test]
fn tls_adds_22_bytes_a_record() {
    let tls = Case { security: Security::Tls, ..case(POLL) };
    let plain = predict("short-polling", &case(POLL)).unwrap();
    let found = predict("short-polling", &tls).unwrap();
    assert_eq!(found.steady.wire(), plain.steady.wire() + 2 * 22);
    assert!(found.steady.is_exact() && !found.set_up.is_exact());
    let long = Case { message: Message { payload: 16_384, stamp: 47 }, ..tls };
    let found = predict("websocket", &Case { head: None, ..long }).unwrap();
    assert_eq!(found.steady.down.bytes(layer::TLS_RECORDS), 2 * 22);
}

#[test]
fn what_the_standards_do_not_fix_is_not_predicted() {
    assert_eq!(predict("carrier-pigeon", &case(POLL)), None);
    assert_eq!(predict("websocket", &Case { compression: Compression::Deflate, ..case(POLL) }), None);
    assert_eq!(predict("short-polling", &Case { head: None, ..case(POLL) }), None);
    assert_eq!(predict("short-polling", &case(Head { status: 299, ..POLL })), None);
}

const PACKETS: &str = "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA";
const TEXT: &[(&str, &str)] = &[("content-length", "0"), ("content-type", "text/plain; charset=UTF-8")];

fn packets(batch: u64) -> Case<'static> {
    Case { batch, ..case(Head { target: PACKETS, response: TEXT, ..POLL }) }
}

/// An event with a message of 147 bytes.
fn event() -> String {
    format!(r#"42["message",{}]"#, "x".repeat(147))
}

fn text_answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ncontent-type: text/plain; charset=UTF-8\r\n\r\n{body}"
    )
}

#[test]
fn a_poll_of_socketio_is_its_heads_and_packets() {
    let found = steady("socketio", &packets(3));
    let asked = request(&format!("GET {PACKETS}"), "");
    assert_eq!(found.up.bytes(layer::REQUEST_HEAD), asked.len() as u64);
    let answered = text_answer(&[event(), event(), event()].join("\x1e"));
    assert_eq!(found.down.wire(), answered.len() as u64);
    assert_eq!((found.down.bytes(layer::ENGINE_IO), found.down.bytes(layer::SOCKET_IO)), (5, 39));
    assert!(found.is_exact());
}

#[test]
fn a_poll_of_socketio_that_brings_a_ping_is_control() {
    let found = steady("socketio", &packets(0));
    assert_eq!(found.down.bytes(layer::CONTROL), text_answer("2").len() as u64);
    let h2 = steady("socketio", &Case { version: Version::Http2, ..packets(0) });
    assert_eq!(h2.down.bytes(layer::DATA_FRAMING), 0);
    for layers in [found.down, found.up, h2.down] {
        assert_eq!(layers.bytes(layer::CONTROL), layers.wire());
    }
}

#[test]
fn a_post_of_socketio_is_answered_with_ok() {
    let post = Head { method: "POST", target: PACKETS, response: TEXT, ..POLL };
    let found = steady("socketio", &Case { direction: Direction::Up, ..case(post) });
    let length = event().len();
    let asked = request(&format!("POST {PACKETS}"), &format!("content-length: {length}\r\n"));
    assert_eq!(found.up.wire(), (asked.len() + length) as u64);
    assert_eq!(found.down.wire(), text_answer("ok").len() as u64);
    assert_eq!(found.down.bytes(layer::ENGINE_IO), 2);
}

#[test]
fn a_frame_of_socketio_holds_a_packet() {
    let case = Case { head: None, ..packets(1) };
    let down = steady("socketio", &case).down;
    assert_eq!(down.wire(), 4 + event().len() as u64);
    assert_eq!((down.bytes(layer::ENGINE_IO), down.bytes(layer::SOCKET_IO)), (1, 13));
    assert_eq!(down.bytes(layer::MESSAGE_FRAMING), 4);
    // The packet's 14 bytes are in the frame: it grows where a bare message would not yet.
    let long = Message { payload: 65_536 - 14 - 47, stamp: 47 };
    for (slug, header) in [("socketio", 10), ("websocket", 4)] {
        let found = steady(slug, &Case { message: long, ..case }).down;
        assert_eq!(found.bytes(layer::MESSAGE_FRAMING), header, "{slug}");
    }
    let upgrade =
        Head { target: "/socket.io/?EIO=4&transport=websocket", status: 101, response: &[], ..POLL };
    let found = predict("socketio", &Case { head: Some(upgrade), ..case }).unwrap();
    assert!(found.set_up.up.bytes(layer::HANDSHAKE) > 0 && !found.set_up.is_exact());
    assert_eq!(found.steady.down, down);
    assert_eq!(predict("socketio", &Case { head: Some(POLL), ..case }), None);
}

#[test]
fn an_opening_is_handshake_whole() {
    let poll = Head { target: PACKETS, response: TEXT, ..POLL };
    let post = Head { method: "POST", ..poll };
    let exchange = |head, asks, answers| OpeningExchange { head, asks, answers };
    let opening = Opening {
        exchanges: &[
            exchange(poll, None, Some(100)),
            exchange(post, Some(13), Some(2)),
            exchange(Head { status: 101, response: &[], ..poll }, None, None),
        ],
        frames_up: &[6, 1],
        frames_down: &[6],
        connections: 2,
    };
    let found = predict_opening(&packets(1), &opening).unwrap();
    let asked = request(&format!("GET {PACKETS}"), "").len();
    let posted = request(&format!("POST {PACKETS}"), "content-length: 13\r\n").len();
    assert_eq!(found.up.wire(), (2 * asked + posted + 13 + 12 + 7) as u64);
    let heads = text_answer(&"x".repeat(100)).len() + text_answer("ok").len();
    assert_eq!(found.down.wire(), (heads + "HTTP/1.1 101 Switching Protocols\r\n\r\n".len() + 8) as u64);
    assert_eq!(found.up.bytes(layer::HANDSHAKE), found.up.wire());
    assert!(found.is_exact());
    let tls = predict_opening(&Case { security: Security::Tls, ..packets(1) }, &opening).unwrap();
    assert_eq!(tls.up.bytes(layer::TLS_RECORDS), 22 * 5);
    assert!(!tls.is_exact());
    assert_eq!(predict_opening(&Case { version: Version::Http2, ..packets(1) }, &opening), None);
}
