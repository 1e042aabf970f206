//! What a subscriber experiences whose messages are answered by events, as a page does that shows a language model's answer: how long
//! until the first one, how far apart the others, how long until the last. By the client's clock, from when it meant to send.

use std::ops::Range;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::histogram;

/// Nanoseconds, of the turns that begin in the window.
#[derive(Debug, Serialize, Deserialize)]
pub struct Turns {
    /// From a message's intended send to the first event of its answer.
    #[serde(with = "histogram::in_base64")]
    pub first: Histogram<u64>,
    /// From one event of an answer to the next.
    #[serde(with = "histogram::in_base64")]
    pub gap: Histogram<u64>,
    /// From a message's intended send to the last event of its answer.
    #[serde(with = "histogram::in_base64")]
    pub whole: Histogram<u64>,
}

/// One subscriber's turn.
#[derive(Debug, Default)]
pub(crate) struct TurnClock {
    /// When its message was meant to be sent.
    pub(crate) asked_ns: u64,
    received_ns: u64,
}

impl Default for Turns {
    fn default() -> Self {
        Self { first: histogram::empty(), gap: histogram::empty(), whole: histogram::empty() }
    }
}

impl Turns {
    /// Records the event `seq` of a channel in which each answer has so many events.
    pub(crate) fn received(
        &mut self,
        clock: &mut TurnClock,
        events: u64,
        seq: u64,
        now_ns: u64,
        window: &Range<u64>,
    ) {
        let before_ns = std::mem::replace(&mut clock.received_ns, now_ns);
        if !window.contains(&clock.asked_ns) {
            return;
        }
        if seq % events == 1 % events {
            self.first.saturating_record(now_ns.saturating_sub(clock.asked_ns));
        } else {
            self.gap.saturating_record(now_ns.saturating_sub(before_ns));
        }
        if seq.is_multiple_of(events) {
            self.whole.saturating_record(now_ns.saturating_sub(clock.asked_ns));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        histogram::merge(&mut self.first, &other.first);
        histogram::merge(&mut self.gap, &other.gap);
        histogram::merge(&mut self.whole, &other.whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_first_event_gaps_and_an_end() {
        let (mut turns, mut clock) = (Turns::default(), TurnClock::default());
        for (asked_ns, seq, now_ns) in
            [(1_000, 4, 1_100), (1_000, 5, 1_300), (1_000, 6, 1_350), (3_000, 7, 3_500)]
        {
            clock.asked_ns = asked_ns;
            turns.received(&mut clock, 3, seq, now_ns, &(1_000..3_000));
        }
        let found =
            [&turns.first, &turns.gap, &turns.whole].map(|times| (times.len(), times.min(), times.max()));
        assert_eq!(found, [(1, 100, 100), (2, 50, 200), (1, 350, 350)]);
    }
}
