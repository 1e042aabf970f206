//! Raw TCP: a frame is four bytes of length, big-endian, and the message; the first frame up is the hello.

use std::net::SocketAddr;

use protocol::Resume;

use super::tcp::Tcp;
use super::{Client, Heard, Said, missed};

/// A subscriber behind its hello.
pub(super) struct RawTcp(Tcp);

impl RawTcp {
    pub(super) fn open(address: SocketAddr, resume: Resume) -> Self {
        let mut client = Self(Tcp::connect(address));
        client.say(resume.to_string().as_bytes());
        client
    }
}

impl Client for RawTcp {
    fn hear(&mut self) -> Heard {
        let Some(head) = self.0.exactly(4) else { return Heard::End("closed") };
        let len = u32::from_be_bytes(*head.first_chunk().expect("four bytes"));
        let body = self.0.whole(len as usize);
        if body.starts_with(b"{") {
            return Heard::TooSlow { missed: missed(&String::from_utf8_lossy(&body)) };
        }
        Heard::Message(Said::decode(&body))
    }

    fn say(&mut self, message: &[u8]) {
        let len = u32::try_from(message.len()).expect("messages here are short");
        self.0.send(&[&len.to_be_bytes()[..], message].concat());
    }

    /// The hello has asked, for good.
    fn ask_and_look_away(&mut self) {}

    fn local_address(&self) -> SocketAddr {
        self.0.local_address()
    }
}
