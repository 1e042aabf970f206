//! Socket.IO (protocol 5) over Engine.IO (protocol 4), by WebSocket from the start.

use std::net::SocketAddr;

use protocol::{Resume, Start};

use super::websocket::{CLOSE, Frames, TEXT};
use super::{Client, Received, ReceivedMessage, missed};

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
