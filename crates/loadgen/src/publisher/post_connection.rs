//! The publisher's way to a server that takes events by HTTP: a request each, one after another, on a connection that is
//! kept.
//!
//! A message is handed over when its answer has come, so a server that is slow to answer delays the next one and not the
//! schedule. The answer's status must be a success.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use model::target::PublishRequest;
use protocol::message;

use super::post_body::BodyTemplate;

/// Longer answers to a posted message are an error.
const ANSWER_LIMIT: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;
/// A server whose backlog is full leaves connecting unanswered.
const CONNECT: Duration = Duration::from_secs(5);
/// How much of a rejection's text is quoted.
const REPORTED_BYTES: usize = 120;

/// Why nothing can be posted any longer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The server closed the connection instead of answering.
    #[error("the server closed the connection on which events are posted")]
    Closed,
    /// Reading, writing or connecting again failed.
    #[error("the connection on which events are posted broke")]
    Broken(#[source] io::Error),
    /// It did not take the event, and answered with this status code and this first line of a body.
    #[error("the server answered {0} to an event that was posted: {1}")]
    Rejected(u16, String),
    /// What it answered is not HTTP/1.1, and looks like this.
    #[error("the server answered an event that was posted with something else than HTTP/1.1: {0}")]
    NotHttp(String),
    /// Its answer is too long.
    #[error("the server answered an event that was posted with more than {ANSWER_LIMIT} bytes")]
    Oversize,
}

/// A connection on which messages are posted, and which never blocks.
#[derive(Debug)]
pub struct PostConnection {
    address: SocketAddr,
    /// None after the server has ended it; the next message opens another one.
    stream: Option<TcpStream>,
    publish: PublishRequest,
    body: BodyTemplate,
    state: State,
    channel: u32,
    message: BytesMut,
    request: BytesMut,
    /// Where the body starts in the request.
    body_at: usize,
    written: usize,
    read: BytesMut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Writing,
    Awaiting,
}

impl PostConnection {
    /// Connects to `address`, for messages that are published as `publish` says.
    /// Fails when no process listens there.
    pub fn connect(address: SocketAddr, publish: PublishRequest) -> io::Result<Self> {
        Ok(Self {
            address,
            stream: Some(open(address)?),
            body: BodyTemplate::new(publish.body.as_deref()),
            publish,
            state: State::Idle,
            channel: 0,
            message: BytesMut::new(),
            request: BytesMut::new(),
            body_at: 0,
            written: 0,
            read: BytesMut::new(),
        })
    }

    /// For waiting until it can be read or written; none while there is no connection.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().map(AsFd::as_fd)
    }

    /// Whether a message is on its way or its answer is; no other can be begun then.
    pub fn is_blocked(&self) -> bool {
        self.state != State::Idle
    }

    /// Whether the answer to a message is awaited, which only reading can bring.
    pub fn is_awaiting(&self) -> bool {
        self.state == State::Awaiting
    }

    /// Begins to post `message` to `channel`. Only when [not blocked](Self::is_blocked).
    pub fn begin(&mut self, channel: u32, message: &[u8], newline: bool) {
        debug_assert!(!self.is_blocked(), "one message at a time");
        self.channel = channel;
        self.message.clear();
        self.message.extend_from_slice(message);
        if newline {
            self.message.extend_from_slice(b"\n");
        }
        self.request.clear();
        self.body.append(channel, &self.message, &mut self.request);
        let head = self.head(self.request.len());
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.body_at = self.request.len();
        self.append_body();
        (self.written, self.state) = (0, State::Writing);
    }

    fn head(&self, length: usize) -> String {
        let PublishRequest { method, path, content_type, headers, .. } = &self.publish;
        let channel = self.channel.to_string();
        let filled = |text: &str| text.replace("{channel}", &channel);
        let mut head = format!("{method} {} HTTP/1.1\r\n", filled(path));
        let usual = [("host", self.address.to_string()), ("content-type", content_type.clone())];
        let usual = usual.into_iter().filter(|(name, _)| !headers.contains_key(*name));
        let own = headers.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in usual.chain(own.map(|(name, value)| (name.as_str(), filled(value)))) {
            head.extend([name, ": ", &value, "\r\n"]);
        }
        head + &format!("content-length: {length}\r\n\r\n")
    }

    /// A stamp has a fixed width, so the length that the head names stays.
    fn append_body(&mut self) {
        self.request.truncate(self.body_at);
        self.body.append(self.channel, &self.message, &mut self.request);
    }

    /// Goes on. True when nothing is on its way any more, false when the server has not taken or answered it yet.
    /// Fails when the server is gone, refuses the message, or answers something else than HTTP/1.1.
    pub fn flush(&mut self) -> Result<bool, PostError> {
        if self.state == State::Writing && !self.write()? {
            return Ok(false);
        }
        if self.state == State::Awaiting {
            self.read_what_has_come()?;
        }
        Ok(self.state == State::Idle)
    }

    /// Reads what has come while the connection lay idle: its end, or what is an error.
    /// Fails as [`flush`](Self::flush) does.
    pub fn receive(&mut self) -> Result<(), PostError> {
        // An answer that is awaited is flush's to take, which reports that the message was handed over.
        if self.is_awaiting() { Ok(()) } else { self.read_what_has_come() }
    }

    fn write(&mut self) -> Result<bool, PostError> {
        if self.stream.is_none() {
            self.reopen()?;
        }
        while self.written < self.request.len() {
            if self.written == 0 {
                message::set_actual_ns(&mut self.message, os::now_ns())
                    .expect("the publisher sends messages");
                self.append_body();
            }
            let Some(stream) = &mut self.stream else { break };
            match stream.write(&self.request[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // An answer before the end explains it better than the end does.
                Err(error) => return Err(self.read_what_has_come().err().unwrap_or_else(|| broken(error))),
            }
        }
        self.state = State::Awaiting;
        Ok(true)
    }

    fn read_what_has_come(&mut self) -> Result<(), PostError> {
        let mut part = [0; READ_BYTES];
        while let Some(stream) = &mut self.stream {
            match stream.read(&mut part) {
                Ok(0) => return self.ended(),
                Ok(count) => self.read.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(error)),
            }
            self.take_answer()?;
        }
        Ok(())
    }

    fn take_answer(&mut self) -> Result<(), PostError> {
        while !self.read.is_empty() {
            if self.state == State::Idle {
                return Err(PostError::NotHttp(looks_like(&self.read)));
            }
            match PostResponse::parse(&self.read) {
                Err(NotHttp) => return Err(PostError::NotHttp(looks_like(&self.read))),
                Ok(None) if self.read.len() > ANSWER_LIMIT => return Err(PostError::Oversize),
                Ok(None) => return Ok(()),
                Ok(Some(answer)) => self.settle(&answer)?,
            }
        }
        Ok(())
    }

    fn settle(&mut self, answer: &PostResponse) -> Result<(), PostError> {
        let text = first_line(&self.read[answer.body.clone()]);
        // With the sizes between its chunks, if it has any.
        let body = String::from_utf8_lossy(&self.read[answer.body.start..answer.len]);
        let is_success = self.publish.success.is_met(answer.status, &body);
        self.read.advance(answer.len);
        match answer.status {
            // Something else follows (RFC 9110 §15.2).
            100..=199 => return Ok(()),
            _ if is_success && self.is_awaiting() => {}
            status => return Err(PostError::Rejected(status, text)),
        }
        self.state = State::Idle;
        if answer.closes { self.reopen() } else { Ok(()) }
    }

    /// A connection that lay idle may end.
    fn ended(&mut self) -> Result<(), PostError> {
        self.stream = None;
        match self.state {
            _ if !self.read.is_empty() => Err(PostError::NotHttp(looks_like(&self.read))),
            State::Idle => Ok(()),
            State::Writing | State::Awaiting => Err(PostError::Closed),
        }
    }

    fn reopen(&mut self) -> Result<(), PostError> {
        self.stream = Some(open(self.address).map_err(PostError::Broken)?);
        self.read.clear();
        Ok(())
    }
}

fn broken(error: io::Error) -> PostError {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => PostError::Closed,
        _ => PostError::Broken(error),
    }
}

fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// What bytes that are no answer look like, for people.
pub fn looks_like(bytes: &[u8]) -> String {
    // The frame's header of RFC 9113 §4.1: 24 bits of length, the type, the flags; SETTINGS is 4, GOAWAY is 7.
    if matches!(bytes, [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..]) {
        return "a frame of HTTP/2".to_owned();
    }
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(REPORTED_BYTES)]);
    format!("{shown:?}")
}

fn first_line(body: &[u8]) -> String {
    let line = body.split(|&byte| byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(REPORTED_BYTES)]).trim_end().to_owned()
}

const MOST_FIELDS: usize = 64;
const CHUNK_END: &[u8] = b"\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotHttp;

/// A whole HTTP/1.1 answer at the start of a buffer (RFC 9112 §6.3): where it ends, and what it contains.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PostResponse {
    /// The status code.
    status: u16,
    /// Where its body stands in the buffer; the first chunk of it, if it comes in chunks.
    body: Range<usize>,
    /// How many bytes of the buffer it takes.
    len: usize,
    /// Whether the server ends the connection after it.
    closes: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct BodyFraming {
    length: usize,
    is_chunked: bool,
    closes: bool,
}

impl PostResponse {
    /// The first answer in `bytes`; none as long as it is not whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, NotHttp> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head_len) = head.parse(bytes).map_err(|_| NotHttp)? else {
            return Ok(None);
        };
        let status = head.code.ok_or(NotHttp)?;
        let mut framing = BodyFraming::of(head.headers)?;
        framing.closes |= head.version == Some(0);
        if matches!(status, 100..=199 | 204 | 304) {
            framing = BodyFraming { length: 0, is_chunked: false, ..framing };
        }
        let body = if framing.is_chunked {
            chunks(bytes, head_len)?
        } else {
            plain(bytes, head_len, framing.length)
        };
        Ok(body.map(|(body, len)| Self { status, body, len, closes: framing.closes }))
    }
}

impl BodyFraming {
    fn of(fields: &[httparse::Header<'_>]) -> Result<Self, NotHttp> {
        let mut framing = Self::default();
        for field in fields {
            let value = str::from_utf8(field.value).unwrap_or_default().trim();
            if field.name.eq_ignore_ascii_case("content-length") {
                framing.length = value.parse().map_err(|_| NotHttp)?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                framing.is_chunked = value.eq_ignore_ascii_case("chunked");
            } else if field.name.eq_ignore_ascii_case("connection") {
                framing.closes = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(framing)
    }
}

fn plain(bytes: &[u8], head_len: usize, length: usize) -> Option<(Range<usize>, usize)> {
    let len = head_len.checked_add(length)?;
    (bytes.len() >= len).then_some((head_len..len, len))
}

/// The first chunk's data, and where the last one ends. Trailer fields are not expected of an answer to a message.
fn chunks(bytes: &[u8], head_len: usize) -> Result<Option<(Range<usize>, usize)>, NotHttp> {
    let (mut at, mut first) = (head_len, None);
    loop {
        let httparse::Status::Complete((size_len, size)) =
            httparse::parse_chunk_size(&bytes[at..]).map_err(|_| NotHttp)?
        else {
            return Ok(None);
        };
        let start = at + size_len;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).ok_or(NotHttp)?;
        let Some(after) = bytes.get(end..end.saturating_add(CHUNK_END.len())) else { return Ok(None) };
        if after != CHUNK_END {
            return Err(NotHttp);
        }
        at = end + CHUNK_END.len();
        if size == 0 {
            return Ok(Some((first.unwrap_or(start..start), at)));
        }
        first.get_or_insert(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: Range<usize>, len: usize, closes: bool) -> PostResponse {
        PostResponse { status, body, len, closes }
    }

    #[test]
    fn an_answer_ends_where_its_head_says_and_not_before() {
        for (text, expected) in [
            ("HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nyes", answer(202, 44..47, 47, false)),
            ("HTTP/1.1 204 No Content\r\n\r\n", answer(204, 27..27, 27, false)),
            (
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                answer(200, 57..57, 57, true),
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", answer(200, 38..38, 38, true)),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nyes\r\n2\r\n!!\r\n0\r\n\r\n",
                answer(200, 50..53, 67, false),
            ),
        ] {
            for cut in 0..text.len() {
                assert_eq!(PostResponse::parse(&text.as_bytes()[..cut]), Ok(None), "{text} cut at {cut}");
            }
            assert_eq!(PostResponse::parse(text.as_bytes()), Ok(Some(expected.clone())), "{text}");
            let twice = text.repeat(2);
            assert_eq!(PostResponse::parse(twice.as_bytes()), Ok(Some(expected)), "{twice}");
        }
    }

    #[test]
    fn bytes_that_are_no_answer_are_rejected_at_once() {
        for text in ["SSH-2.0-x\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"] {
            assert_eq!(PostResponse::parse(text.as_bytes()), Err(NotHttp), "{text}");
        }
        let broken = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nyes\r\n";
        assert_eq!(PostResponse::parse(broken.as_bytes()), Err(NotHttp));
    }
}
