//! WebSocket (RFC 6455): the handshake with the standard's own key, and frames.

use std::net::SocketAddr;
use std::time::Instant;

use protocol::Resume;

use super::http::Head;
use super::tcp::Tcp;
use super::{Client, Received, ReceivedMessage, missed};
use crate::server_process::LONGEST;

/// RFC 6455 §1.3, the example.
const HANDSHAKE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// RFC 6455 §5.7, the example.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(super) const TEXT: u8 = 0x81;
pub(super) const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A connection that speaks in frames behind the handshake, whose answer is read with the first frame.
pub(super) struct Frames {
    tcp: Tcp,
    accepted: bool,
}

impl Frames {
    /// Asks for WebSocket at this path and query.
    pub(super) fn open(address: SocketAddr, target: &str) -> Self {
        let mut tcp = Tcp::connect(address);
        tcp.send(format!("GET {target} HTTP/1.1\r\nhost: contract.test\r\n{HANDSHAKE}\r\n").as_bytes());
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
        let mut frame = vec![first];
        match u16::try_from(payload.len()).expect("messages here are short") {
            len @ ..126 => frame.push(0x80 | len as u8),
            len => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&len.to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.tcp.send(&frame);
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
