//! Engine.IO, protocol 4: packets, how polling bodies carry several of them, and the open packet.
//!
//! By the protocol document of the reference implementation (`socketio/socket.io`,
//! `docs/engine.io-protocol/v4-current.md`): its sections "Protocol" (packet types), "Handshake" (the open packet),
//! "Upgrade" (the probe) and "Packet encoding". What a packet's data means is not looked at here; Socket.IO's is in
//! [`socket_io`](crate::socket_io).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The protocol's version, as in the query: `EIO=4`.
pub const VERSION: u8 = 4;
/// Separates the packets of a polling body ("Packet encoding", "HTTP long-polling").
pub const SEPARATOR: u8 = 0x1e;
/// Precedes binary data in a polling body, which is base64 (the same section).
pub const BINARY: u8 = b'b';
/// The data of the ping and the pong that try out a WebSocket ("Upgrade").
pub const PROBE: &[u8] = b"probe";

// "Protocol".
packet_kinds! {
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
    /// Fails when it is empty, or begins with no packet type.
    pub fn from_frame(text: &Bytes) -> Result<Self, PacketError> {
        let &digit = text.first().ok_or(PacketError::Empty)?;
        let kind = Kind::of(digit).ok_or(PacketError::Kind(digit))?;
        Ok(Self::Text(kind, text.slice(1..)))
    }

    /// One packet of a polling body ("Packet encoding", "HTTP long-polling").
    /// Fails when it is empty, begins with no packet type, is no UTF-8, or its base64 is none.
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

/// Splits a polling body into packets as it comes. The last one ends with the body.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    scanned: usize,
    limit: usize,
}

impl Decoder {
    /// A decoder of one body that takes packets of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, limit }
    }

    /// Takes in the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet, if any.
    /// Fails when it is no packet, or what has come of it is over the limit. Nothing after it can be trusted.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, PacketError> {
        let found = memchr::memchr(SEPARATOR, &self.buffer[self.scanned..]);
        let end = self.scanned + found.unwrap_or(self.buffer.len() - self.scanned);
        self.check(end)?;
        if found.is_none() {
            self.scanned = end;
            return Ok(None);
        }
        let record = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        self.scanned = 0;
        Packet::from_record(&record).map(Some)
    }

    /// The last packet, when the body has ended and [`next_packet`](Self::next_packet) has nothing more.
    /// Fails when it is no packet; that of an empty body, or behind a last separator, is empty, which is none.
    pub fn finish(self) -> Result<Packet, PacketError> {
        self.check(self.buffer.len())?;
        Packet::from_record(&self.buffer.freeze())
    }

    fn check(&self, len: usize) -> Result<(), PacketError> {
        if len > self.limit { Err(PacketError::Oversize(self.limit)) } else { Ok(()) }
    }
}

/// A session's parameters, as in the server's open packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The session's id, which every later request carries.
    pub sid: String,
    /// The transports to which the session can be upgraded.
    pub upgrades: Vec<String>,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long it waits for the pong. A client that hears no ping within both together takes the connection for
    /// closed ("Heartbeat").
    pub ping_timeout: Duration,
    /// The largest polling body that the server takes, in bytes; none if it is not given (engine.io before 6.2).
    pub max_payload: Option<u64>,
}

/// Why data is no handshake.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It is not the JSON object that it must be.
    #[error("the open packet is not what it must be")]
    Json(#[from] serde_json::Error),
    /// It is something else than an object.
    #[error("the open packet is no object")]
    NoObject,
    /// It names no session.
    #[error("the open packet has an empty session id")]
    NoSession,
}

/// The JSON, times in milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    sid: String,
    upgrades: Vec<String>,
    ping_interval: u64,
    ping_timeout: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_payload: Option<u64>,
}

impl Handshake {
    /// Reads an open packet's data; keys that it does not know are passed over.
    /// Fails when it is no JSON object with what a handshake must have.
    pub fn decode(data: &[u8]) -> Result<Self, HandshakeError> {
        // serde would take an array for it, too.
        if !data.trim_ascii_start().starts_with(b"{") {
            return Err(HandshakeError::NoObject);
        }
        let Json { sid, upgrades, ping_interval, ping_timeout, max_payload } = serde_json::from_slice(data)?;
        if sid.is_empty() {
            return Err(HandshakeError::NoSession);
        }
        let (ping_interval, ping_timeout) =
            (Duration::from_millis(ping_interval), Duration::from_millis(ping_timeout));
        Ok(Self { sid, upgrades, ping_interval, ping_timeout, max_payload })
    }

    /// An open packet's data, times cut to whole milliseconds.
    pub fn encode(&self) -> String {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let json = Json {
            sid: self.sid.clone(),
            upgrades: self.upgrades.clone(),
            ping_interval: ms(self.ping_interval),
            ping_timeout: ms(self.ping_timeout),
            max_payload: self.max_payload,
        };
        serde_json::to_string(&json).expect("strings and numbers are JSON")
    }

    /// How long a client waits for a ping before it takes the connection for closed ("Heartbeat").
    pub fn patience(&self) -> Duration {
        self.ping_interval.saturating_add(self.ping_timeout)
    }
}
