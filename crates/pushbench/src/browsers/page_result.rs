//! A page's results, which pass through the same recorder as the native client's, and its errors.

use std::io;

use hdrhistogram::Histogram;
use loadgen::recorder::cursor::Cursor;
use loadgen::recorder::{Counters, Recorder, histogram};
use loadgen::schedule::Timing;
use loadgen::schedule::payload::PayloadError;
use loadgen::trial::Uncounted;
use protocol::message::{Message, MessageError, Stamp};
use serde::Deserialize;

use super::page_clock::PageClock;

/// Pages of a browser could not subscribe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error(transparent)]
    Missing(#[from] browser::MissingBrowser),
    #[error(transparent)]
    Browser(#[from] browser::BrowserError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("the page's answer cannot be read")]
    Malformed(#[from] serde_json::Error),
    #[error("the page could not read what it received: {0:?}")]
    Unreadable(String),
    #[error("the page did not read the server's clock")]
    NoClock,
    #[error("start the browser's thread")]
    Thread(#[source] io::Error),
    #[error("the browser's thread panicked")]
    Panicked,
    #[error("the trial was abandoned")]
    Abandoned,
}

/// The results of one subscriber of the page. Its times are `performance.now()`, in ms.
#[derive(Debug, Deserialize)]
pub(crate) struct SubscriberResult {
    /// The time and the stamp of each message.
    received: Vec<(f64, String)>,
    requests: Vec<f64>,
    /// The time and the number of events of each response.
    responses: Vec<(f64, usize)>,
    /// Intended send times, as a stamp's digits.
    sent: Vec<String>,
    unreadable: Vec<String>,
    reconnects: u64,
    last_error: Option<String>,
}

#[derive(Debug)]
pub(crate) struct PageResult {
    pub(crate) uncounted: Uncounted,
    pub(crate) reconnects: u64,
    pub(crate) last_error: Option<String>,
}

impl PageResult {
    /// Summarizes the subscribers of a trial with these phases. `set_ups_ms` is how long each took to connect; the bounds of
    /// `clock` hold for the whole trial. Fails if the page recorded something other than stamps, or rejected a valid message.
    pub(crate) fn new(
        subscribers: &[SubscriberResult],
        set_ups_ms: &[f64],
        timing: Timing,
        clock: &PageClock,
    ) -> Result<Self, PageError> {
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
            last_error: subscribers.iter().find_map(|subscriber| subscriber.last_error.clone()),
        })
    }
}

impl SubscriberResult {
    fn record(&self, recorder: &mut Recorder, clock: &PageClock) -> Result<(), PageError> {
        let mut cursor = Cursor::unknown();
        for (at_ms, stamp) in &self.received {
            let stamp = read(stamp)?;
            // The first event is the channel's first, unless a greeting has set the cursor.
            if cursor == Cursor::unknown() && !stamp.is_greeting() {
                cursor = Cursor::beginning();
            }
            // Bytes are not counted in a browser.
            recorder.received(&mut cursor, stamp, 0, clock.server_ns(*at_ms));
        }
        for (_, events) in &self.responses {
            recorder.response(*events);
        }
        recorder.counters.requests += self.requests.len() as u64;
        for intended in &self.sent {
            let intended_ns =
                u64::from_str_radix(intended, 16).map_err(|_| PageError::Unreadable(intended.clone()))?;
            recorder.sent(intended_ns, 0);
        }
        Ok(())
    }

    /// Counters at an edge of the window.
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

/// Decodes a stamp's digits, as they stand in a message.
fn read(digits: &str) -> Result<Stamp, PageError> {
    let message = format!("[\"{digits}\",0]");
    let decoded = Message::decode(message.as_bytes()).map(|message| message.stamp);
    decoded.map_err(|_| PageError::Unreadable(digits.to_owned()))
}

/// Why the first text that the page could not read is no message.
fn unreadable(subscribers: &[SubscriberResult]) -> Result<Option<MessageError>, PageError> {
    let Some(text) = subscribers.iter().find_map(|subscriber| subscriber.unreadable.first()) else {
        return Ok(None);
    };
    match Message::decode(text.as_bytes()) {
        Err(error) => Ok(Some(error)),
        Ok(_) => Err(PageError::Unreadable(text.chars().take(200).collect())),
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
    use crate::browsers::page_clock::ClockReport;

    use super::*;

    const MS: u64 = 1_000_000;

    /// The page's clock equals the server's.
    fn clock() -> PageClock {
        let report = r#"{"isolated":true,"resolution_ms":0,"exchanges":[[1.0,"1000000",1.0]]}"#;
        PageClock::new(&serde_json::from_str::<ClockReport>(report).unwrap()).unwrap()
    }

    fn timing() -> Timing {
        Timing { start_ns: 0, window_start_ns: 100 * MS, window_end_ns: 200 * MS, drain_end_ns: 300 * MS }
    }

    fn event(seq: u64, intended_ms: u64) -> String {
        format!("{seq:08x}{:016x}{:016x}", intended_ms * MS, intended_ms * MS)
    }

    fn subscriber(received: Vec<(f64, String)>) -> SubscriberResult {
        let responses = received.iter().map(|(at, _)| (*at, 1)).collect();
        let (requests, sent) = (vec![50.0, 150.0], vec![format!("{:016x}", 150 * MS)]);
        SubscriberResult {
            received,
            requests,
            responses,
            sent,
            unreadable: Vec::new(),
            reconnects: 0,
            last_error: None,
        }
    }

    fn result(subscribers: &[SubscriberResult]) -> Result<PageResult, PageError> {
        PageResult::new(subscribers, &[2.0], timing(), &clock())
    }

    #[test]
    fn a_pages_messages_are_recorded_like_the_native_clients() {
        let received = vec![
            (91.0, event(1, 90)),
            (121.0, event(2, 120)),
            (133.0, event(4, 130)),
            (134.0, event(3, 125)),
            (135.0, event(3, 125)),
        ];
        let result = result(&[subscriber(received)]).unwrap().uncounted;
        let Counters { delivered, duplicate, reordered, events, requests, uplink_sent, .. } =
            result.recorder.counters;
        assert_eq!((delivered, duplicate, reordered, events), (3, 1, 1, 4));
        assert_eq!((requests, uplink_sent), (2, 1));
        assert_eq!(result.recorder.delivery().len(), 3);
        let max_ms = result.recorder.delivery().max() as f64 / 1e6;
        assert!((max_ms - 9.0).abs() < 0.01, "{max_ms}");
        let between = result.edges[1] - result.edges[0];
        assert_eq!((between.events, between.responses, between.requests), (4, 4, 1));
    }

    #[test]
    fn a_greeting_sets_the_cursor_of_a_page_that_joined_late() {
        let greeting = format!("{:08x}{:032x}", 17, 0);
        let late = [subscriber(vec![(1.0, greeting), (121.0, event(18, 120)), (122.0, event(17, 110))])];
        let counters = result(&late).unwrap().uncounted.recorder.counters;
        assert_eq!((counters.greetings, counters.delivered, counters.duplicate), (1, 1, 1));
    }

    #[test]
    fn a_text_that_is_no_message_is_reported() {
        let mut broken = subscriber(Vec::new());
        broken.unreadable = vec!["[\"17\"]".to_owned()];
        let uncounted = result(&[broken]).unwrap().uncounted;
        assert_eq!(
            (uncounted.unreadable, uncounted.recorder.counters.unreadable),
            (Some(MessageError::Short(6)), 1)
        );
        assert!(result(&[subscriber(vec![(1.0, "xyz".to_owned())])]).is_err());
    }
}
