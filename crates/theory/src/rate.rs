//! Bytes per delivered event over the rate of events, of unit costs that were measured.

use crate::polling::{self, Exchanges, Pace};

/// What one of each costs, in bytes of both directions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UnitCosts {
    /// An event more in an answer or on a stream: payload, stamp, framing.
    pub event: f64,
    /// What an answer with events and its request cost without the events: the heads.
    pub found_poll: f64,
    /// A poll that finds nothing, whole.
    pub empty_poll: f64,
    /// A sign of life on a silent stream.
    pub heartbeat: f64,
}

/// How events get to the client. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Manner {
    /// A poll at every interval.
    ShortPolling {
        /// From one poll to the next.
        interval_s: f64,
    },
    /// A request that is held.
    LongPolling {
        /// How long at the most.
        hold_s: f64,
        /// Between an answer and the next request.
        gap_s: f64,
    },
    /// A channel that stays open.
    Push {
        /// How long it is silent before it gives a sign of life; infinite when it gives none.
        heartbeat_s: f64,
    },
}

/// Bytes per delivered event at this rate of events for one subscriber; what opened the connection is not in it.
pub fn bytes_against_rate(costs: &UnitCosts, manner: Manner, pace: Pace, rate_per_s: f64) -> f64 {
    let polls = |exchanges: Exchanges| {
        costs.event + exchanges.found * costs.found_poll + exchanges.empty * costs.empty_poll
    };
    match manner {
        Manner::ShortPolling { interval_s } => polls(polling::short_polling(rate_per_s, interval_s, pace)),
        Manner::LongPolling { hold_s, gap_s } => {
            polls(polling::long_polling(rate_per_s, hold_s, gap_s, pace))
        }
        Manner::Push { heartbeat_s } => {
            costs.event + costs.heartbeat * polling::heartbeats(rate_per_s, heartbeat_s, pace)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crossing;

    const POLLS: UnitCosts = UnitCosts { event: 148.0, found_poll: 700.0, empty_poll: 650.0, heartbeat: 0.0 };
    const STREAM: UnitCosts = UnitCosts { event: 154.0, found_poll: 0.0, empty_poll: 0.0, heartbeat: 6.0 };

    #[test]
    fn short_polls_share_their_heads_among_more_events_at_a_higher_rate() {
        let at =
            |rate| bytes_against_rate(&POLLS, Manner::ShortPolling { interval_s: 1.0 }, Pace::Poisson, rate);
        assert!(at(0.01) > at(0.1) && at(0.1) > at(1.0) && at(1.0) > at(1_000.0));
        assert!((at(1_000.0) - 148.7).abs() < 1e-9);
        // 100 polls an event, of which 0.995 find it.
        assert!((at(0.01) - (148.0 + 99.004_983 * 650.0 + 0.995_017 * 700.0)).abs() < 0.01);
    }

    #[test]
    fn polling_gets_cheaper_than_pushing_where_batches_outweigh_heads() {
        let polls =
            |rate| bytes_against_rate(&POLLS, Manner::ShortPolling { interval_s: 1.0 }, Pace::Poisson, rate);
        let stream =
            |rate| bytes_against_rate(&STREAM, Manner::Push { heartbeat_s: 15.0 }, Pace::Poisson, rate);
        let found = crossing(polls, stream, 0.01..=1_000.0);
        // 700 bytes of heads a second against 6 bytes an event more.
        assert_eq!(found.len(), 1);
        assert!((found[0] - 700.0 / 6.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_held_request_is_answered_empty_only_in_silence() {
        let manner = Manner::LongPolling { hold_s: 15.0, gap_s: 0.001 };
        let busy = bytes_against_rate(&POLLS, manner, Pace::Poisson, 10.0);
        assert!((busy - 848.0).abs() < 1.0, "{busy}");
        let quiet = bytes_against_rate(&POLLS, manner, Pace::Poisson, 0.01);
        assert!(quiet > busy + 5.0 * 650.0, "{quiet}");
    }
}
