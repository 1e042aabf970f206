//! One side of a stream: its heads, which may have to wait until it is known what they are, and its content.

use model::byte_account::Layers;

use super::block::HeadBytes;
use crate::byte_accounting::byte_counts::{Layer, settle};
use crate::byte_accounting::content::Content;
use crate::byte_accounting::engine_io::Carried;

/// One side of a stream.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) content: Content,
    pub(super) heads: Heads,
    /// What waits for its heads to be known.
    held: Held,
    /// What of Engine.IO's packets came.
    pub(super) carried: Carried,
    pub(super) ended: bool,
}

/// What the heads of one side are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heads {
    /// None has come.
    Awaited,
    /// It is still open.
    Held,
    Known(HeadLayers),
}

#[derive(Debug, Default, Clone, Copy)]
struct Held {
    head: HeadBytes,
    /// Frame headers and padding of DATA.
    data_framing: u64,
}

/// What header blocks and their frames are settled as, and the framing of DATA that had to wait for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLayers {
    block: Layer,
    framing: Layer,
    data_framing: Layer,
}

pub(super) const REQUEST: HeadLayers =
    HeadLayers { block: Layer::RequestHead, framing: Layer::FrameHeaders, data_framing: Layer::DataFraming };
pub(super) const RESPONSE: HeadLayers = HeadLayers { block: Layer::ResponseHead, ..REQUEST };
pub(super) const HANDSHAKE: HeadLayers =
    HeadLayers { block: Layer::Handshake, framing: Layer::FrameHeaders, data_framing: Layer::Handshake };
pub(super) const CONTROL: HeadLayers =
    HeadLayers { block: Layer::Control, framing: Layer::Control, data_framing: Layer::Control };

impl Half {
    pub(super) fn carrying(content: Content, heads: Heads) -> Self {
        Self { content, heads, held: Held::default(), carried: Carried::default(), ended: false }
    }

    pub(super) fn take_head(&mut self, bytes: HeadBytes, layers: &mut Layers) {
        match self.heads {
            Heads::Known(heads) => heads.settle(bytes, layers),
            Heads::Awaited | Heads::Held => self.held.head += bytes,
        }
    }

    pub(super) fn take_data(&mut self, bytes: &[u8], layers: &mut Layers) {
        self.content.take(bytes, layers);
        self.carried = self.carried.max(self.content.carried());
    }

    /// Frame header and padding of DATA.
    pub(super) fn take_data_framing(&mut self, bytes: u64, layers: &mut Layers) {
        match (self.heads, &self.content) {
            (Heads::Held, Content::Packets(_) | Content::Compressed) => self.held.data_framing += bytes,
            (_, content) => settle(layers, content.data_framing(), bytes),
        }
    }

    /// What the packets were, if that is settled: they are over, or there was an event.
    pub(super) fn decided(&self) -> Option<Carried> {
        let is_told = matches!(self.heads, Heads::Held) && (self.ended || self.carried == Carried::Events);
        is_told.then_some(self.carried)
    }

    /// Settles what waited for this, if anything did.
    pub(super) fn know(&mut self, heads: HeadLayers, layers: &mut Layers) {
        let held = std::mem::take(&mut self.held);
        heads.settle(held.head, layers);
        settle(layers, heads.data_framing, held.data_framing);
        if !matches!(self.heads, Heads::Known(_)) {
            self.heads = Heads::Known(heads);
        }
    }

    /// What comes behind the end has no right to, and carries nothing.
    pub(super) fn end(&mut self, layers: &mut Layers) {
        self.content.end(layers);
        self.carried = self.carried.max(self.content.carried());
        self.content = Content::Control;
        self.ended = true;
    }
}

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
