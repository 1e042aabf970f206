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

/// One name for each layer, so that bytes can be moved there.
macro_rules! layers {
    ($($name:ident: $field:ident,)+) => {
        /// Where bytes are moved to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Layer {
            $($name,)+
        }

        /// Moves bytes that arrived to the layer that they turned out to be.
        pub(super) fn settle(layers: &mut Layers, layer: Layer, bytes: u64) {
            layers.unfinished -= bytes;
            match layer {
                $(Layer::$name => layers.$field += bytes,)+
            }
        }
    };
}

layers! {
    Payload: payload,
    Stamp: stamp,
    Compressed: compressed,
    MessageFraming: message_framing,
    EngineIo: engine_io,
    SocketIo: socket_io,
    ChunkFraming: chunk_framing,
    DataFraming: data_framing,
    RequestHead: request_head,
    ResponseHead: response_head,
    FirstHeaderBlock: first_header_block,
    FrameHeaders: frame_headers,
    Http2Control: http2_control,
    Handshake: handshake,
    Control: control,
    TlsHandshake: tls_handshake,
    TlsRecords: tls_records,
}

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

pub(super) fn split_at_most(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len())))
}
