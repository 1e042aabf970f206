//! The techniques of HTTP/1.1 as literal clients (RFC 9112): a socket with a buffer, which reads up to a mark or a length; polls, short and long;
//! and a response that never ends, with chunks of NDJSON lines (RFC 9112 §7.1), or of Server-Sent Events (WHATWG HTML §9.2).

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Resume, Start, paths};
use test_support::http::{get, get_with, post};

use super::{Client, Received, ReceivedMessage, missed};
use crate::server_process::LONGEST;

pub(super) struct Tcp {
    stream: TcpStream,
    buffer: Vec<u8>,
    read: usize,
}

impl Tcp {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LONGEST).expect("the server listens");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(LONGEST)).expect("a time-out");
        stream.set_write_timeout(Some(LONGEST)).expect("a time-out");
        Self { stream, buffer: Vec::new(), read: 0 }
    }

    pub(super) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    fn server_address(&self) -> SocketAddr {
        self.stream.peer_addr().expect("a connected socket has a peer")
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes what is sent");
    }

    /// Sends to a server that may have closed this idle connection meanwhile; whether it has not.
    fn send_if_open(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) if is_closed(error.kind()) => false,
            Err(error) => panic!("send: {error}"),
        }
    }

    /// What comes before the mark; none when the server has closed and nothing is left. The mark is dropped.
    pub(super) fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let rest = &self.buffer[self.read..];
            if let Some(found) = rest.windows(mark.len()).position(|window| window == mark) {
                let before = rest[..found].to_vec();
                self.read += found + mark.len();
                return Some(before);
            }
            if !self.read_more() {
                return self.nothing_left();
            }
        }
    }

    /// So many bytes; none when the server has closed and nothing is left.
    pub(super) fn exactly(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.buffer.len() - self.read < len {
            if !self.read_more() {
                return self.nothing_left();
            }
        }
        let bytes = self.buffer[self.read..][..len].to_vec();
        self.read += len;
        Some(bytes)
    }

    pub(super) fn whole(&mut self, len: usize) -> Vec<u8> {
        self.exactly(len).expect("the server does not close in the middle")
    }

    /// Whether the server has closed, with or without having read what was sent last.
    fn is_closed_unanswered(&mut self) -> bool {
        assert_eq!(self.buffer.len(), self.read, "an answer had begun");
        match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) if is_closed(error.kind()) => true,
            Err(error) => panic!("the server is silent: {error}"),
        }
    }

    fn nothing_left<T>(&self) -> Option<T> {
        let rest = &self.buffer[self.read..];
        assert!(rest.is_empty(), "cut off: {}", rest.escape_ascii());
        None
    }

    fn read_more(&mut self) -> bool {
        self.buffer.drain(..self.read);
        self.read = 0;
        let mut part = [0; 16 * 1024];
        let len = match self.stream.read(&mut part) {
            Ok(len) => len,
            Err(error) => panic!("{error} after: {}", self.buffer.escape_ascii()),
        };
        self.buffer.extend_from_slice(&part[..len]);
        len > 0
    }
}

/// A server that closes with something unread resets the connection (RFC 9112 §9.3.1).
fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

pub(super) struct Head {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    /// The next head; none when the server has closed instead.
    pub(super) fn read(tcp: &mut Tcp) -> Option<Self> {
        let head = String::from_utf8(tcp.until(b"\r\n\r\n")?).expect("a head is text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let status = status.unwrap_or_else(|| panic!("no status line: {head}"));
        Some(Self { status, fields: fields.collect() })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn body(&self, tcp: &mut Tcp) -> String {
        let len = match self.status {
            204 | 304 => 0,
            _ => self.field("content-length").and_then(|len| len.parse().ok()).expect("a length"),
        };
        String::from_utf8(tcp.whole(len)).expect("a body is text")
    }
}

/// The uplink of the HTTP techniques: `POST` on a connection of its own, which stays.
pub(super) struct Post {
    tcp: Tcp,
    channel: u32,
}

impl Post {
    pub(super) fn connect(address: SocketAddr, channel: u32) -> Self {
        Self { tcp: Tcp::connect(address), channel }
    }

    /// Posts a message, and has it confirmed.
    pub(super) fn send(&mut self, message: &[u8]) {
        self.tcp.send(&post(&format!("{}?channel={}", paths::MESSAGES, self.channel), message));
        let head = Head::read(&mut self.tcp).expect("an answer");
        assert_eq!((head.status, head.body(&mut self.tcp).as_str()), (204, ""));
    }
}

/// Short enough that no test waits for it, long enough to leave the server alone.
const INTERVAL: Duration = Duration::from_millis(5);

/// What an empty answer means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// There is nothing now. The client asks again after a while.
    AskAgain,
    /// The server stops. No test waits as long as a server holds a request.
    ServerStops,
}

/// A subscriber that polls on one connection.
pub(super) struct Poll {
    tcp: Tcp,
    empty: Empty,
    resume: Resume,
    lines: VecDeque<ReceivedMessage>,
    /// What the connection's last answer was, once it is known to be the last.
    last: Option<&'static str>,
    asked: bool,
    post: Option<Post>,
}

impl Poll {
    pub(super) fn new(address: SocketAddr, resume: Resume, empty: Empty) -> Self {
        let tcp = Tcp::connect(address);
        Self { tcp, empty, resume, lines: VecDeque::new(), last: None, asked: false, post: None }
    }

    fn ask(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            let request = get(&format!("{}?{}", paths::EVENTS, self.resume));
            if !self.tcp.send_if_open(request.as_bytes()) {
                self.last.get_or_insert("closed");
            }
        }
    }

    /// One poll. Something to hear, unless it found nothing or messages, which are kept.
    fn poll(&mut self) -> Option<Received> {
        self.ask();
        if self.last.is_some() || self.tcp.is_closed_unanswered() {
            return Some(Received::End(self.last.unwrap_or("closed")));
        }
        self.asked = false;
        let head = Head::read(&mut self.tcp).expect("an answer has begun");
        let body = head.body(&mut self.tcp);
        match head.status {
            200 => self.lines.extend(body.lines().map(|line| ReceivedMessage::decode(line.as_bytes()))),
            204 if self.empty == Empty::ServerStops => self.last = Some("204, then closed"),
            204 => {}
            410 => return Some(Received::TooSlow { missed: missed(&body) }),
            other => panic!("{other}: {body}"),
        }
        if head.field("connection") == Some("close") {
            assert_eq!(self.tcp.exactly(1), None, "nothing comes after the last answer");
            self.last.get_or_insert("closed");
        }
        None
    }

    fn take_line(&mut self) -> Option<Received> {
        let said = self.lines.pop_front()?;
        self.resume.start = Start::After(said.stamp.seq);
        Some(Received::Message(said))
    }
}

impl Client for Poll {
    fn receive(&mut self) -> Received {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            if let Some(heard) = self.take_line().or_else(|| self.poll()) {
                return heard;
            }
            if self.lines.is_empty() && self.last.is_none() {
                thread::sleep(INTERVAL);
            }
        }
        panic!("nothing but empty answers for {LONGEST:?}");
    }

    fn send(&mut self, message: &[u8]) {
        let (address, channel) = (self.tcp.server_address(), self.resume.channel);
        self.post.get_or_insert_with(|| Post::connect(address, channel)).send(message);
    }

    fn request_without_reading(&mut self) {
        self.ask();
    }

    fn local_address(&self) -> SocketAddr {
        self.tcp.local_address()
    }
}

/// How messages stand in the stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ndjson,
    Sse,
}

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
        tcp.send(stream_request(resume, format).as_bytes());
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
fn stream_request(resume: Resume, format: Format) -> String {
    match (format, resume.start) {
        (Format::Sse, Start::After(seq)) if seq > 0 => {
            let first = Resume { start: Start::After(0), ..resume };
            get_with(&format!("{}?{first}", paths::STREAM), &format!("last-event-id: {seq}\r\n"))
        }
        _ => get(&format!("{}?{resume}", paths::STREAM)),
    }
}
