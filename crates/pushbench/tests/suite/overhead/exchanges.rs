//! An event to the subscriber, a message from it, and what the header profiles add to a request.

use std::net::SocketAddr;

use loadgen::session::Snapshot;
use model::byte_account::{Account, Layers};
use model::settings::HeaderProfile;

use super::fixed_exchange::{ExchangeResult, FixedExchange, STAMP, is_posted, is_sent};
use super::heads;

/// A masked close frame with a code: header 2, mask 4, code 2 (RFC 6455 §5.2, §5.5.1).
const CLOSE_UP: u64 = 2 + 4 + 2;
/// The server's, which is not masked.
const CLOSE_DOWN: u64 = 2 + 2;

/// Payloads whose messages are the shortest, and 125, 126, 65,535, 65,536 bytes long, where a WebSocket header grows.
const PAYLOADS: [u64; 6] = [0, 1, 125 - STAMP, 126 - STAMP, 65_535 - STAMP, 65_536 - STAMP];

/// What of an event or a message does not depend on the technique.
fn event(payload: u64) -> Layers {
    Layers { payload, stamp: STAMP, ..Layers::default() }
}

/// The account is this, by layer.
#[track_caller]
fn assert_account(found: &ExchangeResult, payload: u64, up: Layers, down: Layers) {
    assert_eq!(found.account, Account { up, down }, "a payload of {payload} bytes");
}

/// The head of a request with the minimal profile.
fn asked(request_head: u64) -> Layers {
    Layers { request_head, ..Layers::default() }
}

#[test]
fn a_short_poll_costs_its_two_heads_and_a_newline() {
    for payload in PAYLOADS {
        let found = FixedExchange::down("short-polling", payload as usize).run();
        let up = asked(heads::get("/events?channel=0&after=0", found.address));
        let response_head = heads::found(STAMP + payload + 1);
        assert_account(&found, payload, up, Layers { response_head, message_framing: 1, ..event(payload) });
    }
}

#[test]
fn a_short_poll_that_finds_nothing_is_control_both_ways() {
    let done = |found: &Snapshot| found.counters.empty_responses >= 3;
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
    let done = |found: &Snapshot| found.counters.events == 3;
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
        let unfinished = found.account.up.unfinished;
        // The next one is held, if the trial did not end before it was sent.
        assert!([0, heads::get("/events?channel=0&after=1", found.address)].contains(&unfinished));
        let up = asked(heads::get("/events?channel=0&after=0", found.address));
        let response_head = heads::found(STAMP + payload + 1);
        let down = Layers { response_head, message_framing: 1, ..event(payload) };
        assert_account(&found, payload, Layers { unfinished, ..up }, down);
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
        let up = asked(heads::get("/stream?channel=0&after=0", found.address));
        let response_head = heads::stream("application/x-ndjson");
        let down = Layers { response_head, chunk_framing, message_framing: 1, ..event(payload) };
        assert_account(&found, payload, up, down);
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
        let up = asked(heads::get("/stream?channel=0&after=0", found.address));
        // The reconnection time comes first, a chunk of 13 bytes: one digit.
        let retry = "retry: 1000\n\n".len() as u64;
        let down = Layers {
            response_head: heads::stream("text/event-stream"),
            chunk_framing: chunk_framing + (1 + 4),
            message_framing: FIELDS,
            control: retry,
            ..event(payload)
        };
        assert_account(&found, payload, up, down);
    }
}

/// What a client sends to open a WebSocket, and to close it, beside this.
fn opened(found: &ExchangeResult, sent: Layers) -> Layers {
    let handshake = heads::upgrade("/ws?channel=0&after=0", found.address);
    Layers { handshake, control: CLOSE_UP, ..sent }
}

/// What the server answers to both, beside this.
fn closed(sent: Layers) -> Layers {
    Layers { handshake: heads::upgraded(), control: CLOSE_DOWN, ..sent }
}

#[test]
fn a_websocket_event_costs_a_frame_header() {
    // RFC 6455 §5.2: 2 bytes, 2 more from 126 on, 8 more from 65,536 on.
    for (payload, header) in PAYLOADS.into_iter().zip([2, 2, 2, 4, 4, 10]) {
        let found = FixedExchange::down("websocket", payload as usize).run();
        let down = Layers { message_framing: header, ..event(payload) };
        assert_account(&found, payload, opened(&found, Layers::default()), closed(down));
    }
}

/// What a subscriber of raw TCP begins with, and its length.
const HELLO: u64 = 4 + "channel=0&after=0".len() as u64;

#[test]
fn a_raw_tcp_event_costs_four_bytes() {
    for payload in PAYLOADS {
        let found = FixedExchange::down("raw-tcp", payload as usize).run();
        let up = Layers { handshake: HELLO, ..Layers::default() };
        assert_account(&found, payload, up, Layers { message_framing: 4, ..event(payload) });
    }
}

#[test]
fn a_post_costs_its_two_heads() {
    for payload in PAYLOADS {
        let found = FixedExchange::up("long-polling", payload as u32, is_posted).run();
        let unfinished = heads::get("/events?channel=0&after=0", found.address);
        let request_head = heads::post("/messages?channel=0", found.address, STAMP + payload);
        let up = Layers { request_head, unfinished, ..event(payload) };
        let down = Layers { response_head: heads::no_content(), ..Layers::default() };
        assert_account(&found, payload, up, down);
    }
}

#[test]
fn every_http_technique_posts_alike() {
    for technique in ["short-polling", "http-streaming-ndjson", "http-streaming-sse"] {
        let posted = |found: &Snapshot| {
            let streams = [heads::stream("application/x-ndjson"), heads::stream("text/event-stream"), 0];
            streams.iter().any(|head| found.account.down.response_head == head + heads::no_content())
        };
        let found = FixedExchange::up(technique, 33, posted).run();
        let post = heads::post("/messages?channel=0", found.address, STAMP + 33);
        let stream = heads::get("/stream?channel=0&after=0", found.address);
        let heads = if technique == "short-polling" { post } else { post + stream };
        let up = found.account.up;
        let found = [up.payload, up.stamp, up.message_framing, up.request_head];
        assert_eq!(found, [33, STAMP, 0, heads], "{technique}");
    }
}

#[test]
fn a_websocket_message_costs_a_frame_header_and_a_mask() {
    for (payload, header) in PAYLOADS.into_iter().zip([2, 2, 2, 4, 4, 10]) {
        let found = FixedExchange::up("websocket", payload as u32, is_sent).run();
        // RFC 6455 §5.3: a client's frame is masked, 4 bytes.
        let up = Layers { message_framing: header + 4, ..event(payload) };
        assert_account(&found, payload, opened(&found, up), closed(Layers::default()));
    }
}

#[test]
fn a_raw_tcp_message_costs_four_bytes() {
    for payload in PAYLOADS {
        let found = FixedExchange::up("raw-tcp", payload as u32, is_sent).run();
        let up = Layers { handshake: HELLO, message_framing: 4, ..event(payload) };
        assert_account(&found, payload, up, Layers::default());
    }
}

const COOKIE_LINE: u64 = "cookie: ".len() as u64 + 1_024 + 2;

fn head_bytes(technique: &'static str, headers: HeaderProfile) -> (u64, SocketAddr) {
    let found = FixedExchange { headers, ..FixedExchange::down(technique, 5) }.run();
    let up = found.account.up;
    (up.request_head + up.handshake, found.address)
}

#[test]
fn a_browsers_poll_is_these_bytes() {
    let (request_head, address) = head_bytes("short-polling", HeaderProfile::Browser);
    let sent = format!(
        "connection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 \
         Safari/537.36\r\nsec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r\nsec-ch-ua-mobile: ?0\r\n\
         accept: */*\r\nsec-fetch-site: same-origin\r\nsec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\n\
         referer: http://{address}/\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
         accept-language: en-US,en;q=0.9\r\n"
    );
    assert_eq!(request_head, heads::get("/events?channel=0&after=0", address) + sent.len() as u64);
}

#[test]
fn a_browsers_upgrade_is_these_bytes() {
    let (handshake, address) = head_bytes("websocket", HeaderProfile::Browser);
    let sent = format!(
        "pragma: no-cache\r\ncache-control: no-cache\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 \
         Safari/537.36\r\norigin: http://{address}\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
         accept-language: en-US,en;q=0.9\r\n\
         sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n"
    );
    assert_eq!(handshake, heads::upgrade("/ws?channel=0&after=0", address) + sent.len() as u64);
}

#[test]
fn a_session_adds_its_cookie_line_to_every_technique_but_raw_tcp() {
    for technique in
        ["short-polling", "long-polling", "http-streaming-ndjson", "http-streaming-sse", "websocket"]
    {
        let (with, at) = head_bytes(technique, HeaderProfile::BrowserSession);
        let (without, elsewhere) = head_bytes(technique, HeaderProfile::Browser);
        // The address stands in the head twice, as host and as referrer or origin, and ports may differ in length.
        let addresses = |address: SocketAddr| 2 * address.to_string().len() as u64;
        let added = (with - addresses(at)) - (without - addresses(elsewhere));
        assert_eq!(added, COOKIE_LINE, "{technique}");
    }
    let (with, _) = head_bytes("raw-tcp", HeaderProfile::BrowserSession);
    assert_eq!(with, head_bytes("raw-tcp", HeaderProfile::Minimal).0);
}
