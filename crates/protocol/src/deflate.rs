//! WebSocket messages compressed by permessage-deflate (RFC 7692): messages to frames, and frames to messages.
//!
//! sockudo-ws parses and writes the frames and runs DEFLATE; what lies between is here. Messages are taken one at a
//! time, so that however much the input inflates to, one message within its limit is all that it can take up.
//!
//! Both sides take the context over from message to message unless they agreed otherwise, so a connection has a
//! compressor and a window of its own for as long as it lives: 331 KiB.
//!
//! DEFLATE has no checksum. A compressed message that breaks off inside a block is taken for what there is of it, and the
//! message after it is rejected.

use bytes::{BufMut as _, Bytes, BytesMut};
use sockudo_ws::deflate::{DeflateConfig, DeflateContext, negotiate_server_deflate, parse_deflate_offer};
use sockudo_ws::error::CloseReason;
use sockudo_ws::frame::{Frame, FrameParser, OpCode, encode_frame_with_rsv};
use sockudo_ws::mask::generate_mask;

pub use crate::websocket::Kind;

/// Which side of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Masks its frames (RFC 6455 §5.3).
    Client,
    /// Masks none.
    Server,
}

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A whole message, inflated; text is UTF-8.
    Data(Kind, Bytes),
    /// To be answered with a pong of the same bytes.
    Ping(Bytes),
    /// The answer to a ping.
    Pong,
    /// The peer sends nothing more, and may have given a reason.
    Close(Option<CloseFrame>),
}

/// The content of a close frame (RFC 6455 §5.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The close code (RFC 6455 §7.4).
    pub code: u16,
    /// At most 123 bytes.
    pub reason: String,
}

/// What the peer sent cannot be read, nor anything after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It is no frame, or none that is allowed there.
    #[error("{0}")]
    Protocol(&'static str),
    /// It is marked as compressed, and is not.
    #[error("a compressed message cannot be inflated")]
    Deflate,
    /// A text message holds something else.
    #[error("a text message is not UTF-8")]
    NotUtf8,
    /// It is longer than what is taken, before or after it is inflated.
    #[error("a message is over the limit of {limit}")]
    TooLong {
        /// Bytes of a message.
        limit: usize,
    },
}

impl Broken {
    /// The close code to answer with (RFC 6455 §7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            Self::Protocol(_) => CloseReason::PROTOCOL_ERROR,
            Self::Deflate | Self::NotUtf8 => CloseReason::INVALID_PAYLOAD,
            Self::TooLong { .. } => CloseReason::TOO_BIG,
        }
    }
}

/// One side of a connection on which permessage-deflate was agreed.
pub struct Codec {
    role: Role,
    limit: usize,
    input: BytesMut,
    parser: FrameParser,
    deflate: DeflateContext,
    partial: Option<Partial>,
}

/// A message whose last frame is still to come.
struct Partial {
    kind: Kind,
    compressed: bool,
    payload: BytesMut,
}

impl Codec {
    /// Takes messages of up to `limit` bytes, inflated.
    pub fn new(role: Role, agreement: Agreement, limit: usize) -> Self {
        let deflate = match role {
            Role::Client => DeflateContext::client(agreement.0),
            Role::Server => DeflateContext::server(agreement.0),
        };
        let parser = FrameParser::with_compression(longest_compressed(limit), role == Role::Server);
        Self { role, limit, input: BytesMut::new(), parser, deflate, partial: None }
    }

    /// Appends a message, compressed, to `out`.
    pub fn data(&mut self, kind: Kind, payload: &[u8], out: &mut BytesMut) {
        let compressed = self.deflate.compress(payload).expect("any bytes can be compressed");
        let rsv1 = compressed.is_some();
        let opcode = match kind {
            Kind::Text => OpCode::Text,
            Kind::Binary => OpCode::Binary,
        };
        encode_frame_with_rsv(out, opcode, compressed.as_deref().unwrap_or(payload), true, self.mask(), rsv1);
    }

    /// Appends a ping without content to `out`.
    pub fn ping(&self, out: &mut BytesMut) {
        self.control(OpCode::Ping, b"", out);
    }

    /// Appends the answer to a ping to `out`.
    pub fn pong(&self, pinged: &[u8], out: &mut BytesMut) {
        self.control(OpCode::Pong, pinged, out);
    }

    /// Appends a close frame to `out`; nothing may follow it.
    pub fn close(&self, frame: Option<&CloseFrame>, out: &mut BytesMut) {
        let mut payload = BytesMut::new();
        if let Some(CloseFrame { code, reason }) = frame {
            payload.put_u16(*code);
            payload.put_slice(reason.as_bytes());
        }
        self.control(OpCode::Close, &payload, out);
    }

    /// The buffer to read into; what is appended to it is the next part of the stream.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// The next whole message in what was read, if there is one.
    /// Fails when the peer sent what it may not; the stream cannot be read on then.
    pub fn next_message(&mut self) -> Result<Option<Message>, Broken> {
        while !self.input.is_empty() {
            let frame = self.parser.parse(&mut self.input).map_err(|error| self.broken(&error))?;
            let Some(frame) = frame else { return Ok(None) };
            if let Some(message) = self.take(frame)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn take(&mut self, frame: Frame) -> Result<Option<Message>, Broken> {
        let kind = match frame.header.opcode {
            OpCode::Ping => return Ok(Some(Message::Ping(frame.payload))),
            OpCode::Pong => return Ok(Some(Message::Pong)),
            OpCode::Close => return close_frame(&frame.payload).map(|said| Some(Message::Close(said))),
            OpCode::Continuation => return self.go_on(&frame),
            OpCode::Text => Kind::Text,
            OpCode::Binary => Kind::Binary,
        };
        if self.partial.is_some() {
            return Err(Broken::Protocol("a message begins within another"));
        }
        let compressed = frame.header.rsv1;
        if frame.header.fin {
            return self.whole(kind, compressed, frame.payload).map(Some);
        }
        self.partial = Some(Partial { kind, compressed, payload: BytesMut::from(frame.payload) });
        Ok(None)
    }

    fn go_on(&mut self, frame: &Frame) -> Result<Option<Message>, Broken> {
        let partial =
            self.partial.as_mut().ok_or(Broken::Protocol("a message goes on that has not begun"))?;
        if partial.payload.len() + frame.payload.len() > longest_compressed(self.limit) {
            return Err(Broken::TooLong { limit: self.limit });
        }
        partial.payload.extend_from_slice(&frame.payload);
        match self.partial.take_if(|_| frame.header.fin) {
            Some(Partial { kind, compressed, payload }) => {
                self.whole(kind, compressed, payload.freeze()).map(Some)
            }
            None => Ok(None),
        }
    }

    fn whole(&mut self, kind: Kind, compressed: bool, payload: Bytes) -> Result<Message, Broken> {
        let payload = if compressed {
            let inflated = self.deflate.decompress(&payload, self.limit);
            inflated.map_err(|error| self.broken(&error))?
        } else if payload.len() > self.limit {
            return Err(Broken::TooLong { limit: self.limit });
        } else {
            payload
        };
        match kind {
            Kind::Text if std::str::from_utf8(&payload).is_err() => Err(Broken::NotUtf8),
            kind => Ok(Message::Data(kind, payload)),
        }
    }

    fn control(&self, opcode: OpCode, payload: &[u8], out: &mut BytesMut) {
        encode_frame_with_rsv(out, opcode, payload, true, self.mask(), false);
    }

    fn mask(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(generate_mask)
    }

    fn broken(&self, error: &sockudo_ws::Error) -> Broken {
        use sockudo_ws::Error;
        match error {
            Error::Protocol(what) | Error::InvalidFrame(what) => Broken::Protocol(what),
            Error::MessageTooLarge | Error::FrameTooLarge => Broken::TooLong { limit: self.limit },
            // The decoder knows no other error than its stream's.
            _ => Broken::Deflate,
        }
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec").field("role", &self.role).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// What DEFLATE can make of a message at most: blocks that are stored as they are add five bytes each (RFC 1951 §3.2.4).
fn longest_compressed(limit: usize) -> usize {
    limit.saturating_add(limit / 1_000).saturating_add(64)
}

fn close_frame(payload: &[u8]) -> Result<Option<CloseFrame>, Broken> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Broken::Protocol("half a close code")) };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseReason::is_valid_code(code) {
        return Err(Broken::Protocol("a close code that none may send"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Broken::NotUtf8)?.to_owned();
    Ok(Some(CloseFrame { code, reason }))
}

/// What a client offers, word for word what browsers do: its own window may be made smaller.
pub const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// How both sides compress. Contexts are taken over and windows are of 32 KiB, unless the other side requests less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement(DeflateConfig);

/// The server answered an [`OFFER`] with something else than it allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("permessage-deflate was asked for, and the server agreed to {answered}")]
pub struct Disagreement {
    /// Its `sec-websocket-extensions`.
    pub answered: String,
}

impl Agreement {
    /// The server's part: takes the first of the client's offers that can be kept, and returns what it answers.
    pub fn answer(offers: &str) -> Option<(Self, String)> {
        let agreed = negotiate_server_deflate(offers, &policy())?;
        let answer = agreed.to_response_header();
        Some((Self(agreed.config), answer))
    }

    /// The client's part: takes the server's answer to an [`OFFER`].
    /// Fails when there is none, or when it is for another extension, or has parameters that no server may answer with or
    /// that cannot be kept (a window of 256 bytes to compress with).
    pub fn of_answer(answer: Option<&str>) -> Result<Self, Disagreement> {
        answer
            .and_then(read_answer)
            .map(Self)
            .ok_or_else(|| Disagreement { answered: answer.unwrap_or("nothing").to_owned() })
    }
}

fn read_answer(answer: &str) -> Option<DeflateConfig> {
    let parameters = parse_deflate_offer(answer)?;
    // Only an offer may leave the size open (RFC 7692 §7.1.2.2).
    if parameters.contains(&("client_max_window_bits", None)) {
        return None;
    }
    let agreed = DeflateConfig::from_params(&parameters).ok()?;
    Some(DeflateConfig { compression_threshold: policy().compression_threshold, ..agreed })
}

/// Level 6 is zlib's default. Every message is compressed, except an empty one: its second flush in a row yields nothing.
fn policy() -> DeflateConfig {
    DeflateConfig { compression_level: 6, compression_threshold: 1, ..DeflateConfig::default() }
}
