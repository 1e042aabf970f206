//! The bytes of one connection, by what it speaks.
//!
//! Pure: no I/O and no clock. Whose bytes they are often only the other direction tells, so both are taken in here.

use model::byte_account::Account;

use super::byte_counts::arrive;
use super::length_prefixed::{self, LengthPrefixed};
use super::{http1, http2};

/// What a connection speaks from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, and WebSocket after an upgrade. What a path of [`protocol::paths::SOCKETIO`] asks for is Engine.IO.
    Http,
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
    Http(http1::Connection),
    RawTcp { up: LengthPrefixed, down: LengthPrefixed },
    Http2(http2::Connection),
}

impl Classifier {
    /// A connection that begins with this protocol.
    pub fn new(protocol: Protocol) -> Self {
        let spoken = match protocol {
            Protocol::Http => Spoken::Http(http1::Connection::new()),
            Protocol::Http2 => Spoken::Http2(http2::Connection::new()),
            Protocol::RawTcp => Spoken::RawTcp {
                up: LengthPrefixed::beginning_with(length_prefixed::Body::Hello),
                down: LengthPrefixed::beginning_with(length_prefixed::Body::Message),
            },
        };
        Self { spoken }
    }

    /// Takes in bytes that the client wrote to the socket.
    pub fn up(&mut self, bytes: &[u8], account: &mut Account) {
        arrive(&mut account.up, bytes.len());
        self.attribute_up(bytes, account);
    }

    /// Takes in bytes that the client read from the socket.
    pub fn down(&mut self, bytes: &[u8], account: &mut Account) {
        arrive(&mut account.down, bytes.len());
        self.attribute_down(bytes, account);
    }

    /// As [`Self::up`], for bytes that are in the account already, as `unfinished`: what a TLS record held.
    pub fn attribute_up(&mut self, bytes: &[u8], account: &mut Account) {
        match &mut self.spoken {
            Spoken::Http(connection) => connection.up(bytes, account),
            Spoken::RawTcp { up, .. } => up.take(bytes, &mut account.up),
            Spoken::Http2(connection) => connection.up(bytes, account),
        }
    }

    /// As [`Self::down`], for bytes that are in the account already, as `unfinished`: what a TLS record held.
    pub fn attribute_down(&mut self, bytes: &[u8], account: &mut Account) {
        match &mut self.spoken {
            Spoken::Http(connection) => connection.down(bytes, account),
            Spoken::RawTcp { down, .. } => down.take(bytes, &mut account.down),
            Spoken::Http2(connection) => connection.down(bytes, account),
        }
    }
}
