//! A message from the subscriber.

use loadgen::session::Snapshot;
use model::byte_account::Layers;

use crate::overhead::fixed_exchange::{FixedExchange, STAMP};
use crate::overhead::heads;

const PAYLOADS: [u64; 6] = [0, 1, 125 - STAMP, 126 - STAMP, 65_535 - STAMP, 65_536 - STAMP];

fn sent(found: &Snapshot) -> bool {
    found.account.up.stamp == STAMP
}

/// The POST is answered, and the poll beside it is held.
fn answered_beside_a_poll(found: &Snapshot) -> bool {
    sent(found) && found.account.down.response_head > 0 && found.account.up.unfinished > 0
}

/// What of a message does not depend on the technique.
fn message(payload: u64) -> Layers {
    Layers { payload, stamp: STAMP, ..Layers::default() }
}

#[test]
fn a_post_costs_its_two_heads() {
    for payload in PAYLOADS {
        let found = FixedExchange::up("long-polling", payload as u32, answered_beside_a_poll).run();
        let up = found.account.up;
        assert_eq!(up.unfinished, heads::get("/events?channel=0&after=0", found.address));
        let request_head = heads::post("/messages?channel=0", found.address, STAMP + payload);
        assert_eq!(Layers { unfinished: 0, ..up }, Layers { request_head, ..message(payload) });
        let answered = Layers { response_head: heads::no_content(), ..Layers::default() };
        assert_eq!(found.account.down, answered, "a payload of {payload} bytes");
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
        assert_eq!(
            (up.payload, up.stamp, up.message_framing, up.request_head),
            (33, STAMP, 0, heads),
            "{technique}"
        );
    }
}

#[test]
fn a_websocket_message_costs_a_frame_header_and_a_mask() {
    for (payload, header) in PAYLOADS.into_iter().zip([2, 2, 2, 4, 4, 10]) {
        let found = FixedExchange::up("websocket", payload as u32, sent).run();
        let asked = heads::upgrade("/ws?channel=0&after=0", found.address);
        // RFC 6455 §5.3: a client's frame is masked, 4 bytes; so is its close.
        let expected =
            Layers { handshake: asked, message_framing: header + 4, control: 2 + 4 + 2, ..message(payload) };
        assert_eq!(found.account.up, expected, "a payload of {payload} bytes");
        let answered = Layers { handshake: heads::upgraded(), control: 2 + 2, ..Layers::default() };
        assert_eq!(found.account.down, answered);
    }
}

#[test]
fn a_raw_tcp_message_costs_four_bytes() {
    for payload in PAYLOADS {
        let found = FixedExchange::up("raw-tcp", payload as u32, sent).run();
        let hello = 4 + "channel=0&after=0".len() as u64;
        let expected = Layers { handshake: hello, message_framing: 4, ..message(payload) };
        assert_eq!(found.account.up, expected);
        assert_eq!(found.account.down, Layers::default());
    }
}
