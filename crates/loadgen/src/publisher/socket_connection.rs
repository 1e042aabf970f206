//! The publisher's way to a server that takes events on a WebSocket: a frame each, after what the target file's `open` has.
//!
//! Where the file says how the server answers, a message is handed over when its answer has come; else when the socket has taken
//! its frame.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderName, HeaderValue};
use model::target::PublishSocket;
use protocol::deflate::Kind;
use protocol::message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error, HandshakeError, Message, Utf8Bytes, WebSocket};

pub use super::caller::SocketError;
use super::caller::{self, Caller, PublisherError};
use super::stream::Stream;
use crate::script::{Outgoing, Script};
use crate::transport::Trust;

/// What `open` may take.
const OPENING: Duration = Duration::from_secs(5);
/// See "Why it is so" in ARCHITECTURE.md.
const READ_BYTES: usize = 4 * 1024;
/// How much of a rejection's text is quoted.
const REPORTED_CHARACTERS: usize = 120;

/// A WebSocket on which messages are published, and which never blocks once it is open.
#[derive(Debug)]
pub struct SocketConnection {
    socket: WebSocket<Stream>,
    script: Script,
    has: Option<String>,
    lacks: Option<String>,
    state: State,
    channel: u32,
    message: BytesMut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// Not yet given to the socket.
    Begun,
    Writing,
    Awaiting,
}

impl SocketConnection {
    /// Opens a WebSocket at `address`, as `publish` says. This takes up to 5 s.
    /// Fails when the server cannot be reached, refuses, or does not send what `open` waits for.
    pub fn connect(
        address: SocketAddr,
        publish: &PublishSocket,
        trust: Option<&Trust>,
    ) -> Result<Self, SocketError> {
        let stream = Stream::connect(address, trust)
            .map_err(|error| SocketError::Handshake(Box::new(error.into())))?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
        let request = request(address, publish).map_err(|error| SocketError::Handshake(Box::new(error)))?;
        let opened = tungstenite::client::client_with_config(request, stream, Some(config));
        let (socket, _) = opened.map_err(|error| match error {
            HandshakeError::Failure(error) => SocketError::Handshake(Box::new(error)),
            HandshakeError::Interrupted(_) => {
                SocketError::Handshake(Box::new(Error::Io(ErrorKind::TimedOut.into())))
            }
        })?;
        let mut connection = Self {
            socket,
            // Subscribers are numbered from 0; nobody else has this one.
            script: Script::new(&publish.frames, Some(&publish.send), 0, u32::MAX),
            has: publish.has.clone(),
            lacks: publish.lacks.clone(),
            state: State::Idle,
            channel: 0,
            message: BytesMut::new(),
        };
        connection.open()?;
        Ok(connection)
    }

    /// Goes through the script's steps, waiting for each.
    fn open(&mut self) -> Result<(), SocketError> {
        let deadline = Instant::now() + OPENING;
        let mut last = "nothing".to_owned();
        self.send_due()?;
        while let Some(awaited) = self.script.awaited() {
            match self.socket.read() {
                Ok(message) => {
                    let bytes = message.into_data();
                    last = String::from_utf8_lossy(&bytes).chars().take(REPORTED_CHARACTERS).collect();
                    self.script.take(&bytes);
                    self.send_due()?;
                }
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(broken(error)),
            }
            if Instant::now() > deadline {
                return Err(SocketError::NotOpened(awaited, last));
            }
        }
        self.socket.get_ref().never_block().map_err(|error| SocketError::Broken(Box::new(error.into())))
    }

    fn send_due(&mut self) -> Result<(), SocketError> {
        self.write_due()?;
        self.flush_socket().map(|_| ())
    }

    /// tungstenite keeps what the socket does not take now.
    fn write_due(&mut self) -> Result<(), SocketError> {
        self.script.due().try_for_each(|frame| match self.socket.write(to_message(frame)) {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            written => written.map_err(broken),
        })
    }

    /// Whether the socket has taken everything.
    fn flush_socket(&mut self) -> Result<bool, SocketError> {
        match self.socket.flush() {
            Ok(()) => Ok(true),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(broken(error)),
        }
    }

    fn read_what_has_come(&mut self) -> Result<(), SocketError> {
        loop {
            let bytes = match self.socket.read() {
                Ok(message) => message.into_data(),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return self.send_due(),
                Err(error) => return Err(broken(error)),
            };
            let has = |text: &Option<String>| {
                let text = text.as_ref().map(String::as_bytes);
                text.is_some_and(|text| bytes.windows(text.len()).any(|window| window == text))
            };
            if has(&self.lacks) {
                let text = String::from_utf8_lossy(&bytes);
                return Err(SocketError::Rejected(text.chars().take(REPORTED_CHARACTERS).collect()));
            }
            if self.state == State::Awaiting && has(&self.has) {
                self.state = State::Idle;
            }
            self.script.take(&bytes);
        }
    }
}

impl Caller for SocketConnection {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.get_ref().as_fd())
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
        self.state = State::Begun;
    }

    fn flush(&mut self) -> Result<bool, PublisherError> {
        if self.state == State::Begun {
            message::set_actual_ns(&mut self.message, os::now_ns()).expect("the publisher sends messages");
            self.script.send_to(self.channel, &self.message);
            self.write_due()?;
            self.state = State::Writing;
        }
        if self.state == State::Writing && self.flush_socket()? {
            self.state = if self.has.is_some() { State::Awaiting } else { State::Idle };
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

/// A server that sees no close frame would report an error. Its answer is not awaited.
impl Drop for SocketConnection {
    fn drop(&mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }
}

fn request(address: SocketAddr, publish: &PublishSocket) -> Result<hyper::Request<()>, Error> {
    let mut request = format!("ws://{address}{}", publish.path).into_client_request()?;
    for (name, value) in &publish.headers {
        // The reader of a target's file has rejected invalid names and values.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

fn to_message((kind, bytes): Outgoing) -> Message {
    match kind {
        Kind::Binary => Message::Binary(Bytes::from(bytes)),
        // What a template makes of texts is text.
        Kind::Text => Message::Text(Utf8Bytes::from(String::from_utf8_lossy(&bytes).into_owned())),
    }
}

fn broken(error: Error) -> SocketError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_) => SocketError::Closed,
        Error::Io(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
            SocketError::Closed
        }
        error => SocketError::Broken(Box::new(error)),
    }
}
