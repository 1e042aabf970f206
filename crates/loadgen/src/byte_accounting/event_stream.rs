//! Server-Sent Events (WHATWG HTML §9.2.6): the fields and line ends of an event are framing, its data the message.
//!
//! Comments, `retry` and unknown fields are control, and so is a block that dispatches no event.

use memchr::{memchr, memchr2};
use model::byte_account::Layers;

use super::byte_counts::{Layer, settle};
use super::message::{Finding, Meter};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Room for the longest field name that matters, `event` or `retry`, behind a byte order mark.
const LONGEST_NAME: usize = 8;

#[derive(Debug)]
pub(super) struct EventStream {
    line: Line,
    block: Block,
    first_line: bool,
    /// The last byte was a CR; a LF that follows belongs to the same line end.
    after_cr: Option<LineEnd>,
}

#[derive(Debug, Default)]
struct Line {
    name: [u8; LONGEST_NAME],
    name_len: usize,
    field: Option<Field>,
    /// The colon was the last byte; a space that follows belongs to it.
    after_colon: bool,
    /// Bytes that are not data.
    framing: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    /// `id` and `event`.
    OfEvent,
    Control,
}

/// What has been read since the last empty line.
#[derive(Debug)]
struct Block {
    framing: u64,
    data_lines: u32,
    message: Meter,
}

/// What the line end that was just read is part of.
#[derive(Debug, Clone, Copy)]
enum LineEnd {
    Open,
    Settled(Layer),
}

impl EventStream {
    pub(super) fn new(finding: Finding) -> Self {
        let block = Block { framing: 0, data_lines: 0, message: Meter::new(finding) };
        Self { line: Line::default(), block, first_line: true, after_cr: None }
    }

    pub(super) fn take(&mut self, mut bytes: &[u8], layers: &mut Layers) {
        while let Some(&first) = bytes.first() {
            if let Some(line_end) = self.after_cr.take()
                && first == b'\n'
            {
                self.settle_line_feed(line_end, layers);
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else { return self.take_part(bytes) };
            self.take_part(&bytes[..end]);
            let line_end = self.end_line(layers);
            self.after_cr = (bytes[end] == b'\r').then_some(line_end);
            bytes = &bytes[end + 1..];
        }
    }

    /// The stream is over: an event without its empty line is not dispatched.
    pub(super) fn end(&mut self, layers: &mut Layers) {
        let framing = self.block.framing + self.line.framing;
        self.block.message.settle_as_control(framing, layers);
        *self = Self::new(self.block.message.finding());
    }

    fn settle_line_feed(&mut self, line_end: LineEnd, layers: &mut Layers) {
        match line_end {
            LineEnd::Open => self.block.framing += 1,
            LineEnd::Settled(layer) => settle(layers, layer, 1),
        }
    }

    fn take_part(&mut self, part: &[u8]) {
        let mut value = self.line.take_name(part, self.first_line);
        if self.line.after_colon && !value.is_empty() {
            self.line.after_colon = false;
            let unpadded = value.strip_prefix(b" ").unwrap_or(value);
            self.line.framing += (value.len() - unpadded.len()) as u64;
            value = unpadded;
        }
        if self.line.field == Some(Field::Data) {
            self.block.message.push(value);
        } else {
            self.line.framing += value.len() as u64;
        }
    }

    fn end_line(&mut self, layers: &mut Layers) -> LineEnd {
        let mut line = std::mem::take(&mut self.line);
        let is_empty = line.framing == 0;
        let field = line.field.unwrap_or_else(|| line.named(self.first_line));
        self.first_line = false;
        line.framing += 1;
        if is_empty {
            return LineEnd::Settled(self.block.dispatch(layers));
        }
        match field {
            Field::Control => {
                settle(layers, Layer::Control, line.framing);
                LineEnd::Settled(Layer::Control)
            }
            Field::Data | Field::OfEvent => {
                self.block.framing += line.framing;
                self.block.data_lines += u32::from(field == Field::Data);
                LineEnd::Open
            }
        }
    }
}

impl Line {
    /// Takes the field's name and the colon from the front of `part`; returns the value's bytes.
    fn take_name<'a>(&mut self, part: &'a [u8], first_line: bool) -> &'a [u8] {
        if self.field.is_some() {
            return part;
        }
        let room = &mut self.name[self.name_len..];
        let (name, value, ended) = match memchr(b':', &part[..part.len().min(room.len() + 1)]) {
            Some(colon) => (&part[..colon], &part[colon + 1..], true),
            None if part.len() <= room.len() => (part, &part[part.len()..], false),
            None => {
                self.field = Some(Field::Control);
                return part;
            }
        };
        room[..name.len()].copy_from_slice(name);
        self.name_len += name.len();
        self.framing += (part.len() - value.len()) as u64;
        if ended {
            self.field = Some(self.named(first_line));
            self.after_colon = true;
        }
        value
    }

    fn named(&self, first_line: bool) -> Field {
        let name = &self.name[..self.name_len];
        let name = if first_line { name.strip_prefix(BYTE_ORDER_MARK).unwrap_or(name) } else { name };
        match name {
            b"data" => Field::Data,
            b"id" | b"event" => Field::OfEvent,
            _ => Field::Control,
        }
    }
}

impl Block {
    /// An empty line: settles the block with it, and says as what.
    fn dispatch(&mut self, layers: &mut Layers) -> Layer {
        let framing = std::mem::take(&mut self.framing) + 1;
        // A message holds no newline, so that data of several lines is none; round one, there may be some.
        match (std::mem::take(&mut self.data_lines), self.message.finding()) {
            (1, _) | (2.., Finding::Anywhere) => self.message.settle(framing, layers),
            _ => {
                self.message.settle_as_control(framing, layers);
                Layer::Control
            }
        }
    }
}
