//! How a server is asked for events, and how it is given one.

use wire::Stamp;
use wire::message::PayloadKind;

#[derive(Clone)]
/// One server's way of speaking one technique.
pub(crate) struct Dialect {
    pub(crate) server: &'static str,
    pub(crate) technique: &'static str,
    /// What a subscriber sends first.
    pub(crate) hello: Vec<u8>,
    /// What is sent for each event.
    pub(crate) post: Vec<u8>,
    pub(crate) polls: bool,
}

impl Dialect {
    pub(crate) fn ours(technique: &'static str) -> Self {
        let path = match technique {
            "websocket" => wire::paths::WEBSOCKET,
            "long-polling" => wire::paths::EVENTS,
            _ => wire::paths::STREAM,
        };
        let hello = hello(technique, &format!("{path}?channel=0&after=0"));
        let post = post(&format!("{}?channel=0", wire::paths::MESSAGES), "");
        Self { server: "pushbench", technique, hello, post, polls: technique == "long-polling" }
    }

    pub(crate) fn nchan(technique: &'static str) -> Self {
        let path = match technique {
            "websocket" => "/ws",
            "long-polling" => "/long",
            "http-streaming-sse" => "/sse",
            _ => "/stream",
        };
        let hello = hello(technique, &format!("{path}?channel=0"));
        let post = post("/publish?channel=0", "\n");
        Self { server: "nchan", technique, hello, post, polls: technique == "long-polling" }
    }

    /// The next poll: behind the last event of this answer, as the server tells it.
    pub(crate) fn next_poll(&self, answer: &str) -> Option<Vec<u8>> {
        if self.server == "pushbench" {
            let last = answer.rfind("[\"")? + 2;
            let seq = u64::from_str_radix(answer.get(last..last + 8)?, 16).ok()?;
            return Some(hello(self.technique, &format!("{}?channel=0&after={seq}", wire::paths::EVENTS)));
        }
        let field = |name: &str| {
            answer.lines().take_while(|line| !line.is_empty()).find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        let (modified, tag) = (field("last-modified")?, field("etag")?);
        let request = format!(
            "GET /long?channel=0 HTTP/1.1\r\nhost: x\r\nif-modified-since: {modified}\r\nif-none-match: {tag}\r\n\r\n"
        );
        Some(request.into_bytes())
    }
}

fn hello(technique: &str, target: &str) -> Vec<u8> {
    let more = match technique {
        "websocket" => {
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
        "http-streaming-sse" => "accept: text/event-stream\r\n",
        "http-streaming-ndjson" => "te: chunked\r\n",
        _ => "",
    };
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n{more}\r\n").into_bytes()
}

/// An event with a payload of 64 bytes.
fn post(target: &str, end: &str) -> Vec<u8> {
    let stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 1 };
    let message = wire::Message { stamp, payload: &[b'x'; 64], kind: PayloadKind::Text }.to_bytes();
    let length = message.len() + end.len();
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), &message, end.as_bytes()].concat()
}
