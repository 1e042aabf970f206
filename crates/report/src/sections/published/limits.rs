//! Published figures that chance has a part in: measured repetition by repetition, with an interval.

use model::publication::{Figure, Measure, Trials};
use model::settings::Settings;
use model::trial::{TrialOutcome, TrialRecord};
use model::warning::Warning;

use super::found::{Found, Side, Unclear};
use super::measure::{Source, measure};
use crate::load::Trial;
use crate::statistics::{
    self, Analysis, Estimate, LEAST_TRIALS, Panel, Pool, Price, Quantile, Saturation, Series, batch,
};

/// A figure repetition by repetition.
struct Course {
    series: Series,
    side: Side,
    /// Why it tells nothing, however many repetitions there are.
    unclear: Option<Unclear>,
}

impl Course {
    fn new(series: Series, side: Side) -> Self {
        Self { series, side, unclear: None }
    }

    /// That of `estimate`, which is made of it.
    fn found(&self, estimate: Estimate, side: Side) -> Found {
        let too_few = (self.series.len() < LEAST_TRIALS).then_some(Unclear::TooFewTrials);
        Found { estimate, side, varies: true, unclear: self.unclear.or(too_few) }
    }
}

/// What the rule gives, none where this run has nothing to apply it to.
pub(super) fn find(analysis: &Analysis<'_>, source: &Source<'_>, rule: &Measure) -> Option<Found> {
    if let Measure::EqualLatency { of, to, within_ms } = rule {
        let estimate = equal_latency(analysis, source, [of, to], within_ms * 1e6)?;
        let unclear = estimate.interval.is_none().then_some(Unclear::TooFewTrials);
        return Some(Found { estimate, side: Side::Exact, varies: true, unclear });
    }
    if let Measure::Ratio { of, to, times } = rule
        && let Some((of, to)) = course(analysis, source, of).zip(course(analysis, source, to))
    {
        let (estimate, side) = (of.series.over(&to.series)?.times(*times), of.side.over(to.side)?);
        let [of, to] = [of, to].map(|course| course.found(estimate, side));
        return Some(Found { unclear: of.unclear.or(to.unclear), ..of });
    }
    if let Some(course) = course(analysis, source, rule) {
        return Some(course.found(course.series.mean()?, course.side));
    }
    let estimate = Estimate { value: measure(analysis.run, source, rule)?, interval: None };
    Some(Found { estimate, side: Side::Exact, varies: false, unclear: None })
}

/// Repetition by repetition; none for a rule that has none.
fn course(analysis: &Analysis<'_>, source: &Source<'_>, rule: &Measure) -> Option<Course> {
    match rule {
        Measure::Capacity { at } => capacity(saturation(analysis, source, at)?),
        Measure::Figure { at, load, figure } => {
            let trials = trials(analysis, source, at, *load);
            let value = |trial: &&Trial| Some((trial.record.key.repetition, of_trial(trial, *figure)?));
            let series = trials.iter().map(value).collect::<Option<Series>>()?;
            let is_of_bound = load.is_some() && is_bounded(analysis, source, at);
            let unclear = is_of_bound.then_some(Unclear::LowerBound);
            (!trials.is_empty()).then_some(Course { unclear, ..Course::new(series, Side::Exact) })
        }
        Measure::Steps { at, p95_ms } => steps(trials(analysis, source, at, None), p95_ms * 1e6),
        Measure::Replay { .. }
        | Measure::Trials { .. }
        | Measure::Requests { .. }
        | Measure::EqualLatency { .. }
        | Measure::Ratio { .. }
        | Measure::Bandwidth { .. } => None,
    }
}

/// Without those repetitions in which nothing passed it would be too high.
fn capacity(found: &Saturation<'_>) -> Option<Course> {
    let side = if found.is_at_least() { Side::Least } else { Side::Exact };
    let unclear = (found.without() > 0).then_some(Unclear::NothingPassed);
    Some(Course { unclear, ..Course::new(found.capacities()?, side) })
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
fn saturation<'s>(
    analysis: &'s Analysis<'_>,
    source: &Source<'_>,
    at: &Trials,
) -> Option<&'s Saturation<'s>> {
    let mut found = saturations(analysis, source, at);
    found.next().filter(|_| found.next().is_none())
}

/// All that could be.
fn saturations<'s>(
    analysis: &'s Analysis<'_>,
    source: &Source<'_>,
    at: &Trials,
) -> impl Iterator<Item = &'s Saturation<'s>> {
    let limits = analysis.limits.iter().filter(move |limits| limits.info.name == scenario(source, at));
    limits.flat_map(statistics::Limits::own).filter(move |found| {
        found.searches.iter().filter_map(|search| search.passed).any(|trial| is_meant(&trial.record, at))
    })
}

/// Whether loads there are shares of what is only known to be no less.
fn is_bounded(analysis: &Analysis<'_>, source: &Source<'_>, at: &Trials) -> bool {
    saturations(analysis, source, at).any(Saturation::is_at_least)
}

fn trials<'s>(
    analysis: &'s Analysis<'_>,
    source: &Source<'_>,
    at: &Trials,
    load: Option<f64>,
) -> Vec<&'s Trial> {
    let name = scenario(source, at);
    let of_scenario = analysis.run.trials.iter().filter(|trial| trial.record.key.scenario == name);
    let loaded = of_scenario.filter(|trial| trial.record.search.is_none() && trial.record.load == load);
    loaded.filter(|trial| is_meant(&trial.record, at)).collect()
}

fn of_trial(trial: &Trial, figure: Figure) -> Option<f64> {
    let (settings, outcome) = (&trial.record.settings, trial.record.result.outcome()?);
    let (counts, cost) = (&outcome.counts, &outcome.cost);
    let events = Some(counts.events_in_window as f64).filter(|events| *events > 0.0);
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
    let pool = Pool::of(&[(trial.samples.get("delivery")?, outcome.counts.lost)]);
    let value = pool.at(quantile, &[1]).map_or(f64::INFINITY, |value| value as f64);
    (pool.total(&[1]) > 0).then_some(value)
}

fn delivered(settings: &Settings, outcome: &TrialOutcome) -> Option<f64> {
    let offered = outcome.counts.expected as f64 / settings.phases.window_ns as f64;
    let delivered = outcome.counts.events_in_window as f64 / outcome.cost.elapsed_ns as f64;
    Some(delivered / offered).filter(|share| share.is_finite())
}

/// Both must have a line at the rate that is meant, and that by p99: a run with few events has less than that.
fn equal_latency(
    analysis: &Analysis<'_>,
    source: &Source<'_>,
    sides: [&Trials; 2],
    latency_ns: f64,
) -> Option<Estimate> {
    let answer =
        analysis.answer(scenario(source, sides[0])).filter(|answer| answer.tail() == Quantile::P99)?;
    let place =
        |at: &Trials| analysis.run.manifest.techniques.iter().position(|info| info.slug == at.technique);
    let techniques = [place(sides[0])?, place(sides[1])?];
    let panels = analysis.frontiers.get(answer.info.name.as_str())?.panels(Price::Cpu);
    let holds = |panel: &&Panel| {
        let rows = panel.lines.iter().flat_map(|line| &line.points).map(|point| &answer.rows[point.row]);
        let mut records = rows.flat_map(|row| &row.trials).map(|trial| &trial.record);
        records.any(|record| is_meant(record, sides[0]))
    };
    panels.iter().find(holds)?.ratio(techniques, latency_ns)
}

/// Where p95 passes the limit, repetition by repetition.
fn steps(mut trials: Vec<&Trial>, limit_ns: f64) -> Option<Course> {
    trials.sort_by_key(|trial| (trial.record.key.repetition, trial.record.settings.subscribers.count));
    let repetitions = trials.chunk_by(|a, b| a.record.key.repetition == b.record.key.repetition);
    let found: Vec<(u32, Passing)> = repetitions
        .map(|steps| Some((steps[0].record.key.repetition, passing(steps, limit_ns)?)))
        .collect::<Option<_>>()?;
    let is_exact = found.iter().all(|(_, passing)| passing.by_server);
    let series = found.iter().map(|(repetition, passing)| (*repetition, passing.subscribers));
    let series = series.collect::<Series>().at_least(!is_exact);
    (!found.is_empty()).then_some(Course::new(series, if is_exact { Side::Exact } else { Side::Least }))
}

struct Passing {
    subscribers: f64,
    /// Whether the load generator had time when the limit was passed, in a trial that ran to its end.
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
    Some(Passing { subscribers: way.exp(), by_server: next.record.result.outcome().is_some_and(had_time) })
}

/// Whether the load generator had.
fn had_time(outcome: &TrialOutcome) -> bool {
    !outcome.warnings.iter().any(|warning| matches!(warning, Warning::LoadGeneratorBusy { .. }))
}
