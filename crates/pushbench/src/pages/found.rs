//! What a page found, put through the recorder that everybody's receptions go through.

use hdrhistogram::Histogram;
use loadgen::cursor::Cursor;
use loadgen::histogram;
use loadgen::recorder::{Counters, Recorder};
use loadgen::timing::Timing;
use loadgen::trial::Uncounted;
use protocol::message::{Message, MessageError, Stamp};
use serde::Deserialize;

use super::clock::Clock;
use super::error::PagesError;

/// What one subscriber of the page found. Its times are `performance.now()`, in ms.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscriber {
    /// When, and the message's stamp.
    received: Vec<(f64, String)>,
    requests: Vec<f64>,
    /// When, and how many events.
    responses: Vec<(f64, usize)>,
    /// Intended send times, as a stamp's digits.
    sent: Vec<String>,
    unreadable: Vec<String>,
    reconnects: u64,
    trouble: Option<String>,
}

/// What all of them found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) uncounted: Uncounted,
    pub(crate) reconnects: u64,
    pub(crate) trouble: Option<String>,
}

impl Found {
    /// What the page's subscribers found in a trial of these phases, and how long each took to connect, in ms. The clock is
    /// that of the whole trial: what it is bounded by holds for every time here.
    ///
    /// # Errors
    ///
    /// When the page noted something else than stamps, or could not read what is a message after all.
    pub(crate) fn of(
        subscribers: &[Subscriber],
        set_ups_ms: &[f64],
        timing: Timing,
        clock: &Clock,
    ) -> Result<Self, PagesError> {
        let mut recorder = Recorder::default();
        recorder.open(timing.window());
        let edges_ms = [timing.window_start_ns, timing.window_end_ns].map(|edge_ns| clock.page_ms(edge_ns));
        let mut edges = [Counters::default(); 2];
        for subscriber in subscribers {
            subscriber.record(&mut recorder, clock)?;
            for (edge, until_ms) in edges.iter_mut().zip(edges_ms) {
                *edge += subscriber.counters_until(until_ms);
            }
        }
        let unreadable = unreadable(subscribers)?;
        recorder.counters.unreadable = subscribers.iter().map(|it| it.unreadable.len() as u64).sum();
        Ok(Self {
            uncounted: Uncounted {
                edges,
                recorder,
                set_ups: set_ups(set_ups_ms),
                unreadable,
                clock: clock.described(),
            },
            reconnects: subscribers.iter().map(|subscriber| subscriber.reconnects).sum(),
            trouble: subscribers.iter().find_map(|subscriber| subscriber.trouble.clone()),
        })
    }
}

impl Subscriber {
    fn record(&self, recorder: &mut Recorder, clock: &Clock) -> Result<(), PagesError> {
        let mut position = Cursor::unknown();
        for (at_ms, stamp) in &self.received {
            let stamp = read(stamp)?;
            // The page's first event is the channel's first, unless a greeting has told its position.
            if position == Cursor::unknown() && !stamp.is_greeting() {
                position = Cursor::beginning();
            }
            // Bytes are not counted in a browser.
            recorder.received(&mut position, stamp, 0, clock.server_ns(*at_ms));
        }
        for (_, events) in &self.responses {
            recorder.response(*events);
        }
        recorder.counters.requests += self.requests.len() as u64;
        for intended in &self.sent {
            let intended_ns =
                u64::from_str_radix(intended, 16).map_err(|_| PagesError::Unreadable(intended.clone()))?;
            recorder.sent(intended_ns, 0);
        }
        Ok(())
    }

    /// What is compared between the window's edges.
    fn counters_until(&self, until_ms: f64) -> Counters {
        let count = |times: &mut dyn Iterator<Item = f64>| times.filter(|at| *at < until_ms).count() as u64;
        let responses = |empty: bool| {
            count(&mut self.responses.iter().filter(|(_, events)| (*events == 0) == empty).map(|(at, _)| *at))
        };
        let events = self.received.iter().filter(|(_, stamp)| read(stamp).is_ok_and(|it| !it.is_greeting()));
        Counters {
            events: count(&mut events.map(|(at, _)| *at)),
            responses: responses(false),
            empty_responses: responses(true),
            requests: count(&mut self.requests.iter().copied()),
            ..Counters::default()
        }
    }
}

/// A stamp by its digits, read as it stands in a message.
fn read(digits: &str) -> Result<Stamp, PagesError> {
    let message = format!("[\"{digits}\",0]");
    let decoded = Message::decode(message.as_bytes()).map(|message| message.stamp);
    decoded.map_err(|_| PagesError::Unreadable(digits.to_owned()))
}

/// Why the first text that the page could not read is no message.
fn unreadable(subscribers: &[Subscriber]) -> Result<Option<MessageError>, PagesError> {
    let Some(text) = subscribers.iter().find_map(|subscriber| subscriber.unreadable.first()) else {
        return Ok(None);
    };
    match Message::decode(text.as_bytes()) {
        Err(error) => Ok(Some(error)),
        Ok(_) => Err(PagesError::Unreadable(text.chars().take(200).collect())),
    }
}

fn set_ups(took_ms: &[f64]) -> Histogram<u64> {
    let mut set_ups = histogram::empty();
    for ms in took_ms {
        set_ups.saturating_record((ms * 1e6) as u64);
    }
    set_ups
}

#[cfg(test)]
mod tests {
    use super::super::clock::Told;
    use super::*;

    const MS: u64 = 1_000_000;

    /// The page's clock is the server's, to the nanosecond.
    fn clock() -> Clock {
        let told = r#"{"isolated":true,"resolution_ms":0,"exchanges":[[1.0,"1000000",1.0]]}"#;
        Clock::of(&serde_json::from_str::<Told>(told).unwrap()).unwrap()
    }

    fn timing() -> Timing {
        Timing { start_ns: 0, window_start_ns: 100 * MS, window_end_ns: 200 * MS, drain_end_ns: 300 * MS }
    }

    fn event(seq: u64, intended_ms: u64) -> String {
        format!("{seq:08x}{:016x}{:016x}", intended_ms * MS, intended_ms * MS)
    }

    fn subscriber(received: Vec<(f64, String)>) -> Subscriber {
        let responses = received.iter().map(|(at, _)| (*at, 1)).collect();
        let (requests, sent) = (vec![50.0, 150.0], vec![format!("{:016x}", 150 * MS)]);
        Subscriber {
            received,
            requests,
            responses,
            sent,
            unreadable: Vec::new(),
            reconnects: 0,
            trouble: None,
        }
    }

    fn found(subscribers: &[Subscriber]) -> Result<Found, PagesError> {
        Found::of(subscribers, &[2.0], timing(), &clock())
    }

    #[test]
    fn what_a_page_received_is_recorded_like_anybodys() {
        let received = vec![
            (91.0, event(1, 90)),
            (121.0, event(2, 120)),
            (133.0, event(4, 130)),
            (134.0, event(3, 125)),
            (135.0, event(3, 125)),
        ];
        let found = found(&[subscriber(received)]).unwrap().uncounted;
        let Counters { delivered, duplicate, reordered, events, requests, uplink_sent, .. } =
            found.recorder.counters;
        assert_eq!((delivered, duplicate, reordered, events), (3, 1, 1, 5));
        assert_eq!((requests, uplink_sent), (2, 1));
        assert_eq!(found.recorder.delivery().len(), 3);
        let max_ms = found.recorder.delivery().max() as f64 / 1e6;
        assert!((max_ms - 9.0).abs() < 0.01, "{max_ms}");
        let between = found.edges[1] - found.edges[0];
        assert_eq!((between.events, between.responses, between.requests), (4, 4, 1));
    }

    #[test]
    fn a_page_that_joined_late_is_told_its_position_by_the_greeting() {
        let greeting = format!("{:08x}{:032x}", 17, 0);
        let late = [subscriber(vec![(1.0, greeting), (121.0, event(18, 120)), (122.0, event(17, 110))])];
        let counters = found(&late).unwrap().uncounted.recorder.counters;
        assert_eq!((counters.greetings, counters.delivered, counters.duplicate), (1, 1, 1));
    }

    #[test]
    fn what_is_no_message_is_told() {
        let mut broken = subscriber(Vec::new());
        broken.unreadable = vec!["[\"17\"]".to_owned()];
        let told = found(&[broken]).unwrap().uncounted;
        assert_eq!((told.unreadable, told.recorder.counters.unreadable), (Some(MessageError::Short(6)), 1));
        assert!(found(&[subscriber(vec![(1.0, "xyz".to_owned())])]).is_err());
    }
}
