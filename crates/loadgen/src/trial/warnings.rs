//! What a reader of a trial's figures must know.

use schema::trial::{BytesByPhase, Counts, Instrument, Quantiles, TrialSpec};
use schema::warning::Warning;

/// From here on the load generator's own queueing is part of the latency.
const MOST_BUSY: f64 = 0.9;
/// At p99 the schedule may be this late.
const MOST_LAG_NS: u64 = 1_000_000;
/// A core may stand still for this long.
const MOST_HICCUP_NS: u64 = 20_000_000;

/// The warnings that a trial's findings call for.
pub(super) fn of(
    spec: &TrialSpec,
    counts: &Counts,
    bytes: &BytesByPhase,
    instrument: &Instrument,
) -> Vec<Warning> {
    let busy = instrument.load_busy;
    let lag_ns = instrument.schedule_lag.as_ref().map_or(0, |lag| lag.p99_ns);
    let (up, down) = (
        difference(bytes.total.up.wire(), bytes.socket_written),
        difference(bytes.total.down.wire(), bytes.socket_read),
    );
    let all = [
        (busy > MOST_BUSY).then_some(Warning::LoadGeneratorBusy { busy }),
        (lag_ns > MOST_LAG_NS).then_some(Warning::ScheduleLag { p99_ns: lag_ns }),
        hiccup(instrument.hiccup_load.as_ref(), false),
        hiccup(instrument.hiccup_server.as_ref(), true),
        shares_cores(spec).then_some(Warning::NotPinned),
        (counts.reconnects > 0).then_some(Warning::Reconnects { count: counts.reconnects }),
        (up != 0 || down != 0).then_some(Warning::BytesDoNotAddUp { up, down }),
    ];
    all.into_iter().flatten().collect()
}

fn hiccup(hiccups: Option<&Quantiles>, on_server_core: bool) -> Option<Warning> {
    let max_ns = hiccups?.max_ns;
    (max_ns > MOST_HICCUP_NS).then_some(Warning::Hiccup { max_ns, on_server_core })
}

fn shares_cores(spec: &TrialSpec) -> bool {
    let (load, server) = (&spec.load_cores, &spec.server_cores);
    load.is_empty() || server.is_empty() || load.iter().any(|core| server.contains(core))
}

fn difference(layers: u64, socket: u64) -> i64 {
    layers.cast_signed().wrapping_sub(socket.cast_signed())
}
