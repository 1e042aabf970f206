//! Warnings that a reader of a trial's figures needs.

use model::trial::{Counts, Instrument, Quantiles, TrialSpec};
use model::warning::Warning;

/// Above this the load generator's own queueing is part of the latency.
const MOST_BUSY: f64 = 0.9;
/// At p99 the schedule may be this late.
const MOST_LAG_NS: u64 = 1_000_000;
/// Posts that keep the connections busy for more than 1 ÷ this of the time wait for each other.
const MOST_POSTING: f64 = 1.1;
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
/// settings asked. The server answers posts for up to `most_posts_per_s`.
pub(super) fn of(
    spec: &TrialSpec,
    counts: &Counts,
    excused: u64,
    most_posts_per_s: Option<f64>,
    messages: &MessageBytes,
    instrument: &Instrument,
) -> Vec<Warning> {
    let mut warnings = on_cores(&spec.load_cores, &spec.server_cores, counts, messages, instrument);
    if spec.servers().any(|server| server.pid.is_none()) {
        warnings.push(Warning::ServerCostUnknown);
    }
    warnings.extend(most_posts_per_s.and_then(|most_per_s| publishing_is_limit(spec, most_per_s)));
    excuse(&mut warnings, excused);
    warnings
}

/// Posts wait for each other if the server takes no more of them than are due.
fn publishing_is_limit(spec: &TrialSpec, most_per_s: f64) -> Option<Warning> {
    let settings = &spec.settings;
    let due_per_s = settings.events.rate_per_s * f64::from(settings.subscribers.channels.max(1));
    (most_per_s < MOST_POSTING * due_per_s).then_some(Warning::PublishingLimit { due_per_s, most_per_s })
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
    use model::settings::Settings;
    use model::trial::ServerSpec;

    use super::*;
    use crate::recorder::histogram;

    #[test]
    fn publishing_is_the_limit_up_to_a_tenth_above_what_is_due() {
        let mut settings = Settings::default();
        settings.events.rate_per_s = 20.0;
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
        let spec = TrialSpec::new("", ServerSpec::at(address), settings);
        let is_limit = |most_per_s| publishing_is_limit(&spec, most_per_s).is_some();
        assert_eq!([16.7, 21.9, 22.1].map(is_limit), [true, true, false]);
    }

    const PINNED: [&[u32]; 2] = [&[1], &[0]];

    fn quantiles(ns: u64) -> Option<Quantiles> {
        let mut histogram = histogram::empty();
        histogram.saturating_record(ns);
        histogram::quantiles(&histogram)
    }

    fn instrument(lag_ns: u64, scheduling_delay_ns: u64, load_busy: f64) -> Instrument {
        Instrument {
            schedule_lag: quantiles(lag_ns),
            scheduling_delay_load: quantiles(scheduling_delay_ns),
            scheduling_delay_server: quantiles(scheduling_delay_ns),
            load_busy,
            ..Instrument::default()
        }
    }

    #[test]
    fn a_stopwatch_that_was_the_bottleneck_is_reported_and_a_quiet_trial_has_no_warning() {
        let of = |instrument: &Instrument| {
            on_cores(PINNED[0], PINNED[1], &Counts::default(), &MessageBytes::default(), instrument)
        };
        assert_eq!(of(&instrument(MOST_LAG_NS / 2, MOST_SCHEDULING_DELAY_NS / 2, 0.5)), []);
        assert_eq!(of(&Instrument::default()), []);
        let slow = instrument(MOST_LAG_NS * 2, MOST_SCHEDULING_DELAY_NS * 2, 0.95);
        let p99_ns = slow.schedule_lag.as_ref().unwrap().p99_ns;
        let max_ns = slow.scheduling_delay_load.as_ref().unwrap().max_ns;
        let expected = [
            Warning::LoadGeneratorBusy { busy: 0.95 },
            Warning::ScheduleLag { p99_ns },
            Warning::SchedulingDelay { max_ns, on_server_core: false },
            Warning::SchedulingDelay { max_ns, on_server_core: true },
        ];
        assert_eq!(of(&slow), expected);
    }

    #[test]
    fn shared_cores_broken_connections_disorder_and_bytes_that_do_not_add_up_are_reported() {
        let (quiet, bytes) = (Counts::default(), MessageBytes::default());
        let reconnects = Counts { reconnects: 1, ..quiet.clone() };
        let disordered = Counts { reconnects: 2, duplicate: 3, reordered: 1, ..quiet.clone() };
        let differ = MessageBytes { counted_up: Some(6), sent: 5, counted_down: Some(7), received: 10 };
        let compressed = MessageBytes { counted_down: None, counted_up: Some(5), ..differ };
        for (cores, counts, bytes, expected) in [
            ([&[1u32][..], &[]] as [&[u32]; 2], &quiet, &bytes, vec![Warning::NotPinned]),
            ([&[], &[0]], &quiet, &bytes, vec![Warning::NotPinned]),
            ([&[0, 1], &[1, 2]], &quiet, &bytes, vec![Warning::NotPinned]),
            (
                PINNED,
                &disordered,
                &bytes,
                vec![Warning::Reconnects { count: 2 }, Warning::Disordered { duplicate: 3, reordered: 1 }],
            ),
            (PINNED, &quiet, &differ, vec![Warning::BytesDoNotAddUp { up: 1, down: -3 }]),
            // What was cut off may have been seen by one of them only.
            (PINNED, &reconnects, &differ, vec![Warning::Reconnects { count: 1 }]),
            // What was compressed was seen by the sessions only.
            (PINNED, &quiet, &compressed, vec![]),
        ] {
            let found = on_cores(cores[0], cores[1], counts, bytes, &Instrument::default());
            assert_eq!(found, expected, "{cores:?} {counts:?} {bytes:?}");
        }
    }

    #[test]
    fn connections_that_a_restart_broke_are_no_reason_to_worry_and_others_are() {
        for (excused, left) in [(200, None), (197, Some(Warning::Reconnects { count: 3 }))] {
            let mut warnings = vec![Warning::NotPinned, Warning::Reconnects { count: 200 }];
            excuse(&mut warnings, excused);
            assert_eq!(warnings, [Warning::NotPinned].into_iter().chain(left).collect::<Vec<_>>());
        }
    }
}
