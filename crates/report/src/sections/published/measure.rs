//! A published figure measured here: a rule of the publications applied to a run's records.

use model::byte_account::{Account, Layers, stamp_bytes};
use model::manifest::ReplayedBytes;
use model::publication::{Count, Layer, Measure, Per, Trials, Way};
use model::trial::{TrialOutcome, TrialRecord};

use crate::load::Run;
use crate::statistics;

/// Whose rules these are.
pub(in crate::sections) struct Source<'s> {
    /// The publication's short name; rules without one have no replays.
    pub id: &'s str,
    /// The scenario that is meant where a rule names none.
    pub scenario: &'s str,
}

/// What the rule gives, none where this run has nothing to apply it to.
pub(in crate::sections) fn measure(run: &Run, source: &Source<'_>, rule: &Measure) -> Option<f64> {
    let value = match rule {
        Measure::Replay { exchange, count, way } => replayed(run, source, exchange, *count, *way)? as f64,
        Measure::Trials { at, layers, way, per, less } => {
            bytes(&Pool::of(run, source, at)?, layers, *way, *per)? - less
        }
        Measure::Requests { at } => {
            let pool = Pool::of(run, source, at)?;
            over(pool.requests, pool.events)?
        }
        // These have intervals: `limits` finds them.
        Measure::Capacity { .. }
        | Measure::Figure { .. }
        | Measure::EqualLatency { .. }
        | Measure::Steps { .. } => return None,
        Measure::Ratio { of, to, times } => {
            let (of, to) = (measure(run, source, of)?, measure(run, source, to)?);
            of / to * times
        }
        Measure::Bandwidth { of, clients, mega } => {
            measure(run, source, of)? * 8.0 * *clients as f64 / mega.bits()
        }
    };
    value.is_finite().then_some(value)
}

fn replayed(run: &Run, source: &Source<'_>, exchange: &str, count: Count, way: Way) -> Option<u64> {
    let mut replays = run.manifest.replays.iter().filter(|replay| replay.publication == source.id);
    let replay = replays.find(|replay| replay.exchange == exchange)?;
    let head = |bytes: ReplayedBytes| {
        let line_ends = match count {
            Count::Wire => 0,
            Count::Characters => bytes.line_ends,
        };
        bytes.socket.saturating_sub(bytes.body + line_ends)
    };
    Some(match way {
        Way::Up => head(replay.up),
        Way::Down => head(replay.down),
        Way::Both => head(replay.up) + head(replay.down),
    })
}

/// Trials of one technique at one point, taken together.
#[derive(Debug, Default)]
struct Pool {
    window: Account,
    set_up: Account,
    subscribers: u64,
    events: u64,
    requests: u64,
    stamp_bytes: u64,
}

impl Pool {
    fn of(run: &Run, source: &Source<'_>, at: &Trials) -> Option<Self> {
        let records = run.trials.iter().map(|trial| &trial.record);
        let measured = records
            .filter(|record| is_at(record, source, at))
            .filter_map(|record| Some((record, record.result.outcome()?)));
        let mut pool = None;
        for (record, outcome) in measured {
            pool.get_or_insert_with(Self::default).add(record, outcome);
        }
        pool
    }

    fn add(&mut self, record: &TrialRecord, outcome: &TrialOutcome) {
        self.window += outcome.bytes.window;
        self.set_up += outcome.set_up.account;
        self.subscribers += outcome.set_up.subscribers;
        self.events += outcome.counts.events_in_window;
        self.requests += outcome.counts.requests;
        self.stamp_bytes = stamp_bytes(record.settings.events.payload);
    }
}

/// A rule that names its scenario means all of it; others mean [usual](statistics::is_usual) trials.
fn is_at(record: &TrialRecord, source: &Source<'_>, at: &Trials) -> bool {
    let key = &record.key;
    statistics::is_own(key, &record.settings)
        && (at.scenario.is_some() || statistics::is_usual(record))
        && key.scenario == *at.scenario.as_deref().unwrap_or(source.scenario)
        && key.technique == at.technique
        && at.point.iter().all(|(name, value)| key.point.get(name) == Some(value))
}

fn bytes(pool: &Pool, layers: &[Layer], way: Way, per: Per) -> Option<f64> {
    let window = part(&pool.window, layers, way);
    match per {
        Per::Event => over(window, pool.events),
        Per::Events(count) => Some(over(window, pool.events)? * f64::from(count)),
        Per::Message => over(window * pool.stamp_bytes, stamps(&pool.window, way)),
        Per::Request => over(window, pool.requests),
        Per::Session(count) => {
            let set_up = over(part(&pool.set_up, layers, way), pool.subscribers)?;
            Some(set_up + over(window, pool.events)? * f64::from(count))
        }
    }
}

fn part(account: &Account, layers: &[Layer], way: Way) -> u64 {
    let of = |direction: &Layers| match layers {
        [] => direction.wire() - direction.stamp,
        layers => layers.iter().map(|layer| layer.of(direction)).sum(),
    };
    match way {
        Way::Up => of(&account.up),
        Way::Down => of(&account.down),
        Way::Both => of(&account.up) + of(&account.down),
    }
}

fn stamps(account: &Account, way: Way) -> u64 {
    match way {
        Way::Up => account.up.stamp,
        Way::Down => account.down.stamp,
        Way::Both => account.up.stamp + account.down.stamp,
    }
}

fn over(bytes: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| bytes as f64 / count as f64)
}
