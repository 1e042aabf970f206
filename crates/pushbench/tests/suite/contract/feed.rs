//! The application beside the server: publishes by the feed, and takes what subscribers send to it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use protocol::frame::{FRAMING_LEN, decode_feed, encode_feed};

use crate::contract::client::{Said, message};
use crate::server_process::LONGEST;

/// A connection to a server's feed.
pub(crate) struct Feed(UnixStream);

impl Feed {
    pub(crate) fn connect(path: &str) -> Self {
        let stream = UnixStream::connect(path).expect("the server's feed listens");
        stream.set_read_timeout(Some(LONGEST)).expect("a time-out");
        stream.set_write_timeout(Some(LONGEST)).expect("a time-out");
        Self(stream)
    }

    /// Publishes a message with this payload.
    pub(crate) fn publish(&mut self, channel: u32, payload: &str) {
        self.0.write_all(&encode_feed(channel, &message(payload))).expect("the server reads its feed");
    }

    /// The next message that a subscriber sent to the application, and its channel.
    pub(crate) fn take(&mut self) -> (u32, Said) {
        let mut head = [0; FRAMING_LEN];
        self.0.read_exact(&mut head).expect("a frame");
        let mut body = vec![0; u32::from_be_bytes(head) as usize];
        self.0.read_exact(&mut body).expect("a whole frame");
        let (channel, message) = decode_feed(body.into()).expect("a channel and a message");
        (channel, Said::decode(&message))
    }
}
