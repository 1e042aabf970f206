//! What the subscribers of one load thread found: latencies, counts. Not shared while it measures; merged afterwards.

pub mod content;
pub mod cursor;
pub mod histogram;
pub mod turns;

use std::ops::Range;

use hdrhistogram::Histogram;
use protocol::message::Stamp;
use serde::{Deserialize, Serialize};

use content::{ContentSum, PayloadCheck};
use cursor::{Arrival, Cursor};
use turns::{TurnClock, Turns};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What is counted; no counter ever falls.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        model::field_wise!(Counters { $($name),+ });
    };
}

counters! {
    /// Events of the window, each once for each subscriber.
    delivered,
    /// Events of the window that came again.
    duplicate,
    /// Events of the window that came after a later one.
    reordered,
    /// Events of the window that belong to a channel which the subscriber does not read.
    foreign,
    /// Events of the window whose payload has another length than it was published with.
    altered,
    /// Greetings.
    greetings,
    /// Events of any send time, each once for each subscriber.
    events,
    /// Bytes of all events' messages, duplicates and foreign ones included.
    event_bytes,
    /// Bytes that were handed on as a message and are none.
    unreadable,
    /// What a server of others sent that holds no message: frames, events, lines, bodies.
    control,
    /// Answers, frames or chunks that carried events.
    responses,
    /// Answers that carried none.
    empty_responses,
    /// HTTP requests.
    requests,
    /// TCP connections.
    connections,
    /// Messages of the window that the subscribers sent.
    uplink_sent,
    /// Bytes of all messages that the subscribers sent.
    uplink_bytes,
}

/// Records the events of the window. Times are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorder {
    window: Range<u64>,
    #[serde(with = "histogram::in_base64")]
    delivery: Histogram<u64>,
    #[serde(with = "histogram::in_base64")]
    service: Histogram<u64>,
    pub turns: Turns,
    pub counters: Counters,
    /// The contents that came.
    pub received_content: ContentSum,
    /// Those of the subscribers' own messages, as often as they must come.
    pub sent_content: ContentSum,
    /// The length of the first payload that has another one than it was published with.
    pub altered_bytes: Option<u64>,
}

impl Default for Recorder {
    /// A recorder that only counts events, until its window is known.
    fn default() -> Self {
        let (delivery, service) = (histogram::empty(), histogram::empty());
        Self {
            window: 0..0,
            delivery,
            service,
            turns: Turns::default(),
            counters: Counters::default(),
            received_content: ContentSum::default(),
            sent_content: ContentSum::default(),
            altered_bytes: None,
        }
    }
}

impl Recorder {
    /// From now on, messages whose intended send time lies in `window` are recorded.
    pub fn open(&mut self, window: Range<u64>) {
        self.window = window;
    }

    /// Records a message of `bytes` bytes with this stamp, which the subscriber at `cursor` received at `now_ns`, and returns
    /// whether it is a delivery of the window.
    pub fn received(&mut self, cursor: &mut Cursor, stamp: Stamp, bytes: usize, now_ns: u64) -> bool {
        if stamp.is_greeting() {
            self.counters.greetings += 1;
            cursor.greeted(stamp.seq);
            return false;
        }
        self.counters.event_bytes += bytes as u64;
        let arrival = cursor.received(stamp.seq);
        self.counters.events += u64::from(arrival != Arrival::Duplicate);
        if !self.window.contains(&stamp.intended_ns) {
            return false;
        }
        match arrival {
            Arrival::Duplicate => {
                self.counters.duplicate += 1;
                return false;
            }
            Arrival::Reordered => self.counters.reordered += 1,
            Arrival::InOrder => {}
        }
        self.counters.delivered += 1;
        self.delivery.saturating_record(now_ns.saturating_sub(stamp.intended_ns));
        self.service.saturating_record(now_ns.saturating_sub(stamp.actual_ns));
        true
    }

    /// Records when the event `seq` of an answer came, which has so many.
    pub(crate) fn in_turn(&mut self, clock: &mut TurnClock, events: u64, seq: u64, now_ns: u64) {
        self.turns.received(clock, events, seq, now_ns, &self.window);
    }

    /// Checks the payload of a delivery of the window. `is_bare` tells whether its message holds nothing else.
    pub fn check(&mut self, check: &PayloadCheck, intended_ns: u64, payload: &[u8], is_bare: bool) {
        if is_bare && check.has_length(payload.len()) {
            self.received_content.add(check.sampling, intended_ns, payload, 1);
        } else {
            self.counters.altered += 1;
            self.altered_bytes.get_or_insert(payload.len() as u64);
        }
    }

    /// Counts a message of `bytes` bytes of a channel that the subscriber does not read.
    pub fn foreign(&mut self, stamp: Stamp, bytes: usize) {
        self.counters.event_bytes += bytes as u64;
        self.counters.foreign += u64::from(self.window.contains(&stamp.intended_ns));
    }

    /// Counts a message of `bytes` bytes that a subscriber sends, and returns whether it is one of the window.
    pub fn sent(&mut self, intended_ns: u64, bytes: usize) -> bool {
        let is_counted = self.window.contains(&intended_ns);
        self.counters.uplink_bytes += bytes as u64;
        self.counters.uplink_sent += u64::from(is_counted);
        is_counted
    }

    /// Counts an answer, frame or chunk with `events` events.
    pub fn response(&mut self, events: usize) {
        if events == 0 {
            self.counters.empty_responses += 1;
        } else {
            self.counters.responses += 1;
        }
    }

    /// Receive − intended send of the window's events, ns.
    pub fn delivery(&self) -> &Histogram<u64> {
        &self.delivery
    }

    /// Receive − actual send of the window's events, ns.
    pub fn service(&self) -> &Histogram<u64> {
        &self.service
    }

    /// Adds what another thread's recorder found.
    pub fn merge(&mut self, other: &Self) {
        histogram::merge(&mut self.delivery, &other.delivery);
        histogram::merge(&mut self.service, &other.service);
        self.turns.merge(&other.turns);
        self.counters += other.counters;
        self.received_content.merge(other.received_content);
        self.sent_content.merge(other.sent_content);
        self.altered_bytes = self.altered_bytes.or(other.altered_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recorder that has received events with these numbers and intended send times, `after_ns` later each.
    fn recorder(events: &[(u64, u64)], after_ns: u64) -> Recorder {
        let (mut recorder, mut cursor) = (Recorder::default(), Cursor::beginning());
        recorder.open(1000..2000);
        for &(seq, intended_ns) in events {
            let stamp = Stamp { seq, intended_ns, actual_ns: intended_ns + 40 };
            recorder.received(&mut cursor, stamp, 50, intended_ns.saturating_add(after_ns));
        }
        recorder
    }

    #[test]
    fn latencies_are_from_the_intended_and_from_the_actual_send_time() {
        let recorder = recorder(&[(1, 1000)], 100);
        assert_eq!((recorder.delivery().max(), recorder.service().max()), (100, 60));
        assert_eq!((recorder.delivery().len(), recorder.service().len()), (1, 1));
    }

    #[test]
    fn only_events_intended_in_the_window_are_recorded() {
        let recorder = recorder(&[(1, 999), (2, 1000), (3, 1999), (4, 2000)], 7000);
        assert_eq!((recorder.counters.delivered, recorder.delivery().len()), (2, 2));
        assert_eq!(recorder.counters.events, 4);
    }

    #[test]
    fn what_comes_again_or_late_is_counted_apart() {
        let recorder = recorder(&[1, 3, 2, 2, 4].map(|seq| (seq, 1500)), 100);
        let Counters { delivered, duplicate, reordered, .. } = recorder.counters;
        assert_eq!((delivered, duplicate, reordered), (4, 1, 1));
        assert_eq!(recorder.counters.events, 4, "what came again divides neither bytes nor CPU");
        assert_eq!(recorder.delivery().len(), 4, "a duplicate has no latency");
    }

    #[test]
    fn a_greeting_sets_the_cursor_and_is_no_event() {
        let (mut recorder, mut cursor) = (recorder(&[], 0), Cursor::unknown());
        recorder.received(&mut cursor, Stamp { seq: 17, intended_ns: 0, actual_ns: 0 }, 50, 1600);
        assert_eq!(cursor.resume(), protocol::Start::After(17));
        assert_eq!((recorder.counters.greetings, recorder.counters.events), (1, 0));
    }

    #[test]
    fn more_than_an_hour_is_recorded_as_an_hour() {
        let recorder = recorder(&[(1, 1000)], u64::MAX);
        assert_eq!(recorder.delivery().len(), 1);
        assert!(recorder.delivery().max() >= histogram::HIGHEST_NS);
    }

    #[test]
    fn merged_recorders_hold_what_each_found() {
        let (mut one, mut two) = (recorder(&[(1, 1000)], 100), recorder(&[(1, 1000)], 200));
        two.response(0);
        one.merge(&two);
        assert_eq!((one.delivery().len(), one.delivery().max()), (2, 200));
        assert_eq!((one.counters.delivered, one.counters.empty_responses), (2, 1));
    }
}
