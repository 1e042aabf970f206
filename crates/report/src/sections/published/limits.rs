//! Published figures that chance has a part in: measured repetition by repetition, with an interval.

use schema::literature::{Figure, Measure, Trials};
use schema::settings::Settings;
use schema::trial::{TrialOutcome, TrialRecord};
use schema::warning::Warning;

use super::measure::{Source, measure};
use crate::load::Trial;
use crate::statistics::{self, Estimate, Panel, Pool, Price, Quantile, Saturation, Series, Study, batch};

/// A figure as it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub estimate: Estimate,
    pub side: Side,
    /// Whether chance has a part in it, so that only an interval tells.
    pub varies: bool,
}

/// What a found figure is of the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Exact,
    /// It is at least this.
    Least,
    /// It is at most this.
    Most,
}

impl Side {
    /// Of a quotient; none where nothing can be said of it.
    fn over(self, other: Self) -> Option<Self> {
        match (self, other) {
            (side, Self::Exact) => Some(side),
            (Self::Exact | Self::Least, Self::Most) => Some(Self::Least),
            (Self::Exact | Self::Most, Self::Least) => Some(Self::Most),
            (Self::Least, Self::Least) | (Self::Most, Self::Most) => None,
        }
    }
}

/// What the rule gives, none where this run has nothing to apply it to.
pub(super) fn find(study: &Study<'_>, source: &Source<'_>, rule: &Measure) -> Option<Found> {
    if let Measure::EqualLatency { of, to, within_ms } = rule {
        let estimate = equal_latency(study, source, [of, to], within_ms * 1e6)?;
        return Some(Found { estimate, side: Side::Exact, varies: true });
    }
    if let Measure::Ratio { of, to, times } = rule
        && let Some((of, to)) = series(study, source, of).zip(series(study, source, to))
    {
        let side = of.1.over(to.1)?;
        return Some(Found { estimate: of.0.over(&to.0)?.times(*times), side, varies: true });
    }
    if let Some((series, side)) = series(study, source, rule) {
        return Some(Found { estimate: series.mean()?, side, varies: true });
    }
    let value = measure(study.run, source, rule)?;
    Some(Found { estimate: Estimate { value, interval: None }, side: Side::Exact, varies: false })
}

/// Repetition by repetition; none for a rule that has none.
fn series(study: &Study<'_>, source: &Source<'_>, rule: &Measure) -> Option<(Series, Side)> {
    match rule {
        Measure::Capacity { at } => {
            let found = saturation(study, source, at)?;
            let side = if found.is_at_least() { Side::Least } else { Side::Exact };
            Some((found.capacities()?, side))
        }
        Measure::Figure { at, load, figure } => {
            let trials = trials(study, source, at, *load);
            let value = |trial: &&Trial| Some((trial.record.key.repetition, of_trial(trial, *figure)?));
            let series: Series = trials.iter().map(value).collect::<Option<_>>()?;
            (!trials.is_empty()).then_some((series, Side::Exact))
        }
        Measure::Steps { at, p95_ms } => steps(trials(study, source, at, None), p95_ms * 1e6),
        Measure::Replay { .. }
        | Measure::Trials { .. }
        | Measure::Requests { .. }
        | Measure::EqualLatency { .. }
        | Measure::Ratio { .. }
        | Measure::Bandwidth { .. } => None,
    }
}

fn scenario<'s>(source: &Source<'s>, at: &'s Trials) -> &'s str {
    at.scenario.as_deref().unwrap_or(source.scenario)
}

fn is_meant(record: &TrialRecord, at: &Trials) -> bool {
    let key = &record.key;
    statistics::is_own(key, &record.settings)
        && key.technique == at.technique
        && at.point.iter().all(|(name, value)| key.point.get(name) == Some(value))
}

/// The one that is meant; none where several could be.
fn saturation<'s>(study: &'s Study<'_>, source: &Source<'_>, at: &Trials) -> Option<&'s Saturation<'s>> {
    let limits = study.limits.iter().find(|limits| limits.info.name == scenario(source, at))?;
    let is_asked = |found: &&Saturation<'_>| {
        found.searches.iter().filter_map(|search| search.passed).any(|trial| is_meant(&trial.record, at))
    };
    let mut found = limits.own().filter(is_asked);
    found.next().filter(|_| found.next().is_none())
}

fn trials<'s>(study: &'s Study<'_>, source: &Source<'_>, at: &Trials, load: Option<f64>) -> Vec<&'s Trial> {
    let name = scenario(source, at);
    let of_scenario = study.run.trials.iter().filter(|trial| trial.record.key.scenario == name);
    let loaded = of_scenario.filter(|trial| trial.record.search.is_none() && trial.record.load == load);
    loaded.filter(|trial| is_meant(&trial.record, at)).collect()
}

fn of_trial(trial: &Trial, figure: Figure) -> Option<f64> {
    let (settings, outcome) = (&trial.record.settings, trial.record.result.outcome()?);
    let (counts, cost) = (&outcome.counts, &outcome.cost);
    let events = Some(counts.events_between_edges as f64).filter(|events| *events > 0.0);
    match figure {
        Figure::P99 => Some(latency(trial, outcome, Quantile::P99)? / 1e6),
        Figure::EventsPerResponse => batch(outcome),
        Figure::Delivered => delivered(settings, outcome),
        Figure::CpuPerSecond => Some(cost.known_server_cpu_ns()? as f64 / cost.elapsed_ns as f64 * 1e3),
        Figure::CpuPerEvent => Some(cost.known_server_cpu_ns()? as f64 / events? / 1e3),
        Figure::EmptyPerEvent => Some(counts.empty_responses as f64 / events?),
    }
}

/// Infinite where it is among the missing; none where nothing was due.
fn latency(trial: &Trial, outcome: &TrialOutcome, quantile: Quantile) -> Option<f64> {
    let pool = Pool::of(&[(trial.samples.get("delivery")?, outcome.counts.missing)]);
    let value = pool.at(quantile, &[1]).map_or(f64::INFINITY, |value| value as f64);
    (pool.total(&[1]) > 0).then_some(value)
}

fn delivered(settings: &Settings, outcome: &TrialOutcome) -> Option<f64> {
    let offered = outcome.counts.expected as f64 / settings.phases.window_ns as f64;
    let delivered = outcome.counts.events_between_edges as f64 / outcome.cost.elapsed_ns as f64;
    Some(delivered / offered).filter(|share| share.is_finite())
}

/// Both must have a line at the rate that is meant.
fn equal_latency(
    study: &Study<'_>,
    source: &Source<'_>,
    sides: [&Trials; 2],
    latency_ns: f64,
) -> Option<Estimate> {
    let answer = study.answer(scenario(source, sides[0]))?;
    let place = |at: &Trials| study.run.manifest.techniques.iter().position(|info| info.slug == at.technique);
    let techniques = [place(sides[0])?, place(sides[1])?];
    let panels = study.frontiers.get(answer.info.name.as_str())?.panels(Price::Cpu);
    let holds = |panel: &&Panel| {
        let rows = panel.lines.iter().flat_map(|line| &line.points).map(|point| &answer.rows[point.row]);
        let mut records = rows.flat_map(|row| &row.trials).map(|trial| &trial.record);
        records.any(|record| is_meant(record, sides[0]))
    };
    panels.iter().find(holds)?.ratio(techniques, latency_ns)
}

/// Where p95 passes the limit, repetition by repetition.
fn steps(mut trials: Vec<&Trial>, limit_ns: f64) -> Option<(Series, Side)> {
    trials.sort_by_key(|trial| (trial.record.key.repetition, trial.record.settings.subscribers.count));
    let repetitions = trials.chunk_by(|a, b| a.record.key.repetition == b.record.key.repetition);
    let found: Vec<(u32, Passing)> = repetitions
        .map(|steps| Some((steps[0].record.key.repetition, passing(steps, limit_ns)?)))
        .collect::<Option<_>>()?;
    let is_exact = found.iter().all(|(_, passing)| passing.by_server);
    let series = found.iter().map(|(repetition, passing)| (*repetition, passing.subscribers)).collect();
    (!found.is_empty()).then_some((series, if is_exact { Side::Exact } else { Side::Least }))
}

struct Passing {
    subscribers: f64,
    /// Whether the load generator had time when the limit was passed.
    by_server: bool,
}

/// None when not even the first step keeps the limit.
fn passing(steps: &[&Trial], limit_ns: f64) -> Option<Passing> {
    const P95: f64 = 20.0;
    let p95 = |trial: &Trial| {
        let outcome = trial.record.result.outcome();
        outcome.and_then(|outcome| latency(trial, outcome, Quantile::one_in(P95))).unwrap_or(f64::INFINITY)
    };
    let count = |trial: &Trial| f64::from(trial.record.settings.subscribers.count);
    let late = steps.iter().position(|trial| p95(trial) > limit_ns).unwrap_or(steps.len());
    let last = steps.get(late.checked_sub(1)?)?;
    let Some(next) = steps.get(late) else {
        return Some(Passing { subscribers: count(last), by_server: false });
    };
    let share = (limit_ns / p95(last)).ln() / (p95(next) / p95(last)).ln();
    let way = count(last).ln() + share * (count(next) / count(last)).ln();
    Some(Passing { subscribers: way.exp(), by_server: !is_limited(next) })
}

fn is_limited(trial: &Trial) -> bool {
    let outcome = trial.record.result.outcome();
    let mut warnings = outcome.into_iter().flat_map(|outcome| &outcome.warnings);
    warnings.any(|warning| matches!(warning, Warning::LoadGeneratorBusy { .. }))
}

#[cfg(test)]
mod tests {
    use super::Side;

    #[test]
    fn quotient_of_two_lower_bounds_says_nothing() {
        assert_eq!(Side::Least.over(Side::Least), None);
        assert_eq!(Side::Exact.over(Side::Least), Some(Side::Most));
        assert_eq!(Side::Least.over(Side::Exact), Some(Side::Least));
    }
}
