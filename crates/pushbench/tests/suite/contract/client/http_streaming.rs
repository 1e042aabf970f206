//! A response that never ends: chunks of NDJSON lines (RFC 9112 §7.1), or of Server-Sent Events (WHATWG HTML §9.2).

use std::net::SocketAddr;
use std::time::Instant;

use protocol::{Resume, Start};

use super::http::{Head, Post, get};
use super::tcp::Tcp;
use super::{Client, Received, ReceivedMessage, missed};
use crate::server_process::LONGEST;

/// How messages stand in the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ndjson,
    Sse,
}

/// A subscriber that reads a stream.
pub(super) struct Stream {
    tcp: Tcp,
    format: Format,
    channel: u32,
    body: Vec<u8>,
    /// The answer's head has come.
    answered: bool,
    ended: bool,
    post: Option<Post>,
}

impl Stream {
    pub(super) fn open(address: SocketAddr, resume: Resume, format: Format) -> Self {
        let mut tcp = Tcp::connect(address);
        tcp.send(request(resume, format).as_bytes());
        let channel = resume.channel;
        Self { tcp, format, channel, body: Vec::new(), answered: false, ended: false, post: None }
    }

    /// The next line or block, without the mark behind it; none at the stream's end.
    fn next_part(&mut self) -> Option<String> {
        let mark: &[u8] = if self.format == Format::Ndjson { b"\n" } else { b"\n\n" };
        loop {
            if let Some(found) = self.body.windows(mark.len()).position(|window| window == mark) {
                let part = self.body.drain(..found + mark.len()).take(found).collect();
                return Some(String::from_utf8(part).expect("a stream is text"));
            }
            if !self.read_chunk() {
                assert!(self.body.is_empty(), "cut off: {}", self.body.escape_ascii());
                return None;
            }
        }
    }

    /// Appends the next chunk to the body; false behind the last.
    fn read_chunk(&mut self) -> bool {
        if !std::mem::replace(&mut self.answered, true) {
            let head = Head::read(&mut self.tcp).expect("an answer");
            assert_eq!((head.status, head.field("content-type")), (200, Some(self.format.media_type())));
            assert_eq!(head.field("transfer-encoding"), Some("chunked"));
        }
        if !self.ended {
            let size = self.tcp.until(b"\r\n").expect("a stream ends with an empty chunk");
            let size = std::str::from_utf8(&size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.expect("a chunk's size in hex digits");
            let chunk = self.tcp.whole(size + 2);
            assert!(chunk.ends_with(b"\r\n"), "a chunk ends where it said");
            self.body.extend_from_slice(&chunk[..size]);
            self.ended = size == 0;
        }
        !self.ended
    }
}

impl Client for Stream {
    fn receive(&mut self) -> Received {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            let Some(part) = self.next_part() else {
                assert_eq!(self.tcp.exactly(1), None, "nothing comes after the stream");
                return Received::End("stream ended");
            };
            if let Some(heard) = self.format.read(&part) {
                return heard;
            }
        }
        panic!("nothing but signs of life for {LONGEST:?}");
    }

    fn send(&mut self, message: &[u8]) {
        let (address, channel) = (self.tcp.server_address(), self.channel);
        self.post.get_or_insert_with(|| Post::connect(address, channel)).send(message);
    }

    /// The stream itself asks, for good.
    fn request_without_reading(&mut self) {}

    fn local_address(&self) -> SocketAddr {
        self.tcp.local_address()
    }
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Sse => "text/event-stream",
        }
    }

    /// What a line or block says; none for what only keeps the connection alive.
    fn read(self, part: &str) -> Option<Received> {
        match self {
            Self::Ndjson if part.is_empty() => None,
            Self::Ndjson if part.starts_with('{') => Some(Received::TooSlow { missed: missed(part) }),
            Self::Ndjson => Some(Received::Message(ReceivedMessage::decode(part.as_bytes()))),
            Self::Sse if part.starts_with("retry: ") || part == ":" => None,
            Self::Sse if part.starts_with(": too slow") => Some(Received::TooSlow { missed: missed(part) }),
            Self::Sse => Some(Received::Message(event(part))),
        }
    }
}

/// Exactly these two fields, and the id is the sequence number: it is what a browser resumes from.
fn event(block: &str) -> ReceivedMessage {
    let fields = block.strip_prefix("id: ").and_then(|rest| rest.split_once("\ndata: "));
    let (id, data) = fields.unwrap_or_else(|| panic!("neither id and data nor a comment: {block}"));
    let said = ReceivedMessage::decode(data.as_bytes());
    assert_eq!(id, said.stamp.seq.to_string());
    said
}

/// A browser's EventSource asks for the same URL again and names the last id in a field.
fn request(resume: Resume, format: Format) -> String {
    match (format, resume.start) {
        (Format::Sse, Start::After(seq)) if seq > 0 => {
            let first = Resume { start: Start::After(0), ..resume };
            get(protocol::paths::STREAM, first, &format!("last-event-id: {seq}\r\n"))
        }
        _ => get(protocol::paths::STREAM, resume, ""),
    }
}
