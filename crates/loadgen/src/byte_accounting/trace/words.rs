//! What a flight is, in the words of its protocol. A flight that cannot be read is described by its length.

use std::fmt::Write as _;

use model::trial::Direction;
use protocol::frame::FRAMING_LEN;
use protocol::websocket;

use crate::byte_accounting::body::Framing;
use crate::byte_accounting::classifier::Protocol;
use crate::byte_accounting::head::{Response, end_of_head, read_request, read_response};

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Words {
    up: Half,
    down: Half,
}

#[derive(Debug)]
struct Half {
    next: Unit,
    /// Bytes that are still to come of the unit that began last.
    left: usize,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Request,
    Response,
    Chunk,
    WebSocketFrame,
    Hello,
    RawTcpFrame,
    Unreadable,
}

/// A unit that has begun: its words, its length with all that belongs to it, and what follows.
struct Read {
    words: String,
    len: usize,
    next: Unit,
}

impl Words {
    /// A fresh connection; without a protocol nothing of it can be read.
    pub(super) fn of(protocol: Option<Protocol>) -> Self {
        let (up, down) = match protocol {
            Some(Protocol::Http | Protocol::TargetHttp) => (Unit::Request, Unit::Response),
            Some(Protocol::RawTcp) => (Unit::Hello, Unit::RawTcpFrame),
            Some(Protocol::Http2) | None => (Unit::Unreadable, Unit::Unreadable),
        };
        Self { up: Half { next: up, left: 0 }, down: Half { next: down, left: 0 } }
    }

    /// All that is in a flight; equal neighbours are counted.
    pub(super) fn of_flight(&mut self, direction: Direction, bytes: &[u8]) -> String {
        let half = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        let units = half.units(bytes);
        if matches!(self.down.next, Unit::WebSocketFrame) {
            self.up.next = Unit::WebSocketFrame;
        }
        joined(&units)
    }
}

fn joined(units: &[String]) -> String {
    let mut all = String::new();
    for same in units.chunk_by(|one, other| one == other) {
        let separator = if all.is_empty() { "" } else { " + " };
        let count = if same.len() > 1 { format!("{} × ", same.len()) } else { String::new() };
        // Writing to a string does not fail.
        let _ = write!(all, "{separator}{count}{}", same[0]);
    }
    all
}

impl Half {
    fn units(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut units = Vec::new();
        if self.left > 0 {
            units.push("the rest".to_owned());
            bytes = self.pass(bytes, self.left);
        }
        while !bytes.is_empty() {
            let read = self.next.read(bytes).unwrap_or_else(|| Read {
                words: format!("{} bytes", bytes.len()),
                len: bytes.len(),
                next: Unit::Unreadable,
            });
            units.push(read.words);
            self.next = read.next;
            bytes = self.pass(bytes, read.len);
        }
        units
    }

    /// What follows the next `len` bytes; those that are not there are waited for.
    fn pass<'a>(&mut self, bytes: &'a [u8], len: usize) -> &'a [u8] {
        let there = len.min(bytes.len());
        self.left = len - there;
        &bytes[there..]
    }
}

impl Unit {
    fn read(self, bytes: &[u8]) -> Option<Read> {
        match self {
            Self::Request => request(bytes),
            Self::Response => response(bytes),
            Self::Chunk => chunk(bytes),
            Self::WebSocketFrame => web_socket_frame(bytes),
            Self::Hello => raw_tcp_frame(bytes, "hello"),
            Self::RawTcpFrame => raw_tcp_frame(bytes, "frame"),
            Self::Unreadable => None,
        }
    }
}

fn request(bytes: &[u8]) -> Option<Read> {
    let head_len = end_of_head(bytes, 0)?;
    let request = read_request(&bytes[..head_len])?;
    let mut words = std::str::from_utf8(bytes).ok()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next().unwrap_or(target);
    let Framing::Length(len) = request.body else { return None };
    Some(Read { words: format!("{method} {path}"), len: head_len + len as usize, next: Unit::Request })
}

fn response(bytes: &[u8]) -> Option<Read> {
    let head_len = end_of_head(bytes, 0)?;
    let Response { status, body, .. } = read_response(&bytes[..head_len])?;
    let (len, next) = match (status, body) {
        (101, _) => (0, Unit::WebSocketFrame),
        (100..200 | 204 | 304, _) => (0, Unit::Response),
        (_, Framing::Chunked(_)) => (0, Unit::Chunk),
        (_, Framing::Length(length)) => (length as usize, Unit::Response),
        (_, Framing::UntilClose) => (0, Unit::Unreadable),
    };
    Some(Read { words: status.to_string(), len: head_len + len, next })
}

/// RFC 9112 §7.1; a last chunk with trailers is not read.
fn chunk(bytes: &[u8]) -> Option<Read> {
    let line_len = memchr::memmem::find(bytes, b"\r\n")? + 2;
    let line = std::str::from_utf8(&bytes[..line_len - 2]).ok()?;
    let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
    let (words, next) = if size == 0 { ("last chunk", Unit::Response) } else { ("chunk", Unit::Chunk) };
    Some(Read { words: words.to_owned(), len: line_len.checked_add(size)?.checked_add(2)?, next })
}

fn web_socket_frame(bytes: &[u8]) -> Option<Read> {
    let header = websocket::Header::read(bytes).ok()?;
    let words = match header.opcode() {
        0 => "continuation frame",
        1 => "text frame",
        2 => "binary frame",
        8 => "close",
        9 => "ping",
        10 => "pong",
        _ => return None,
    };
    let len = usize::try_from(header.payload_len).ok()?.checked_add(header.len)?;
    Some(Read { words: words.to_owned(), len, next: Unit::WebSocketFrame })
}

fn raw_tcp_frame(bytes: &[u8], words: &str) -> Option<Read> {
    let length = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
    Some(Read { words: words.to_owned(), len: FRAMING_LEN + length, next: Unit::RawTcpFrame })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(protocol: Protocol, flights: &[(Direction, &[u8])]) -> Vec<String> {
        let mut words = Words::of(Some(protocol));
        flights.iter().map(|&(direction, bytes)| words.of_flight(direction, bytes)).collect()
    }

    use Direction::{Down, Up};

    #[test]
    fn polls_and_posts_are_told_by_method_path_and_status() {
        let flights: [(Direction, &[u8]); 5] = [
            (Up, b"GET /events?channel=0&after=7 HTTP/1.1\r\nhost: x\r\n\r\n"),
            (Down, b"HTTP/1.1 204 No Content\r\n\r\n"),
            (Up, b"POST /messages HTTP/1.1\r\ncontent-length: 3\r\n\r\na"),
            (Up, b"bcGET /events HTTP/1.1\r\n\r\nGET /events HTTP/1.1\r\n\r\n"),
            (Down, b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n"),
        ];
        let expected = ["GET /events", "204", "POST /messages", "the rest + 2 × GET /events", "202 + 304"];
        assert_eq!(said(Protocol::Http, &flights), expected);
    }

    #[test]
    fn a_stream_is_told_by_its_chunks() {
        let flights: [(Direction, &[u8]); 4] = [
            (Down, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\na\nb\r\n"),
            (Down, b"1\r\na\r\n1\r\nb\r\n10\r\n0123"),
            (Down, b"456789abcdef\r\n"),
            (Down, b"0\r\n\r\n"),
        ];
        let expected = ["200 + chunk", "3 × chunk", "the rest", "last chunk"];
        assert_eq!(said(Protocol::Http, &flights), expected);
    }

    #[test]
    fn a_websocket_is_told_by_its_frames_once_it_is_one() {
        let mut long = vec![0x82, 126, 0x01, 0x00];
        long.resize(4 + 256, b'x');
        let flights: [(Direction, &[u8]); 6] = [
            (Up, b"GET /ws HTTP/1.1\r\nupgrade: websocket\r\n\r\n"),
            (Down, b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x01a\x81\x01b"),
            (Up, b"\x8a\x80\x00\x00\x00\x00"),
            (Down, &long),
            (Down, b"\x89\x00\x88\x02\x03\xe8"),
            (Down, b"\x8f\x00"),
        ];
        let expected = ["GET /ws", "101 + 2 × text frame", "pong", "binary frame", "ping + close", "2 bytes"];
        assert_eq!(said(Protocol::Http, &flights), expected);
    }

    #[test]
    fn raw_tcp_is_told_by_its_frames() {
        let flights: [(Direction, &[u8]); 3] =
            [(Up, b"\0\0\0\x02ab"), (Up, b"\0\0\0\x02ab"), (Down, b"\0\0\0\x01a\0\0\0\x01b\0\0")];
        assert_eq!(said(Protocol::RawTcp, &flights), ["hello", "frame", "2 × frame + 2 bytes"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_in_bytes_from_there_on() {
        let flights: [(Direction, &[u8]); 3] =
            [(Down, b"HTTP/1.1 200 OK\r\nser"), (Down, b"ver: x\r\n\r\n"), (Up, b"\x16\x03\x01")];
        assert_eq!(said(Protocol::Http, &flights), ["20 bytes", "10 bytes", "3 bytes"]);
        assert_eq!(said(Protocol::Http2, &flights[..1]), ["20 bytes"]);
    }
}
