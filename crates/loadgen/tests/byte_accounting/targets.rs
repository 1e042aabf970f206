//! Servers of others, whose messages may stand anywhere: stamp and payload are the message's, what is round it is framing, and what
//! holds no message is control.

use loadgen::byte_accounting::Protocol::TargetHttp;
use model::byte_account::Layers;

use crate::http1::chunk;
use crate::rig::{Step, assert_account, down, event, line, up};
use crate::websocket::{FIN, PING, TEXT, UPGRADED, fragments, frame};

const POLL: &str = "GET /poll HTTP/1.1\r\nhost: a\r\n\r\n";
const ASK: &str = "GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const WELCOME: &[u8] = br#"{"type":"welcome"}"#;

fn json(content_length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {content_length}\r\n\r\n")
}

/// The message in an object, and as a text in one: 8 bytes round it, and 8 escapes more.
fn wrapped(message: &[u8]) -> Vec<u8> {
    [br#"{"m":7,"#, message, b"}"].concat()
}

fn escaped(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    format!(r#"{{"m":{}}}"#, serde_json::to_string(&text).unwrap()).into_bytes()
}

/// A chunk whose size has so many digits.
fn long_chunk(data: &[u8], digits: usize) -> Vec<u8> {
    [format!("{:0digits$x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

fn assert_target(steps: &[Step], up: Layers, down: Layers) {
    assert_account(TargetHttp, steps, up, down);
}

accounts! { assert_target;

    a_body_of_json_is_looked_through
        let body = [b"[", &event(5)[..], b",", &event(0), b"]"].concat();
        [up(POLL), down(json(body.len())), down(&body)]
        up { request_head: POLL.len() }
        down { response_head: json(body.len()).len(), payload: 5, stamp: 2 * 47, message_framing: 3 }

    a_message_as_text_in_json_is_framed_by_its_escapes
        let body = escaped(&event(5));
        [up(POLL), down(json(body.len())), down(&body)]
        up { request_head: POLL.len() }
        down { response_head: json(body.len()).len(), payload: 5, stamp: 47, message_framing: 8 + 4 }

    lines_may_end_in_crlf_and_others_are_control
        let body = [b"{}\n", &event(5)[..], b"\r\n", &line(3)].concat();
        [up(POLL), down(json(body.len())), down(&body)]
        up { request_head: POLL.len() }
        down { response_head: json(body.len()).len(), payload: 8, stamp: 2 * 47, message_framing: 3, control: 3 }

    events_of_any_type_hold_messages_and_those_that_hold_none_are_control
        let data = [b"event: ping\ndata: 1\n\n", &b"data: {\ndata: \"m\":"[..], &event(5), b"}\n\n"].concat();
        [up(POLL), down(CHUNKED), down(long_chunk(&data, 17)), down(chunk(b""))]
        up { request_head: POLL.len() }
        down {
            response_head: CHUNKED.len(), chunk_framing: 21 + 5, control: 21,
            payload: 5, stamp: 47, message_framing: 8 + 12 + 1,
        }

    frames_hold_one_several_or_none
        [
            up(ASK), down(UPGRADED), down(frame(FIN | TEXT, WELCOME, None)),
            down(frame(FIN | TEXT, &wrapped(&event(5)), None)),
            down(frame(FIN | TEXT, &[event(1), event(2)].concat(), None)),
            down(frame(FIN | PING, b"?", None)),
            down(fragments([br#"{"m":"#, &event(4), b"}"], None)),
        ]
        up { handshake: ASK.len() }
        down {
            handshake: UPGRADED.len(), control: 2 + WELCOME.len() + 3 + 3,
            payload: 12, stamp: 4 * 47, message_framing: 2 + 8 + 2 + 6 + 6,
        }
}
