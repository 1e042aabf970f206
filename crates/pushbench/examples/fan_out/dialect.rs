//! How a server is asked for events, and how it is given one.

use protocol::Stamp;
use protocol::message::PayloadKind;

use crate::contest::{Contestant, Way};

/// One server's way of speaking one technique.
#[derive(Clone)]
pub(crate) struct Dialect {
    pub(crate) server: Contestant,
    pub(crate) way: Way,
    /// What a subscriber sends first.
    pub(crate) hello: Vec<u8>,
    /// What is sent for each event.
    pub(crate) post: Vec<u8>,
}

impl Dialect {
    pub(crate) fn new(server: Contestant, way: Way) -> Self {
        let (target, post) = match server {
            Contestant::Ours => (ours(way), post(&format!("{}?channel=0", protocol::paths::MESSAGES), "")),
            Contestant::Nchan => (nchan(way), post("/publish?channel=0", "\n")),
            Contestant::WsNode => ("/ws?channel=0".to_owned(), post("/publish?channel=0", "")),
            Contestant::SocketIoNode => (engine_io(way), post("/publish?channel=0", "")),
        };
        Self { server, way, hello: hello(way, &target), post }
    }

    /// The next poll: behind the last event of this answer, as the server tells it.
    pub(crate) fn next_poll(&self, answer: &str) -> Option<Vec<u8>> {
        if self.server == Contestant::Ours {
            let last = answer.rfind("[\"")? + 2;
            let seq = u64::from_str_radix(answer.get(last..last + 8)?, 16).ok()?;
            return Some(hello(self.way, &format!("{}?channel=0&after={seq}", protocol::paths::EVENTS)));
        }
        let (modified, tag) = (field(answer, "last-modified")?, field(answer, "etag")?);
        let request = format!(
            "GET /long?channel=0 HTTP/1.1\r\nhost: x\r\nif-modified-since: {modified}\r\nif-none-match: {tag}\r\n\r\n"
        );
        Some(request.into_bytes())
    }
}

/// The value of this field in the answer's head.
pub(crate) fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn ours(way: Way) -> String {
    let path = match way {
        Way::SocketIo | Way::SocketIoPolling => return engine_io(way),
        Way::WebSocket => protocol::paths::WEBSOCKET,
        Way::LongPolling => protocol::paths::EVENTS,
        Way::Ndjson | Way::Sse => protocol::paths::STREAM,
    };
    format!("{path}?channel=0&after=0")
}

fn nchan(way: Way) -> String {
    let path = match way {
        Way::WebSocket => "/ws",
        Way::LongPolling => "/long",
        Way::Sse => "/sse",
        _ => "/stream",
    };
    format!("{path}?channel=0")
}

fn engine_io(way: Way) -> String {
    let transport = if way == Way::SocketIo { "websocket" } else { "polling" };
    format!("{}?EIO={}&transport={transport}", protocol::paths::SOCKETIO, protocol::engine_io::VERSION)
}

fn hello(way: Way, target: &str) -> Vec<u8> {
    let more = match way {
        Way::WebSocket | Way::SocketIo => {
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
        Way::Sse => "accept: text/event-stream\r\n",
        Way::Ndjson => "te: chunked\r\n",
        Way::LongPolling | Way::SocketIoPolling => "",
    };
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n{more}\r\n").into_bytes()
}

/// An event with a payload of 64 bytes.
fn post(target: &str, end: &str) -> Vec<u8> {
    let stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 1 };
    let message = protocol::Message { stamp, payload: &[b'x'; 64], kind: PayloadKind::Text }.to_bytes();
    let length = message.len() + end.len();
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), &message, end.as_bytes()].concat()
}
