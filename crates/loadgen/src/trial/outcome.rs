//! From what each load thread found, in whatever process, to the trial's outcome.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use model::byte_account::Layers;
use model::trial::{
    BytesByPhase, ClientClock, Cost, Counts, Flight, Instrument, RecordedHead, SegmentsByPhase,
    ServerRestart, SetUp, SlowConsumerOutcome, TrialOutcome, TrialSpec,
};

use super::TrialError;
use super::connected::Connecting;
use super::load_thread::LoadReport;
use super::warnings::{self, MessageBytes};
use crate::histogram::{quantiles, to_base64};
use crate::payload;
use crate::publisher::Published;
use crate::recorder::Recorder;
use crate::server_restart::RecoveryTimes;
use crate::set_up::SetUps;
use crate::slow_consumer::SlowConsumers;
use crate::worker_context::Snapshot;

/// What a trial's threads found.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) cost: Cost,
    /// CPU time of the server until all subscribers were connected.
    pub(super) set_up_cpu_ns: u64,
    pub(super) connecting: Connecting,
    /// Cores that the load threads have.
    pub(super) cores: u32,
    pub(super) published: Published,
    pub(super) reports: Vec<LoadReport>,
    /// From the server's end until another one listened, if it was to be restarted; none within if there is no other.
    pub(super) down_ns: Option<Option<u64>>,
    /// By how much the kernel's buffers of TCP grew in the window.
    pub(super) tcp_grown_bytes: i64,
    pub(super) reconnects: u64,
    /// The last thing that went wrong with a connection.
    pub(super) trouble: Option<String>,
    pub(super) scheduling_delays_load: Histogram<u64>,
    pub(super) scheduling_delays_server: Option<Histogram<u64>>,
}

/// All load threads together.
#[derive(Debug, Default)]
struct Sum {
    first_edge: Snapshot,
    second_edge: Snapshot,
    total: Snapshot,
    recorder: Recorder,
    set_ups: SetUps,
    heads: Vec<RecordedHead>,
    trace: Vec<Flight>,
    clock: Option<ClientClock>,
    recoveries: RecoveryTimes,
    slow_consumers: SlowConsumers,
}

impl Findings {
    /// The outcome of the trial that `spec` describes.
    pub(super) fn into_outcome(mut self, spec: &TrialSpec) -> Result<TrialOutcome, TrialError> {
        let sum = Sum::of(&mut self.reports);
        let counts = self.counts(&sum);
        self.check(&counts, &sum)?;
        let bytes = bytes(&sum);
        let instrument = self.instrument();
        Ok(TrialOutcome {
            delivery: quantiles(sum.recorder.delivery()),
            service: quantiles(sum.recorder.service()),
            uplink_delivery: quantiles(&self.published.uplink),
            clock: sum.clock.clone(),
            server_restart: self.server_restart(&sum.recoveries)?,
            slow_consumers: spec
                .settings
                .slow_consumers
                .is_some()
                .then(|| self.slow_consumers(&sum.slow_consumers)),
            warnings: warnings::of(spec, &counts, sum.recoveries.excused, &messages(&sum), &instrument),
            histograms: self.histograms(&sum.recorder),
            set_up: self.set_up(&sum.set_ups),
            segments: segments(&sum),
            payload: payload::profile(&spec.settings, spec.seed, self.published.handed_over)?,
            cost: self.cost,
            counts,
            bytes,
            heads: sum.heads,
            trace: sum.trace,
            instrument,
        })
    }

    fn counts(&self, sum: &Sum) -> Counts {
        let (all, between) = (sum.recorder.counters, sum.second_edge.since(&sum.first_edge).counters);
        Counts {
            published: self.published.handed_over,
            expected: self.published.expected,
            delivered: all.delivered,
            lost: self.published.expected.saturating_sub(all.delivered),
            duplicate: all.duplicate,
            reordered: all.reordered,
            uplink_due: self.published.uplink_due,
            uplink_sent: all.uplink_sent,
            uplink_received: self.published.uplink_received,
            greetings: all.greetings,
            responses: between.responses,
            empty_responses: between.empty_responses,
            events_in_window: between.events,
            requests: between.requests,
            connections: all.connections,
            reconnects: self.reconnects,
        }
    }

    fn check(&self, counts: &Counts, sum: &Sum) -> Result<(), TrialError> {
        if let Some(source) = self.reports.iter().find_map(|report| report.unreadable) {
            return Err(TrialError::Unreadable { count: sum.recorder.counters.unreadable, source });
        }
        match &self.trouble {
            Some(trouble) if counts.expected > 0 && counts.delivered == 0 => {
                Err(TrialError::NothingDelivered { trouble: trouble.clone() })
            }
            _ => Ok(()),
        }
    }

    fn server_restart(&self, recoveries: &RecoveryTimes) -> Result<Option<ServerRestart>, TrialError> {
        let Some(down_ns) = self.down_ns else { return Ok(None) };
        let trouble = || self.trouble.clone().unwrap_or_else(|| "nothing went wrong before".to_owned());
        Ok(Some(ServerRestart {
            down_ns: down_ns.ok_or_else(|| TrialError::NotBack { trouble: trouble() })?,
            connected: quantiles(&recoveries.connected).map(Box::new),
            caught_up: quantiles(&recoveries.whole).map(Box::new),
            caught_up_subscribers: recoveries.whole.len(),
            failed_attempts: recoveries.failed_attempts,
        }))
    }

    fn slow_consumers(&self, slow_consumers: &SlowConsumers) -> SlowConsumerOutcome {
        SlowConsumerOutcome {
            subscribers: slow_consumers.subscribers,
            cut_off: slow_consumers.cut_off_after.len(),
            delivered: slow_consumers.delivered,
            cut_off_after: quantiles(&slow_consumers.cut_off_after).map(Box::new),
            tcp_grown_bytes: self.tcp_grown_bytes,
        }
    }

    fn set_up(&self, set_ups: &SetUps) -> SetUp {
        SetUp {
            subscribers: set_ups.elapsed.len(),
            account: set_ups.account,
            elapsed: quantiles(&set_ups.elapsed),
            first_message: quantiles(&set_ups.first_message),
            server_cpu_ns: self.set_up_cpu_ns,
            all_ns: self.connecting.all_ns(set_ups),
        }
    }

    fn instrument(&self) -> Instrument {
        let available_ns = self.cost.elapsed_ns as f64 * f64::from(self.cores);
        Instrument {
            schedule_lag: quantiles(&self.published.schedule_lag),
            scheduling_delay_load: quantiles(&self.scheduling_delays_load),
            scheduling_delay_server: self.scheduling_delays_server.as_ref().and_then(quantiles),
            load_busy: if available_ns > 0.0 { self.cost.load_cpu_ns as f64 / available_ns } else { 0.0 },
        }
    }

    /// Those that hold anything.
    fn histograms(&self, recorder: &Recorder) -> BTreeMap<String, String> {
        let all = [
            ("delivery", Some(recorder.delivery())),
            ("service", Some(recorder.service())),
            ("uplink", Some(&self.published.uplink)),
            ("schedule-lag", Some(&self.published.schedule_lag)),
            ("scheduling-delay-load", Some(&self.scheduling_delays_load)),
            ("scheduling-delay-server", self.scheduling_delays_server.as_ref()),
        ];
        let filled = all.into_iter().filter_map(|(tag, histogram)| {
            let histogram = histogram.filter(|histogram| !histogram.is_empty())?;
            Some((tag.to_owned(), to_base64(histogram)))
        });
        filled.collect()
    }
}

impl Sum {
    /// Takes heads and traces out of the reports.
    fn of(reports: &mut [LoadReport]) -> Self {
        let mut sum = Self::default();
        for report in reports {
            sum.first_edge += report.edges[0];
            sum.second_edge += report.edges[1];
            sum.total += report.total;
            sum.recorder.merge(&report.recorder);
            sum.set_ups.merge(&report.set_ups);
            keep_first(&mut sum.heads, report.heads.drain(..));
            sum.trace.append(&mut report.trace);
            sum.clock = sum.clock.or(report.clock.take());
            sum.recoveries.merge(&report.recoveries);
            sum.slow_consumers.merge(&report.slow_consumers);
        }
        from_the_first(&mut sum.trace);
        sum
    }
}

/// Adds such heads as there is none of their kind of exchange yet.
pub(super) fn keep_first(heads: &mut Vec<RecordedHead>, more: impl IntoIterator<Item = RecordedHead>) {
    for head in more {
        if heads.iter().all(|kept| kept.exchange != head.exchange) {
            heads.push(head);
        }
    }
}

/// In the order of their times, which count from the first.
fn from_the_first(trace: &mut [Flight]) {
    trace.sort_by_key(|flight| flight.at_ns);
    let begin_ns = trace.first().map_or(0, |flight| flight.at_ns);
    for flight in trace {
        flight.at_ns -= begin_ns;
        flight.handed_ns -= begin_ns;
    }
}

fn segments(sum: &Sum) -> SegmentsByPhase {
    SegmentsByPhase { window: sum.second_edge.since(&sum.first_edge).segments, total: sum.total.segments }
}

/// The messages' bytes as byte accounting saw them, and as the sessions did.
fn messages(sum: &Sum) -> MessageBytes {
    let (account, counters) = (sum.total.account, sum.recorder.counters);
    let tapped = |layers: &Layers| (layers.compressed == 0).then_some(layers.payload + layers.stamp);
    MessageBytes {
        tapped_up: tapped(&account.up),
        tapped_down: tapped(&account.down),
        sent: counters.uplink_bytes,
        received: counters.event_bytes,
    }
}

fn bytes(sum: &Sum) -> BytesByPhase {
    BytesByPhase {
        before_window: sum.first_edge.since(&Snapshot::default()).account,
        window: sum.second_edge.since(&sum.first_edge).account,
        total: sum.total.account,
        socket_read: sum.total.socket_read,
        socket_written: sum.total.socket_written,
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
        from_the_first(&mut trace);
        assert_eq!(trace, [flight(0, 0, 1), flight(10, 20, 0), flight(30, 35, 0), flight(30, 39, 1)]);
        from_the_first(&mut []);
    }
}
