//! WebSocket frames (RFC 6455 §5.2), of either direction.
//!
//! The headers of all frames of a message are its framing, or of a packet of Engine.IO what is round it; ping, pong and
//! close are control as they come. What a
//! compressor (RFC 7692) left of a message cannot be looked into: it is `compressed` as it comes, a greeting too.

use model::byte_account::Layers;

use super::byte_counts::{Layer, settle, split_at_most};
use super::engine_io::Packet;
use super::message::{Mask, Meter, settle_whole};

/// Two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;
const FIN: u8 = 0x80;
/// Set in the first frame of a compressed message (RFC 7692 §6).
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const CONTINUATION: u8 = 0x00;
const BINARY: u8 = 0x02;
/// Set in the opcodes of control frames.
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Takes in a stream of frames.
#[derive(Debug)]
pub(super) struct Frames {
    header: [u8; LONGEST_HEADER],
    header_len: usize,
    /// The frame whose header is whole.
    frame: Option<Frame>,
    /// Header bytes of the message that is being read.
    framing: u64,
    message: Message,
    /// The message that is being read is compressed.
    compressed: bool,
}

/// What the frames are put together to.
#[derive(Debug)]
enum Message {
    /// A message of ours as it is.
    Bare(Meter),
    Packet(Packet),
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    left: u64,
    mask: Option<Mask>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Control,
    /// Of a compressed message.
    Compressed,
    /// More frames of this message follow.
    Fragment,
    /// The only or last frame of its message.
    Final,
}

impl Frames {
    /// Frames whose messages are ours as they are.
    pub(super) fn new() -> Self {
        Self::of(Message::Bare(Meter::new()))
    }

    /// Frames whose messages are packets of Engine.IO.
    pub(super) fn of_packets() -> Self {
        Self::of(Message::Packet(Packet::new()))
    }

    fn of(message: Message) -> Self {
        Self {
            header: [0; LONGEST_HEADER],
            header_len: 0,
            frame: None,
            framing: 0,
            message,
            compressed: false,
        }
    }

    pub(super) fn take(&mut self, mut bytes: &[u8], layers: &mut Layers) {
        while !bytes.is_empty() {
            bytes = match self.frame {
                Some(frame) => self.take_data(frame, bytes, layers),
                None => self.take_header(bytes, layers),
            };
        }
    }

    /// No more frames come: what is still open will never be a message.
    pub(super) fn end(&mut self, layers: &mut Layers) {
        self.message.settle_as_control(self.framing + self.header_len as u64, layers);
        (self.header_len, self.frame, self.framing, self.compressed) = (0, None, 0, false);
    }

    fn take_header<'a>(&mut self, bytes: &'a [u8], layers: &mut Layers) -> &'a [u8] {
        let missing = header_len(&self.header[..self.header_len]) - self.header_len;
        let (part, rest) = split_at_most(bytes, missing as u64);
        self.header[self.header_len..][..part.len()].copy_from_slice(part);
        self.header_len += part.len();
        let header = &self.header[..self.header_len];
        if header_len(header) > self.header_len {
            return rest;
        }
        let frame = Frame::read(header, self.compressed);
        match frame.kind {
            Kind::Control => settle(layers, Layer::Control, self.header_len as u64),
            Kind::Compressed => {
                self.compressed = header[0] & FIN == 0;
                settle(layers, Layer::MessageFraming, self.header_len as u64);
            }
            Kind::Fragment | Kind::Final => {
                self.compressed = false;
                if header[0] & OPCODE == BINARY {
                    self.message.begin_binary();
                }
                self.framing += self.header_len as u64;
            }
        }
        self.header_len = 0;
        self.keep_on(frame, layers);
        rest
    }

    fn take_data<'a>(&mut self, mut frame: Frame, bytes: &'a [u8], layers: &mut Layers) -> &'a [u8] {
        let (data, rest) = split_at_most(bytes, frame.left);
        frame.left -= data.len() as u64;
        let whole = frame.left == 0 && frame.kind == Kind::Final && self.message.is_empty();
        match frame.mask.as_mut() {
            _ if frame.kind == Kind::Control => settle(layers, Layer::Control, data.len() as u64),
            _ if frame.kind == Kind::Compressed => settle(layers, Layer::Compressed, data.len() as u64),
            None if whole => {
                self.message.settle_whole(data, std::mem::take(&mut self.framing), layers);
                self.frame = None;
                return rest;
            }
            None => self.message.push_masked(data, Mask::default()),
            Some(mask) => {
                self.message.push_masked(data, *mask);
                mask.advance(data.len());
            }
        }
        self.keep_on(frame, layers);
        rest
    }

    /// Goes on with the frame if more of it must come, else ends it.
    fn keep_on(&mut self, frame: Frame, layers: &mut Layers) {
        self.frame = (frame.left > 0).then_some(frame);
        if frame.left == 0 && frame.kind == Kind::Final {
            self.message.settle(std::mem::take(&mut self.framing), layers);
        }
    }
}

impl Message {
    fn is_empty(&self) -> bool {
        match self {
            Self::Bare(meter) => meter.is_empty(),
            Self::Packet(packet) => packet.is_empty(),
        }
    }

    /// The frame that comes says that it is not text.
    fn begin_binary(&mut self) {
        if let Self::Packet(packet) = self {
            packet.attach();
        }
    }

    fn push_masked(&mut self, bytes: &[u8], mask: Mask) {
        match self {
            Self::Bare(meter) => meter.push_masked(bytes, mask),
            Self::Packet(packet) => packet.push_masked(bytes, mask),
        }
    }

    fn settle(&mut self, framing: u64, layers: &mut Layers) {
        match self {
            Self::Bare(meter) => {
                meter.settle(framing, layers);
            }
            Self::Packet(packet) => {
                packet.settle(framing, Layer::MessageFraming, layers);
            }
        }
    }

    /// Settles a message that lies here in one piece; nothing of it was pushed.
    fn settle_whole(&mut self, message: &[u8], framing: u64, layers: &mut Layers) {
        match self {
            Self::Bare(_) => {
                settle_whole(message, framing, layers);
            }
            Self::Packet(packet) => {
                packet.push_masked(message, Mask::default());
                packet.settle(framing, Layer::MessageFraming, layers);
            }
        }
    }

    fn settle_as_control(&mut self, framing: u64, layers: &mut Layers) {
        match self {
            Self::Bare(meter) => meter.settle_as_control(framing, layers),
            Self::Packet(packet) => packet.settle_as_control(framing, layers),
        }
    }
}

/// The length of the header that begins with these bytes, as far as they tell.
fn header_len(header: &[u8]) -> usize {
    let Some(&second) = header.get(1) else { return 2 };
    let length = match second & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & MASKED == 0 { 0 } else { 4 };
    2 + length + mask
}

impl Frame {
    /// Reads a whole header; `compressed` says whether the message that it may go on with is.
    fn read(header: &[u8], compressed: bool) -> Self {
        let (first, second) = (header[0], header[1]);
        let kind = match first & OPCODE {
            opcode if opcode & CONTROL != 0 => Kind::Control,
            CONTINUATION if compressed => Kind::Compressed,
            1.. if first & RSV1 != 0 => Kind::Compressed,
            _ if first & FIN != 0 => Kind::Final,
            _ => Kind::Fragment,
        };
        let mask_at = if second & MASKED == 0 { header.len() } else { header.len() - 4 };
        let extended = header[2..mask_at].iter().fold(0, |length, &byte| length << 8 | u64::from(byte));
        let left = if mask_at == 2 { u64::from(second & !MASKED) } else { extended };
        let mask = header[mask_at..].first_chunk().map(|key| Mask::new(*key));
        Self { kind, left, mask }
    }
}
