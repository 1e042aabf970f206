//! Long polling in closed form (RFC 6202 §2.2): events of a Poisson process, and a network with a fixed one-way delay.
//!
//! An event that finds a request waiting is delivered after one transit. One that comes while the answer and the next
//! request are on their way waits for that request: three transits at the most. All times in seconds.

/// Mean delivery latency at this rate of events and one-way delay: `D + 2·L·D² / (2·L·D + e^(−2·L·D))`.
///
/// An answer takes the event that it was waiting for and, in the mean, those of a round trip before it; those waited half of
/// the round trip in the mean, and a transit each way is still before them.
pub fn mean_latency(rate_per_s: f64, one_way_s: f64) -> f64 {
    let in_flight = 2.0 * rate_per_s * one_way_s;
    one_way_s + in_flight * one_way_s / events_per_response(rate_per_s, one_way_s)
}

/// The longest: an event just behind an answer waits for the answer's transit, the next request's, and its own.
pub fn longest_latency(one_way_s: f64) -> f64 {
    3.0 * one_way_s
}

/// Mean number of events in an answer: those of the round trip, or the one that ends the wait when there was none:
/// `2·L·D + e^(−2·L·D)`.
pub fn events_per_response(rate_per_s: f64, one_way_s: f64) -> f64 {
    let in_flight = 2.0 * rate_per_s * one_way_s;
    in_flight + (-in_flight).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_goes_from_one_transit_to_two() {
        const DELAY: f64 = 0.025;
        for (rate, transits) in [(0.1, 1.00), (1.0, 1.05), (4.0, 1.20), (10.0, 1.45), (100.0, 2.0)] {
            let found = mean_latency(rate, DELAY) / DELAY;
            assert!((found - transits).abs() < 0.005, "{rate} a second: {found}");
            assert!(mean_latency(rate, DELAY) < longest_latency(DELAY));
        }
    }

    #[test]
    fn a_rare_event_has_an_answer_of_its_own() {
        assert!((events_per_response(1e-6, 0.025) - 1.0).abs() < 1e-6);
        assert!((events_per_response(1_000.0, 0.025) - 50.0).abs() < 1e-6);
    }
}
