//! Why the layers add up: bytes arrive as `unfinished`, and are moved from there to their layer.
//!
//! Nothing else writes into an account, so whatever a peer sends, the sum stays what crossed the socket.

use std::cell::RefCell;
use std::rc::Rc;

use model::byte_account::{Account, Layers};
use model::trial::Direction;

/// What crossed the sockets of one load thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteCounts {
    /// Bytes by layer. The layers of a direction add up to the socket's bytes at any time.
    pub account: Account,
    /// Bytes that were read from the sockets.
    pub socket_read: u64,
    /// Bytes that were written to the sockets.
    pub socket_written: u64,
    /// When the latest bytes that were read were handed on, in nanoseconds of `CLOCK_MONOTONIC`; 0 before the first.
    pub read_ns: u64,
}

/// Shared by all connections of one load thread.
pub type SharedByteCounts = Rc<RefCell<ByteCounts>>;

/// Where bytes are moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Payload,
    Stamp,
    Compressed,
    MessageFraming,
    EngineIo,
    SocketIo,
    ChunkFraming,
    DataFraming,
    RequestHead,
    ResponseHead,
    FirstHeaderBlock,
    FrameHeaders,
    Http2Control,
    Handshake,
    Control,
    TlsHandshake,
    TlsRecords,
}

/// The layers of one direction.
pub(super) fn layers_of(account: &mut Account, direction: Direction) -> &mut Layers {
    match direction {
        Direction::Up => &mut account.up,
        Direction::Down => &mut account.down,
    }
}

/// Takes in bytes that nothing is known of yet.
pub(super) fn arrive(layers: &mut Layers, bytes: usize) {
    layers.unfinished += bytes as u64;
}

/// Moves bytes that arrived to the layer that they turned out to be.
pub(super) fn settle(layers: &mut Layers, layer: Layer, bytes: u64) {
    layers.unfinished -= bytes;
    let place = match layer {
        Layer::Payload => &mut layers.payload,
        Layer::Stamp => &mut layers.stamp,
        Layer::Compressed => &mut layers.compressed,
        Layer::MessageFraming => &mut layers.message_framing,
        Layer::EngineIo => &mut layers.engine_io,
        Layer::SocketIo => &mut layers.socket_io,
        Layer::ChunkFraming => &mut layers.chunk_framing,
        Layer::DataFraming => &mut layers.data_framing,
        Layer::RequestHead => &mut layers.request_head,
        Layer::ResponseHead => &mut layers.response_head,
        Layer::FirstHeaderBlock => &mut layers.first_header_block,
        Layer::FrameHeaders => &mut layers.frame_headers,
        Layer::Http2Control => &mut layers.http2_control,
        Layer::Handshake => &mut layers.handshake,
        Layer::Control => &mut layers.control,
        Layer::TlsHandshake => &mut layers.tls_handshake,
        Layer::TlsRecords => &mut layers.tls_records,
    };
    *place += bytes;
}

/// The first bytes, at most so many, and the rest.
pub(super) fn split_at_most(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len())))
}
