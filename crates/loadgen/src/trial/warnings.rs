//! Warnings that a reader of a trial's figures needs.

use model::trial::{Counts, Instrument, Quantiles, TrialSpec};
use model::warning::Warning;

/// Above this the load generator's own queueing is part of the latency.
const MOST_BUSY: f64 = 0.9;
/// At p99 the schedule may be this late.
const MOST_LAG_NS: u64 = 1_000_000;
/// A core may stand still for this long.
const MOST_SCHEDULING_DELAY_NS: u64 = 20_000_000;

/// Bytes of messages, stamps included, in the whole trial: counted at the socket by byte accounting, and independently of it
/// by the sessions that sent and received them. Of what was compressed, byte accounting sees no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MessageBytes {
    pub(super) counted_up: Option<u64>,
    pub(super) counted_down: Option<u64>,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// The warnings for the trial that `spec` describes. `excused` connections broke because the server was restarted, as the
/// settings asked.
pub(super) fn of(
    spec: &TrialSpec,
    counts: &Counts,
    excused: u64,
    messages: &MessageBytes,
    instrument: &Instrument,
) -> Vec<Warning> {
    let mut warnings = on_cores(&spec.load_cores, &spec.server_cores, counts, messages, instrument);
    if spec.servers().any(|server| server.pid.is_none()) {
        warnings.push(Warning::ServerCostUnknown);
    }
    excuse(&mut warnings, excused);
    warnings
}

fn excuse(warnings: &mut Vec<Warning>, excused: u64) {
    warnings.retain_mut(|warning| match warning {
        Warning::Reconnects { count } => {
            *count = count.saturating_sub(excused);
            *count > 0
        }
        _ => true,
    });
}

/// The same, given the cores of the load generator and of the server.
fn on_cores(
    load_cores: &[u32],
    server_cores: &[u32],
    counts: &Counts,
    messages: &MessageBytes,
    instrument: &Instrument,
) -> Vec<Warning> {
    let busy = instrument.load_busy;
    let lag_ns = instrument.schedule_lag.as_ref().map_or(0, |lag| lag.p99_ns);
    let (up, down) = disagreement(counts, messages);
    let all = [
        (busy > MOST_BUSY).then_some(Warning::LoadGeneratorBusy { busy }),
        (lag_ns > MOST_LAG_NS).then_some(Warning::ScheduleLag { p99_ns: lag_ns }),
        scheduling_delay(instrument.scheduling_delay_load.as_ref(), false),
        scheduling_delay(instrument.scheduling_delay_server.as_ref(), true),
        shares_cores(load_cores, server_cores).then_some(Warning::NotPinned),
        (counts.reconnects > 0).then_some(Warning::Reconnects { count: counts.reconnects }),
        (up != 0 || down != 0).then_some(Warning::BytesDoNotAddUp { up, down }),
        (counts.duplicate + counts.reordered > 0)
            .then_some(Warning::Disordered { duplicate: counts.duplicate, reordered: counts.reordered }),
    ];
    all.into_iter().flatten().collect()
}

fn scheduling_delay(scheduling_delays: Option<&Quantiles>, on_server_core: bool) -> Option<Warning> {
    let max_ns = scheduling_delays?.max_ns;
    (max_ns > MOST_SCHEDULING_DELAY_NS).then_some(Warning::SchedulingDelay { max_ns, on_server_core })
}

fn shares_cores(load: &[u32], server: &[u32]) -> bool {
    load.is_empty() || server.is_empty() || load.iter().any(|core| server.contains(core))
}

/// Byte accounting − sessions, up and down. Only where everything arrived on connections that held: of a message that was cut off,
/// byte accounting may have seen all and the session nothing.
fn disagreement(counts: &Counts, messages: &MessageBytes) -> (i64, i64) {
    let cut_off = counts.reconnects > 0 || counts.lost > 0 || counts.uplink_sent < counts.uplink_due;
    if cut_off {
        return (0, 0);
    }
    let difference = |counted: Option<u64>, sessions: u64| {
        counted.map_or(0, |counted| counted.cast_signed().wrapping_sub(sessions.cast_signed()))
    };
    (difference(messages.counted_up, messages.sent), difference(messages.counted_down, messages.received))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::histogram;

    fn quantiles(ns: u64) -> Option<Quantiles> {
        let mut histogram = histogram::empty();
        histogram.saturating_record(ns);
        histogram::quantiles(&histogram)
    }

    /// The warnings of a trial without uplink on these cores.
    fn warnings(
        cores: [&[u32]; 2],
        reconnects: u64,
        messages: &MessageBytes,
        instrument: &Instrument,
    ) -> Vec<Warning> {
        let counts = Counts { reconnects, ..Counts::default() };
        on_cores(cores[0], cores[1], &counts, messages, instrument)
    }

    #[test]
    fn a_quiet_trial_has_none() {
        let instrument = Instrument {
            schedule_lag: quantiles(MOST_LAG_NS / 2),
            scheduling_delay_load: quantiles(MOST_SCHEDULING_DELAY_NS / 2),
            scheduling_delay_server: quantiles(MOST_SCHEDULING_DELAY_NS / 2),
            load_busy: 0.5,
        };
        assert_eq!(warnings([&[1], &[0]], 0, &MessageBytes::default(), &instrument), []);
        assert_eq!(warnings([&[1], &[0]], 0, &MessageBytes::default(), &Instrument::default()), []);
    }

    #[test]
    fn a_stopwatch_that_was_the_bottleneck_is_reported() {
        let (lag_ns, scheduling_delay_ns) = (MOST_LAG_NS * 2, MOST_SCHEDULING_DELAY_NS * 2);
        let instrument = Instrument {
            schedule_lag: quantiles(lag_ns),
            scheduling_delay_load: quantiles(scheduling_delay_ns),
            scheduling_delay_server: quantiles(scheduling_delay_ns),
            load_busy: 0.95,
        };
        let found = warnings([&[1], &[0]], 0, &MessageBytes::default(), &instrument);
        let p99_ns = instrument.schedule_lag.unwrap().p99_ns;
        let max_ns = instrument.scheduling_delay_load.unwrap().max_ns;
        let expected = [
            Warning::LoadGeneratorBusy { busy: 0.95 },
            Warning::ScheduleLag { p99_ns },
            Warning::SchedulingDelay { max_ns, on_server_core: false },
            Warning::SchedulingDelay { max_ns, on_server_core: true },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn cores_that_are_shared_or_not_fixed_are_reported() {
        for cores in [[&[1][..], &[]], [&[], &[0]], [&[0, 1], &[1, 2]]] {
            let found = warnings(cores, 0, &MessageBytes::default(), &Instrument::default());
            assert_eq!(found, [Warning::NotPinned], "{cores:?}");
        }
    }

    #[test]
    fn broken_connections_and_events_out_of_order_are_reported() {
        let counts = Counts { reconnects: 2, duplicate: 3, reordered: 1, ..Counts::default() };
        let found = on_cores(&[1], &[0], &counts, &MessageBytes::default(), &Instrument::default());
        let expected = [Warning::Reconnects { count: 2 }, Warning::Disordered { duplicate: 3, reordered: 1 }];
        assert_eq!(found, expected);
    }

    #[test]
    fn connections_that_a_restart_broke_are_no_reason_to_worry_and_others_are() {
        let warnings = |excused| {
            let mut warnings = vec![Warning::NotPinned, Warning::Reconnects { count: 200 }];
            excuse(&mut warnings, excused);
            warnings
        };
        assert_eq!(warnings(200), [Warning::NotPinned]);
        assert_eq!(warnings(197), [Warning::NotPinned, Warning::Reconnects { count: 3 }]);
    }

    #[test]
    fn byte_accounting_that_saw_other_messages_than_the_sessions_is_reported() {
        let messages = MessageBytes { counted_up: Some(6), sent: 5, counted_down: Some(7), received: 10 };
        let found = warnings([&[1], &[0]], 0, &messages, &Instrument::default());
        assert_eq!(found, [Warning::BytesDoNotAddUp { up: 1, down: -3 }]);
        // What was cut off may have been seen by one of them only.
        let cut_off = warnings([&[1], &[0]], 1, &messages, &Instrument::default());
        assert_eq!(cut_off, [Warning::Reconnects { count: 1 }]);
        // What was compressed was seen by the sessions only.
        let compressed = MessageBytes { counted_down: None, counted_up: Some(5), ..messages };
        assert_eq!(warnings([&[1], &[0]], 0, &compressed, &Instrument::default()), []);
    }
}
