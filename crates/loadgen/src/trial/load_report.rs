//! What subscribers found: of one load thread, of subscribers without byte accounting, and of all together.

use std::rc::Rc;

use hdrhistogram::Histogram;
use model::trial::{ClientClock, Flight, RecordedHead};
use protocol::message::MessageError;
use serde::{Deserialize, Serialize};

use crate::faults::{RecoveryTimes, SlowConsumers};
use crate::recorder::{Counters, Recorder};
use crate::session::control;
use crate::session::{SetUps, Snapshot, WorkerContext};

/// How far the subscribers of a driver are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DriverProgress {
    /// Threads that could connect now.
    pub prepared: u64,
    pub threads: u64,
    /// Subscribers that are connected.
    pub connected: u64,
    /// Events of the window that were delivered; may be 0 until the window has ended.
    pub delivered: u64,
    /// Connections that broke and were made again.
    pub reconnects: u64,
    /// The last error of a connection, as the end of a sentence.
    pub last_error: Option<String>,
    /// Whether a subscriber will never be connected.
    pub is_hopeless: bool,
}

/// What a load thread found, or subscribers of another kind, or all of them together.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct LoadReport {
    /// At the window's start and end.
    pub(super) edges: [Snapshot; 2],
    /// After the last connection was closed.
    pub(super) total: Snapshot,
    pub(super) recorder: Recorder,
    pub(super) set_ups: SetUps,
    /// The heads of requests and answers: one of each kind of exchange.
    pub(super) heads: Vec<RecordedHead>,
    /// What servers of others sent beside messages: the first few.
    pub(super) control: Vec<String>,
    /// Every flight at the sockets, if the trial is traced; times are those of `CLOCK_MONOTONIC`.
    pub(super) trace: Vec<Flight>,
    /// Why the first unreadable message was none.
    #[serde(with = "message_error")]
    pub(super) unreadable: Option<MessageError>,
    /// Its clock, if it is not `CLOCK_MONOTONIC` itself.
    pub(super) clock: Option<ClientClock>,
    pub(super) recoveries: RecoveryTimes,
    /// What became of those that do not keep up.
    pub(super) slow_consumers: SlowConsumers,
}

impl LoadReport {
    /// The report of a load thread, whose counters stood at `edges` at the window's start and end.
    pub(super) fn of(edges: [Snapshot; 2], workers: &[Rc<WorkerContext>]) -> Self {
        let mut report = Self { edges, ..Self::default() };
        for worker in workers {
            report.merge(Self {
                edges: [Snapshot::default(); 2],
                total: worker.snapshot(),
                recorder: worker.take_recorder(),
                set_ups: worker.take_set_ups(),
                heads: worker.heads(),
                control: worker.control(),
                trace: worker.take_trace(),
                unreadable: worker.unreadable(),
                clock: None,
                recoveries: worker.recoveries(),
                slow_consumers: worker.slow_consumers(),
            });
        }
        report
    }

    /// All reports together; the trace's times count from its first flight.
    pub(super) fn sum(reports: Vec<Self>) -> Self {
        let mut sum = Self::default();
        reports.into_iter().for_each(|report| sum.merge(report));
        count_from_the_first(&mut sum.trace);
        sum
    }

    fn merge(&mut self, mut other: Self) {
        for (edge, more) in self.edges.iter_mut().zip(other.edges) {
            *edge += more;
        }
        self.total += other.total;
        self.recorder.merge(&other.recorder);
        self.set_ups.merge(&other.set_ups);
        for head in other.heads {
            // One of each kind of exchange.
            if self.heads.iter().all(|kept| kept.exchange != head.exchange) {
                self.heads.push(head);
            }
        }
        control::merge(&mut self.control, other.control);
        self.trace.append(&mut other.trace);
        self.unreadable = self.unreadable.or(other.unreadable);
        self.clock = self.clock.take().or(other.clock);
        self.recoveries.merge(&other.recoveries);
        self.slow_consumers.merge(&other.slow_consumers);
    }
}

/// What subscribers found that bring no byte counter: the bytes are 0, and mean nothing.
#[derive(Debug)]
pub struct Uncounted {
    /// What was counted by the window's start, and by its end.
    pub edges: [Counters; 2],
    /// What was recorded in the whole trial.
    pub recorder: Recorder,
    /// From a subscriber's start until it was connected, ns: one value each.
    pub set_ups: Histogram<u64>,
    /// Why the first unreadable message was none.
    pub unreadable: Option<MessageError>,
    /// Their clock.
    pub clock: ClientClock,
}

impl From<Uncounted> for LoadReport {
    fn from(found: Uncounted) -> Self {
        let snapshot = |counters| Snapshot { counters, ..Snapshot::default() };
        let total = snapshot(found.recorder.counters);
        Self {
            edges: found.edges.map(snapshot),
            total,
            recorder: found.recorder,
            set_ups: SetUps { elapsed: found.set_ups, ..SetUps::default() },
            unreadable: found.unreadable,
            clock: Some(found.clock),
            ..Self::default()
        }
    }
}

/// In the order of their times, which count from the first.
fn count_from_the_first(trace: &mut [Flight]) {
    trace.sort_by_key(|flight| flight.at_ns);
    let begin_ns = trace.first().map_or(0, |flight| flight.at_ns);
    for flight in trace {
        flight.at_ns -= begin_ns;
        flight.handed_ns -= begin_ns;
    }
}

/// For `#[serde(with = "message_error")]`: [`MessageError`], which `protocol` has without serde.
mod message_error {
    use protocol::message::MessageError;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(remote = "MessageError")]
    enum Remote {
        Short(usize),
        Punctuation(usize),
        Digit,
    }

    #[derive(Serialize, Deserialize)]
    struct Wrapper(#[serde(with = "Remote")] MessageError);

    pub(super) fn serialize<S: Serializer>(error: &Option<MessageError>, to: S) -> Result<S::Ok, S::Error> {
        error.map(Wrapper).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<MessageError>, D::Error> {
        Ok(Option::<Wrapper>::deserialize(from)?.map(|wrapper| wrapper.0))
    }
}

#[cfg(test)]
mod tests {
    use model::trial::Direction;

    use super::*;

    #[test]
    fn a_trace_of_several_threads_is_one_and_begins_at_0() {
        let flight = |at_ns, handed_ns, subscriber| Flight {
            at_ns,
            handed_ns,
            subscriber,
            connection: 0,
            direction: Direction::Down,
            bytes: 1,
            what: "204".to_owned(),
            events: 0,
        };
        let mut trace = vec![flight(70, 80, 0), flight(90, 95, 0), flight(60, 60, 1), flight(90, 99, 1)];
        count_from_the_first(&mut trace);
        assert_eq!(trace, [flight(0, 0, 1), flight(10, 20, 0), flight(30, 35, 0), flight(30, 39, 1)]);
        count_from_the_first(&mut []);
    }
}
