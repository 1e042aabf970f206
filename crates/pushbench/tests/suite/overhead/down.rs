//! An event to the subscriber.

use model::byte_account::Layers;

use crate::overhead::fixed_exchange::{FixedExchange, STAMP};
use crate::overhead::heads;

/// A masked close frame with a code: header 2, mask 4, code 2 (RFC 6455 §5.2, §5.5.1).
const CLOSE_UP: u64 = 2 + 4 + 2;
/// The server's, which is not masked.
const CLOSE_DOWN: u64 = 2 + 2;

/// Payloads whose messages are the shortest, and 125, 126, 65,535, 65,536 bytes long, where a WebSocket header grows.
const PAYLOADS: [u64; 6] = [0, 1, 125 - STAMP, 126 - STAMP, 65_535 - STAMP, 65_536 - STAMP];

/// What of an event does not depend on the technique.
fn event(payload: u64) -> Layers {
    Layers { payload, stamp: STAMP, ..Layers::default() }
}

#[test]
fn a_short_poll_costs_its_two_heads_and_a_newline() {
    for payload in PAYLOADS {
        let found = FixedExchange::down("short-polling", payload as usize).run();
        let body = STAMP + payload + 1;
        let asked = heads::get("/events?channel=0&after=0", found.address);
        assert_eq!(found.account.up, Layers { request_head: asked, ..Layers::default() });
        let answered = Layers { response_head: heads::found(body), message_framing: 1, ..event(payload) };
        assert_eq!(found.account.down, answered);
    }
}

#[test]
fn a_short_poll_that_finds_nothing_is_control_both_ways() {
    let done = |found: &loadgen::session::Snapshot| found.counters.empty_responses >= 3;
    let exchange = FixedExchange {
        published: Vec::new(),
        interval_ns: 1_000_000,
        done,
        ..FixedExchange::down("short-polling", 0)
    };
    let found = exchange.run();
    let (polls, answers) = (found.account.up, found.account.down);
    let asked = heads::get("/events?channel=0&after=0", found.address);
    // The trial may end between a poll and its answer.
    assert!(polls.control >= 3 * asked && polls.control.is_multiple_of(asked), "{polls:?}");
    assert_eq!(answers.control, polls.control / asked * heads::no_content());
    assert_eq!((polls.overhead(), answers.overhead()), (polls.control + polls.unfinished, answers.control));
}

#[test]
fn several_events_in_one_poll_share_its_heads() {
    let done = |found: &loadgen::session::Snapshot| found.counters.events == 3;
    let exchange =
        FixedExchange { published: vec![10, 20, 30], done, ..FixedExchange::down("short-polling", 0) };
    let found = exchange.run();
    let expected = Layers {
        response_head: heads::found(3 * (STAMP + 1) + 60),
        payload: 60,
        stamp: 3 * STAMP,
        message_framing: 3,
        ..Layers::default()
    };
    assert_eq!(found.account.down, expected);
}

#[test]
fn a_long_poll_costs_its_two_heads_and_a_newline_and_the_next_one_waits() {
    for payload in PAYLOADS {
        let found = FixedExchange::down("long-polling", payload as usize).run();
        let body = STAMP + payload + 1;
        let up = found.account.up;
        let asked = heads::get("/events?channel=0&after=0", found.address);
        assert_eq!((up.request_head, up.wire() - up.unfinished), (asked, asked));
        // The next one is held, if the trial did not end before it was sent.
        assert!(
            [0, heads::get("/events?channel=0&after=1", found.address)].contains(&up.unfinished),
            "{up:?}"
        );
        let answered = Layers { response_head: heads::found(body), message_framing: 1, ..event(payload) };
        assert_eq!(found.account.down, answered);
    }
}

#[test]
fn an_ndjson_event_costs_a_newline_and_a_chunk() {
    // RFC 9112 §7.1: the size in hex, and two line ends. A chunk holds stamp, payload and newline.
    let chunks = [
        (0, 2 + 4),
        (255 - 48, 2 + 4),
        (256 - 48, 3 + 4),
        (4_095 - 48, 3 + 4),
        (4_096 - 48, 4 + 4),
        (65_536 - 48, 5 + 4),
    ];
    for (payload, chunk_framing) in chunks {
        let found = FixedExchange::down("http-streaming-ndjson", payload as usize).run();
        let asked = heads::get("/stream?channel=0&after=0", found.address);
        assert_eq!(found.account.up, Layers { request_head: asked, ..Layers::default() });
        let response_head = heads::stream("application/x-ndjson");
        let answered = Layers { response_head, chunk_framing, message_framing: 1, ..event(payload) };
        assert_eq!(found.account.down, answered, "a payload of {payload} bytes");
    }
}

#[test]
fn a_server_sent_event_costs_its_fields_and_a_chunk() {
    // WHATWG HTML §9.2: `id: 1`, `data: ` and three line ends; with the stamp, 62 bytes round the payload.
    const FIELDS: u64 = 6 + 6 + 2;
    let round = FIELDS + STAMP;
    let chunks = [
        (0, 2 + 4),
        (255 - round, 2 + 4),
        (256 - round, 3 + 4),
        (4_095 - round, 3 + 4),
        (4_096 - round, 4 + 4),
    ];
    for (payload, chunk_framing) in chunks {
        let found = FixedExchange::down("http-streaming-sse", payload as usize).run();
        let asked = heads::get("/stream?channel=0&after=0", found.address);
        assert_eq!(found.account.up, Layers { request_head: asked, ..Layers::default() });
        // The reconnection time comes first, a chunk of 13 bytes: one digit.
        let retry = "retry: 1000\n\n".len() as u64;
        let answered = Layers {
            response_head: heads::stream("text/event-stream"),
            chunk_framing: chunk_framing + (1 + 4),
            message_framing: FIELDS,
            control: retry,
            ..event(payload)
        };
        assert_eq!(found.account.down, answered, "a payload of {payload} bytes");
    }
}

#[test]
fn a_websocket_event_costs_a_frame_header() {
    // RFC 6455 §5.2: 2 bytes, 2 more from 126 on, 8 more from 65,536 on.
    for (payload, header) in PAYLOADS.into_iter().zip([2, 2, 2, 4, 4, 10]) {
        let found = FixedExchange::down("websocket", payload as usize).run();
        let asked = heads::upgrade("/ws?channel=0&after=0", found.address);
        assert_eq!(found.account.up, Layers { handshake: asked, control: CLOSE_UP, ..Layers::default() });
        let answered = Layers {
            handshake: heads::upgraded(),
            message_framing: header,
            control: CLOSE_DOWN,
            ..event(payload)
        };
        assert_eq!(found.account.down, answered, "a payload of {payload} bytes");
    }
}

#[test]
fn a_raw_tcp_event_costs_four_bytes() {
    for payload in PAYLOADS {
        let found = FixedExchange::down("raw-tcp", payload as usize).run();
        let hello = 4 + "channel=0&after=0".len() as u64;
        assert_eq!(found.account.up, Layers { handshake: hello, ..Layers::default() });
        assert_eq!(found.account.down, Layers { message_framing: 4, ..event(payload) });
    }
}
