//! The bytes of a connection as what they are: requests and responses by HTTP/1.1, frames of WebSocket, events and lines.

use loadgen::finder;
use protocol::websocket::Header;

use super::relay::Connection;

/// A request and the response to it, as far as they have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    pub(super) request: Head,
    /// None as long as its head is not whole.
    pub(super) response: Option<Head>,
    /// What the response's body, or the frames behind it, consist of.
    pub(super) parts: Vec<Part>,
}

/// A head: its first line, and its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) first: String,
    pub(super) fields: Vec<(String, String)>,
}

/// A frame, an event, a line or a whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// What was recognised in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recognised {
    /// The message with this number, and nothing else.
    Message(u64),
    /// The message with this number, with something around it, or as a string of JSON.
    Wrapped(u64),
    /// The stamp of the message with this number, and not what belongs behind it.
    Altered(u64),
    Nothing,
}

impl Head {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A response's status code; 0 when it has none.
    pub(super) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    fn content_length(&self) -> Option<usize> {
        self.field("content-length")?.parse().ok()
    }
}

/// The exchanges of a connection.
pub(super) fn exchanges(connection: &Connection) -> Vec<Exchange> {
    let (up, down) = (connection.bytes(false), connection.bytes(true));
    let (mut up, mut down) = (&up[..], &down[..]);
    let mut all = Vec::new();
    while let Some((request, rest)) = head(up) {
        up = rest.get(request.content_length().unwrap_or(0)..).unwrap_or_default();
        let mut exchange = Exchange { request, ..Exchange::default() };
        // Interim responses but 101 are followed by another one (RFC 9110 §15.2).
        let mut next = head(down);
        while let Some((interim, rest)) =
            next.as_ref().filter(|(head, _)| matches!(head.status(), 100 | 102..=199))
        {
            let _ = interim;
            next = head(rest);
        }
        if let Some((response, rest)) = next {
            let (parts, left) = body(&response, rest);
            (exchange.response, exchange.parts, down) = (Some(response), parts, left);
        }
        all.push(exchange);
    }
    all
}

/// The head that the bytes begin with, and what follows it.
fn head(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n");
    let first = lines.next()?.to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let fields = lines.filter_map(field).collect();
    Some((Head { first, fields }, &bytes[end + 4..]))
}

/// What a response's body has in it, and what follows the body.
fn body<'a>(response: &Head, rest: &'a [u8]) -> (Vec<Part>, &'a [u8]) {
    let is_chunked = response.field("transfer-encoding").is_some_and(|value| value.contains("chunked"));
    match (response.status(), response.content_length()) {
        (101, _) => (frames(rest), &[]),
        (204 | 304, _) => (Vec::new(), rest),
        _ if is_chunked => {
            let (body, left) = dechunked(rest);
            (parts(response, &body), left)
        }
        (_, Some(length)) => {
            let (body, left) = rest.split_at(length.min(rest.len()));
            (parts(response, body), left)
        }
        (_, None) => (parts(response, rest), &[]),
    }
}

fn parts(response: &Head, body: &[u8]) -> Vec<Part> {
    let split = |what, separator: &[u8]| {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = body;
        while let Some(at) = rest.windows(separator.len()).position(|bytes| bytes == separator) {
            parts.push(Part { what, bytes: rest[..at].to_owned() });
            rest = &rest[at + separator.len()..];
        }
        parts.extend((!rest.is_empty()).then(|| Part { what: "unfinished", bytes: rest.to_owned() }));
        parts
    };
    match response.field("content-type").unwrap_or_default() {
        _ if body.is_empty() => Vec::new(),
        _ if response.field("content-encoding").is_some() => {
            vec![Part { what: "compressed", bytes: body.to_owned() }]
        }
        kind if kind.starts_with("text/event-stream") => split("event", b"\n\n"),
        kind if kind.contains("ndjson") => split("line", b"\n"),
        _ => vec![Part { what: "body", bytes: body.to_owned() }],
    }
}

/// The data of chunks as far as they have come, and what follows the last one.
fn dechunked(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut data = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = size.split(';').next().and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
        let Some(size) = size else { break };
        let start = end + 2;
        let stop = start.saturating_add(size).min(rest.len());
        data.extend_from_slice(&rest[start..stop]);
        rest = rest.get(stop + 2..).unwrap_or_default();
        if size == 0 {
            return (data, rest);
        }
    }
    (data, &[])
}

/// Frames of RFC 6455 §5.2, as a server sends them.
fn frames(mut rest: &[u8]) -> Vec<Part> {
    let mut frames = Vec::new();
    while let Ok(header) = Header::read(rest) {
        let what = match header.opcode() {
            0x0 => "continuation frame",
            0x1 => "text frame",
            0x2 => "binary frame",
            0x8 => "close frame",
            0x9 => "ping frame",
            0xa => "pong frame",
            _ => "frame of an unknown kind",
        };
        let length = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
        let Some(payload) = rest.get(header.len..header.len.saturating_add(length)) else { break };
        // A close frame's first two bytes are its code.
        let payload = if header.opcode() == 0x8 { payload.get(2..).unwrap_or_default() } else { payload };
        frames.push(Part { what, bytes: payload.to_owned() });
        rest = &rest[header.len + length..];
    }
    frames
}

impl Part {
    /// What is in it: the first message, as the load generator finds it.
    pub(super) fn recognised(&self) -> Recognised {
        let bytes = self.bytes.trim_ascii();
        let mut first = None;
        finder::find(bytes, |message| {
            let seq = message.stamp.seq;
            first.get_or_insert(match (message.is_bare(), message.len == bytes.len()) {
                (false, _) => Recognised::Altered(seq),
                (true, true) => Recognised::Message(seq),
                (true, false) => Recognised::Wrapped(seq),
            });
        });
        first.unwrap_or(Recognised::Nothing)
    }

    /// Its text, cut to `longest` characters.
    pub(super) fn shown(&self, longest: usize) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        let all: String = text.trim_end().chars().map(escaped).collect();
        let mut shown: String = all.chars().take(longest).collect();
        if shown.len() < all.len() {
            shown.push('…');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::relay::Piece;
    use super::*;

    const MESSAGE: &str = r#"["0000002a000000e8d4a51000000000e8d4a51007","hello"]"#;

    fn connection(up: &str, down: &[u8]) -> Connection {
        let piece =
            |from_server, bytes: &[u8]| Piece { at: Instant::now(), from_server, bytes: bytes.to_owned() };
        Connection(vec![piece(false, up.as_bytes()), piece(true, down)])
    }

    #[test]
    fn a_part_is_recognised_by_its_stamp() {
        let escaped = MESSAGE.replace('"', "\\\"");
        for (text, expected) in [
            (MESSAGE.to_owned(), Recognised::Message(42)),
            (format!("{MESSAGE}\n"), Recognised::Message(42)),
            (format!("{{\"data\":{MESSAGE}}}"), Recognised::Wrapped(42)),
            (format!("id: 7\ndata: {MESSAGE}"), Recognised::Wrapped(42)),
            (format!("{{\"data\":\"{escaped}\"}}"), Recognised::Wrapped(42)),
            (MESSAGE.replace("\",\"", "\"; \""), Recognised::Altered(42)),
            ("{\"type\":\"welcome\"}".to_owned(), Recognised::Nothing),
            (String::new(), Recognised::Nothing),
        ] {
            let part = Part { what: "", bytes: text.clone().into_bytes() };
            assert_eq!(part.recognised(), expected, "{text}");
        }
    }

    #[test]
    fn the_bytes_of_a_connection_are_exchanges() {
        const GET: &str = "GET /a HTTP/1.1\r\nAccept: x\r\n\r\n";
        let parts = |down: &[u8]| -> Vec<Vec<String>> {
            let show = |part: &Part| format!("{}: {}", part.what, part.shown(20));
            let exchanges = exchanges(&connection(&GET.repeat(2), down));
            exchanges.iter().map(|exchange| exchange.parts.iter().map(show).collect()).collect()
        };
        let head = |more: &str| format!("HTTP/1.1 200 OK\r\n{more}\r\n\r\n");
        for (down, expected) in [
            (
                head("Content-Length: 2") + "ab" + &head("Content-Length: 1") + "c",
                vec![vec!["body: ab"], vec!["body: c"]],
            ),
            (
                head("content-type: text/event-stream\r\ntransfer-encoding: chunked")
                    + "6\r\n:hi\n\na\r\n2\r\n\n\n\r\n",
                vec![vec!["event: :hi", "event: a"], vec![]],
            ),
            (
                head("content-type: application/x-ndjson") + "a\nb",
                vec![vec!["line: a", "unfinished: b"], vec![]],
            ),
            (
                "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_owned(),
                vec![vec![], vec![]],
            ),
            (String::new(), vec![vec![], vec![]]),
        ] {
            assert_eq!(parts(down.as_bytes()), expected, "{down}");
        }
        let frames =
            [&b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi\x89\x00\x88\x02\x03\xe8"[..]].concat();
        assert_eq!(parts(&frames)[0], ["text frame: hi", "ping frame: ", "close frame: "]);
    }
}
