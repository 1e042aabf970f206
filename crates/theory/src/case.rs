//! The input of a prediction: the message, its heads, and the transport below.

use crate::http1::Field;

/// One exchange, as fully as its bytes depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub direction: Direction,
    pub message: Message,
    /// The sequence number of the exchange's first event; 1 is a channel's first. A poll's target then says one less, and
    /// SSE writes it out.
    pub seq: u64,
    /// Events in one answer, or in one write where nothing is asked for. 0: a poll that finds nothing.
    pub batch: u64,
    /// The request's and the response's head; none for raw TCP. For Socket.IO, the target's query names the transport.
    pub head: Option<Head<'a>>,
    /// What goes before the first message of a channel that stays open: the bytes of SSE's `retry` field, the text of
    /// raw TCP's hello.
    pub preamble: u64,
    pub version: Version,
    pub security: Security,
    pub compression: Compression,
    /// Whether the answer's date is that of the answer before: HPACK's dynamic table has it then.
    pub date: Date,
}

/// Which way events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the server to a subscriber.
    Down,
    /// From a subscriber to the server; WebSocket masks these.
    Up,
}

/// Bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The application's.
    pub payload: u64,
    /// The instrument's mark: 47 with a text payload, 45 with JSON.
    pub stamp: u64,
}

impl Message {
    /// Both together.
    pub fn bytes(&self) -> u64 {
        self.payload + self.stamp
    }
}

/// What one kind of exchange says. Names of fields are lower case; what HTTP/2 does not send is left out by theory:
/// `connection`, `host` and their like (RFC 9113 §8.2.2, §8.3.1).
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub method: &'a str,
    /// Path and query. The digits behind `after=` are replaced by those of the case's position.
    pub target: &'a str,
    /// The request's fields in order; `content-length` is set by theory where there is content.
    pub request: &'a [Field<'a>],
    pub status: u16,
    /// The answer's fields in order; `content-length` as above.
    pub response: &'a [Field<'a>],
}

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RFC 9112.
    Http1,
    /// RFC 9113.
    Http2,
}

/// What lies between HTTP and TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    /// TLS 1.3 (RFC 8446).
    Tls,
}

/// What is done to the messages' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    /// DEFLATE (RFC 1951): the data decides how many bytes are left, so nothing is predicted.
    Deflate,
}

/// How a response's `date` compares to that of the response before. It has whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Date {
    /// Within the same second.
    Unchanged,
    /// A later second.
    Changed,
    /// Not known: taken as unchanged, and on HTTP/2 not exact.
    Unknown,
}

/// What a session sends before its first event.
///
/// - polling: a GET for the open packet; a POST of the CONNECT; a GET for its answer
/// - websocket: a GET for the upgrade; open packet and CONNECT's answer in frames, and the CONNECT
/// - upgrade: all that polling has; a GET for the upgrade; the probe both ways, and the upgrade packet; and a GET for the
///   noop, if the client had asked again by then
///
/// Chance decides whether an upgrade's CONNECT is answered before its poll is freed.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Requests and their answers, the upgrade too.
    pub exchanges: &'a [OpeningExchange<'a>],
    /// Bytes of each packet that goes up in a frame.
    pub frames_up: &'a [u64],
    /// Bytes of each packet that comes down in a frame.
    pub frames_down: &'a [u64],
    /// Connections that are opened for it.
    pub connections: u64,
}

/// A request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct OpeningExchange<'a> {
    /// Its heads; the prediction sets `content-length`.
    pub head: Head<'a>,
    /// Bytes of the request's content; none for a GET.
    pub asks: Option<u64>,
    /// Bytes of the answer's content; none for an upgrade.
    pub answers: Option<u64>,
}
