//! A trace: every flight at the sockets of a load thread's subscribers, with its time and, for people, what it is.
//!
//! Off the path of an ordinary trial: only a traced one has a [`Tracer`]. How many events a flight carried is counted as
//! byte accounting counts, by the stamps that became whole with it; the words come from `words`.

mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use model::byte_account::Account;
use model::settings::Payload;
use model::trial::{Direction, Flight};
use protocol::message::PayloadKind;

use self::words::Words;
use super::classifier::{Classifier, Protocol};

/// A trace is for looking at; one of so many flights cannot be.
const MOST_FLIGHTS: usize = 10_000;

/// Collects the flights of all connections of a load thread.
#[derive(Debug)]
pub struct Tracer {
    stamp_len: u64,
    log: RefCell<Log>,
}

#[derive(Debug, Default)]
struct Log {
    flights: Vec<Flight>,
    /// Connections that each subscriber has opened.
    opened: HashMap<u32, u32>,
}

/// One connection's part of the trace. Dropping it closes the connection, if nobody has said so before.
#[derive(Debug)]
pub struct ConnectionTrace {
    tracer: Rc<Tracer>,
    subscriber: u32,
    connection: u32,
    words: Words,
    /// What is readable is counted once more, so that what byte accounting counts stays as it is.
    counting: Option<(Classifier, Box<Account>)>,
    added_delay_ns: u64,
    closed_up: bool,
    closed_down: bool,
}

impl Tracer {
    /// An empty trace of a trial whose events carry this kind of payload.
    pub fn new(payload: Payload) -> Rc<Self> {
        let kind = match payload {
            Payload::Text => PayloadKind::Text,
            Payload::Chat | Payload::Json => PayloadKind::Json,
        };
        Rc::new(Self { stamp_len: kind.stamp_len() as u64, log: RefCell::default() })
    }

    /// A connection that `subscriber` asks for at `now_ns` of `CLOCK_MONOTONIC`. Without a protocol its bytes cannot be
    /// read, since they are encrypted.
    pub fn open(
        self: &Rc<Self>,
        subscriber: u32,
        protocol: Option<Protocol>,
        now_ns: u64,
    ) -> ConnectionTrace {
        let mut connection = ConnectionTrace {
            tracer: Rc::clone(self),
            subscriber,
            connection: self.log.borrow_mut().number(subscriber),
            words: Words::of(protocol),
            counting: protocol.map(|protocol| (Classifier::new(protocol), Box::default())),
            added_delay_ns: 0,
            closed_up: false,
            closed_down: false,
        };
        connection.record(Direction::Up, now_ns, 0, "opens".to_owned(), 0);
        connection
    }

    /// What was recorded so far, in the order in which it was; times are those of `CLOCK_MONOTONIC`. Nothing of it stays.
    pub fn take(&self) -> Vec<Flight> {
        mem::take(&mut self.log.borrow_mut().flights)
    }
}

impl Log {
    fn number(&mut self, subscriber: u32) -> u32 {
        let next = self.opened.entry(subscriber).or_default();
        mem::replace(next, *next + 1)
    }

    fn push(&mut self, flight: Flight) {
        match self.flights.len() {
            ..MOST_FLIGHTS => self.flights.push(flight),
            MOST_FLIGHTS => {
                let what = format!("the trace ends here: it holds {MOST_FLIGHTS} flights");
                self.flights.push(Flight { bytes: 0, events: 0, what, ..flight });
            }
            _ => {}
        }
    }
}

impl ConnectionTrace {
    /// Of a connection on which what comes is handed on so much later.
    pub(super) fn behind(mut self, added_delay: Duration) -> Self {
        self.added_delay_ns = u64::try_from(added_delay.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// The socket took bytes.
    pub(super) fn went(&mut self, bytes: &[u8]) {
        self.flight(Direction::Up, os::now_ns(), bytes);
    }

    /// The socket gave bytes now, or none: its end.
    pub(super) fn came(&mut self, bytes: &[u8], now_ns: u64) {
        if bytes.is_empty() {
            self.closed(Direction::Down, now_ns);
        } else {
            self.flight(Direction::Down, now_ns, bytes);
        }
    }

    fn flight(&mut self, direction: Direction, at_ns: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let events = self.events(direction, bytes);
        let words = self.words.of_flight(direction, bytes);
        let what = match events {
            0 => words,
            1 => format!("{words}, 1 event"),
            _ => format!("{words}, {events} events"),
        };
        self.record(direction, at_ns, bytes.len() as u64, what, events);
    }

    /// The client (up) or the server (down) ends its direction. Said again, it is not recorded again.
    pub(super) fn closed(&mut self, direction: Direction, at_ns: u64) {
        let closed = match direction {
            Direction::Up => &mut self.closed_up,
            Direction::Down => &mut self.closed_down,
        };
        if !mem::replace(closed, true) {
            self.record(direction, at_ns, 0, "closes".to_owned(), 0);
        }
    }

    fn events(&mut self, direction: Direction, bytes: &[u8]) -> u32 {
        let Some((classifier, account)) = &mut self.counting else { return 0 };
        let stamps = |account: &Account| account.up.stamp + account.down.stamp;
        let before = stamps(account);
        classifier.take(direction, bytes, account);
        ((stamps(account) - before) / self.tracer.stamp_len) as u32
    }

    /// What comes down is handed on after the added delay.
    fn record(&mut self, direction: Direction, at_ns: u64, bytes: u64, what: String, events: u32) {
        let (subscriber, connection) = (self.subscriber, self.connection);
        let delay_ns = if direction == Direction::Down { self.added_delay_ns } else { 0 };
        let handed_ns = at_ns.saturating_add(delay_ns);
        let flight = Flight { at_ns, handed_ns, subscriber, connection, direction, bytes, what, events };
        self.tracer.log.borrow_mut().push(flight);
    }
}

impl Drop for ConnectionTrace {
    fn drop(&mut self) {
        self.closed(Direction::Up, os::now_ns());
    }
}

#[cfg(test)]
mod tests {
    use protocol::message::{Message, Stamp};

    use super::*;

    fn message() -> Vec<u8> {
        let stamp = Stamp { seq: 1, intended_ns: 2, actual_ns: 3 };
        Message { stamp, payload: b"hello", kind: PayloadKind::Text }.to_bytes().to_vec()
    }

    fn summary(flight: &Flight) -> (u64, u64, Direction, u64, &str, u32) {
        (flight.at_ns, flight.handed_ns, flight.direction, flight.bytes, flight.what.as_str(), flight.events)
    }

    #[test]
    fn a_connection_is_recorded_from_its_opening_to_its_end() {
        let tracer = Tracer::new(Payload::Text);
        let mut connection = tracer.open(3, Some(Protocol::Http), 10).behind(Duration::from_nanos(40));
        let ask = b"GET /events?channel=0 HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.flight(Direction::Up, 20, ask);
        let body = [message(), message()].join(&b"\n"[..]);
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
            body.len() + 1
        )
        .into_bytes();
        answer.extend_from_slice(&body);
        answer.push(b'\n');
        connection.came(&answer, 30);
        connection.flight(Direction::Down, 80, b"");
        connection.came(b"", 90);
        connection.closed(Direction::Down, 99);
        connection.closed(Direction::Up, 100);
        drop(connection);
        let flights = tracer.take();
        let expected = [
            (10, 10, Direction::Up, 0, "opens", 0),
            (20, 20, Direction::Up, ask.len() as u64, "GET /events", 0),
            (30, 70, Direction::Down, answer.len() as u64, "200, 2 events", 2),
            (90, 130, Direction::Down, 0, "closes", 0),
            (100, 100, Direction::Up, 0, "closes", 0),
        ];
        assert_eq!(flights.iter().map(summary).collect::<Vec<_>>(), expected);
        assert!(flights.iter().all(|flight| (flight.subscriber, flight.connection) == (3, 0)));
        assert_eq!(tracer.open(3, None, 0).connection, 1);
        assert_eq!(tracer.open(4, None, 0).connection, 0);
    }

    #[test]
    fn what_is_encrypted_is_told_in_bytes() {
        let tracer = Tracer::new(Payload::Text);
        tracer.open(0, None, 0).flight(Direction::Up, 1, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(tracer.take()[1].what, "18 bytes");
    }

    #[test]
    fn a_trace_is_bounded_and_says_so() {
        let tracer = Tracer::new(Payload::Text);
        let mut connection = tracer.open(0, None, 0);
        for _ in 0..MOST_FLIGHTS + 5 {
            connection.flight(Direction::Up, 1, b"x");
        }
        drop(connection);
        let flights = tracer.take();
        assert_eq!(flights.len(), MOST_FLIGHTS + 1);
        assert_eq!(flights[MOST_FLIGHTS].what, "the trace ends here: it holds 10000 flights");
    }
}
