//! Raw TCP: a frame is four bytes of length, big-endian, and the message; the first frame up is the hello.

use std::net::SocketAddr;

use protocol::Resume;

use super::tcp::Tcp;
use super::{Client, Received, ReceivedMessage, missed};

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
