//! Whether payloads came as they were published.
//!
//! Who publishes adds up hashes of all payloads, one for each delivery that must come of it; who receives adds up those that
//! came. If nothing was lost, both sums are the same, and they are compared after the trial. So nothing is kept for an event, and what
//! threads and processes found is merged by an addition. A hash covers the intended send time, so swapped payloads differ, too.

use model::settings::Settings;
use serde::{Deserialize, Serialize};

/// Which events are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// One of 64, by its intended send time: our own servers, whose trials measure what the load generator costs.
    Few,
    /// All: servers of others.
    All,
}

/// What payloads must be like.
#[derive(Debug, Clone, Copy)]
pub struct PayloadCheck {
    /// Of events, and of the subscribers' own messages.
    lengths: [usize; 2],
    pub sampling: Sampling,
}

impl PayloadCheck {
    /// That of a trial with these settings.
    pub fn new(settings: &Settings, sampling: Sampling) -> Self {
        let events = settings.events.payload_bytes;
        let uplink = settings.uplink.as_ref().map_or(events, |uplink| uplink.payload_bytes);
        Self { lengths: [events, uplink].map(|bytes| bytes as usize), sampling }
    }

    pub(crate) fn has_length(&self, len: usize) -> bool {
        self.lengths.contains(&len)
    }
}

/// A sum of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContentSum(u64);

/// 2⁶⁴ ÷ the golden ratio, odd (Knuth, "The Art of Computer Programming", volume 3, §6.4).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Sampling {
    fn takes(self, intended_ns: u64) -> bool {
        self == Self::All || intended_ns.wrapping_mul(FACTOR) >> 58 == 0
    }
}

impl ContentSum {
    /// Adds `deliveries` of the event with this intended send time and payload, if `sampling` takes it.
    pub fn add(&mut self, sampling: Sampling, intended_ns: u64, payload: &[u8], deliveries: u64) {
        if sampling.takes(intended_ns) {
            self.0 = self.0.wrapping_add(hash(intended_ns, payload).wrapping_mul(deliveries));
        }
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

/// Eight bytes at a time; it has to notice mistakes, not to withstand attacks.
fn hash(seed: u64, payload: &[u8]) -> u64 {
    let (eights, rest) = payload.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = eights.iter().chain([&last]).map(|&eight| u64::from_le_bytes(eight));
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    mix(words.fold(seed, mix), payload.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(events: &[(u64, &[u8])]) -> ContentSum {
        let mut sum = ContentSum::default();
        events.iter().for_each(|(at, payload)| sum.add(Sampling::All, *at, payload, 1));
        sum
    }

    #[test]
    fn the_order_of_events_makes_no_difference_and_any_other_change_does() {
        let events: [(u64, &[u8]); 2] = [(1, b"a payload of 20 byte"), (2, b"another of 20 bytes.")];
        let [one, two] = events;
        assert_eq!(sum(&events), sum(&[two, one]));
        for changed in [
            [(1, two.1), (2, one.1)],
            [(1, &b"a payload of 20 bytE"[..]), two],
            [(1, b"A payload of 20 byte"), two],
            [(1, b"payload a of 20 byte"), two],
            [(1, b"a payload of 20 byte\0"), two],
            [one, one],
        ] {
            assert_ne!(sum(&events), sum(&changed), "{changed:?}");
        }
    }

    #[test]
    fn deliveries_are_added_up_and_merged() {
        let mut sent = ContentSum::default();
        sent.add(Sampling::All, 5, b"x", 3);
        let mut came = sum(&[(5, b"x"), (5, b"x")]);
        assert_ne!(sent, came);
        came.merge(sum(&[(5, b"x")]));
        assert_eq!(sent, came);
    }

    #[test]
    fn one_of_64_is_taken_of_regular_times_as_well() {
        for gap_ns in [1, 1_000, 20_000_000] {
            let taken = (0..64_000).filter(|nth| Sampling::Few.takes(nth * gap_ns)).count();
            assert!((900..1_100).contains(&taken), "{taken} at {gap_ns}");
        }
    }
}
