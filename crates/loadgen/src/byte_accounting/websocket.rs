//! WebSocket frames (RFC 6455 §5.2), of either direction.
//!
//! The headers of all frames of a message are its framing, or of a packet of Engine.IO what is round it; ping, pong and
//! close are control as they come. What a compressor (RFC 7692) left of a message cannot be looked into: it is `compressed`
//! as it comes, a greeting too.

use model::byte_account::Layers;
use protocol::websocket::{BINARY, CONTINUATION, Header, LONGEST_HEADER};

use super::byte_counts::{Layer, settle, split_at_most};
use super::engine_io::Packet;
use super::message::{Finding, Mask, Meter};

#[derive(Debug)]
pub(super) struct Frames {
    header: [u8; LONGEST_HEADER],
    header_len: usize,
    frame: Option<Frame>,
    /// Header bytes of the message that is being read.
    framing: u64,
    message: Message,
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
    /// Frames whose messages hold ours.
    pub(super) fn new(finding: Finding) -> Self {
        Self::of(Message::Bare(Meter::new(finding)))
    }

    /// Frames whose messages are packets of Engine.IO.
    pub(super) fn of_packets(finding: Finding) -> Self {
        Self::of(Message::Packet(Packet::new(finding)))
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
        if self.header_len == 0
            && let Ok(header) = Header::read(bytes)
        {
            // The usual case: it has come in one piece.
            self.begin_frame(&header, layers);
            return &bytes[header.len..];
        }
        self.header[self.header_len] = bytes[0];
        self.header_len += 1;
        if let Ok(header) = Header::read(&self.header[..self.header_len]) {
            self.header_len = 0;
            self.begin_frame(&header, layers);
        }
        &bytes[1..]
    }

    fn begin_frame(&mut self, header: &Header, layers: &mut Layers) {
        let kind = Kind::of(header, self.compressed);
        let len = header.len as u64;
        match kind {
            Kind::Control => settle(layers, Layer::Control, len),
            Kind::Compressed => {
                self.compressed = !header.is_final();
                settle(layers, Layer::MessageFraming, len);
            }
            Kind::Fragment | Kind::Final => {
                self.compressed = false;
                if header.opcode() == BINARY {
                    self.message.begin_binary();
                }
                self.framing += len;
            }
        }
        self.keep_on(Frame { kind, left: header.payload_len, mask: header.mask.map(Mask::new) }, layers);
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
            Self::Bare(meter) => {
                meter.settle_whole(message, framing, layers);
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

impl Kind {
    /// `compressed` says whether the message that the frame may go on with is.
    fn of(header: &Header, compressed: bool) -> Self {
        match header.opcode() {
            _ if header.is_control() => Self::Control,
            CONTINUATION if compressed => Self::Compressed,
            1.. if header.is_compressed() => Self::Compressed,
            _ if header.is_final() => Self::Final,
            _ => Self::Fragment,
        }
    }
}
