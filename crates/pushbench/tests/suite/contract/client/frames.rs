//! The techniques of frames as literal clients: raw TCP, WebSocket (RFC 6455), and Socket.IO over it.

use std::net::SocketAddr;
use std::time::Instant;

use protocol::{Resume, Start};
use test_support::websocket::{ACCEPT, KEY, handshake, masked};

use super::http::{Head, Tcp};
use super::{Client, Received, ReceivedMessage, missed};
use crate::server_process::LONGEST;

/// A subscriber behind its hello.
pub(super) struct RawTcp(Tcp);

impl RawTcp {
    pub(super) fn open(address: SocketAddr, resume: Resume) -> Self {
        let mut client = Self(Tcp::connect(address));
        client.send(resume.to_string().as_bytes());
        client
    }
}

impl Client for RawTcp {
    fn receive(&mut self) -> Received {
        let Some(head) = self.0.exactly(4) else { return Received::End("closed") };
        let len = u32::from_be_bytes(*head.first_chunk().expect("four bytes"));
        let body = self.0.whole(len as usize);
        if body.starts_with(b"{") {
            return Received::TooSlow { missed: missed(&String::from_utf8_lossy(&body)) };
        }
        Received::Message(ReceivedMessage::decode(&body))
    }

    fn send(&mut self, message: &[u8]) {
        let len = u32::try_from(message.len()).expect("messages here are short");
        self.0.send(&[&len.to_be_bytes()[..], message].concat());
    }

    /// The hello has asked, for good.
    fn request_without_reading(&mut self) {}

    fn local_address(&self) -> SocketAddr {
        self.0.local_address()
    }
}

pub(super) const TEXT: u8 = 0x81;
pub(super) const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A connection that speaks in frames behind the handshake, whose answer is read with the first frame.
struct Frames {
    tcp: Tcp,
    accepted: bool,
}

impl Frames {
    pub(super) fn open(address: SocketAddr, target: &str) -> Self {
        let mut tcp = Tcp::connect(address);
        tcp.send(handshake(target, KEY).as_bytes());
        Self { tcp, accepted: false }
    }

    fn expect_accepted(&mut self) {
        if !std::mem::replace(&mut self.accepted, true) {
            let head = Head::read(&mut self.tcp).expect("an answer");
            assert_eq!((head.status, head.field("sec-websocket-accept")), (101, Some(ACCEPT)));
        }
    }

    /// The first byte of a frame, and its payload. Pings are answered.
    pub(super) fn frame(&mut self) -> (u8, Vec<u8>) {
        let begun = Instant::now();
        self.expect_accepted();
        while begun.elapsed() < LONGEST {
            match self.any_frame() {
                (PING, payload) => self.send(PONG, &payload),
                frame => return frame,
            }
        }
        panic!("nothing but pings for {LONGEST:?}");
    }

    fn any_frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.tcp.exactly(2).expect("a close frame before the end");
        let len = match head[1] {
            126 => number(&self.tcp.whole(2)),
            127 => number(&self.tcp.whole(8)),
            len @ ..126 => usize::from(len),
            // §5.1
            _ => panic!("a server does not mask"),
        };
        (head[0], self.tcp.whole(len))
    }

    /// Answers a close as the standard wants it, after which the server closes the socket. Its code and reason.
    pub(super) fn close(&mut self, payload: &[u8]) -> (Option<u16>, String) {
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
        self.send(CLOSE, &payload[..2.min(payload.len())]);
        assert_eq!(self.tcp.exactly(1), None, "nothing comes after a close frame");
        (code, reason)
    }

    /// Sends a frame. A client that has been accepted may.
    pub(super) fn send(&mut self, first: u8, payload: &[u8]) {
        self.tcp.send(&masked(first, payload));
    }

    pub(super) fn local_address(&self) -> SocketAddr {
        self.tcp.local_address()
    }
}

/// A subscriber behind the handshake.
pub(super) struct WebSocket(Frames);

impl WebSocket {
    pub(super) fn open(address: SocketAddr, resume: Resume) -> Self {
        Self(Frames::open(address, &format!("{}?{resume}", protocol::paths::WEBSOCKET)))
    }
}

impl Client for WebSocket {
    fn receive(&mut self) -> Received {
        match self.0.frame() {
            (TEXT, payload) => Received::Message(ReceivedMessage::decode(&payload)),
            (CLOSE, payload) => match self.0.close(&payload) {
                (Some(1001), _) => Received::End("1001 going away"),
                (Some(1013), reason) => Received::TooSlow { missed: missed(&reason) },
                (other, reason) => panic!("closed with {other:?}: {reason}"),
            },
            (first, _) => panic!("an unexpected frame begins with {first:#04x}"),
        }
    }

    fn send(&mut self, message: &[u8]) {
        self.0.expect_accepted();
        self.0.send(TEXT, message);
    }

    /// The handshake has asked, for good.
    fn request_without_reading(&mut self) {}

    fn local_address(&self) -> SocketAddr {
        self.0.local_address()
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

const QUERY: &str = "EIO=4&transport=websocket";

/// A subscriber. That it has joined is read before anything else.
pub(super) struct SocketIo {
    frames: Frames,
    resume: Resume,
    joined: bool,
}

impl SocketIo {
    pub(super) fn open(address: SocketAddr, resume: Resume) -> Self {
        let mut frames = Frames::open(address, &format!("{}?{QUERY}", protocol::paths::SOCKETIO));
        frames.send(TEXT, connect(resume).as_bytes());
        Self { frames, resume, joined: false }
    }

    /// The next packet but pings, which are answered; none when the server closes.
    fn packet(&mut self) -> Option<String> {
        loop {
            match self.frames.frame() {
                (TEXT, packet) if packet == b"2" => self.frames.send(TEXT, b"3"),
                (TEXT, packet) => return Some(String::from_utf8(packet).expect("a text frame is UTF-8")),
                (CLOSE, payload) => {
                    assert_eq!(self.frames.close(&payload).0, None, "a close without a code");
                    return None;
                }
                (first, _) => panic!("an unexpected frame begins with {first:#04x}"),
            }
        }
    }

    /// Reads up to the answer to its CONNECT; what it hears if that is no.
    fn expect_joined(&mut self) -> Option<Received> {
        if std::mem::replace(&mut self.joined, true) {
            return None;
        }
        let open = self.packet().expect("an open packet");
        assert!(open.starts_with("0{\"sid\":\""), "{open}");
        let answer = self.packet().expect("an answer to the CONNECT");
        if let Some(refusal) = answer.strip_prefix("44{\"message\":\"") {
            return Some(Received::TooSlow { missed: missed(refusal) });
        }
        assert!(answer.starts_with("40{\"sid\":\""), "{answer}");
        None
    }

    /// What an event says, or the end.
    fn read(&mut self, packet: &str) -> Received {
        if let Some(message) = argument(packet, "message") {
            return Received::Message(ReceivedMessage::decode(message.as_bytes()));
        }
        if let Some(reason) = argument(packet, "dismissed") {
            assert_eq!(self.packet().as_deref(), Some("41"), "who is dismissed is disconnected");
            return Received::TooSlow { missed: missed(reason) };
        }
        assert_eq!(packet, "1", "a packet that nobody awaits");
        assert_eq!(self.packet(), None, "nothing but the end comes behind a close packet");
        Received::End("engine closed")
    }
}

impl Client for SocketIo {
    fn receive(&mut self) -> Received {
        if let Some(refused) = self.expect_joined() {
            return refused;
        }
        let packet = self.packet().unwrap_or_else(|| panic!("closed without a packet: {:?}", self.resume));
        self.read(&packet)
    }

    fn send(&mut self, message: &[u8]) {
        assert_eq!(self.expect_joined(), None);
        self.frames.send(TEXT, &[b"42[\"message\",", message, b"]"].concat());
    }

    /// The CONNECT has asked, for good.
    fn request_without_reading(&mut self) {}

    fn local_address(&self) -> SocketAddr {
        self.frames.local_address()
    }
}

/// The only argument of an event of this name.
fn argument<'a>(packet: &'a str, event: &str) -> Option<&'a str> {
    let rest = packet.strip_prefix("42[\"")?.strip_prefix(event)?;
    rest.strip_prefix("\",")?.strip_suffix(']')
}

fn connect(Resume { channel, start }: Resume) -> String {
    match start {
        Start::Fresh => format!("40{{\"channel\":{channel}}}"),
        Start::After(seq) => format!("40{{\"channel\":{channel},\"after\":{seq}}}"),
    }
}
