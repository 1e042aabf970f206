//! Bytes by layer and direction, divided by what they were spent on, and the headers that the kernel put around them.

use model::byte_account::{Account, Layers};
use model::trial::Segments;

/// Bytes for each event, or for each subscriber.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The stream's bytes up and down: every layer's name and bytes, in the order of the schema.
    pub layers: [Vec<(&'static str, f64)>; 2],
    /// IP and TCP headers up and down, as the kernel counted segments; none where it was not asked.
    pub headers: Option<[f64; 2]>,
}

impl Stack {
    /// An account, divided; none when there is nothing to divide by.
    pub(super) fn of(account: &Account, segments: Option<&Segments>, divisor: u64) -> Option<Self> {
        let share = |bytes: u64| bytes as f64 / divisor as f64;
        let layers = |layers: &Layers| layers.named().map(|(name, bytes)| (name, share(bytes))).collect();
        let headers = segments.filter(|segments| header_bytes(segments) > 0);
        (divisor > 0).then(|| Self {
            layers: [layers(&account.up), layers(&account.down)],
            headers: headers
                .map(|Segments { up, down, .. }| [share(up.header_bytes), share(down.header_bytes)]),
        })
    }

    /// All bytes of the stream in one direction.
    pub(crate) fn wire(&self, direction: usize) -> f64 {
        self.layers[direction].iter().map(|(_, bytes)| bytes).sum()
    }

    /// The kernel's headers of one direction; 0 where they were not counted.
    pub(crate) fn header(&self, direction: usize) -> f64 {
        self.headers.map_or(0.0, |headers| headers[direction])
    }
}

/// IP and TCP headers of both directions.
pub(super) fn header_bytes(segments: &Segments) -> u64 {
    segments.up.header_bytes + segments.down.header_bytes
}

#[cfg(test)]
mod tests {
    use model::trial::SegmentCount;

    use super::*;

    #[test]
    fn layers_and_headers_are_divided_alike() {
        let account = Account {
            up: Layers { request_head: 300, ..Layers::default() },
            down: Layers { payload: 400, stamp: 200, ..Layers::default() },
        };
        let count = |header_bytes| SegmentCount { header_bytes, ..SegmentCount::default() };
        let segments = Segments { up: count(52), down: count(104), retransmitted_up: 0 };
        let stack = Stack::of(&account, Some(&segments), 4).expect("four events");
        assert_eq!([stack.wire(0), stack.wire(1)], [75.0, 150.0]);
        assert_eq!(stack.headers, Some([13.0, 26.0]));
        assert!(Stack::of(&account, None, 0).is_none());
    }

    #[test]
    fn headers_that_nobody_counted_are_none() {
        let stack = Stack::of(&Account::default(), Some(&Segments::default()), 1).expect("one event");
        assert_eq!(stack.headers, None);
    }
}
