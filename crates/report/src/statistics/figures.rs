//! What was measured in the trials of one row: sums, quotients, quantiles.

use model::byte_account::Account;
use model::settings::{Settings, UplinkTo};
use model::trial::{Counts, Segments, TrialOutcome};
use model::warning::Warning;

use super::estimate::Estimate;
use super::group::{self, Group};
use super::quantile::Quantile;
use super::sample::Pool;
use super::set_up::SetUpCost;
use super::stack::{self, Stack};

/// What was measured in the trials that ran to their end.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Trials that ran to their end.
    pub trials: usize,
    /// Trials in which the load generator was busy: they say no more of the technique than that it came so far.
    pub load_limited: usize,
    /// Sums over the trials.
    pub counts: Counts,
    /// Delivery latency, one for each of [`Quantile::SHOWN`], nanoseconds.
    pub delivery: [Shown; 4],
    /// Service time.
    pub service: [Shown; 4],
    /// Delivery latency of messages to the application; none when there are none.
    pub uplink: Option<[Shown; 4]>,
    /// Delivery latency as (one value in …, nanoseconds), as far as the sample bounds it.
    pub curve: Vec<(f64, f64)>,
    /// Bytes between the edges for each delivered event, by layer.
    pub stack: Option<Stack>,
    /// Wire bytes for each delivered event, up and down.
    pub wire: [Option<Estimate>; 2],
    /// Both directions.
    pub wire_both: Option<Estimate>,
    /// Overhead ÷ payload, both directions.
    pub overhead_ratio: Option<f64>,
    /// IP and TCP headers of both directions for each delivered event, as the kernel counted segments; they are in no
    /// other figure.
    pub headers: Option<Estimate>,
    /// What it took until a subscriber was connected.
    pub set_up: Option<SetUpCost>,
    /// CPU nanoseconds of the server for each delivered event.
    pub cpu: Option<Estimate>,
    /// Resident memory that the server grew by for each subscriber when all had connected.
    pub memory_per_subscriber: Option<Estimate>,
    /// Deliveries for each second of the window that were due.
    pub offered_per_s: f64,
    /// Multiples of the floor's p50 and CPU.
    pub p50_to_baseline: Option<Estimate>,
    pub cpu_to_baseline: Option<Estimate>,
}

/// A quantile as it may be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shown {
    /// Nanoseconds.
    At(Estimate),
    /// The sample cannot bound it.
    TooFew,
    /// It is among the events that never came.
    Missing,
}

impl Shown {
    /// The estimate, when there is one to show.
    pub(crate) fn estimate(self) -> Option<Estimate> {
        match self {
            Self::At(estimate) => Some(estimate),
            Self::TooFew | Self::Missing => None,
        }
    }
}

impl Figures {
    pub(super) fn of(group: &Group<'_>, baseline: Option<&Group<'_>>) -> Option<Self> {
        let outcomes = group.outcomes();
        let first = group.trials.first()?;
        let window_s = first.record.settings.phases.window_ns as f64 / 1e9;
        let subscribers = first.record.settings.subscribers.count;
        let delivery = group.pool("delivery");
        let counts = sum(&outcomes);
        (!outcomes.is_empty()).then(|| Self {
            trials: outcomes.len(),
            load_limited: outcomes.iter().filter(|outcome| is_load_limited(outcome)).count(),
            delivery: quantiles(&delivery),
            service: quantiles(&group.pool("service")),
            uplink: goes_to_application(&first.record.settings).then(|| quantiles(&group.pool("uplink"))),
            curve: curve(&delivery),
            stack: stack(&outcomes),
            wire: [wire(&outcomes, |bytes| bytes.up.wire()), wire(&outcomes, |bytes| bytes.down.wire())],
            wire_both: wire(&outcomes, Account::wire),
            overhead_ratio: overhead_ratio(&outcomes),
            headers: headers(&outcomes),
            set_up: SetUpCost::of(&outcomes, &first.record.settings),
            cpu: mean(&outcomes, cpu),
            memory_per_subscriber: mean(&outcomes, |outcome| memory(outcome, subscribers)),
            offered_per_s: counts.expected as f64 / outcomes.len() as f64 / window_s,
            p50_to_baseline: baseline
                .and_then(|baseline| group::latency_ratio(group, baseline, Quantile::P50)),
            cpu_to_baseline: baseline.and_then(|baseline| group::cpu_ratio(group, baseline)),
            counts,
        })
    }

    /// A quantile of the delivery latency.
    pub(crate) fn delivery_at(&self, quantile: Quantile) -> Shown {
        shown_at(&self.delivery, quantile)
    }

    /// A quantile of the service time.
    pub(crate) fn service_at(&self, quantile: Quantile) -> Shown {
        shown_at(&self.service, quantile)
    }
}

/// One of four that were computed.
pub(crate) fn shown_at(shown: &[Shown; 4], quantile: Quantile) -> Shown {
    let place = Quantile::SHOWN.iter().position(|shown| *shown == quantile);
    place.map_or(Shown::TooFew, |place| shown[place])
}

fn quantiles(pool: &Pool) -> [Shown; 4] {
    let all = vec![1; pool.trials()];
    Quantile::SHOWN.map(|quantile| {
        if !quantile.is_bounded_by(pool.total(&all)) {
            return Shown::TooFew;
        }
        let at = |weights: &[u32]| pool.at(quantile, weights).map(|value| value as f64);
        Estimate::pooled(pool.trials(), at).map_or(Shown::Missing, Shown::At)
    })
}

/// Twelve steps for each nine are as fine as the chart can show.
fn curve(pool: &Pool) -> Vec<(f64, f64)> {
    let all = vec![1; pool.trials()];
    let steps = (0..).map(|step| 10_f64.powf(f64::from(step) / 12.0));
    let bounded = steps.take_while(|one_in| Quantile::one_in(*one_in).is_bounded_by(pool.total(&all)));
    bounded.filter_map(|one_in| Some((one_in, pool.at(Quantile::one_in(one_in), &all)? as f64))).collect()
}

fn is_load_limited(outcome: &TrialOutcome) -> bool {
    outcome.warnings.iter().any(|warning| matches!(warning, Warning::LoadGeneratorBusy { .. }))
}

/// Elsewhere a subscriber's message becomes an event, and is counted and timed as one.
fn goes_to_application(settings: &Settings) -> bool {
    settings.uplink.as_ref().is_some_and(|uplink| uplink.to == UplinkTo::Application)
}

fn sum(outcomes: &[&TrialOutcome]) -> Counts {
    let mut sum = Counts::default();
    for counts in outcomes.iter().map(|outcome| &outcome.counts) {
        sum.published += counts.published;
        sum.expected += counts.expected;
        sum.delivered += counts.delivered;
        sum.lost += counts.lost;
        sum.duplicate += counts.duplicate;
        sum.reordered += counts.reordered;
        sum.uplink_due += counts.uplink_due;
        sum.uplink_sent += counts.uplink_sent;
        sum.uplink_received += counts.uplink_received;
        sum.greetings += counts.greetings;
        sum.responses += counts.responses;
        sum.empty_responses += counts.empty_responses;
        sum.events_in_window += counts.events_in_window;
        sum.requests += counts.requests;
        sum.connections += counts.connections;
        sum.reconnects += counts.reconnects;
    }
    sum
}

fn window_bytes(outcomes: &[&TrialOutcome]) -> Account {
    let mut account = Account::default();
    outcomes.iter().for_each(|outcome| account += outcome.bytes.window);
    account
}

fn events(outcomes: &[&TrialOutcome]) -> u64 {
    outcomes.iter().map(|outcome| outcome.counts.events_in_window).sum()
}

fn stack(outcomes: &[&TrialOutcome]) -> Option<Stack> {
    let mut segments = Segments::default();
    for window in outcomes.iter().map(|outcome| &outcome.segments.window) {
        segments.up.header_bytes += window.up.header_bytes;
        segments.down.header_bytes += window.down.header_bytes;
    }
    Stack::of(&window_bytes(outcomes), Some(&segments), events(outcomes))
}

/// A sum over the drawn trials ÷ the events that they received; none when there were none.
pub(super) fn per_event(
    outcomes: &[&TrialOutcome],
    weights: &[u32],
    of: impl Fn(&TrialOutcome) -> u64,
) -> Option<f64> {
    let sum = |of: &dyn Fn(&TrialOutcome) -> u64| -> u64 {
        outcomes.iter().zip(weights).map(|(outcome, weight)| of(outcome) * u64::from(*weight)).sum()
    };
    let events = sum(&|outcome| outcome.counts.events_in_window);
    (events > 0).then(|| sum(&of) as f64 / events as f64)
}

fn wire(outcomes: &[&TrialOutcome], part: impl Fn(&Account) -> u64) -> Option<Estimate> {
    Estimate::of(outcomes.len(), |weights| {
        per_event(outcomes, weights, |outcome| part(&outcome.bytes.window))
    })
}

fn headers(outcomes: &[&TrialOutcome]) -> Option<Estimate> {
    let bytes = |outcome: &TrialOutcome| stack::header_bytes(&outcome.segments.window);
    let are_counted = outcomes.iter().any(|outcome| bytes(outcome) > 0);
    Estimate::of(outcomes.len(), |weights| per_event(outcomes, weights, bytes)).filter(|_| are_counted)
}

fn overhead_ratio(outcomes: &[&TrialOutcome]) -> Option<f64> {
    let account = window_bytes(outcomes);
    let payload = account.up.payload + account.down.payload;
    (payload > 0).then(|| account.overhead() as f64 / payload as f64)
}

/// CPU nanoseconds of the server for each event of a trial; none of a server whose process is not known.
pub(super) fn cpu(outcome: &TrialOutcome) -> Option<f64> {
    let events = outcome.counts.events_in_window;
    (events > 0 && outcome.cost.server_cpu_ns > 0).then(|| outcome.cost.server_cpu_ns as f64 / events as f64)
}

/// None of a server whose process is not known: no process has none.
fn memory(outcome: &TrialOutcome, subscribers: u32) -> Option<f64> {
    let is_known = outcome.cost.server_rss_connected_bytes > 0;
    let grown = outcome.cost.server_rss_connected_bytes.saturating_sub(outcome.cost.server_rss_start_bytes);
    (is_known && subscribers > 0).then(|| grown as f64 / f64::from(subscribers))
}

/// The mean over trials, none when a trial has no value.
fn mean(outcomes: &[&TrialOutcome], of: impl Fn(&TrialOutcome) -> Option<f64>) -> Option<Estimate> {
    let values: Vec<f64> = outcomes.iter().map(|outcome| of(outcome)).collect::<Option<_>>()?;
    Estimate::of(values.len(), |weights| group::weighted_mean(&values, weights))
}
