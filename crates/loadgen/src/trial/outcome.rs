//! From what each load thread found, in whatever process, to the trial's outcome.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use model::byte_account::Layers;
use model::trial::{
    BytesByPhase, ControlTraffic, CoreSpeed, Cost, Counts, Instrument, SegmentsByPhase, ServerRestart, SetUp,
    SlowConsumerOutcome, TrialOutcome, TrialSpec,
};

use super::delivery_fault;
use super::error::TrialError;
use super::load_report::LoadReport;
use super::warnings::{self, MessageBytes};
use crate::faults::{RecoveryTimes, SlowConsumers};
use crate::publisher::Published;
use crate::recorder::Recorder;
use crate::recorder::histogram::{quantiles, to_base64};
use crate::schedule::payload_profile;
use crate::session::{SetUps, Snapshot};

/// When all subscribers were allowed to connect, and when it was seen that all were connected: ns of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Connecting {
    pub(super) allowed_ns: u64,
    pub(super) seen_ns: u64,
}

impl Connecting {
    /// How long it took, by the subscribers' own time where they report it: the trial looks only now and then.
    pub(super) fn all_ns(self, set_ups: &SetUps) -> u64 {
        let subscribers_ns = set_ups.last_ns.checked_sub(self.allowed_ns);
        subscribers_ns.unwrap_or_else(|| self.seen_ns.saturating_sub(self.allowed_ns))
    }
}

#[derive(Debug)]
pub(super) struct Findings {
    pub(super) cost: Cost,
    pub(super) set_up_cpu_ns: u64,
    pub(super) connecting: Connecting,
    pub(super) cores: u32,
    pub(super) published: Published,
    pub(super) reports: Vec<LoadReport>,
    /// From the server's end until another one listened, if it was to be restarted; none within if there is no other.
    pub(super) down_ns: Option<Option<u64>>,
    /// By how much the kernel's buffers of TCP grew in the window.
    pub(super) tcp_grown_bytes: i64,
    pub(super) reconnects: u64,
    pub(super) last_error: Option<String>,
    pub(super) scheduling_delays_load: Histogram<u64>,
    pub(super) scheduling_delays_server: Option<Histogram<u64>>,
    pub(super) server_core_speed: Option<CoreSpeed>,
}

impl Findings {
    pub(super) fn into_outcome(mut self, spec: &TrialSpec) -> Result<TrialOutcome, TrialError> {
        let sum = LoadReport::sum(std::mem::take(&mut self.reports));
        let counts = self.counts(&sum);
        self.check(spec, &counts, &sum)?;
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
            warnings: warnings::of(
                spec,
                &counts,
                sum.recoveries.excused,
                self.published.calls.most_per_s(),
                &messages(&sum),
                &instrument,
            ),
            histograms: self.histograms(&sum.recorder),
            set_up: self.set_up(&sum.set_ups),
            segments: segments(&sum),
            payload: payload_profile(&spec.settings, spec.seed, self.published.handed_over)?,
            cost: self.cost,
            counts,
            bytes,
            control: ControlTraffic { messages: sum.recorder.counters.control, first: sum.control },
            heads: sum.heads,
            trace: sum.trace,
            instrument,
        })
    }

    fn counts(&self, sum: &LoadReport) -> Counts {
        let (all, between) = (sum.recorder.counters, sum.edges[1].since(&sum.edges[0]).counters);
        Counts {
            published: self.published.handed_over,
            expected: self.published.expected,
            delivered: all.delivered,
            lost: self.published.expected.saturating_sub(all.delivered),
            duplicate: all.duplicate,
            foreign: all.foreign,
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

    fn check(&self, spec: &TrialSpec, counts: &Counts, sum: &LoadReport) -> Result<(), TrialError> {
        if let Some(source) = sum.unreadable {
            return Err(TrialError::Unreadable(sum.recorder.counters.unreadable, source));
        }
        let instead = (!sum.control.is_empty())
            .then(|| format!("the server sent this instead: {}", sum.control.join(" | ")));
        match self.last_error.iter().chain(&instead).next() {
            Some(why) if counts.expected > 0 && counts.delivered == 0 && counts.foreign == 0 => {
                Err(TrialError::NothingDelivered(why.clone()))
            }
            _ => Ok(delivery_fault::find(spec, counts, sum, self.published.content)?),
        }
    }

    fn server_restart(&self, recoveries: &RecoveryTimes) -> Result<Option<ServerRestart>, TrialError> {
        let Some(down_ns) = self.down_ns else { return Ok(None) };
        let last_error = || self.last_error.clone().unwrap_or_else(|| "nothing went wrong before".to_owned());
        Ok(Some(ServerRestart {
            down_ns: down_ns.ok_or_else(|| TrialError::NotBack(last_error()))?,
            connected: quantiles(&recoveries.connected).map(Box::new),
            caught_up: quantiles(&recoveries.caught_up).map(Box::new),
            caught_up_subscribers: recoveries.caught_up.len(),
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
            publish_call: quantiles(&self.published.calls.latency),
            scheduling_delay_load: quantiles(&self.scheduling_delays_load),
            scheduling_delay_server: self.scheduling_delays_server.as_ref().and_then(quantiles),
            server_core_speed: self.server_core_speed,
            load_busy: if available_ns > 0.0 { self.cost.load_cpu_ns as f64 / available_ns } else { 0.0 },
        }
    }

    /// Those that hold anything.
    fn histograms(&self, recorder: &Recorder) -> BTreeMap<String, String> {
        let all = [
            ("delivery", Some(recorder.delivery())),
            ("service", Some(recorder.service())),
            ("first-event", Some(&recorder.turns.first)),
            ("event-gap", Some(&recorder.turns.gap)),
            ("answer", Some(&recorder.turns.whole)),
            ("uplink", Some(&self.published.uplink)),
            ("schedule-lag", Some(&self.published.schedule_lag)),
            ("publish-call", Some(&self.published.calls.latency)),
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

fn segments(sum: &LoadReport) -> SegmentsByPhase {
    SegmentsByPhase { window: sum.edges[1].since(&sum.edges[0]).segments, total: sum.total.segments }
}

/// The messages' bytes as byte accounting saw them, and as the sessions did.
fn messages(sum: &LoadReport) -> MessageBytes {
    let (account, counters) = (sum.total.account, sum.recorder.counters);
    let counted = |layers: &Layers| (layers.compressed == 0).then_some(layers.payload + layers.stamp);
    MessageBytes {
        counted_up: counted(&account.up),
        counted_down: counted(&account.down),
        sent: counters.uplink_bytes,
        received: counters.event_bytes,
    }
}

fn bytes(sum: &LoadReport) -> BytesByPhase {
    BytesByPhase {
        before_window: sum.edges[0].since(&Snapshot::default()).account,
        window: sum.edges[1].since(&sum.edges[0]).account,
        total: sum.total.account,
        socket_read: sum.total.socket_read,
        socket_written: sum.total.socket_written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_connect_is_the_subscribers_own_where_they_report_it() {
        let connecting = Connecting { allowed_ns: 100, seen_ns: 190 };
        assert_eq!(connecting.all_ns(&SetUps { last_ns: 150, ..SetUps::default() }), 50);
        assert_eq!(connecting.all_ns(&SetUps::default()), 90);
    }
}
