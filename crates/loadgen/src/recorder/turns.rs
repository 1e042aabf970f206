//! What a subscriber experiences whose messages are answered by events, as a page does that shows a language model's answer: how long
//! until the first one, how far apart the others, how long until the last. By the client's clock, from when it meant to send.

use std::collections::VecDeque;
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
    asked_ns: u64,
    /// The same of messages that are not answered yet.
    waiting_ns: VecDeque<u64>,
    received_ns: u64,
}

impl TurnClock {
    /// A message is sent that was meant to be sent then.
    pub(crate) fn asks(&mut self, intended_ns: u64) {
        self.waiting_ns.push_back(intended_ns);
    }
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
        let is_first = seq % events == 1 % events;
        if is_first {
            clock.asked_ns = clock.waiting_ns.pop_front().unwrap_or(clock.asked_ns);
        }
        if !window.contains(&clock.asked_ns) {
            return;
        }
        if is_first {
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
        // The second message is sent before the first one is answered.
        clock.asks(1_000);
        clock.asks(1_200);
        clock.asks(3_000);
        for (seq, now_ns) in
            [(4, 1_100), (5, 1_300), (6, 1_350), (7, 1_400), (8, 1_450), (9, 1_500), (10, 3_500)]
        {
            turns.received(&mut clock, 3, seq, now_ns, &(1_000..3_000));
        }
        let found =
            [&turns.first, &turns.gap, &turns.whole].map(|times| (times.len(), times.min(), times.max()));
        assert_eq!(found, [(2, 100, 200), (4, 50, 200), (2, 300, 350)]);
    }
}
