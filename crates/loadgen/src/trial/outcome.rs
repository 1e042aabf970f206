//! From what each thread found to the trial's outcome.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schema::trial::{
    BytesByPhase, Cost, Counts, Instrument, SegmentsByPhase, SetUp, TrialOutcome, TrialSpec,
};

use super::TrialError;
use super::load_thread::LoadReport;
use super::warnings::{self, MessageBytes};
use crate::histogram::{quantiles, to_base64};
use crate::publisher::Published;
use crate::recorder::Recorder;
use crate::shard::Snapshot;

/// What a trial's threads found.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) cost: Cost,
    /// Load threads.
    pub(super) threads: u32,
    pub(super) published: Published,
    pub(super) reports: Vec<LoadReport>,
    pub(super) reconnects: u64,
    /// The last thing that went wrong with a connection.
    pub(super) trouble: Option<String>,
    pub(super) hiccups_load: Histogram<u64>,
    pub(super) hiccups_server: Option<Histogram<u64>>,
}

/// All load threads together.
#[derive(Debug, Default)]
struct Sum {
    first_edge: Snapshot,
    second_edge: Snapshot,
    total: Snapshot,
    recorder: Recorder,
}

impl Findings {
    /// The outcome of the trial that `spec` describes.
    pub(super) fn into_outcome(self, spec: &TrialSpec) -> Result<TrialOutcome, TrialError> {
        let sum = Sum::of(&self.reports);
        let counts = self.counts(&sum);
        self.check(&counts, &sum)?;
        let bytes = bytes(&sum);
        let instrument = self.instrument();
        Ok(TrialOutcome {
            delivery: quantiles(sum.recorder.delivery()),
            service: quantiles(sum.recorder.service()),
            uplink_delivery: quantiles(&self.published.uplink),
            warnings: warnings::of(
                &spec.load_cores,
                &spec.server_cores,
                &counts,
                &messages(&sum),
                &instrument,
            ),
            histograms: self.histograms(&sum.recorder),
            cost: self.cost,
            counts,
            bytes,
            set_up: SetUp::default(),
            segments: SegmentsByPhase::default(),
            payload: None,
            heads: Vec::new(),
            trace: Vec::new(),
            instrument,
        })
    }

    fn counts(&self, sum: &Sum) -> Counts {
        let (all, between) = (sum.recorder.counters, sum.second_edge.since(&sum.first_edge).counters);
        Counts {
            published: self.published.handed_over,
            expected: self.published.expected,
            delivered: all.delivered,
            missing: self.published.expected.saturating_sub(all.delivered),
            duplicate: all.duplicate,
            reordered: all.reordered,
            uplink_due: self.published.uplink_due,
            uplink_sent: all.uplink_sent,
            uplink_received: self.published.uplink_received,
            greetings: all.greetings,
            responses: between.responses,
            empty_responses: between.empty_responses,
            events_between_edges: between.events,
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

    fn instrument(&self) -> Instrument {
        let available_ns = self.cost.elapsed_ns as f64 * f64::from(self.threads);
        Instrument {
            schedule_lag: quantiles(&self.published.schedule_lag),
            hiccup_load: quantiles(&self.hiccups_load),
            hiccup_server: self.hiccups_server.as_ref().and_then(quantiles),
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
            ("hiccup-load", Some(&self.hiccups_load)),
            ("hiccup-server", self.hiccups_server.as_ref()),
        ];
        let filled = all.into_iter().filter_map(|(tag, histogram)| {
            let histogram = histogram.filter(|histogram| !histogram.is_empty())?;
            Some((tag.to_owned(), to_base64(histogram)))
        });
        filled.collect()
    }
}

impl Sum {
    fn of(reports: &[LoadReport]) -> Self {
        let mut sum = Self::default();
        for report in reports {
            sum.first_edge += report.edges[0];
            sum.second_edge += report.edges[1];
            sum.total += report.total;
            sum.recorder.merge(&report.recorder);
        }
        sum
    }
}

/// The messages' bytes as the tap saw them, and as the sessions did.
fn messages(sum: &Sum) -> MessageBytes {
    let (account, counters) = (sum.total.account, sum.recorder.counters);
    MessageBytes {
        tapped_up: account.up.payload + account.up.stamp,
        tapped_down: account.down.payload + account.down.stamp,
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
