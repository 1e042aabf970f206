//! The bytes of one connection, by what it speaks.
//!
//! Pure: no I/O and no clock. Whose bytes they are often only the other direction tells, so both are taken in here.

use model::byte_account::{Account, Layers};
use model::trial::Direction;
use protocol::frame::FRAMING_LEN;

use super::byte_counts::{Layer, arrive, layers_of, settle, split_at_most};
use super::message::{Finding, Meter, settle_whole};
use super::{http1, http2};

/// What a connection speaks from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, and WebSocket after an upgrade. What a path of [`protocol::paths::SOCKETIO`] asks for is Engine.IO.
    Http,
    /// The same at a server of others, whose messages may be anywhere in frames, events, lines and bodies.
    TargetHttp,
    /// HTTP/2 from its preface on, and WebSocket in the streams of extended CONNECT (RFC 8441). Engine.IO as above.
    Http2,
    /// Length-prefixed frames, the client's hello first.
    RawTcp,
}

/// Attributes the bytes of one connection to layers.
///
/// Every byte belongs to exactly one layer; what is still open, and all that follows something malformed, is
/// `unfinished`. How a stream is cut makes no difference.
#[derive(Debug)]
pub struct Classifier {
    spoken: Spoken,
}

#[derive(Debug)]
enum Spoken {
    Http(Box<http1::Connection>),
    RawTcp { up: LengthPrefixed, down: LengthPrefixed },
    Http2(http2::Connection),
}

impl Classifier {
    /// A connection that begins with this protocol.
    pub fn new(protocol: Protocol) -> Self {
        let spoken = match protocol {
            Protocol::Http => Spoken::Http(Box::new(http1::Connection::new(Finding::Whole))),
            Protocol::TargetHttp => Spoken::Http(Box::new(http1::Connection::new(Finding::Anywhere))),
            Protocol::Http2 => Spoken::Http2(http2::Connection::new()),
            Protocol::RawTcp => Spoken::RawTcp {
                up: LengthPrefixed::beginning_with(FrameBody::Hello),
                down: LengthPrefixed::beginning_with(FrameBody::Message),
            },
        };
        Self { spoken }
    }

    /// Takes in bytes that the client wrote to the socket.
    pub fn up(&mut self, bytes: &[u8], account: &mut Account) {
        self.take(Direction::Up, bytes, account);
    }

    /// Takes in bytes that the client read from the socket.
    pub fn down(&mut self, bytes: &[u8], account: &mut Account) {
        self.take(Direction::Down, bytes, account);
    }

    pub(super) fn take(&mut self, direction: Direction, bytes: &[u8], account: &mut Account) {
        arrive(layers_of(account, direction), bytes.len());
        self.attribute(direction, bytes, account);
    }

    /// As [`Self::take`], for bytes that are in the account already, as `unfinished`: what a TLS record held.
    pub(super) fn attribute(&mut self, direction: Direction, bytes: &[u8], account: &mut Account) {
        match &mut self.spoken {
            Spoken::Http(connection) => connection.take(direction, bytes, account),
            Spoken::Http2(connection) => connection.take(direction, bytes, account),
            Spoken::RawTcp { up, down } => {
                let frames = if direction == Direction::Up { up } else { down };
                frames.take(bytes, layers_of(account, direction));
            }
        }
    }
}

/// Takes in a stream of frames of raw TCP: four bytes of length, then a message. The client's first is its hello.
#[derive(Debug)]
struct LengthPrefixed {
    next: FrameBody,
    prefix: [u8; FRAMING_LEN],
    prefix_len: usize,
    /// Bytes of the frame that are still to come, once its prefix is whole.
    left: Option<u64>,
    message: Meter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameBody {
    Hello,
    Message,
}

impl LengthPrefixed {
    fn beginning_with(first: FrameBody) -> Self {
        let prefix = [0; FRAMING_LEN];
        Self { next: first, prefix, prefix_len: 0, left: None, message: Meter::new(Finding::Whole) }
    }

    fn take(&mut self, mut bytes: &[u8], layers: &mut Layers) {
        while !bytes.is_empty() {
            bytes = match self.left {
                Some(left) => self.take_body(left, bytes, layers),
                None => self.take_prefix(bytes, layers),
            };
        }
    }

    fn take_prefix<'a>(&mut self, bytes: &'a [u8], layers: &mut Layers) -> &'a [u8] {
        let (part, rest) = split_at_most(bytes, (FRAMING_LEN - self.prefix_len) as u64);
        self.prefix[self.prefix_len..][..part.len()].copy_from_slice(part);
        self.prefix_len += part.len();
        if self.prefix_len == FRAMING_LEN {
            self.prefix_len = 0;
            self.keep_on(u64::from(u32::from_be_bytes(self.prefix)), layers);
        }
        rest
    }

    fn take_body<'a>(&mut self, left: u64, bytes: &'a [u8], layers: &mut Layers) -> &'a [u8] {
        let (data, rest) = split_at_most(bytes, left);
        if data.len() as u64 == left && self.message.is_empty() && self.next == FrameBody::Message {
            settle_whole(data, FRAMING_LEN as u64, layers);
            self.left = None;
        } else {
            self.message.push(data);
            self.keep_on(left - data.len() as u64, layers);
        }
        rest
    }

    /// Goes on with the frame if more of it must come, else ends it.
    fn keep_on(&mut self, left: u64, layers: &mut Layers) {
        self.left = (left > 0).then_some(left);
        if left > 0 {
            return;
        }
        let framing = FRAMING_LEN as u64;
        match std::mem::replace(&mut self.next, FrameBody::Message) {
            FrameBody::Hello => settle(layers, Layer::Handshake, self.message.take_len() + framing),
            FrameBody::Message => {
                self.message.settle(framing, layers);
            }
        }
    }
}
