//! Header blocks: collected from HEADERS and CONTINUATION (RFC 9113 §4.3), then read; and what a request asks for.

use model::byte_account::Layers;

use super::frames::{Frame, HEADER_LEN, Kind, Malformed};
use super::hpack::{Decoder, Field};
use crate::byte_accounting::body::{Content, MediaType};
use crate::byte_accounting::byte_counts::{Layer, settle};
use crate::byte_accounting::engine_io::Carried;
use crate::byte_accounting::head::Method;
use crate::byte_accounting::message::Finding;
use crate::byte_accounting::websocket::Frames;

/// A block that is longer is none.
const LONGEST: usize = 64 * 1024;

/// Collects the header blocks of one direction.
#[derive(Debug, Default)]
pub(super) struct BlockReader {
    open: Option<Open>,
    bytes: Vec<u8>,
    decoder: Decoder,
    /// The first block of the connection has come.
    begun: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    stream: u32,
    ends_stream: bool,
    framing: u64,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) ends_stream: bool,
    pub(super) bytes: HeadBytes,
    pub(super) head: Head,
}

/// The bytes of header blocks that are not settled yet.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct HeadBytes {
    /// None for the first block, which is settled at once.
    pub(super) block: u64,
    /// Frame headers, padding, priority.
    pub(super) framing: u64,
}

/// What byte accounting needs to know of a request or an answer.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) method: Option<Method>,
    pub(super) to_websocket: bool,
    pub(super) to_engine_io: bool,
    pub(super) status: Option<u16>,
    pub(super) media_type: MediaType,
    pub(super) is_coded: bool,
}

impl BlockReader {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Begins a block, or goes on with the one that is open.
    pub(super) fn begin_frame(&mut self, frame: Frame) -> Result<(), Malformed> {
        match (frame.kind, &mut self.open) {
            (Kind::Headers, None) if frame.stream != 0 => {
                let framing = HEADER_LEN as u64;
                self.open = Some(Open { stream: frame.stream, ends_stream: frame.ends_stream(), framing });
                Ok(())
            }
            (Kind::Continuation, Some(open)) if open.stream == frame.stream => {
                open.framing += HEADER_LEN as u64;
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    pub(super) fn add_framing(&mut self, bytes: u64) {
        if let Some(open) = &mut self.open {
            open.framing += bytes;
        }
    }

    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), Malformed> {
        if self.bytes.len() + part.len() > LONGEST {
            return Err(Malformed);
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// Reads the block that is open, which is whole. Only the first of the connection is settled here.
    pub(super) fn finish(&mut self, layers: &mut Layers) -> Result<Block, Malformed> {
        let Open { stream, ends_stream, framing } = self.open.take().ok_or(Malformed)?;
        let mut head = Head::default();
        self.decoder.decode(&self.bytes, |field| head.note(field)).ok_or(Malformed)?;
        let mut block = self.bytes.len() as u64;
        self.bytes.clear();
        if !std::mem::replace(&mut self.begun, true) {
            settle(layers, Layer::FirstHeaderBlock, std::mem::take(&mut block));
        }
        Ok(Block { stream, ends_stream, bytes: HeadBytes { block, framing }, head })
    }
}

model::field_wise!(HeadBytes { block, framing });

impl Head {
    fn note(&mut self, field: Field) {
        match field {
            Field::Method(method) => self.method = Some(method),
            Field::WebSocketProtocol => self.to_websocket = true,
            Field::EngineIoPath => self.to_engine_io = true,
            Field::Status(status) => self.status = Some(status),
            Field::MediaType(media_type) => self.media_type = media_type,
            Field::Coded => self.is_coded = true,
            Field::Other => {}
        }
    }
}

/// What a client's block asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// A poll: what it was is held.
    Asking,
    /// As [`Self::Asking`], but the answer has no body, whatever it found.
    AskingForHead,
    /// A POST: it carried a message.
    Sending,
    /// A poll of Engine.IO.
    Polling,
    /// A POST of Engine.IO.
    Posting,
    /// Extended CONNECT (RFC 8441 §4).
    WebSocket,
    /// The same to Engine.IO.
    WebSocketOfPackets,
}

impl Request {
    pub(super) fn of(head: &Head) -> Result<Self, Malformed> {
        Ok(match head.method.ok_or(Malformed)? {
            Method::Connect if head.to_websocket && head.to_engine_io => Self::WebSocketOfPackets,
            Method::Connect if head.to_websocket => Self::WebSocket,
            Method::Get if head.to_engine_io => Self::Polling,
            Method::Get | Method::Connect => Self::Asking,
            Method::Head => Self::AskingForHead,
            Method::Other if head.to_engine_io => Self::Posting,
            Method::Other => Self::Sending,
        })
    }

    /// What its DATA carries. Behind an accepted CONNECT a client need not wait, so that frames are read at once.
    pub(super) fn content(self, head: &Head) -> Content {
        match self {
            Self::Asking | Self::AskingForHead | Self::Polling => Content::CONTROL,
            Self::Sending => Content::message(head.is_coded, Finding::Whole),
            Self::Posting => Content::packets(head.is_coded, Finding::Whole),
            Self::WebSocket => Content::WebSocket(Frames::new(Finding::Whole)),
            Self::WebSocketOfPackets => Content::WebSocket(Frames::of_packets(Finding::Whole)),
        }
    }

    /// Whether a poll that was answered so carries events. One that found nothing ends with its head.
    pub(super) fn found_something(self, status: u16, ends_stream: bool) -> bool {
        let has_content = (200..300).contains(&status) && status != 204;
        match self {
            Self::Asking | Self::Polling => has_content && !ends_stream,
            Self::AskingForHead => has_content,
            _ => false,
        }
    }
}

/// What header blocks and their frames are settled as, and the framing of DATA that had to wait for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLayers {
    block: Layer,
    framing: Layer,
    pub(super) data_framing: Layer,
}

pub(super) const REQUEST: HeadLayers =
    HeadLayers { block: Layer::RequestHead, framing: Layer::FrameHeaders, data_framing: Layer::DataFraming };
pub(super) const RESPONSE: HeadLayers = HeadLayers { block: Layer::ResponseHead, ..REQUEST };
pub(super) const HANDSHAKE: HeadLayers =
    HeadLayers { block: Layer::Handshake, framing: Layer::FrameHeaders, data_framing: Layer::Handshake };
pub(super) const CONTROL: HeadLayers =
    HeadLayers { block: Layer::Control, framing: Layer::Control, data_framing: Layer::Control };

impl Carried {
    pub(super) fn heads(self, of_events: HeadLayers) -> HeadLayers {
        match self {
            Self::Nothing => CONTROL,
            Self::Handshake => HANDSHAKE,
            Self::Events => of_events,
        }
    }
}

impl HeadLayers {
    pub(super) fn settle(self, bytes: HeadBytes, layers: &mut Layers) {
        settle(layers, self.block, bytes.block);
        settle(layers, self.framing, bytes.framing);
    }
}
