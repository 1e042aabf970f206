//! How often a poll finds something, how many exchanges an event takes, and how often a silent stream speaks. Rates in
//! events per second, times in seconds; elementary probability of the two paces.

/// How events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// In equal gaps.
    Constant,
    /// In exponential gaps.
    Poisson,
}

/// The share of short polls that find something, at interval T and rate L: `1 − e^(−LT)` with exponential gaps,
/// `min(1, LT)` with equal ones.
pub fn found(rate_per_s: f64, interval_s: f64, pace: Pace) -> f64 {
    let expected = rate_per_s * interval_s;
    match pace {
        Pace::Poisson => -(-expected).exp_m1(),
        Pace::Constant => expected.min(1.0),
    }
}

/// Exchanges for one event, in the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchanges {
    /// Such as found events.
    pub found: f64,
    /// Such as found none.
    pub empty: f64,
}

/// Short polling: one poll in T, L·T events in it.
pub fn short_polling(rate_per_s: f64, interval_s: f64, pace: Pace) -> Exchanges {
    let per_event = 1.0 / (rate_per_s * interval_s);
    let found = found(rate_per_s, interval_s, pace);
    Exchanges { found: found * per_event, empty: (1.0 - found) * per_event }
}

/// Long polling with a hold H and a gap g between an answer's leaving and the next request's coming.
///
/// With exponential gaps, an exchange lasts `g + e^(−Lg)·(1 − e^(−LH)) ÷ L` in the mean and is empty with probability
/// `e^(−L(g+H))`. With equal gaps, holds run out as often as they fit between two events, and below the gap
/// every exchange takes what has come. With no end to the hold, and exponential gaps, this is RFC 6202 §2.2.
pub fn long_polling(rate_per_s: f64, hold_s: f64, gap_s: f64, pace: Pace) -> Exchanges {
    match pace {
        Pace::Poisson => {
            let silent_gap = (-rate_per_s * gap_s).exp();
            let waited = -(-rate_per_s * hold_s).exp_m1();
            let per_event = 1.0 / (rate_per_s * gap_s + silent_gap * waited);
            let empty = (-rate_per_s * (gap_s + hold_s)).exp();
            Exchanges { found: (1.0 - empty) * per_event, empty: empty * per_event }
        }
        Pace::Constant => {
            let between_s = 1.0 / rate_per_s;
            let found = (between_s / gap_s).min(1.0);
            Exchanges { found, empty: (between_s / (gap_s + hold_s)).floor() }
        }
    }
}

/// Signs of life for one event on a stream that speaks after every h seconds of silence: `1 ÷ (e^(Lh) − 1)` with
/// exponential gaps, the whole times that h fits into the gap with equal ones.
pub fn heartbeats(rate_per_s: f64, silence_s: f64, pace: Pace) -> f64 {
    match pace {
        Pace::Poisson => 1.0 / (rate_per_s * silence_s).exp_m1(),
        Pace::Constant => (1.0 / (rate_per_s * silence_s)).floor(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, not {expected}");
    }

    #[test]
    fn a_poll_at_the_events_rate_finds_something_in_63_of_100() {
        near(found(1.0, 1.0, Pace::Poisson), 1.0 - 1.0 / std::f64::consts::E);
        near(found(1.0, 1.0, Pace::Constant), 1.0);
        near(found(0.25, 1.0, Pace::Constant), 0.25);
    }

    #[test]
    fn polls_and_events_add_up() {
        for pace in [Pace::Poisson, Pace::Constant] {
            for rate in [0.01, 0.5, 1.0, 7.0, 1_000.0] {
                let exchanges = short_polling(rate, 2.0, pace);
                near((exchanges.found + exchanges.empty) * rate * 2.0, 1.0);
                assert!(exchanges.empty >= 0.0);
            }
        }
    }

    #[test]
    fn long_polling_without_an_end_to_the_hold_is_rfc_6202() {
        for rate in [0.1, 1.0, 10.0, 100.0] {
            let exchanges = long_polling(rate, f64::INFINITY, 0.05, Pace::Poisson);
            near(1.0 / exchanges.found, crate::long_polling::events_per_response(rate, 0.025));
            near(exchanges.empty, 0.0);
        }
    }

    #[test]
    fn a_hold_runs_out_as_often_as_it_fits_between_two_events() {
        // An event a minute, 14.9 s hold and 0.1 s gap: four run out.
        assert_eq!(long_polling(1.0 / 61.0, 14.9, 0.1, Pace::Constant), Exchanges { found: 1.0, empty: 4.0 });
        assert_eq!(long_polling(128.0, 15.0, 0.125, Pace::Constant), Exchanges { found: 0.0625, empty: 0.0 });
    }

    #[test]
    fn time_is_filled_by_exchanges() {
        // Exchanges × their mean length must be the time between two events.
        let (rate, hold, gap) = (0.2, 3.0, 0.5);
        let exchanges = long_polling(rate, hold, gap, Pace::Poisson);
        let mean_wait = (-rate * gap).exp() * -(-rate * hold).exp_m1() / rate;
        near((exchanges.found + exchanges.empty) * (gap + mean_wait), 1.0 / rate);
    }

    #[test]
    fn a_busy_stream_needs_no_sign_of_life() {
        near(heartbeats(0.01, 15.0, Pace::Poisson), 1.0 / 0.15_f64.exp_m1());
        assert!(heartbeats(10.0, 15.0, Pace::Poisson) < 1e-60);
        near(heartbeats(0.01, 15.0, Pace::Constant), 6.0);
        near(heartbeats(1.0, 15.0, Pace::Constant), 0.0);
    }
}
