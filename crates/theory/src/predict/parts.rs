//! What exchanges consist of: heads (text on HTTP/1.1, header blocks on HTTP/2), and messages with their framing.

use crate::case::{Case, Date, Direction, Head, Security, Version};
use crate::framing::websocket::Mask;
use crate::framing::{engine_io, socket_io, sse, websocket};
use crate::hpack::{Encoder, Policy, TABLE_SIZE};
use crate::http1::{self, Field};
use crate::prediction::{Exactness, Layers, layer};
use crate::transport::http2;

/// A head's bytes, as the first of its connection and direction, and after another like it.
pub(super) struct HeadBytes {
    version: Version,
    first: u64,
    later: u64,
    later_is: Exactness,
}

/// Whether a head is the first of its connection and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// HPACK's dynamic table is empty.
    First,
    /// It holds the fields of the head before.
    Later,
}

impl HeadBytes {
    /// Adds the head to its layers: `of_head`, and on HTTP/2 those of header blocks and frame headers. With
    /// [`layer::CONTROL`], a poll that found nothing, frame headers are control too.
    pub(super) fn add(&self, to: Layers, turn: Turn, of_head: &'static str) -> Layers {
        let (bytes, exactness) = match turn {
            Turn::First => (self.first, Exactness::Exact),
            Turn::Later => (self.later, self.later_is),
        };
        if self.version == Version::Http1 {
            return to.with(of_head, bytes, exactness);
        }
        let of_block = if turn == Turn::First { layer::FIRST_HEADER_BLOCK } else { of_head };
        let of_frames = if of_head == layer::CONTROL { layer::CONTROL } else { layer::FRAME_HEADERS };
        let framing = http2::header_framing(bytes, http2::MAX_FRAME_SIZE);
        to.with(of_block, bytes, exactness).with(of_frames, framing, Exactness::Exact)
    }
}

/// The request's head, with the length of its content if it has any.
pub(super) fn request(case: &Case<'_>, head: &Head<'_>, content: Option<u64>) -> HeadBytes {
    let target = target_after(head.target, case.seq.saturating_sub(1));
    let length = content.map(|bytes| bytes.to_string());
    let fields = with_length(head.request, length.as_deref());
    let exact = Exactness::when(!names(&fields, "if-none-match"));
    match case.version {
        Version::Http1 => same(http1::request_head(head.method, &target, &fields), exact),
        Version::Http2 => {
            let block = request_block(head, &target, case.security, &fields);
            let mut encoder = Encoder::new(Policy::H2, TABLE_SIZE);
            // What keeps a poll of Engine.IO out of caches is another text each time, and Huffman's code weighs it.
            let exact = if head.target.contains("&t=") { Exactness::AtLeast } else { exact };
            blocks(encoder.block(&block), encoder.block(&block), exact)
        }
    }
}

/// The answer's head. None when the standard has no reason phrase for its status.
pub(super) fn response(case: &Case<'_>, head: &Head<'_>, content: Option<u64>) -> Option<HeadBytes> {
    let length = content.map(|bytes| bytes.to_string());
    let fields = with_length(head.response, length.as_deref());
    let exact = !names(&fields, "etag");
    match case.version {
        Version::Http1 => Some(same(http1::response_head(head.status, &fields)?, Exactness::when(exact))),
        Version::Http2 => {
            let status = head.status.to_string();
            let block = response_block(&status, &fields);
            let first = Encoder::new(Policy::H2, TABLE_SIZE).block(&block);
            let known = case.date != Date::Unknown || !names(&fields, "date");
            Some(blocks(first, behind_another(&block, case.date), Exactness::when(exact && known)))
        }
    }
}

fn same(bytes: u64, exactness: Exactness) -> HeadBytes {
    HeadBytes { version: Version::Http1, first: bytes, later: bytes, later_is: exactness }
}

fn blocks(first: u64, later: u64, later_is: Exactness) -> HeadBytes {
    HeadBytes { version: Version::Http2, first, later, later_is }
}

/// A response's block after one that differed at most in its date.
fn behind_another(block: &[Field<'_>], date: Date) -> u64 {
    const EARLIER: &str = "Thu, 01 Jan 1970 00:00:00 GMT";
    let dated = |&(name, value)| match name {
        "date" if date == Date::Changed => (name, EARLIER),
        _ => (name, value),
    };
    let mut encoder = Encoder::new(Policy::H2, TABLE_SIZE);
    encoder.block(&block.iter().map(dated).collect::<Vec<_>>());
    encoder.block(block)
}

/// Replaces the digits after `after=` by this position, which moves with every response.
fn target_after(target: &str, position: u64) -> String {
    const AFTER: &str = "after=";
    let Some(found) = target.find(AFTER) else { return target.to_owned() };
    let (before, rest) = target.split_at(found + AFTER.len());
    format!("{before}{position}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

/// The fields with `content-length` as it must be (RFC 9110 §8.6): set in place, or added where content has none.
fn with_length<'a>(fields: &[Field<'a>], length: Option<&'a str>) -> Vec<Field<'a>> {
    const NAME: &str = "content-length";
    let Some(length) = length else { return fields.to_vec() };
    let mut fields = fields.to_vec();
    match fields.iter_mut().find(|(name, _)| *name == NAME) {
        Some(field) => field.1 = length,
        None => fields.push((NAME, length)),
    }
    fields
}

fn names(fields: &[Field<'_>], wanted: &str) -> bool {
    fields.iter().any(|(name, _)| *name == wanted)
}

/// Pseudo-header fields first (RFC 9113 §8.3.1, RFC 8441 §4), in the order of the `h2` crate.
fn request_block<'a>(
    head: &Head<'a>,
    target: &'a str,
    security: Security,
    fields: &[Field<'a>],
) -> Vec<Field<'a>> {
    let scheme = if security == Security::Tls { "https" } else { "http" };
    let authority = fields.iter().find(|(name, _)| matches!(*name, "host" | ":authority"));
    let mut block = vec![(":method", head.method), (":scheme", scheme)];
    block.extend(authority.map(|&(_, authority)| (":authority", authority)));
    block.push((":path", target));
    if head.method == "CONNECT" {
        block.push(websocket::EXTENDED_CONNECT);
    }
    block.extend(end_to_end(fields));
    block
}

/// The status (RFC 9113 §8.3.2), and the fields.
fn response_block<'a>(status: &'a str, fields: &[Field<'a>]) -> Vec<Field<'a>> {
    let mut block = vec![(":status", status)];
    block.extend(end_to_end(fields));
    block
}

/// What HTTP/2 sends of a head's fields: nothing that speaks of the connection (RFC 9113 §8.2.2), and neither `host`
/// nor what else became a pseudo-header field.
fn end_to_end<'a>(fields: &[Field<'a>]) -> impl Iterator<Item = Field<'a>> {
    const OF_CONNECTION: [&str; 6] =
        ["connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
    fields.iter().copied().filter(|(name, _)| !name.starts_with(':') && !OF_CONNECTION.contains(name))
}

/// What separates messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing: the content of a POST is one message.
    None,
    /// A newline after each: NDJSON.
    Line,
    /// Fields of Server-Sent Events (WHATWG HTML §9.2).
    Sse,
    /// A WebSocket frame header (RFC 6455 §5.2).
    Frame,
    /// A length of four bytes before each.
    Length,
    /// An event of Socket.IO, in a body with others.
    Record,
    /// The same in a WebSocket frame.
    PacketFrame,
}

/// The event that carries a message of ours.
const EVENT: u64 = "message".len() as u64;

impl Framing {
    /// Framing of the message with this sequence number, without its packet's.
    fn of(self, case: &Case<'_>, seq: u64) -> u64 {
        match self {
            Self::None | Self::Record => 0,
            Self::Line => 1,
            Self::Sse => sse::event_framing(seq),
            Self::Frame => websocket::frame_header(case.message.bytes(), mask(case.direction)),
            Self::Length => 4,
            Self::PacketFrame => {
                let packet = self.engine_io() + self.socket_io() + case.message.bytes();
                websocket::frame_header(packet, mask(case.direction))
            }
        }
    }

    /// Engine.IO's bytes of each packet.
    fn engine_io(self) -> u64 {
        if self.is_packet() { engine_io::TYPE } else { 0 }
    }

    /// Socket.IO's bytes of each packet.
    fn socket_io(self) -> u64 {
        if self.is_packet() { socket_io::event(EVENT) } else { 0 }
    }

    fn is_packet(self) -> bool {
        matches!(self, Self::Record | Self::PacketFrame)
    }
}

/// A client masks, a server does not (RFC 6455 §5.1).
fn mask(direction: Direction) -> Mask {
    match direction {
        Direction::Up => Mask::Masked,
        Direction::Down => Mask::Plain,
    }
}

/// Bytes of each message of the exchange with its framing. A record separator counts with the later record.
pub(super) fn message_units(case: &Case<'_>, framing: Framing) -> impl Iterator<Item = u64> {
    let message = case.message.bytes() + framing.engine_io() + framing.socket_io();
    seqs(case).map(move |seq| {
        let separated = u64::from(framing == Framing::Record && seq > case.seq);
        message + framing.of(case, seq) + separated
    })
}

/// The messages of the exchange by layer.
pub(super) fn message_layers(case: &Case<'_>, framing: Framing) -> Layers {
    let around = seqs(case).map(|seq| framing.of(case, seq)).sum();
    let separators = if framing == Framing::Record { engine_io::separators(case.batch) } else { 0 };
    Layers::default()
        .with(layer::PAYLOAD, case.batch * case.message.payload, Exactness::Exact)
        .with(layer::STAMP, case.batch * case.message.stamp, Exactness::Exact)
        .with(layer::MESSAGE_FRAMING, around, Exactness::Exact)
        .with(layer::ENGINE_IO, case.batch * framing.engine_io() + separators, Exactness::Exact)
        .with(layer::SOCKET_IO, case.batch * framing.socket_io(), Exactness::Exact)
}

fn seqs(case: &Case<'_>) -> impl Iterator<Item = u64> + use<> {
    case.seq..case.seq.saturating_add(case.batch)
}
