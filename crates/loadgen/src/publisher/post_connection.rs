//! The publisher's way to a server that takes events by HTTP: a request each, one after another, on a connection that is
//! kept.
//!
//! A message is handed over when its answer has come, so a server that is slow to answer delays the next one and not the
//! schedule. The answer's status and body must be a success by the target's file.
//!
//! A server may end a connection that lies idle just when a message is sent. If nothing came of an answer, the message is sent once
//! more on another connection, as browsers do (RFC 9112 §9.3.1).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use bytes::{Buf, BytesMut};
use model::target::{PublishRequest, Template, Values};
use protocol::message;

pub use super::caller::PostError;
use super::caller::{self, ANSWER_LIMIT, Caller, PublisherError};
use super::post_response::PostResponse;
use super::stream::Stream;
use crate::transport::Trust;

const READ_BYTES: usize = 4 * 1024;
/// How much of a rejection's text is quoted.
const REPORTED_BYTES: usize = 120;

/// A connection on which messages are posted, and which never blocks.
#[derive(Debug)]
pub struct PostConnection {
    address: SocketAddr,
    /// None after the server has ended it; the next message opens another one.
    stream: Option<Stream>,
    trust: Option<Trust>,
    publish: PublishRequest,
    body: Template,
    state: State,
    channel: u32,
    message: BytesMut,
    request: Vec<u8>,
    /// Where the body starts in the request.
    body_at: usize,
    written: usize,
    /// Whether this is the second attempt to post it.
    is_resent: bool,
    read: BytesMut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Writing,
    Awaiting,
}

impl PostConnection {
    /// Connects to `address`, with TLS if there is something to trust, for messages that are published as `publish` says.
    /// Fails when no process listens there, or the handshake fails.
    pub fn connect(address: SocketAddr, publish: PublishRequest, trust: Option<Trust>) -> io::Result<Self> {
        Ok(Self {
            address,
            stream: Some(open(address, trust.as_ref())?),
            trust,
            body: Template::text(publish.body.as_deref().unwrap_or("{message}")),
            publish,
            state: State::Idle,
            channel: 0,
            message: BytesMut::new(),
            request: Vec::new(),
            body_at: 0,
            written: 0,
            is_resent: false,
            read: BytesMut::new(),
        })
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
        let (channel, message, found) = (self.channel, &self.message, &BTreeMap::new());
        self.body.append(&Values { channel, subscriber: 0, message, found }, &mut self.request);
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
                Err(error) => {
                    let was_resent = self.is_resent;
                    // An answer before the end explains it better than the end does.
                    self.read_what_has_come()?;
                    let is_explained = self.state == State::Idle || self.is_resent != was_resent;
                    return if is_explained { Ok(self.state == State::Idle) } else { Err(broken(error)) };
                }
            }
        }
        // TLS may have taken what the socket has not.
        match self.stream.as_mut().map_or(Ok(()), Write::flush) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            // Reading shows whether there is an answer before the end.
            _ => self.state = State::Awaiting,
        }
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
                Err(error) => match broken(error) {
                    PostError::Closed => return self.ended(),
                    error => return Err(error),
                },
            }
            self.take_answer(false)?;
        }
        Ok(())
    }

    /// Takes whole answers; `is_over` tells that nothing follows.
    fn take_answer(&mut self, is_over: bool) -> Result<(), PostError> {
        while !self.read.is_empty() {
            match PostResponse::parse(&self.read, is_over) {
                Ok(Some(answer)) => self.settle(&answer)?,
                Ok(None) if self.read.len() > ANSWER_LIMIT => return Err(PostError::Oversize),
                Ok(None) if !is_over => return Ok(()),
                Ok(None) | Err(_) => return Err(PostError::NotHttp(looks_like(&self.read))),
            }
        }
        Ok(())
    }

    fn settle(&mut self, answer: &PostResponse) -> Result<(), PostError> {
        let text = first_line(&answer.body);
        let body = String::from_utf8_lossy(&answer.body);
        let is_success = self.publish.success.is_met(answer.status, &body);
        self.read.advance(answer.len);
        match (answer.status, &answer.location) {
            // Something else follows (RFC 9110 §15.2).
            (100..=199, _) => return Ok(()),
            _ if is_success && self.is_awaiting() => {}
            // The server gives up an idle connection (RFC 9110 §15.5.9).
            (408, _) if self.state == State::Idle => return self.drop_connection(),
            (408, _) if !self.is_resent => return self.resend(),
            (status @ 300..=399, Some(location)) => {
                return Err(PostError::Redirected(status, location.clone()));
            }
            (_, _) if self.state == State::Idle => return Err(PostError::NotHttp(format!("{text:?}"))),
            (status, _) => return Err(PostError::Rejected(status, text)),
        }
        self.state = State::Idle;
        if answer.closes { self.reopen() } else { Ok(()) }
    }

    /// A connection that lay idle may end, and so may a body without a length.
    fn ended(&mut self) -> Result<(), PostError> {
        self.stream = None;
        match self.state {
            _ if !self.read.is_empty() => self.take_answer(true),
            State::Idle => Ok(()),
            State::Writing | State::Awaiting if self.is_resent => Err(PostError::Closed),
            State::Writing | State::Awaiting => self.resend(),
        }
    }

    fn resend(&mut self) -> Result<(), PostError> {
        (self.written, self.state, self.is_resent) = (0, State::Writing, true);
        self.reopen()
    }

    fn drop_connection(&mut self) -> Result<(), PostError> {
        self.stream = None;
        self.read.clear();
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), PostError> {
        self.stream = Some(open(self.address, self.trust.as_ref()).map_err(PostError::Broken)?);
        self.read.clear();
        Ok(())
    }
}

impl Caller for PostConnection {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().map(AsFd::as_fd)
    }

    fn is_blocked(&self) -> bool {
        self.state != State::Idle
    }

    fn is_awaiting(&self) -> bool {
        self.state == State::Awaiting
    }

    fn begin(&mut self, channel: u32, message: &[u8], newline: bool) {
        debug_assert!(!self.is_blocked(), "one message at a time");
        self.channel = channel;
        caller::keep(&mut self.message, message, newline);
        (self.body_at, self.written) = (0, 0);
        self.append_body();
        let head = self.head(self.request.len());
        self.request.splice(..0, head.bytes());
        self.body_at = head.len();
        (self.state, self.is_resent) = (State::Writing, false);
    }

    fn flush(&mut self) -> Result<bool, PublisherError> {
        if self.state == State::Writing && !self.write()? {
            return Ok(false);
        }
        if self.state == State::Awaiting {
            self.read_what_has_come()?;
        }
        Ok(self.state == State::Idle)
    }

    fn receive(&mut self) -> Result<(), PublisherError> {
        // An answer that is awaited is flush's to take, which reports that the message was handed over.
        if self.is_awaiting() { Ok(()) } else { Ok(self.read_what_has_come()?) }
    }
}

fn broken(error: io::Error) -> PostError {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => PostError::Closed,
        _ => PostError::Broken(error),
    }
}

fn open(address: SocketAddr, trust: Option<&Trust>) -> io::Result<Stream> {
    let stream = Stream::connect(address, trust)?;
    stream.never_block()?;
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
