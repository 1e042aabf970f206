//! The publisher's way to a server that takes events on a WebSocket: a frame each, after what the target file's `open` has.
//!
//! Where the file says how the server answers, a message is handed over when its answer has come; else when the socket has taken
//! its frame.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};
use model::target::PublishSocket;
use protocol::deflate::Kind;
use protocol::message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::generate_request;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes, WebSocket};

pub use super::caller::SocketError;
use super::caller::{self, Caller, PublisherError};
use super::stream::Stream;
use crate::handshake;
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
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
        let (stream, read) =
            upgraded(address, publish, trust).map_err(|error| SocketError::Handshake(Box::new(error)))?;
        let mut connection = Self {
            socket: WebSocket::from_partially_read(stream, read.into(), Role::Client, Some(config)),
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

/// Connects and asks for the upgrade: the stream on which the server speaks WebSocket, and what was read of it already.
fn upgraded(
    address: SocketAddr,
    publish: &PublishSocket,
    trust: Option<&Trust>,
) -> Result<(Stream, BytesMut), Error> {
    let mut stream = Stream::connect(address, trust)?;
    let request = request(address, publish)?;
    let (head, key) = generate_request(request.clone())?;
    stream.write_all(&head)?;
    stream.flush()?;
    let (mut read, mut part) = (BytesMut::new(), [0; READ_BYTES]);
    let deadline = Instant::now() + OPENING;
    let answer = loop {
        match stream.read(&mut part) {
            Ok(0) => return Err(Error::Protocol(ProtocolError::HandshakeIncomplete)),
            Ok(count) if Instant::now() < deadline => read.extend_from_slice(&part[..count]),
            Ok(_) => return Err(Error::Io(ErrorKind::TimedOut.into())),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // It waits so long and no longer.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(Error::Io(ErrorKind::TimedOut.into()));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(answer) = handshake::take_answer(&mut read)? {
            break answer;
        }
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::Http(Box::new(answer.map(|_| Some(read.into())))));
    }
    handshake::check(answer.headers(), &key)?;
    handshake::check_subprotocol(request.headers(), answer.headers())?;
    // None was offered (RFC 6455 §4.1).
    match answer.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        true => Err(Error::Protocol(ProtocolError::InvalidHeader(Box::new(SEC_WEBSOCKET_EXTENSIONS)))),
        false => Ok((stream, read)),
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{BufRead as _, BufReader};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use model::target::{Frame, Frames};
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

    use super::*;

    /// What comes of a server that answers the request for an upgrade like this.
    fn connected(answer: &str) -> Result<(), String> {
        let answer = answer.to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
            let keys = head.filter_map(|line| Some(line.split_once("-Key: ")?.1.to_owned()));
            let accept = keys.map(|key| derive_accept_key(key.as_bytes())).last().unwrap();
            stream.write_all(answer.replace("{accept}", &accept).as_bytes()).unwrap();
        });
        let publish = PublishSocket {
            address: None,
            path: "/ws".to_owned(),
            headers: BTreeMap::new(),
            frames: Frames { open: Vec::new(), answer: Vec::new() },
            send: Frame::Text("{message}".to_owned()),
            has: None,
            lacks: None,
        };
        let connection = SocketConnection::connect(address, &publish, None);
        let result = connection.map(drop).map_err(|error| format!("{error:?}"));
        server.join().unwrap();
        result
    }

    fn head(before: &str, connection: &str, more: &str) -> String {
        let (status, accept) = ("HTTP/1.1 101 Switching Protocols", "sec-websocket-accept: {accept}");
        format!("{before}{status}\r\n{connection}upgrade: WebSocket\r\n{accept}\r\n{more}\r\n")
    }

    #[test]
    fn odd_handshakes_come_to_what_the_standard_says() {
        for answer in [
            head("", "connection: Upgrade\r\n", ""),
            head("", "connection: keep-alive, Upgrade\r\n", ""),
            head("", "connection: keep-alive\r\nconnection: upgrade\r\n", ""),
            head("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", "connection: Upgrade\r\n", ""),
        ] {
            assert_eq!(connected(&answer), Ok(()), "{answer}");
        }
        for (answer, expected) in [
            (head("", "connection: upgraded\r\n", ""), "MissingConnectionUpgradeHeader"),
            (head("", "connection: Upgrade\r\n", "sec-websocket-protocol: chat\r\n"), "SubProtocol"),
            (head("", "connection: Upgrade\r\n", "sec-websocket-extensions: x\r\n"), "InvalidHeader"),
            ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned(), "403"),
        ] {
            let error = connected(&answer).expect_err(&answer);
            assert!(error.contains(expected), "{error}");
        }
    }
}
