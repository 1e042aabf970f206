//! Engine.IO, protocol 4: packets, how polling bodies carry several of them, and the open packet.
//!
//! By the protocol document of the reference implementation (`socketio/socket.io`,
//! `docs/engine.io-protocol/v4-current.md`): its sections "Protocol" (packet types), "Handshake" (the open packet),
//! "Upgrade" (the probe) and "Packet encoding". What a packet's data means is not looked at here; Socket.IO's is in
//! [`socket_io`](crate::socket_io).

mod handshake;
mod payload;

use bytes::{BufMut, Bytes, BytesMut};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use handshake::{Handshake, HandshakeError};
pub use payload::Decoder;

/// The protocol's version, as in the query: `EIO=4`.
pub const VERSION: u8 = 4;
/// Separates the packets of a polling body ("Packet encoding", "HTTP long-polling").
pub const SEPARATOR: u8 = 0x1e;
/// Precedes binary data in a polling body, which is base64 (the same section).
pub const BINARY: u8 = b'b';
/// The data of the ping and the pong that try out a WebSocket ("Upgrade").
pub const PROBE: &[u8] = b"probe";

/// What a packet is for ("Protocol"); its number is the digit that the packet begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The server's first, with the session's parameters.
    Open = 0,
    /// The transport can be closed.
    Close = 1,
    /// The server's heartbeat, or the client's probe.
    Ping = 2,
    /// The answer to either.
    Pong = 3,
    /// Data.
    Message = 4,
    /// The client goes on by WebSocket.
    Upgrade = 5,
    /// Nothing: releases a poll while the transport changes.
    Noop = 6,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Open, Self::Close, Self::Ping, Self::Pong, Self::Message, Self::Upgrade, Self::Noop];

    /// Its digit on the wire.
    pub fn digit(self) -> u8 {
        b'0' + self as u8
    }

    /// The type by a packet's first byte; none when it is no packet's.
    pub fn of(digit: u8) -> Option<Self> {
        Self::ALL.get(usize::from(digit.checked_sub(b'0')?)).copied()
    }
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// Its kind and its data, which is UTF-8.
    Text(Kind, Bytes),
    /// A message of bytes: a binary frame of WebSocket, base64 in a polling body.
    Binary(Bytes),
}

/// Why bytes are no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// There is nothing where a packet should be.
    #[error("a packet is empty")]
    Empty,
    /// The first byte is no packet's.
    #[error("a packet begins with {}, which is no packet type", char::from(*.0).escape_default())]
    Kind(u8),
    /// A polling body is text.
    #[error("a packet is not UTF-8")]
    Encoding,
    /// Binary data in a polling body is base64.
    #[error("a binary packet is no base64")]
    Base64,
    /// Nobody takes so much.
    #[error("a packet is over the limit of {0} bytes")]
    Oversize(usize),
}

impl Packet {
    /// A packet without data.
    pub fn bare(kind: Kind) -> Self {
        Self::Text(kind, Bytes::new())
    }

    /// A text frame of WebSocket ("Packet encoding", "WebSocket"). A binary frame is [`Binary`](Self::Binary) as it is.
    ///
    /// # Errors
    ///
    /// When it is empty, or begins with no packet type.
    pub fn from_frame(text: &Bytes) -> Result<Self, PacketError> {
        let &digit = text.first().ok_or(PacketError::Empty)?;
        let kind = Kind::of(digit).ok_or(PacketError::Kind(digit))?;
        Ok(Self::Text(kind, text.slice(1..)))
    }

    /// One packet of a polling body ("Packet encoding", "HTTP long-polling").
    ///
    /// # Errors
    ///
    /// When it is empty, begins with no packet type, is no UTF-8, or its base64 is none.
    pub fn from_record(record: &Bytes) -> Result<Self, PacketError> {
        if let Some((&BINARY, base64)) = record.split_first() {
            return BASE64
                .decode(base64)
                .map_or(Err(PacketError::Base64), |data| Ok(Self::Binary(data.into())));
        }
        std::str::from_utf8(record).map_err(|_| PacketError::Encoding)?;
        Self::from_frame(record)
    }

    /// As a frame of WebSocket: a text frame's content for text, a binary frame's for bytes.
    pub fn to_frame(&self) -> Bytes {
        match self {
            Self::Text(kind, data) => {
                let mut frame = BytesMut::with_capacity(1 + data.len());
                frame.put_u8(kind.digit());
                frame.put_slice(data);
                frame.freeze()
            }
            Self::Binary(data) => data.clone(),
        }
    }

    /// How many bytes it takes in a polling body, without a separator.
    pub fn record_len(&self) -> usize {
        match self {
            Self::Text(_, data) => 1 + data.len(),
            Self::Binary(data) => 1 + data.len().div_ceil(3) * 4,
        }
    }

    /// Appends it to a polling body, after a separator unless it is the first.
    pub fn push_record(&self, body: &mut BytesMut) {
        body.reserve(1 + self.record_len());
        if !body.is_empty() {
            body.put_u8(SEPARATOR);
        }
        match self {
            Self::Text(kind, data) => {
                body.put_u8(kind.digit());
                body.put_slice(data);
            }
            Self::Binary(data) => {
                body.put_u8(BINARY);
                body.put_slice(BASE64.encode(data).as_bytes());
            }
        }
    }
}
