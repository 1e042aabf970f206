//! Stamps and payloads of the messages that servers of others put into something else.

use model::byte_account::Layers;

use super::byte_counts::{Layer, settle};
use crate::finder;

/// The bytes of all messages in something, and of what is round them.
pub(super) struct FoundBytes {
    stamps: u64,
    payloads: u64,
    around: u64,
}

impl FoundBytes {
    /// None where there is no message.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (mut stamps, mut payloads) = (0, 0);
        let messages = finder::find(bytes, |message| {
            let stamp = message.kind.stamp_len().min(message.len) as u64;
            stamps += stamp;
            payloads += message.len as u64 - stamp;
        });
        (messages > 0).then(|| Self { stamps, payloads, around: bytes.len() as u64 - stamps - payloads })
    }

    /// Settles what is round the messages as of this layer.
    pub(super) fn settle(&self, around: Layer, layers: &mut Layers) {
        settle(layers, Layer::Stamp, self.stamps);
        settle(layers, Layer::Payload, self.payloads);
        settle(layers, around, self.around);
    }
}
