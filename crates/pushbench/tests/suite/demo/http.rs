//! Requests as bytes, and answers to their end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::demo::demo_process::LONGEST;

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and fields, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.head.lines().any(|line| line == field)
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LONGEST)).expect("a time-out");
    stream
}

/// Asks on a connection of its own.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, fields: &[&str], body: &str) -> Answer {
    let mut stream = connect(address);
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    )
    .expect("the request is sent");
    let mut text = Vec::new();
    stream.read_to_end(&mut text).expect("an answer");
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A stream's lines, from behind its head.
pub(crate) fn stream(address: SocketAddr, path: &str) -> impl Iterator<Item = String> {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").expect("the request is sent");
    let lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
    lines.skip_while(|line| !line.is_empty())
}

/// The data of a stream's first Server-Sent Event, as JSON.
pub(crate) fn first_event(address: SocketAddr, path: &str) -> Value {
    let data = stream(address, path).find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    serde_json::from_str(&data.expect("an event")).expect("JSON")
}
