//! Published figures beside the same ones measured here, each with a verdict that is computed.

use std::collections::BTreeMap;

use model::byte_account::{Account, Layers, stamp_bytes};
use model::manifest::ReplayedBytes;
use model::publication::{
    Count, Figure, Layer, Measure, Per, Publication, Published, Relation, Table, Trials, Way,
};
use model::settings::Publisher;
use model::warning::Warning;
use serde::Serialize;

use crate::catalogue::{self, Metric};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Point};
use crate::load::Trial;
use crate::numbers::{self, NOTHING};
use crate::sample::quantile;
use crate::search::{self, Side};
use crate::table::{self, Column};

/// A publication and what became of its figures.
#[derive(Debug, Default, Serialize)]
pub struct Judged {
    /// Its short name.
    pub id: String,
    /// Why it cannot be judged; then there is nothing else.
    pub error: Option<String>,
    pub title: String,
    /// Who said it, where and when.
    pub source: String,
    /// What they did, and what is done here instead.
    pub set_up: String,
    /// The scenario whose trials are measured.
    pub scenario: String,
    /// Whether any of its figures was measured.
    pub is_measured: bool,
    /// How many figures became what.
    pub count: String,
    pub figures: Vec<Row>,
    /// The same question today, as Markdown.
    pub tables: Vec<String>,
}

/// A figure of a publication, in words.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What it counts.
    pub what: String,
    /// As it was published.
    pub published: String,
    /// As it was measured here.
    pub measured: String,
    /// What that means.
    pub verdict: String,
}

/// Every publication that a run holds, each in its newest text, in the order of their names.
pub fn judge(evidence: &Evidence) -> Vec<Judged> {
    let infos = evidence.runs.iter().flat_map(|run| &run.manifest.publications);
    let texts = newest(infos.map(|info| (&info.id, &info.text)));
    texts.into_iter().map(|(id, text)| Judged::of(evidence, id, text)).collect()
}

/// Each text once, by its name: that of the newest run that has it. F3 comes before F10.
pub(crate) fn newest<'e>(
    texts: impl Iterator<Item = (&'e String, &'e String)>,
) -> impl IntoIterator<Item = (&'e str, &'e str)> {
    let mut newest: BTreeMap<(usize, &str), &str> = BTreeMap::new();
    for (id, text) in texts {
        newest.entry((id.len(), id)).or_insert(text);
    }
    newest.into_iter().map(|((_, id), text)| (id, text))
}

impl Judged {
    fn of(evidence: &Evidence, id: &str, text: &str) -> Self {
        let publication = match Publication::parse(text, id) {
            Ok(publication) => publication,
            Err(error) => {
                return Self { id: id.to_owned(), error: Some(error.to_string()), ..Self::default() };
            }
        };
        let verdicts: Vec<Verdict<'_>> =
            publication.figures.iter().map(|figure| Verdict::of(evidence, &publication, figure)).collect();
        let tables = publication.tables.iter();
        Self {
            count: count(&verdicts),
            is_measured: verdicts.iter().any(|verdict| verdict.found.is_some()),
            figures: verdicts.iter().map(Verdict::row).collect(),
            tables: tables.filter_map(|it| today(evidence, &publication.scenario, it)).collect(),
            error: None,
            id: publication.id,
            title: publication.title,
            source: publication.source,
            set_up: publication.set_up,
            scenario: publication.scenario,
        }
    }
}

/// What a decimal of the file and a quotient of counts may differ by for being binary.
const ROUNDING: f64 = 1e-9;

/// A published figure, and what became of it.
struct Verdict<'p> {
    figure: &'p Published,
    found: Option<Found>,
}

/// Whether a figure is the published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Same,
    Other,
    /// What was measured does not decide it.
    Open(Unclear),
    Nothing,
}

impl<'p> Verdict<'p> {
    fn of(evidence: &Evidence, publication: &Publication, figure: &'p Published) -> Self {
        let source = Source { id: &publication.id, scenario: &publication.scenario };
        Self { figure, found: figure.measure.as_ref().and_then(|rule| find(evidence, source, rule)) }
    }

    fn comparison(&self) -> Comparison {
        let Published { value, tolerance, relation, .. } = self.figure;
        let Some(Found { estimate, side, varies, unclear }) = self.found else { return Comparison::Nothing };
        if let Some(unclear) = unclear {
            return Comparison::Open(unclear);
        }
        let away = tolerance + value.abs() * ROUNDING;
        let ends = match (estimate.interval, varies) {
            (Some(interval), true) => interval,
            (_, false) => [estimate.value; 2],
            (None, true) => return Comparison::Open(Unclear::OneTrial),
        };
        let is_over = ends[0] > value + away && side != Side::Most;
        let is_under = ends[1] < value - away && side != Side::Least;
        match relation {
            Relation::Equal if side == Side::Exact && (estimate.value - value).abs() <= away => {
                Comparison::Same
            }
            Relation::Above if is_over => Comparison::Same,
            Relation::Below if is_under => Comparison::Same,
            _ if is_over || is_under => Comparison::Other,
            _ if side == Side::Exact => Comparison::Open(Unclear::BothSides),
            _ => Comparison::Open(Unclear::OneSided),
        }
    }

    fn words(&self) -> String {
        let why = &self.figure.why;
        match self.comparison() {
            Comparison::Same => "reproduced".to_owned(),
            Comparison::Other => self.difference(),
            Comparison::Open(unclear) => format!("too close to tell: {}", unclear.words()),
            Comparison::Nothing if self.figure.measure.is_some() => "not measured".to_owned(),
            Comparison::Nothing if why.is_empty() => "not measured: there is no rule for it".to_owned(),
            Comparison::Nothing => format!("not measured: {why}"),
        }
    }

    /// The cause was written before the measurement: it is one only where it predicted the measured figure.
    fn difference(&self) -> String {
        let why = &self.figure.why;
        let is_expected = self.figure.expected.zip(self.found).map(|([low, high], found)| {
            let measured = found.estimate.value;
            low - low.abs() * ROUNDING <= measured && measured <= high + high.abs() * ROUNDING
        });
        match (why.is_empty(), is_expected) {
            (true, _) => "differs; no cause is known".to_owned(),
            (false, None) => format!("differs; known cause: {why}"),
            (false, Some(true)) => format!("differs because {why}"),
            (false, Some(false)) => format!("differs; the known cause does not account for it: {why}"),
        }
    }

    fn row(&self) -> Row {
        let Published { what, value, unit, tolerance, relation, .. } = self.figure;
        let with_unit = |number: String| format!("{number} {unit}").trim().to_owned();
        let side = match relation {
            Relation::Equal => "",
            Relation::Above => "above ",
            Relation::Below => "below ",
        };
        let allowed = if *tolerance == 0.0 { String::new() } else { format!(" ± {tolerance}") };
        Row {
            what: what.clone(),
            published: format!("{side}{}{allowed}", with_unit(numbers::plain(*value))),
            measured: self.found.map_or_else(|| NOTHING.to_owned(), |found| with_unit(found.text())),
            verdict: self.words(),
        }
    }
}

fn count(verdicts: &[Verdict<'_>]) -> String {
    let of = |is: fn(Comparison) -> bool| verdicts.iter().filter(|verdict| is(verdict.comparison())).count();
    let counts = [
        (of(|comparison| comparison == Comparison::Same), "reproduced"),
        (of(|comparison| comparison == Comparison::Other), "differ"),
        (of(|comparison| matches!(comparison, Comparison::Open(_))), "too close to tell"),
        (of(|comparison| comparison == Comparison::Nothing), "not measured"),
    ];
    let words: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let figures = if verdicts.len() == 1 { "figure" } else { "figures" };
    format!("{} {figures}: {}.", verdicts.len(), words.join(", "))
}

/// Overhead bytes of one event at all points of a scenario; none where it has no points.
fn today(evidence: &Evidence, scenario: &str, asked: &Table) -> Option<String> {
    let points: Vec<&Point> = evidence.own(scenario).collect();
    let column = Column::parse("overhead", evidence).ok()?;
    let table = match asked.across.as_slice() {
        [] => table::by_point(evidence, &points, &[column]),
        across => table::across(evidence, &points, &across.join(","), &column),
    };
    (!table.is_empty()).then(|| format!("{} (overhead bytes of one event):\n\n{table}", asked.title))
}

/// A figure as it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) estimate: Estimate,
    pub(crate) side: Side,
    /// Whether chance has a part in it, so that only an interval decides.
    pub(crate) varies: bool,
    /// Why it decides nothing, whatever its interval is.
    pub(crate) unclear: Option<Unclear>,
}

/// Why a figure decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// Its interval does not lie on one side.
    BothSides,
    /// It is a bound, and what was asked lies beyond.
    OneSided,
    /// There is no interval.
    OneTrial,
    /// Of loads that are shares of one.
    LowerBound,
    /// By a search.
    NothingPassed,
}

impl Unclear {
    fn words(self) -> &'static str {
        match self {
            Self::BothSides => "the interval lies on both sides",
            Self::OneSided => "what was measured is a bound, and may lie on either side",
            Self::OneTrial => "it was measured once, so it has no interval",
            Self::LowerBound => {
                "the load is a share of a capacity that may be higher, since the load generator was the limit"
            }
            Self::NothingPassed => "in some searches no rate passed at all",
        }
    }
}

impl Found {
    /// Counted, not timed.
    fn exact(value: f64) -> Option<Self> {
        let estimate = Estimate { value, interval: None, trials: 0, runs: 0 };
        value.is_finite().then_some(Self { estimate, side: Side::Exact, varies: false, unclear: None })
    }

    fn times(self, factor: f64) -> Self {
        Self { estimate: self.estimate.times(factor), ..self }
    }

    /// What chance has a part in bears its interval.
    pub(crate) fn text(self) -> String {
        let number = match self.estimate.value {
            _ if self.varies => numbers::show(catalogue::Unit::Number, self.estimate),
            value => numbers::plain(value),
        };
        format!("{}{number}", self.side.words())
    }
}

/// Whose rules these are.
#[derive(Clone, Copy)]
pub(crate) struct Source<'s> {
    /// The publication's short name; rules without one have no replays.
    pub(crate) id: &'s str,
    /// The scenario that is meant where a rule names none.
    pub(crate) scenario: &'s str,
}

/// What the rule finds; none where there is nothing to apply it to.
pub(crate) fn find(evidence: &Evidence, source: Source<'_>, rule: &Measure) -> Option<Found> {
    match rule {
        Measure::Replay { exchange, count, way } => {
            Found::exact(replayed(evidence, source, exchange, *count, *way)? as f64)
        }
        Measure::Trials { at, layers, way, per, less } => {
            Found::exact(bytes(&Pool::of(evidence, source, at)?, layers, *way, *per)? - less)
        }
        Measure::Requests { at } => {
            let pool = Pool::of(evidence, source, at)?;
            Found::exact(over(pool.requests, pool.events)?)
        }
        Measure::Capacity { .. } | Measure::Figure { .. } => figure(evidence, source, rule, None),
        Measure::EqualLatency { of, to, within_ms } => equal_latency(evidence, source, [of, to], *within_ms),
        Measure::Steps { at, p95_ms } => steps(evidence, &points(evidence, source, at, None), p95_ms * 1e6),
        Measure::Bandwidth { of, clients, mega } => {
            Some(find(evidence, source, of)?.times(8.0 * *clients as f64 / mega.bits()))
        }
        Measure::Ratio { of, to, times } => {
            let paired = figure(evidence, source, of, Some(to));
            Some(paired.or_else(|| unpaired(evidence, source, [of, to]))?.times(*times))
        }
    }
}

/// Counted figures alone: those of chance are paired by block.
fn unpaired(evidence: &Evidence, source: Source<'_>, sides: [&Measure; 2]) -> Option<Found> {
    let [of, to] = sides.map(|side| find(evidence, source, side).filter(|found| !found.varies));
    Found::exact(of?.estimate.value / to?.estimate.value)
}

/// A figure of the catalogue, or one ÷ another.
fn figure(evidence: &Evidence, source: Source<'_>, of: &Measure, to: Option<&Measure>) -> Option<Found> {
    let (metric, scale, own, own_unclear) = part(evidence, source, of)?;
    let Some(to) = to else {
        let estimate = evidence.estimate(own, metric)?.times(scale);
        return Some(Found {
            estimate,
            side: evidence.side(own, None, metric)?,
            varies: true,
            unclear: own_unclear,
        });
    };
    let (same, _, other, unclear) = part(evidence, source, to)?;
    let estimate = evidence.ratio(own, other, metric).filter(|_| same.key == metric.key)?;
    let side = evidence.side(own, Some(other), metric)?;
    Some(Found { estimate, side, varies: true, unclear: own_unclear.or(unclear) })
}

type Part<'e> = (&'static Metric, f64, &'e Point, Option<Unclear>);

/// The metric, what it is multiplied by, its point, and why it decides nothing.
fn part<'e>(evidence: &'e Evidence, source: Source<'_>, rule: &Measure) -> Option<Part<'e>> {
    let (at, load, key, scale) = match rule {
        Measure::Capacity { at } => (at, None, "capacity", 1.0),
        Measure::Figure { at, load, figure } => {
            let (key, scale) = key(*figure);
            (at, *load, key, scale)
        }
        _ => return None,
    };
    let scenario = at.scenario.as_deref().unwrap_or(source.scenario);
    let trials = |point: &Point| evidence.trials(point).collect::<Vec<_>>();
    if key == "capacity" {
        let point = evidence.search(scenario, &at.technique, &at.point)?;
        let unclear = search::found_nothing(&trials(point)).then_some(Unclear::NothingPassed);
        return Some((catalogue::metric(key)?, scale, point, unclear));
    }
    let points = points(evidence, source, at, load);
    let [point] = points.as_slice() else { return None };
    let is_of_bound = load.is_some()
        && evidence
            .searched(scenario)
            .any(|point| point.is_at(&at.technique, &at.point) && search::is_lower_bound(&trials(point)));
    Some((catalogue::metric(key)?, scale, point, is_of_bound.then_some(Unclear::LowerBound)))
}

/// The catalogue's key, and what a publication's unit makes of it.
fn key(figure: Figure) -> (&'static str, f64) {
    match figure {
        Figure::P99 => ("p99", 1e-6),
        Figure::UplinkP99 => ("uplink-p99", 1e-6),
        Figure::EventsPerResponse => ("batch", 1.0),
        Figure::Delivered => ("kept-up", 1.0),
        Figure::CpuPerSecond => ("cpu-per-second", 1e-6),
        Figure::CpuPerEvent => ("cpu", 1e-3),
        Figure::EmptyPerEvent => ("empty-per-event", 1.0),
    }
}

/// The points that are meant. A rule that names its scenario means all of it; others mean those with the subscribers that the
/// scenario asks for, and not the few that a browser can have beside it, and events that come without a publish call.
pub(crate) fn points<'e>(
    evidence: &'e Evidence,
    source: Source<'_>,
    at: &Trials,
    load: Option<f64>,
) -> Vec<&'e Point> {
    let scenario = at.scenario.as_deref().unwrap_or(source.scenario);
    let is_usual = |point: &Point| {
        let mut trials = evidence.trials(point);
        !point.at.contains_key("client") && trials.all(|it| it.record.settings.publisher == Publisher::Feed)
    };
    let is_meant = |point: &&Point| {
        point.is_by_pushbench()
            && !point.is_search
            && point.load == load
            && point.is_at(&at.technique, &at.point)
            && (at.scenario.is_some() || is_usual(point))
    };
    evidence.of_scenario(scenario).filter(is_meant).collect()
}

/// The trials of all points that are meant.
pub(crate) fn trials<'e>(evidence: &'e Evidence, source: Source<'_>, at: &Trials) -> Vec<&'e Trial> {
    let points = points(evidence, source, at, None);
    points.into_iter().flat_map(|point| evidence.trials(point)).collect()
}

/// Of each technique the cheapest point whose p99 is within the bound; their CPU time per event.
fn equal_latency(
    evidence: &Evidence,
    source: Source<'_>,
    sides: [&Trials; 2],
    within_ms: f64,
) -> Option<Found> {
    let [p99, cpu] = ["p99", "cpu"].map(catalogue::metric);
    let cost = |point: &Point| evidence.estimate(point, cpu?).map(|cost| cost.value);
    let cheapest = |at: &Trials| {
        let mut points = points(evidence, source, at, None);
        points.retain(|point| {
            p99.and_then(|p99| evidence.estimate(point, p99)).is_some_and(|it| it.value <= within_ms * 1e6)
        });
        let costs = points.into_iter().filter_map(|point| Some((cost(point)?, point)));
        costs.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, point)| point)
    };
    let [of, to] = sides.map(cheapest);
    let estimate = evidence.ratio(of?, to?, cpu?)?;
    Some(Found { estimate, side: Side::Exact, varies: true, unclear: None })
}

/// Between the largest number of subscribers with a p95 within the limit, and the next one; at least the former where the load
/// generator was the limit or no larger number was tried. None when not even the smallest keeps the limit.
fn steps(evidence: &Evidence, points: &[&Point], limit_ns: f64) -> Option<Found> {
    const P95: f64 = 20.0;
    let mut steps: BTreeMap<u32, Vec<&Trial>> = BTreeMap::new();
    for trial in points.iter().flat_map(|point| evidence.trials(point)) {
        steps.entry(trial.record.settings.subscribers.count).or_default().push(trial);
    }
    let is_within = |trials: &[&Trial]| {
        let samples: Vec<_> = trials.iter().filter_map(|trial| trial.samples.get("delivery")).collect();
        quantile(&samples, P95).is_some_and(|p95| p95 <= limit_ns)
    };
    let is_by_server = |trials: &Vec<&Trial>| {
        let busy = |warning: &Warning| matches!(warning, Warning::LoadGeneratorBusy { .. });
        trials.iter().all(|trial| {
            trial.record.result.outcome().is_some_and(|outcome| !outcome.warnings.iter().any(busy))
        })
    };
    let kept = steps.iter().take_while(|(_, trials)| is_within(trials)).last();
    let (kept, trials) = kept.map(|(count, trials)| (f64::from(*count), trials.len()))?;
    let next = steps.iter().find(|(count, _)| f64::from(**count) > kept).filter(|(_, it)| is_by_server(it));
    let next = next.map(|(count, _)| f64::from(*count));
    let (value, side) = next.map_or((kept, Side::Least), |next| ((kept * next).sqrt(), Side::Exact));
    let estimate =
        Estimate { value, interval: Some([kept, next.unwrap_or(kept)]), trials, runs: evidence.runs.len() };
    Some(Found { estimate, side, varies: true, unclear: None })
}

/// Of the newest run that has it.
fn replayed(evidence: &Evidence, source: Source<'_>, exchange: &str, count: Count, way: Way) -> Option<u64> {
    let mut replays = evidence.runs.iter().flat_map(|run| &run.manifest.replays);
    let replay = replays.find(|replay| replay.publication == source.id && replay.exchange == exchange)?;
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

/// Counts of one technique's trials, taken together.
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
    fn of(evidence: &Evidence, source: Source<'_>, at: &Trials) -> Option<Self> {
        let mut pool = None;
        for trial in trials(evidence, source, at) {
            let Some(outcome) = trial.record.result.outcome() else { continue };
            let pool = pool.get_or_insert_with(Self::default);
            pool.window += outcome.bytes.window;
            pool.set_up += outcome.set_up.account;
            pool.subscribers += outcome.set_up.subscribers;
            pool.events += outcome.counts.events_in_window;
            pool.requests += outcome.counts.requests;
            pool.stamp_bytes = stamp_bytes(trial.record.settings.events.payload);
        }
        pool
    }
}

fn bytes(pool: &Pool, layers: &[Layer], way: Way, per: Per) -> Option<f64> {
    let of = |account: &Account| {
        let of = |direction: &Layers| match layers {
            [] => direction.wire() - direction.stamp,
            layers => layers.iter().map(|layer| layer.of(direction)).sum(),
        };
        both_ways(way, of(&account.up), of(&account.down))
    };
    let window = of(&pool.window);
    match per {
        Per::Event => over(window, pool.events),
        Per::Events(count) => Some(over(window, pool.events)? * f64::from(count)),
        Per::Message => {
            let stamps = both_ways(way, pool.window.up.stamp, pool.window.down.stamp);
            over(window * pool.stamp_bytes, stamps)
        }
        Per::Request => over(window, pool.requests),
        Per::Session(count) => {
            let set_up = over(of(&pool.set_up), pool.subscribers)?;
            // A session without an event is its set-up.
            let events = if count > 0 { over(window, pool.events)? } else { 0.0 };
            Some(set_up + events * f64::from(count))
        }
    }
}

fn both_ways(way: Way, up: u64, down: u64) -> u64 {
    match way {
        Way::Up => up,
        Way::Down => down,
        Way::Both => up + down,
    }
}

fn over(bytes: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| bytes as f64 / count as f64)
}
