//! Why the layers add up: bytes arrive as `unfinished`, and are moved from there to their layer.
//!
//! Nothing else writes into an account, so whatever a peer sends, the sum stays what crossed the socket.

use schema::bytes_account::Layers;

/// Where bytes are moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Payload,
    Stamp,
    MessageFraming,
    ChunkFraming,
    RequestHead,
    ResponseHead,
    Handshake,
    Control,
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
        Layer::MessageFraming => &mut layers.message_framing,
        Layer::ChunkFraming => &mut layers.chunk_framing,
        Layer::RequestHead => &mut layers.request_head,
        Layer::ResponseHead => &mut layers.response_head,
        Layer::Handshake => &mut layers.handshake,
        Layer::Control => &mut layers.control,
    };
    *place += bytes;
}
