//! What is predicted: bytes by layer and direction, each exact or not.

/// Labels of layers, those of `model::byte_account`.
pub mod layer {
    #![allow(missing_docs, reason = "they are documented where they are declared, in model::byte_account")]
    macro_rules! labels {
        ($($name:ident: $label:literal,)+) => {
            $(pub const $name: &str = $label;)+
            /// All of them.
            pub const ALL: &[&str] = &[$($name),+];
        };
    }

    labels! {
        PAYLOAD: "payload",
        STAMP: "stamp",
        MESSAGE_FRAMING: "message framing",
        ENGINE_IO: "Engine.IO packets",
        SOCKET_IO: "Socket.IO packets",
        CHUNK_FRAMING: "chunk framing",
        DATA_FRAMING: "DATA framing",
        REQUEST_HEAD: "request head",
        RESPONSE_HEAD: "response head",
        FIRST_HEADER_BLOCK: "first header block",
        FRAME_HEADERS: "HTTP/2 frame headers",
        HTTP2_CONTROL: "HTTP/2 control",
        HANDSHAKE: "handshake",
        CONTROL: "control",
        TLS_HANDSHAKE: "TLS handshake",
        TLS_RECORDS: "TLS records",
    }
}

/// Whether a figure is fixed by the standards and the case, or only the least or likeliest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// To the byte.
    Exact,
    /// An implementation chooses, or chance does.
    AtLeast,
}

impl Exactness {
    /// Exact when this holds.
    pub fn when(holds: bool) -> Self {
        if holds { Self::Exact } else { Self::AtLeast }
    }
}

/// The bytes of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub layer: &'static str,
    pub bytes: u64,
    /// Whether to the byte; else the least.
    pub exact: bool,
}

/// The bytes of one direction, by layer; layers that are not named have none, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layers {
    shares: Vec<Share>,
}

impl Layers {
    /// The layers, each once.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Bytes of the layer with this label.
    pub fn bytes(&self, layer: &str) -> u64 {
        self.share(layer).map_or(0, |share| share.bytes)
    }

    /// Whether the layer with this label is exact.
    pub fn is_exact_in(&self, layer: &str) -> bool {
        self.share(layer).is_none_or(|share| share.exact)
    }

    /// Whether all layers are exact.
    pub fn is_exact(&self) -> bool {
        self.shares.iter().all(|share| share.exact)
    }

    /// All bytes.
    pub fn wire(&self) -> u64 {
        self.shares.iter().map(|share| share.bytes).sum()
    }

    /// Adds bytes to a layer, which stays exact when both parts are.
    #[must_use]
    pub fn with(mut self, layer: &'static str, bytes: u64, exactness: Exactness) -> Self {
        let exact = exactness == Exactness::Exact;
        match self.shares.iter_mut().find(|share| share.layer == layer) {
            Some(share) => {
                share.bytes += bytes;
                share.exact &= exact;
            }
            None if bytes == 0 && exact => {}
            None => self.shares.push(Share { layer, bytes, exact }),
        }
        self
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let add = |sum: Self, share: Share| sum.with(share.layer, share.bytes, Exactness::when(share.exact));
        others.shares.into_iter().fold(self, add)
    }

    /// These, `times` over.
    #[must_use]
    fn times(&self, times: u64) -> Self {
        let shares = self.shares.iter().filter(|_| times > 0);
        Self { shares: shares.map(|share| Share { bytes: share.bytes * times, ..*share }).collect() }
    }

    fn share(&self, layer: &str) -> Option<&Share> {
        self.shares.iter().find(|share| share.layer == layer)
    }
}

/// Both directions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Both {
    /// From client to server.
    pub up: Layers,
    /// From server to client.
    pub down: Layers,
}

impl Both {
    /// Bytes in both directions.
    pub fn wire(&self) -> u64 {
        self.up.wire() + self.down.wire()
    }

    /// Whether all layers of both directions are exact.
    pub fn is_exact(&self) -> bool {
        self.up.is_exact() && self.down.is_exact()
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self { up: self.up.and(others.up), down: self.down.and(others.down) }
    }

    fn times(&self, times: u64) -> Self {
        Self { up: self.up.times(times), down: self.down.times(times) }
    }
}

/// What a connection and its exchanges cost. TCP's own bytes are not in it, see [`crate::tcp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// What comes before the first exchange: handshakes, and the heads of a channel that stays open.
    pub set_up: Both,
    /// The exchange of the case, were it its connection's first: over HTTP/2 its header blocks fill HPACK's table.
    pub first: Both,
    /// The same exchange after another of its kind.
    pub steady: Both,
    pub events: u64,
}

impl Prediction {
    /// Bytes of set-up and this many exchanges on one connection, without those that end the connection.
    pub fn total(&self, exchanges: u64) -> Both {
        let begun = self.set_up.clone().and(self.first.times(exchanges.min(1)));
        begun.and(self.steady.times(exchanges.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_add_up_layer_by_layer() {
        let one = |bytes| Both { up: Layers::default(), down: layers(bytes) };
        let prediction = Prediction { set_up: one(1), first: one(10), steady: one(100), events: 2 };
        assert_eq!(prediction.total(0).wire(), 1);
        assert_eq!(prediction.total(1).down.bytes(layer::PAYLOAD), 11);
        assert_eq!(prediction.total(4).down.bytes(layer::PAYLOAD), 311);
    }

    fn layers(bytes: u64) -> Layers {
        Layers::default().with(layer::PAYLOAD, bytes, Exactness::Exact)
    }

    #[test]
    fn a_sum_is_as_exact_as_its_least_exact_part() {
        let sum = layers(5).with(layer::PAYLOAD, 0, Exactness::AtLeast);
        assert!(!sum.is_exact() && !sum.is_exact_in(layer::PAYLOAD) && sum.is_exact_in(layer::STAMP));
        assert_eq!(sum.wire(), 5);
        assert_eq!(Layers::default().with(layer::STAMP, 0, Exactness::Exact), Layers::default());
    }
}
