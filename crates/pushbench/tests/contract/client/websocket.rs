//! WebSocket (RFC 6455): the handshake with the standard's own key, and frames.

use std::net::SocketAddr;
use std::time::Instant;

use wire::Resume;

use super::http::{Head, get};
use super::tcp::Tcp;
use super::{Client, Heard, Said, missed};
use crate::process::LONGEST;

/// RFC 6455 §1.3, the example.
const HANDSHAKE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// RFC 6455 §5.7, the example.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A subscriber behind the handshake, whose answer is read with the first frame.
pub(super) struct WebSocket {
    tcp: Tcp,
    accepted: bool,
}

impl WebSocket {
    pub(super) fn open(address: SocketAddr, resume: Resume) -> Self {
        let mut tcp = Tcp::connect(address);
        tcp.send(get(wire::paths::WEBSOCKET, resume, HANDSHAKE).as_bytes());
        Self { tcp, accepted: false }
    }

    fn expect_accepted(&mut self) {
        if !std::mem::replace(&mut self.accepted, true) {
            let head = Head::read(&mut self.tcp).expect("an answer");
            assert_eq!((head.status, head.field("sec-websocket-accept")), (101, Some(ACCEPT)));
        }
    }

    /// The first byte of a frame, and its payload.
    fn frame(&mut self) -> (u8, Vec<u8>) {
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

    /// Answers a close as the standard wants it, after which the server closes the socket.
    fn close(&mut self, payload: &[u8]) -> Heard {
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
        self.send(CLOSE, &payload[..2.min(payload.len())]);
        assert_eq!(self.tcp.exactly(1), None, "nothing comes after a close frame");
        match code {
            Some(1001) => Heard::End("1001 going away"),
            Some(1013) => Heard::TooSlow { missed: missed(&reason) },
            other => panic!("closed with {other:?}: {reason}"),
        }
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
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
}

impl Client for WebSocket {
    fn hear(&mut self) -> Heard {
        let begun = Instant::now();
        self.expect_accepted();
        while begun.elapsed() < LONGEST {
            match self.frame() {
                (TEXT, payload) => return Heard::Message(Said::decode(&payload)),
                (CLOSE, payload) => return self.close(&payload),
                (PING, payload) => self.send(PONG, &payload),
                (first, _) => panic!("an unexpected frame begins with {first:#04x}"),
            }
        }
        panic!("nothing but pings for {LONGEST:?}");
    }

    fn say(&mut self, message: &[u8]) {
        self.expect_accepted();
        self.send(TEXT, message);
    }

    /// The handshake has asked, for good.
    fn ask_and_look_away(&mut self) {}

    fn local_address(&self) -> SocketAddr {
        self.tcp.local_address()
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}
