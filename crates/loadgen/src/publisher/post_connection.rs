//! The publisher's way to a server that takes events by HTTP: a request each, one after another, on a connection that is
//! kept.
//!
//! A message is handed over when its answer has come, so a server that is slow to answer delays the next one and not the
//! schedule. The answer's status must say that it was taken.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use model::target::Publish;
use protocol::message;

use super::post_response::{NotHttp, PostResponse};

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
    /// The server closed the connection instead of answering, or as soon as it was there.
    #[error("the server closed the connection on which events are posted")]
    Closed,
    /// Reading, writing or connecting again failed.
    #[error("the connection on which events are posted broke")]
    Broken(#[source] io::Error),
    /// It did not take the event.
    #[error("the server answered {status} to an event that was posted: {text}")]
    Refused {
        /// The answer's status code.
        status: u16,
        /// The first line of its body.
        text: String,
    },
    /// What it answered is not HTTP/1.1.
    #[error("the server answered an event that was posted with something else than HTTP/1.1: {found}")]
    NotHttp {
        /// What it looks like.
        found: String,
    },
    /// Its answer is too long.
    #[error("the server answered an event that was posted with more than {ANSWER_LIMIT} bytes")]
    Oversize,
}

/// A connection on which messages are posted, and which never blocks.
#[derive(Debug)]
pub struct PostConnection {
    address: SocketAddr,
    stream: TcpStream,
    publish: Publish,
    state: State,
    request: BytesMut,
    /// Where the message starts in the request.
    body_at: usize,
    written: usize,
    read: BytesMut,
    /// Whether anything was answered on this connection.
    has_answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Writing,
    Awaiting,
}

impl PostConnection {
    /// Connects to `address`, for messages that are published as `publish` says.
    ///
    /// # Errors
    ///
    /// When no process listens there.
    pub fn connect(address: SocketAddr, publish: Publish) -> io::Result<Self> {
        Ok(Self {
            address,
            stream: open(address)?,
            publish,
            state: State::Idle,
            request: BytesMut::new(),
            body_at: 0,
            written: 0,
            read: BytesMut::new(),
            has_answered: true,
        })
    }

    /// For waiting until it can be read or written.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
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
        let path = self.publish.path.replace("{channel}", &channel.to_string());
        let head = format!(
            "{} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            self.publish.method,
            self.address,
            self.publish.content_type,
            message.len() + usize::from(newline)
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.body_at = self.request.len();
        self.request.extend_from_slice(message);
        if newline {
            self.request.extend_from_slice(b"\n");
        }
        (self.written, self.state) = (0, State::Writing);
    }

    /// Goes on. True when nothing is on its way any more, false when the server has not taken or answered it yet.
    ///
    /// # Errors
    ///
    /// When the server is gone, refuses the message, or answers something else than HTTP/1.1.
    pub fn flush(&mut self) -> Result<bool, PostError> {
        if self.state == State::Writing && !self.write()? {
            return Ok(false);
        }
        if self.state == State::Awaiting {
            self.read_what_has_come()?;
        }
        Ok(self.state == State::Idle)
    }

    /// Reads what has come: an answer, or the connection's end, after which it is opened again.
    ///
    /// # Errors
    ///
    /// As of [`flush`](Self::flush).
    pub fn receive(&mut self) -> Result<(), PostError> {
        // An answer that is awaited is flush's to take, which says that the message was handed over.
        if self.is_awaiting() { Ok(()) } else { self.read_what_has_come() }
    }

    fn write(&mut self) -> Result<bool, PostError> {
        while self.written < self.request.len() {
            if self.written == 0 {
                let message = &mut self.request[self.body_at..];
                message::set_actual_ns(message, os::now_ns()).expect("the publisher sends messages");
            }
            match self.stream.write(&self.request[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the server said before it cut the connection says more than that it did.
                Err(error) => return Err(self.read_what_has_come().err().unwrap_or_else(|| broken(error))),
            }
        }
        self.state = State::Awaiting;
        Ok(true)
    }

    fn read_what_has_come(&mut self) -> Result<(), PostError> {
        let mut part = [0; READ_BYTES];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return self.ended(),
                Ok(count) => self.read.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(error)),
            }
            self.take_answer()?;
        }
    }

    /// Takes the answer, if it is whole.
    fn take_answer(&mut self) -> Result<(), PostError> {
        while !self.read.is_empty() {
            if self.state == State::Idle {
                return Err(PostError::NotHttp { found: looks_like(&self.read) });
            }
            match PostResponse::parse(&self.read) {
                Err(NotHttp) => return Err(PostError::NotHttp { found: looks_like(&self.read) }),
                Ok(None) if self.read.len() > ANSWER_LIMIT => return Err(PostError::Oversize),
                Ok(None) => return Ok(()),
                Ok(Some(answer)) => self.settle(&answer)?,
            }
        }
        Ok(())
    }

    fn settle(&mut self, answer: &PostResponse) -> Result<(), PostError> {
        let text = first_line(&self.read[answer.body.clone()]);
        self.read.advance(answer.len);
        match answer.status {
            // Something else follows (RFC 9110 §15.2).
            100..=199 => return Ok(()),
            200..=299 if self.is_awaiting() => {}
            status => return Err(PostError::Refused { status, text }),
        }
        (self.state, self.has_answered) = (State::Idle, true);
        if answer.closes { self.reopen() } else { Ok(()) }
    }

    /// A connection that lay idle may end; one that ends before anything was answered on it is not opened again.
    fn ended(&mut self) -> Result<(), PostError> {
        match self.state {
            _ if !self.read.is_empty() => Err(PostError::NotHttp { found: looks_like(&self.read) }),
            State::Idle if self.has_answered => self.reopen(),
            _ => Err(PostError::Closed),
        }
    }

    fn reopen(&mut self) -> Result<(), PostError> {
        self.stream = open(self.address).map_err(PostError::Broken)?;
        self.has_answered = false;
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
