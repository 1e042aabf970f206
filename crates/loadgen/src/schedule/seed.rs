//! Randomness from a trial's one seed: a stream of its own for each purpose, so that changing one of them leaves the
//! others as they were.

use fastrand::Rng;

/// What a stream of random numbers decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// When events are sent.
    EventTimes = 1,
    /// What they carry.
    EventPayload = 2,
    /// When subscribers send.
    UplinkTimes = 3,
    /// What their messages carry.
    UplinkPayload = 4,
    /// Where in the interval a subscriber's polls lie.
    PollPhase = 5,
    /// When a subscriber whose connection broke tries again.
    Backoff = 6,
}

/// The stream for `purpose`; `index` parts streams of the same purpose. The same numbers on every platform.
pub fn rng(seed: u64, purpose: Purpose, index: u64) -> Rng {
    let mut mixer = Rng::with_seed(seed);
    let base = mixer.u64(..);
    // An odd multiplier permutes the 64-bit numbers, so no two pairs of purpose and index share a seed by accident of
    // being near to each other (2^64 ÷ golden ratio, Knuth, TAOCP vol. 3, §6.4).
    let offset = ((purpose as u64) << 48 | index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Rng::with_seed(base ^ offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_index_has_a_stream_of_its_own() {
        let first = |purpose, index| rng(7, purpose, index).u64(..);
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..100 {
            assert!(seen.insert(first(Purpose::EventTimes, index)));
            assert!(seen.insert(first(Purpose::PollPhase, index)));
        }
        assert_eq!(first(Purpose::EventTimes, 3), first(Purpose::EventTimes, 3));
    }
}
