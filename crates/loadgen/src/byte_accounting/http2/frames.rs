//! Where frames begin and end (RFC 9113 §4.1), however the stream is cut.

use crate::byte_accounting::byte_counts::split_at_most;

/// Something came that makes the rest of this direction unreadable.
#[derive(Debug)]
pub(super) struct Malformed;

pub(super) const HEADER_LEN: usize = 9;
/// What a client's side begins with (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Stream dependency and weight (RFC 9113 §6.2).
const PRIORITY_LEN: u64 = 5;
/// Pad length (RFC 9113 §6.1).
const PAD_LENGTH_LEN: u64 = 1;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Cuts one direction into pieces of frames.
#[derive(Debug)]
pub(super) struct FrameReader {
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Preface { matched: usize },
    Header { bytes: [u8; HEADER_LEN], len: usize },
    PadLength { frame: Frame, rest: Rest },
    Payload { frame: Frame, rest: Rest },
    Lost,
}

/// What is still to come of a frame, in this order.
#[derive(Debug, Clone, Copy)]
struct Rest {
    priority: u64,
    content: u64,
    padding: u64,
}

/// A frame whose header is whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) stream: u32,
    flags: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Reset,
    PushPromise,
    Continuation,
    /// Nothing in it matters here.
    Other,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'a> {
    Preface,
    /// The 9 bytes that a frame begins with.
    Header(Frame),
    /// So many bytes of pad length, priority or padding; of DATA and HEADERS only.
    Filling(Frame, u64),
    /// A part of what the frame carries.
    Content(Frame, &'a [u8]),
    End(Frame),
}

impl FrameReader {
    pub(super) fn new() -> Self {
        Self { state: State::next_header() }
    }

    pub(super) fn behind_preface() -> Self {
        Self { state: State::Preface { matched: 0 } }
    }

    /// Nothing more can be attributed.
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
    }

    /// The next piece, taken from the front of `bytes`; none when more bytes are needed.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        match self.state {
            State::Preface { matched } => self.take_preface(matched, bytes),
            State::Header { bytes: header, len } => self.take_header(header, len, bytes),
            State::PadLength { frame, rest } => self.take_pad_length(frame, rest, bytes),
            State::Payload { frame, rest } => self.take_payload(frame, rest, bytes),
            State::Lost => None,
        }
    }

    fn take_preface<'a>(&mut self, matched: usize, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        let part = take_at_most(bytes, (PREFACE.len() - matched) as u64);
        if !PREFACE[matched..].starts_with(part) {
            self.lose();
            return None;
        }
        let matched = matched + part.len();
        if matched < PREFACE.len() {
            self.state = State::Preface { matched };
            return None;
        }
        self.state = State::next_header();
        Some(Piece::Preface)
    }

    fn take_header<'a>(
        &mut self,
        mut header: [u8; HEADER_LEN],
        len: usize,
        bytes: &mut &'a [u8],
    ) -> Option<Piece<'a>> {
        let part = take_at_most(bytes, (HEADER_LEN - len) as u64);
        header[len..][..part.len()].copy_from_slice(part);
        let len = len + part.len();
        if len < HEADER_LEN {
            self.state = State::Header { bytes: header, len };
            return None;
        }
        let (frame, payload_len) = Frame::read(header);
        self.state = State::behind_header(frame, payload_len);
        match self.state {
            State::Lost => None,
            _ => Some(Piece::Header(frame)),
        }
    }

    fn take_pad_length<'a>(
        &mut self,
        frame: Frame,
        mut rest: Rest,
        bytes: &mut &'a [u8],
    ) -> Option<Piece<'a>> {
        let (&pad_length, behind) = bytes.split_first()?;
        *bytes = behind;
        rest.padding = u64::from(pad_length);
        let Some(content) = rest.content.checked_sub(rest.padding) else {
            self.lose();
            return None;
        };
        rest.content = content;
        self.state = State::Payload { frame, rest };
        Some(Piece::Filling(frame, PAD_LENGTH_LEN))
    }

    fn take_payload<'a>(&mut self, frame: Frame, mut rest: Rest, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        if rest.is_over() {
            self.state = State::next_header();
            return Some(Piece::End(frame));
        }
        if bytes.is_empty() {
            return None;
        }
        let piece = if rest.priority > 0 {
            Piece::Filling(frame, take_counted(&mut rest.priority, bytes).len() as u64)
        } else if rest.content > 0 {
            Piece::Content(frame, take_counted(&mut rest.content, bytes))
        } else {
            Piece::Filling(frame, take_counted(&mut rest.padding, bytes).len() as u64)
        };
        self.state = State::Payload { frame, rest };
        Some(piece)
    }
}

impl State {
    fn next_header() -> Self {
        Self::Header { bytes: [0; HEADER_LEN], len: 0 }
    }

    fn behind_header(frame: Frame, payload_len: u64) -> Self {
        let padded = frame.is_padded();
        let priority = if frame.has_priority() { PRIORITY_LEN } else { 0 };
        let before_content = priority + if padded { PAD_LENGTH_LEN } else { 0 };
        match payload_len.checked_sub(before_content) {
            None => Self::Lost,
            Some(content) => {
                let rest = Rest { priority, content, padding: 0 };
                if padded { Self::PadLength { frame, rest } } else { Self::Payload { frame, rest } }
            }
        }
    }
}

impl Rest {
    fn is_over(&self) -> bool {
        self.priority + self.content + self.padding == 0
    }
}

impl Frame {
    /// Reads a header; returns the payload's length too.
    fn read(header: [u8; HEADER_LEN]) -> (Self, u64) {
        let [a, b, c, kind, flags, stream @ ..] = header;
        let payload_len = u64::from(u32::from_be_bytes([0, a, b, c]));
        // The first bit is reserved, and to be ignored (RFC 9113 §4.1).
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        (Self { kind: Kind::of(kind), stream, flags }, payload_len)
    }

    pub(super) fn ends_stream(self) -> bool {
        self.flags & END_STREAM != 0
    }

    pub(super) fn ends_headers(self) -> bool {
        self.flags & END_HEADERS != 0
    }

    fn is_padded(self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & PADDED != 0
    }

    fn has_priority(self) -> bool {
        self.kind == Kind::Headers && self.flags & PRIORITY != 0
    }
}

impl Kind {
    /// By the number of RFC 9113 §11.2.
    fn of(number: u8) -> Self {
        match number {
            0x0 => Self::Data,
            0x1 => Self::Headers,
            0x3 => Self::Reset,
            0x5 => Self::PushPromise,
            0x9 => Self::Continuation,
            _ => Self::Other,
        }
    }
}

fn take_counted<'a>(left: &mut u64, bytes: &mut &'a [u8]) -> &'a [u8] {
    let part = take_at_most(bytes, *left);
    *left -= part.len() as u64;
    part
}

fn take_at_most<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let (part, rest) = split_at_most(bytes, most);
    *bytes = rest;
    part
}
