//! Traces as the load generator would record them, of six contestants that behave like the real ones.

use model::trial::{Direction, Flight};

const MS: u64 = 1_000_000;
/// What is added on the way down.
const DELAY_NS: u64 = 40 * MS;
/// When events happen.
const EVENTS_MS: [u64; 12] = [310, 420, 790, 1_300, 1_305, 1_310, 1_315, 1_320, 2_100, 2_420, 2_900, 3_350];

/// A trace that grows flight by flight.
#[derive(Default)]
pub(crate) struct Trace(pub(crate) Vec<Flight>);

impl Trace {
    fn flight(&mut self, at_ns: u64, direction: Direction, what: &str, (bytes, events): (u64, u32)) {
        let delay = if direction == Direction::Down { DELAY_NS } else { 0 };
        self.0.push(Flight {
            at_ns,
            handed_ns: at_ns + delay,
            subscriber: 0,
            connection: 0,
            direction,
            bytes,
            what: what.to_owned(),
            events,
        });
    }

    fn opened() -> Self {
        let mut trace = Self::default();
        trace.flight(0, Direction::Up, "opens", (0, 0));
        trace
    }

    fn closed(mut self) -> Vec<Flight> {
        self.flight(3_900 * MS, Direction::Up, "closes", (0, 0));
        self.0
    }
}

/// Asks every half second.
pub(crate) fn grid() -> Vec<Flight> {
    let mut trace = Trace::opened();
    let mut before_ms = 0;
    for ms in (0..=3_500).step_by(500) {
        let events = EVENTS_MS.iter().filter(|event| (before_ms..ms).contains(*event)).count() as u32;
        before_ms = ms;
        let at_ns = ms * MS + MS / 2;
        trace.flight(at_ns, Direction::Up, "GET /events", (489, 0));
        let (what, bytes) = match events {
            0 => ("204".to_owned(), 61),
            1 => ("200, 1 event".to_owned(), 268),
            events => (format!("200, {events} events"), 120 + 148 * u64::from(events)),
        };
        trace.flight(at_ns + MS, Direction::Down, &what, (bytes, events));
    }
    trace.closed()
}

/// Asks, is held, and asks again when it was answered.
pub(crate) fn held() -> Vec<Flight> {
    let mut trace = Trace::opened();
    trace.flight(MS, Direction::Up, "GET /events", (489, 0));
    let mut free_ms = 0;
    let mut waiting = 0;
    for ms in EVENTS_MS {
        waiting += 1;
        if ms < free_ms {
            continue;
        }
        let what = if waiting == 1 { "200, 1 event".to_owned() } else { format!("200, {waiting} events") };
        trace.flight(ms * MS, Direction::Down, &what, (120 + 148 * waiting, waiting as u32));
        trace.flight(ms * MS + DELAY_NS, Direction::Up, "GET /events", (489, 0));
        (free_ms, waiting) = (ms + 41, 0);
    }
    trace.closed()
}

/// Opens once and gets everything as it comes.
pub(crate) fn stream(opening: [&str; 2], each: &str, bytes: u64) -> Vec<Flight> {
    let mut trace = Trace::opened();
    trace.flight(MS, Direction::Up, opening[0], (502, 0));
    if !opening[1].is_empty() {
        trace.flight(2 * MS, Direction::Down, opening[1], (129, 0));
    }
    for ms in EVENTS_MS {
        trace.flight(ms * MS, Direction::Down, each, (bytes, 1));
    }
    trace.closed()
}
