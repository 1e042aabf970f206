//! The metric catalogue: one line for each figure that can be asked of trials. The tables, the CSV, the charts, the claims,
//! `compare` and `advise` all take their figures from here.

use std::collections::BTreeMap;

use model::byte_account::Account;
use model::settings::UplinkTo;
use model::trial::{Quantiles, TrialOutcome};

use crate::cost_model;
use crate::estimate::Resampling;
use crate::load::Trial;
use crate::sample::{Sample, quantile};
use crate::search;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Nanoseconds.
    Time,
    Bytes,
    /// Per second.
    Rate,
    /// A plain number.
    Number,
}

/// A figure that can be computed from the trials of a point, taken together.
pub struct Metric {
    /// Its name in tables, templates, claims and on the command line.
    pub key: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Whether less is better; more is better otherwise.
    pub less_is_better: bool,
    /// Whether it is the same on every machine, because it counts bytes or events and not time.
    pub is_portable: bool,
    /// How its error is found from the blocks.
    pub resampling: Resampling,
    /// Its value over these trials; none where they do not have it.
    pub of: fn(&[&Trial]) -> Option<f64>,
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)
    }
}

/// The metric of this key.
pub fn metric(key: &str) -> Option<&'static Metric> {
    CATALOGUE.iter().find(|metric| metric.key == key)
}

/// All keys with commas between them, for messages.
pub(crate) fn known_metrics() -> String {
    CATALOGUE.iter().map(|metric| metric.key).collect::<Vec<_>>().join(", ")
}

macro_rules! catalogue {
    ($($key:literal, $label:literal, $unit:ident, $better:ident, $portable:ident, $of:expr;)+) => {
        /// All metrics, in the order in which tables and files list them.
        pub const CATALOGUE: &[Metric] = &[$(Metric {
            key: $key,
            label: $label,
            unit: Unit::$unit,
            less_is_better: catalogue!(@ $better),
            is_portable: catalogue!(@ $portable),
            resampling: catalogue!(@resampling $better),
            of: $of,
        },)+];
    };
    // A quantile of latencies, of which less is better.
    (@resampling quantile) => { Resampling::Bootstrap };
    (@resampling $other:ident) => { Resampling::Jackknife };
    (@ quantile) => { true };
    (@ less) => { true };
    (@ more) => { false };
    (@ portable) => { true };
    (@ machine) => { false };
}

catalogue! {
    // What an event costs.
    "bytes", "bytes per event", Bytes, less, portable, |trials| at_socket(trials, |outcome| outcome.bytes.window.wire());
    "bytes-up", "bytes per event, client to server", Bytes, less, portable, |trials| at_socket(trials, |outcome| outcome.bytes.window.up.wire());
    "bytes-down", "bytes per event, server to client", Bytes, less, portable, |trials| at_socket(trials, |outcome| outcome.bytes.window.down.wire());
    "overhead", "overhead per event", Bytes, less, portable, |trials| at_socket(trials, |outcome| outcome.bytes.window.overhead());
    "packet-headers", "TCP/IP headers per event", Bytes, less, machine, |trials| counted(per_event(trials, |outcome| outcome.segments.window.up.header_bytes + outcome.segments.window.down.header_bytes));
    "cpu", "server CPU per event", Time, less, machine, |trials| counted(quotient(trials, |trial, _| trial.standard_cpu_ns(), |_, outcome| outcome.counts.events_in_window as f64));
    "cpu-per-second", "server CPU per second", Time, less, machine, |trials| counted(quotient(trials, |trial, _| trial.standard_cpu_ns(), |_, outcome| outcome.cost.elapsed_ns as f64 / 1e9));
    "idle-cpu", "server CPU per connection and second", Time, less, machine, |trials| counted(mean(trials, |trial, outcome| (outcome.cost.elapsed_ns > 0).then(|| trial.standard_cpu_ns() * 1e9 / outcome.cost.elapsed_ns as f64 / subscribers(trial))));
    "proxy-cpu", "proxy CPU per event", Time, less, machine, |trials| counted(quotient(trials, |trial, outcome| trial.on_a_standard_core(outcome.cost.proxy_cpu_ns), |_, outcome| outcome.counts.events_in_window as f64));
    "load-cpu", "client CPU per event", Time, less, machine, |trials| counted(per_event(trials, |outcome| outcome.cost.load_cpu_ns));
    "requests", "requests per event", Number, less, portable, |trials| per_event(trials, |outcome| outcome.counts.requests);
    "empty-per-event", "empty answers per event", Number, less, portable, |trials| per_event(trials, |outcome| outcome.counts.empty_responses);
    "batch", "events per response", Number, more, machine, |trials| quotient(trials, |_, outcome| outcome.counts.events_in_window as f64, |_, outcome| outcome.counts.responses as f64);
    "context-switches", "server context switches per event", Number, less, machine, |trials| counted(per_event(trials, |outcome| outcome.cost.server_voluntary_switches + outcome.cost.server_involuntary_switches));
    // What it costs in money, by `cost_model::Prices`: what ranks techniques whose latencies all fit. Shown as a ratio.
    "cost", "US cents per million deliveries", Number, less, machine, |trials| priced(trials, |_, outcome| outcome.counts.events_in_window as f64 / 1e6);
    "idle-cost", "US cents per million subscribers and hour", Number, less, machine, |trials| priced(trials, |trial, outcome| subscribers(trial) / 1e6 * outcome.cost.elapsed_ns as f64 / 3_600e9);
    "instructions", "server instructions per event", Number, less, portable, |trials| counted_by_tool(trials, |counted| counted.instructions);
    "system-calls", "server system calls per event", Number, less, portable, |trials| counted_by_tool(trials, |counted| counted.system_calls);
    "exchange", "CPU of an exchange over a socket pair on the server's core", Time, less, machine, |trials| quotient(trials, |_, outcome| outcome.instrument.server_core_speed.map_or(0.0, |speed| speed.cpu_ns as f64), |_, outcome| outcome.instrument.server_core_speed.map_or(0.0, |speed| speed.exchanges as f64));
    // How late it comes: receive − intended send; service: receive − actual send.
    "p50", "delivery latency p50", Time, quantile, machine, |trials| latency(trials, "delivery", 2.0);
    "p90", "delivery latency p90", Time, quantile, machine, |trials| latency(trials, "delivery", 10.0);
    "p99", "delivery latency p99", Time, quantile, machine, |trials| latency(trials, "delivery", 100.0);
    "p99.9", "delivery latency p99.9", Time, quantile, machine, |trials| latency(trials, "delivery", 1_000.0);
    "service-p50", "service time p50", Time, quantile, machine, |trials| latency(trials, "service", 2.0);
    "service-p99", "service time p99", Time, quantile, machine, |trials| latency(trials, "service", 100.0);
    "uplink-p50", "uplink latency p50", Time, quantile, machine, |trials| uplink(trials, 2.0);
    "uplink-p99", "uplink latency p99", Time, quantile, machine, |trials| uplink(trials, 100.0);
    // Answers to subscribers' messages: receive − intended send of the message, and between events.
    "first-event-p50", "time to first event p50", Time, quantile, machine, |trials| latency(trials, "first-event", 2.0);
    "first-event-p99", "time to first event p99", Time, quantile, machine, |trials| latency(trials, "first-event", 100.0);
    "event-gap-p50", "gap between events p50", Time, quantile, machine, |trials| latency(trials, "event-gap", 2.0);
    "event-gap-p99", "gap between events p99", Time, quantile, machine, |trials| latency(trials, "event-gap", 100.0);
    "answer-p50", "time to the answer's end p50", Time, quantile, machine, |trials| latency(trials, "answer", 2.0);
    "late", "intended send to send, p99", Time, quantile, machine, |trials| latency(trials, "schedule-lag", 100.0);
    "publish-p50", "publish call p50", Time, quantile, machine, |trials| latency(trials, "publish-call", 2.0);
    "publish-p99", "publish call p99", Time, quantile, machine, |trials| latency(trials, "publish-call", 100.0);
    // What a subscriber costs.
    "memory", "server memory per subscriber", Bytes, less, machine, |trials| mean(trials, |trial, outcome| {
        let (start, connected) = (outcome.cost.server_rss_start_bytes, outcome.cost.server_rss_connected_bytes);
        (connected > 0).then(|| connected.saturating_sub(start) as f64 / subscribers(trial))
    });
    "memory-end", "server memory per subscriber at the end", Bytes, less, machine, |trials| mean(trials, |trial, outcome| {
        let (start, end) = (outcome.cost.server_rss_start_bytes, outcome.cost.server_rss_end_bytes);
        (end > 0).then(|| end.saturating_sub(start) as f64 / subscribers(trial))
    });
    "kernel-memory", "kernel memory per subscriber, both ends", Bytes, less, machine, |trials| mean(trials, |trial, outcome| {
        let memory = outcome.cost.kernel_memory?;
        let [start, connected] = [memory.slab_start_bytes + memory.tcp_start_bytes, memory.slab_connected_bytes + memory.tcp_connected_bytes];
        Some((connected as f64 - start as f64) / subscribers(trial))
    });
    "connections", "TCP connections per subscriber", Number, less, portable, |trials| mean(trials, |trial, outcome| Some(outcome.counts.connections as f64 / subscribers(trial)));
    "idle-bytes", "bytes per subscriber and hour", Bytes, less, portable, |trials| mean(trials, |trial, outcome| {
        (outcome.cost.elapsed_ns > 0).then(|| outcome.bytes.window.wire() as f64 / subscribers(trial) * 3_600e9 / outcome.cost.elapsed_ns as f64)
    });
    "set-up-bytes", "bytes to connect", Bytes, less, portable, |trials| mean(trials, |_, outcome| (outcome.set_up.subscribers > 0).then(|| outcome.set_up.account.wire() as f64 / outcome.set_up.subscribers as f64));
    "round-trips", "round trips to connect", Number, less, portable, |trials| mean(trials, |trial, outcome| {
        // Held back on the receiving side; TCP's own round trip is one more.
        let delay_ns = trial.record.settings.subscribers.added_delay_ns;
        let quickest_ns = outcome.set_up.elapsed.as_ref()?.min_ns;
        (delay_ns > 0).then(|| (quickest_ns / delay_ns) as f64 + 1.0)
    });
    "set-up-time", "time to connect", Time, less, machine, |trials| mean(trials, |_, outcome| outcome.set_up.elapsed.as_ref().map(|elapsed| elapsed.mean_ns));
    "first-message", "time to the first message", Time, less, machine, |trials| mean(trials, |_, outcome| outcome.set_up.first_message.as_ref().map(|elapsed| elapsed.mean_ns));
    "set-up-cpu", "server CPU to connect", Time, less, machine, |trials| counted(quotient(trials, |_, outcome| outcome.set_up.server_cpu_ns as f64, |_, outcome| outcome.set_up.subscribers as f64));
    "all-connected", "time until all are connected", Time, less, machine, |trials| mean(trials, |_, outcome| (outcome.set_up.all_ns > 0).then_some(outcome.set_up.all_ns as f64));
    "greetings", "greetings per subscriber", Number, more, portable, |trials| mean(trials, |trial, outcome| Some(outcome.counts.greetings as f64 / subscribers(trial)));
    "server-processes", "server processes", Number, less, portable, |trials| mean(trials, |trial, _| Some(f64::from(trial.record.settings.processes.server)));
    // How much there is of it.
    "deliveries", "deliveries per second", Rate, more, machine, |trials| quotient(trials, |_, outcome| outcome.counts.events_in_window as f64, |_, outcome| outcome.cost.elapsed_ns as f64 / 1e9);
    "lost", "share of events lost", Number, less, portable, |trials| quotient(trials, |_, outcome| outcome.counts.lost as f64, |_, outcome| outcome.counts.expected as f64);
    "kept-up", "share delivered in the window", Number, more, machine, |trials| mean(trials, |trial, outcome| {
        let [due, window_ns, elapsed_ns] = [outcome.counts.expected, trial.record.settings.phases.window_ns, outcome.cost.elapsed_ns].map(|count| count as f64);
        (due > 0.0 && elapsed_ns > 0.0).then(|| outcome.counts.events_in_window as f64 / elapsed_ns * window_ns / due)
    });
    "capacity", "capacity, deliveries per second", Rate, more, machine, search::capacity;
    // What happens when something fails.
    "reconnected", "time until all are connected again", Time, less, machine, |trials| restart(trials, |restart| restart.connected.as_deref());
    "caught-up", "time until all have caught up", Time, less, machine, |trials| restart(trials, |restart| restart.caught_up.as_deref());
    "idle-close", "silence until the connection was closed", Time, less, machine, |trials| mean(trials, |_, outcome| idle_close_ns(outcome));
    "failed-attempts", "failed attempts to connect, per subscriber", Number, less, machine, |trials| mean(trials, |trial, outcome| Some(outcome.server_restart.as_ref()?.failed_attempts as f64 / subscribers(trial)));
    "cut-off", "share of slow consumers cut off", Number, more, machine, |trials| mean(trials, |_, outcome| outcome.slow_consumers.as_ref().map(|slow| slow.cut_off as f64 / slow.subscribers.max(1) as f64));
    "memory-growth", "server memory grew by", Bytes, less, machine, |trials| mean(trials, |_, outcome| {
        let (connected, end) = (outcome.cost.server_rss_connected_bytes, outcome.cost.server_rss_end_bytes);
        (connected > 0).then_some(end as f64 - connected as f64)
    });
    "tcp-growth", "kernel's TCP buffers grew by", Bytes, less, machine, |trials| mean(trials, |_, outcome| outcome.slow_consumers.as_ref().map(|slow| slow.tcp_grown_bytes as f64));
    "not-caught-up", "subscribers not caught up", Number, less, machine, |trials| mean(trials, |trial, outcome| Some(subscribers(trial) - outcome.server_restart.as_ref()?.caught_up_subscribers as f64));
    "cut-off-after", "time until a slow consumer is cut off", Time, less, machine, |trials| mean(trials, |_, outcome| Some(outcome.slow_consumers.as_ref()?.cut_off_after.as_ref()?.p50_ns as f64));
    "clock-bound", "clock offset known to within", Time, less, machine, |trials| mean(trials, |_, outcome| outcome.clock.as_ref().map(|clock| clock.offset_bound_ns as f64));
}

fn outcomes<'t>(trials: &[&'t Trial]) -> impl Iterator<Item = (&'t Trial, &'t TrialOutcome)> + Clone {
    let trials: Vec<&'t Trial> = trials.to_vec();
    trials.into_iter().filter_map(|trial| Some((trial, trial.record.result.outcome()?)))
}

fn subscribers(trial: &Trial) -> f64 {
    f64::from(trial.record.settings.subscribers.count.max(1))
}

/// A sum over trials ÷ another sum; none where the divisor is zero.
fn quotient(
    trials: &[&Trial],
    of: impl Fn(&Trial, &TrialOutcome) -> f64,
    to: impl Fn(&Trial, &TrialOutcome) -> f64,
) -> Option<f64> {
    let [of, to] = outcomes(trials)
        .fold([0.0, 0.0], |[a, b], (trial, outcome)| [a + of(trial, outcome), b + to(trial, outcome)]);
    (to > 0.0).then(|| of / to)
}

/// Bytes for each event; none with a client that has a clock of its own: at a browser's socket nothing is counted.
fn at_socket(trials: &[&Trial], of: impl Fn(&TrialOutcome) -> u64) -> Option<f64> {
    let is_counted = outcomes(trials).all(|(_, outcome)| outcome.clock.is_none());
    per_event(trials, of).filter(|_| is_counted)
}

fn per_event(trials: &[&Trial], of: impl Fn(&TrialOutcome) -> u64) -> Option<f64> {
    quotient(trials, |_, outcome| of(outcome) as f64, |_, outcome| outcome.counts.events_in_window as f64)
}

/// A zero means that it could not be read: no process takes no CPU time.
fn counted(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value > 0.0)
}

/// The mean over trials; none where one of them does not have it.
fn mean(trials: &[&Trial], of: impl Fn(&Trial, &TrialOutcome) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> =
        outcomes(trials).map(|(trial, outcome)| of(trial, outcome)).collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The longest silence at whose end a connection was closed from the server's side and made again, of a traced trial.
fn idle_close_ns(outcome: &TrialOutcome) -> Option<f64> {
    let mut last_ns: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let mut longest_ns = None;
    for flight in outcome.trace.iter().filter(|_| outcome.counts.reconnects > 0) {
        let before_ns = last_ns.insert((flight.subscriber, flight.connection), flight.at_ns);
        if flight.what == "closes" {
            longest_ns = longest_ns.max(before_ns.map(|before_ns| flight.at_ns.saturating_sub(before_ns)));
        }
    }
    longest_ns.map(|ns| ns as f64)
}

/// Cents ÷ what they are for. None where the server's processes cannot be read.
fn priced(trials: &[&Trial], of: impl Fn(&Trial, &TrialOutcome) -> f64) -> Option<f64> {
    let cents = |trial: &Trial, outcome: &TrialOutcome| {
        let cost = &outcome.cost;
        let memory = cost.server_rss_connected_bytes.saturating_sub(cost.server_rss_start_bytes);
        let dollars = cost_model::prices().dollars(
            trial.standard_cpu_ns(),
            outcome.bytes.window.wire() as f64,
            memory as f64 * cost.elapsed_ns as f64,
        );
        dollars * 100.0
    };
    let is_known = outcomes(trials).all(|(_, outcome)| outcome.cost.server_cpu_ns > 0);
    quotient(trials, cents, of).filter(|_| is_known)
}

fn latency(trials: &[&Trial], tag: &str, one_in: f64) -> Option<f64> {
    let samples: Vec<&Sample> = trials.iter().filter_map(|trial| trial.samples.get(tag)).collect();
    quantile(&samples, one_in)
}

/// Only of messages that go to the application: those that go to a channel are deliveries.
fn uplink(trials: &[&Trial], one_in: f64) -> Option<f64> {
    let to_application = |trial: &&&Trial| {
        trial.record.settings.uplink.as_ref().is_some_and(|uplink| uplink.to == UplinkTo::Application)
    };
    let trials: Vec<&Trial> = trials.iter().filter(to_application).copied().collect();
    latency(&trials, "uplink", one_in)
}

fn counted_by_tool(trials: &[&Trial], of: impl Fn(&model::trial::Counted) -> Option<u64>) -> Option<f64> {
    mean(trials, |_, outcome| {
        let counted = outcome.cost.counted.as_ref()?;
        Some(of(counted)? as f64 / counted.deliveries.max(1) as f64)
    })
}

fn restart(
    trials: &[&Trial],
    of: impl Fn(&model::trial::ServerRestart) -> Option<&Quantiles>,
) -> Option<f64> {
    mean(trials, |_, outcome| Some(of(outcome.server_restart.as_ref()?)?.max_ns as f64))
}

/// Bytes of all trials between the edges of their windows, by layer, per event.
pub fn layers(trials: &[&Trial]) -> Option<Vec<(&'static str, [f64; 2])>> {
    let (mut sum, mut events) = (Account::default(), 0);
    for (_, outcome) in outcomes(trials) {
        sum += outcome.bytes.window;
        events += outcome.counts.events_in_window;
    }
    let pairs = sum.up.named().zip(sum.down.named());
    (events > 0).then(|| {
        pairs
            .map(|((name, up), (_, down))| (name, [up, down].map(|bytes| bytes as f64 / events as f64)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_distinct_and_found() {
        for (place, metric) in CATALOGUE.iter().enumerate() {
            assert_eq!(
                CATALOGUE.iter().position(|other| other.key == metric.key),
                Some(place),
                "{}",
                metric.key
            );
        }
        assert_eq!(metric("p99.9").map(|metric| metric.label), Some("delivery latency p99.9"));
        assert!(metric("p98").is_none());
    }
}
