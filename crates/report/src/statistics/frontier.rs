//! The iso-latency frontier: what an event costs at equal latency, as a time sweeps that buys latency with work.
//!
//! A technique's line is what keeping a latency costs at least: straight between its measured points where both axes are
//! logarithmic, and level for as long as it would rise and behind its last one, since a looser bound is kept as well. In front of
//! its first one it has no price: it cannot be so quick.

use model::trial::TrialOutcome;

use super::bootstrap::{LEAST_TRIALS, resampled};
use super::estimate::{Estimate, Interval};
use super::figures::{self, Figures};
use super::group::weighted_mean;
use super::quantile::Quantile;
use super::sample::Pool;
use super::{Reach, Row, ScenarioResult, Slice, Standing, Subject, Unit};

/// A crossing or an order that fewer of the resamplings find is none that can be relied on.
const RELIABLE: f64 = 0.95;

/// What is weighed against latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Price {
    /// CPU nanoseconds of the server for each event.
    Cpu,
    /// Wire bytes of both directions for each event.
    Wire,
}

/// What keeping a latency costs in a scenario: a panel for each rate, one alone where no rate is swept.
#[derive(Debug)]
pub(crate) struct Frontier {
    /// By server CPU.
    cpu: Vec<Panel>,
    /// By bytes.
    wire: Vec<Panel>,
}

/// All techniques at one rate.
#[derive(Debug)]
pub(crate) struct Panel {
    /// The rate for people; empty where none is swept.
    pub name: String,
    /// In the order of the registry.
    pub lines: Vec<Line>,
    /// The lines of each drawing of the trials.
    drawn: Vec<Vec<Envelope>>,
}

/// A technique at one rate.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its place in the registry.
    pub technique: usize,
    /// Whether it is the floor, which does not compete.
    pub is_baseline: bool,
    /// By rising latency.
    pub points: Vec<Point>,
    envelope: Envelope,
    /// Whether every point has so many trials that drawing them says something.
    has_trials: bool,
}

/// A measured point.
#[derive(Debug)]
pub(crate) struct Point {
    /// The place of its row among the answer's.
    pub row: usize,
    /// Nanoseconds.
    pub latency: Estimate,
    pub cost: Estimate,
    /// Whether no point of a competitor, and none of its own, is both quicker and cheaper (Pareto).
    pub is_best: bool,
}

/// Two techniques at one rate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rivals {
    /// Their places in the registry.
    pub techniques: [usize; 2],
    /// The tightest bound that both keep in nearly all drawings of the trials, nanoseconds.
    pub from_ns: f64,
    /// Who is cheaper there; none where the trials do not tell.
    pub cheaper_first: Option<usize>,
    /// By rising latency.
    pub meetings: Vec<Meeting>,
}

/// A latency at which both cost the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Meeting {
    pub latency_ns: f64,
    /// 95 %, by drawing trials again; none where it cannot be relied on.
    pub interval: Option<Interval>,
    /// Who is cheaper under a tighter bound, and who under a looser one.
    pub tighter: usize,
    pub looser: usize,
    pub standing: Standing,
}

impl ScenarioResult<'_> {
    /// What keeping a latency costs; the latency is [`ScenarioResult::tail`]. None where no time is swept that buys latency.
    pub(super) fn frontier(&self, is_baseline: impl Fn(usize) -> bool) -> Option<Frontier> {
        if !matches!(self.subject(), Subject::Time | Subject::Frontier) {
            return None;
        }
        let slices = self.values_of(self.rate_key());
        let panels = slices.iter().map(|slice| self.panels(slice, &is_baseline));
        let (cpu, wire): (Vec<Panel>, Vec<Panel>) = panels.unzip();
        let drawn = |panels: Vec<Panel>| panels.into_iter().filter(|panel| !panel.lines.is_empty()).collect();
        Some(Frontier { cpu: drawn(cpu), wire: drawn(wire) })
    }

    /// By CPU and by bytes, of the same drawings of the trials.
    fn panels(&self, slice: &Slice, is_baseline: &impl Fn(usize) -> bool) -> (Panel, Panel) {
        let rows = (0..self.rows.len()).filter(|row| slice.holds(&self.rows[*row]));
        let all: Vec<Measured> =
            rows.filter_map(|row| Measured::of(row, &self.rows[row], self.tail())).collect();
        let sizes: Vec<usize> = all.iter().map(Measured::trials).collect();
        let drawn = resampled(&sizes, |weights| -> Vec<Option<Costs>> {
            all.iter().zip(weights).map(|(measured, weights)| measured.at(weights)).collect()
        });
        let panel = |price: Price| {
            let mut lines: Vec<Line> = Vec::new();
            for technique in self.contestants() {
                let own: Vec<&Measured> =
                    all.iter().filter(|measured| measured.technique == technique).collect();
                let has_trials = own.iter().all(|measured| measured.trials() >= LEAST_TRIALS);
                let points =
                    own.iter().filter_map(|measured| measured.point(&self.rows[measured.row], price));
                lines.extend(Line::of(technique, is_baseline(technique), has_trials, points.collect()));
            }
            mark_best(&mut lines);
            let orders: Vec<usize> = lines.iter().map(|line| line.technique).collect();
            let drawn = drawn.iter().map(|drawn| envelopes(&all, drawn, &orders, price)).collect();
            Panel { name: slice.name.clone(), lines, drawn }
        };
        (panel(Price::Cpu), panel(Price::Wire))
    }
}

impl Frontier {
    /// By rising rate.
    pub(crate) fn panels(&self, price: Price) -> &[Panel] {
        match price {
            Price::Cpu => &self.cpu,
            Price::Wire => &self.wire,
        }
    }
}

/// Logarithms of a latency and of what an event costs there, CPU and bytes.
type Costs = (f64, [f64; 2]);

/// Every technique's line of one drawing.
fn envelopes(all: &[Measured], drawn: &[Option<Costs>], orders: &[usize], price: Price) -> Vec<Envelope> {
    let line = |technique: &usize| {
        let own = all.iter().zip(drawn).filter(|(measured, _)| measured.technique == *technique);
        let point = |(latency, costs): Costs| (latency, costs[price as usize]);
        Envelope::of(own.filter_map(|(_, drawn)| drawn.map(point)).collect())
    };
    orders.iter().map(line).collect()
}

/// What a row's trials say of latency and price, under weights for them.
struct Measured {
    /// The place of the row.
    row: usize,
    technique: usize,
    latencies: Pool,
    tail: Quantile,
    /// What an event cost in each trial, CPU and bytes.
    costs: [Vec<f64>; 2],
}

impl Measured {
    /// None where one of its trials has no figure.
    fn of(place: usize, row: &Row<'_>, tail: Quantile) -> Option<Self> {
        let group = row.group();
        let outcomes = group.outcomes();
        let of = |cost: fn(&TrialOutcome) -> Option<f64>| -> Option<Vec<f64>> {
            outcomes.iter().map(|outcome| cost(outcome)).collect()
        };
        let (costs, latencies) = ([of(figures::cpu)?, of(wire)?], group.pool("delivery"));
        let technique = row.technique;
        (!outcomes.is_empty()).then_some(Self { row: place, technique, latencies, tail, costs })
    }

    fn trials(&self) -> usize {
        self.costs[0].len()
    }

    fn at(&self, weights: &[u32]) -> Option<Costs> {
        let latency = self.latencies.at(self.tail, weights)? as f64;
        let [cpu, wire] = [&self.costs[0], &self.costs[1]].map(|costs| weighted_mean(costs, weights));
        let (cpu, wire) = (cpu?, wire?);
        (latency > 0.0 && cpu > 0.0 && wire > 0.0).then(|| (latency.ln(), [cpu.ln(), wire.ln()]))
    }

    fn point(&self, row: &Row<'_>, price: Price) -> Option<Point> {
        let figures = row.figures.as_ref()?;
        let latency = figures.delivery_at(self.tail).estimate()?;
        Some(Point { row: self.row, latency, cost: price.of(figures)?, is_best: false })
    }
}

fn wire(outcome: &TrialOutcome) -> Option<f64> {
    let events = outcome.counts.events_in_window;
    (events > 0).then(|| outcome.bytes.window.wire() as f64 / events as f64)
}

impl Price {
    /// The row's figure.
    fn of(self, figures: &Figures) -> Option<Estimate> {
        match self {
            Self::Cpu => figures.cpu,
            Self::Wire => figures.wire_both,
        }
    }
}

impl Line {
    fn of(technique: usize, is_baseline: bool, has_trials: bool, mut points: Vec<Point>) -> Option<Self> {
        points.sort_by(|a, b| a.latency.value.total_cmp(&b.latency.value));
        let logarithms = points.iter().map(|point| (point.latency.value.ln(), point.cost.value.ln()));
        let envelope = Envelope::of(logarithms.collect());
        (!points.is_empty()).then_some(Self { technique, is_baseline, points, envelope, has_trials })
    }

    /// Its cheapest point, from which on its line is level: latency and cost.
    pub(crate) fn end(&self) -> Option<(f64, f64)> {
        self.envelope.0.last().map(|(latency, cost)| (latency.exp(), cost.exp()))
    }
}

fn mark_best(lines: &mut [Line]) {
    let values = |point: &Point| (point.latency.value, point.cost.value);
    let all: Vec<(f64, f64)> = lines
        .iter()
        .filter(|line| !line.is_baseline)
        .flat_map(|line| line.points.iter().map(values))
        .collect();
    for point in lines.iter_mut().filter(|line| !line.is_baseline).flat_map(|line| &mut line.points) {
        let (latency, cost) = values(point);
        let beats = |other: &(f64, f64)| {
            other.0 <= latency && other.1 <= cost && (other.0 < latency || other.1 < cost)
        };
        point.is_best = !all.iter().any(beats);
    }
}

/// The least that keeping a latency costs, as the corners of a line: logarithms, latency rising and cost never rising.
#[derive(Debug, Clone, PartialEq)]
struct Envelope(Vec<(f64, f64)>);

impl Envelope {
    /// The least so far of the line through all points: one that is more expensive than what is quicker shows what lies around it to
    /// be dear as well.
    fn of(mut points: Vec<(f64, f64)>) -> Self {
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut corners: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        for ends in points.windows(2) {
            let [(from, before), (to, cost)] = [ends[0], ends[1]];
            let least = corners.last().map_or(f64::INFINITY, |(_, least)| *least);
            if before > least && least > cost {
                corners.push((from + (to - from) * (before - least) / (before - cost), least));
            }
            if least > cost {
                corners.push((to, cost));
            }
        }
        Self(corners)
    }

    /// None for a latency that it cannot keep.
    fn at(&self, latency: f64) -> Option<f64> {
        let behind = self.0.partition_point(|(own, _)| *own <= latency);
        let (from, cost) = self.0[..behind].last().copied()?;
        let Some((to, next)) = self.0.get(behind).copied() else { return Some(cost) };
        Some(cost + (next - cost) * (latency - from) / (to - from))
    }

    fn first(&self) -> Option<f64> {
        self.0.first().map(|(latency, _)| *latency)
    }
}

/// Where two lines meet: the latency's logarithm, and which of both is cheaper in front of it.
type Crossed = (f64, usize);

fn crossings(a: &Envelope, b: &Envelope) -> Vec<Crossed> {
    let Some(from) = a.first().zip(b.first()).map(|(a, b)| a.max(b)) else { return Vec::new() };
    let mut knots: Vec<f64> = a.0.iter().chain(&b.0).map(|(latency, _)| *latency).collect();
    knots.retain(|latency| *latency >= from);
    knots.sort_by(f64::total_cmp);
    let difference = |latency: &f64| Some((*latency, a.at(*latency)? - b.at(*latency)?));
    let line: Vec<(f64, f64)> = knots.iter().filter_map(difference).collect();
    let between = |ends: &[(f64, f64)]| {
        let [(from, first), (to, second)] = [ends[0], ends[1]];
        let crosses = (first > 0.0) != (second > 0.0);
        crosses.then(|| (from + (to - from) * first / (first - second), usize::from(first > 0.0)))
    };
    line.windows(2).filter_map(between).collect()
}

impl Panel {
    /// All pairs of techniques, the floor left out.
    pub(crate) fn rivals(&self) -> Vec<Rivals> {
        let competes = |place: &usize| !self.lines[*place].is_baseline;
        let places: Vec<usize> = (0..self.lines.len()).filter(competes).collect();
        let pairs = places.iter().enumerate();
        let pairs = pairs.flat_map(|(first, a)| places[first + 1..].iter().map(move |b| [*a, *b]));
        pairs.filter_map(|pair| self.pair(pair)).collect()
    }

    fn pair(&self, [a, b]: [usize; 2]) -> Option<Rivals> {
        let lines = [&self.lines[a], &self.lines[b]];
        let [own, other] = lines.map(|line| &line.envelope);
        let from = self.begin([a, b], own.first()?.max(other.first()?));
        let drawn: Vec<Vec<Crossed>> =
            self.drawn.iter().map(|drawn| crossings(&drawn[a], &drawn[b])).collect();
        let techniques = lines.map(|line| line.technique);
        let has_trials = lines.iter().all(|line| line.has_trials);
        let found = crossings(own, other);
        let meeting = |crossed: &Crossed| meeting(*crossed, &found, techniques, (&drawn, has_trials));
        let meetings = found.iter().map(meeting).collect();
        let first = usize::from(own.at(from)? >= other.at(from)?);
        let is_sure = has_trials && self.is_sure([a, b], from, first);
        let cheaper_first = is_sure.then_some(techniques[first]);
        Some(Rivals { techniques, from_ns: from.exp(), cheaper_first, meetings })
    }

    /// The upper end of where both lines begin; where that was `measured` when drawings have no such place.
    fn begin(&self, [a, b]: [usize; 2], measured: f64) -> f64 {
        let begin = |drawn: &Vec<Envelope>| Some(drawn[a].first()?.max(drawn[b].first()?));
        let begins = self.drawn.iter().map(|drawn| begin(drawn).unwrap_or(f64::INFINITY));
        let upper = Interval::holding(begins.collect()).map(|begins| begins.high);
        upper.filter(|upper| upper.is_finite()).map_or(measured, |upper| upper.max(measured))
    }

    /// Whether nearly every drawing of the trials has this one of both the cheaper. One without a price has not.
    fn is_sure(&self, [a, b]: [usize; 2], latency: f64, cheaper: usize) -> bool {
        let agrees = |drawn: &&Vec<Envelope>| {
            let prices = drawn[a].at(latency).zip(drawn[b].at(latency));
            prices.is_some_and(|(a, b)| usize::from(a >= b) == cheaper)
        };
        let agreeing = self.drawn.iter().filter(agrees).count();
        agreeing as f64 >= RELIABLE * self.drawn.len() as f64
    }

    /// What the one costs ÷ what the other costs where both keep this latency, with its 95 % interval; none where one
    /// of both does not for sure.
    pub(crate) fn ratio(&self, techniques: [usize; 2], latency_ns: f64) -> Option<Estimate> {
        let place = |technique| self.lines.iter().position(|line| line.technique == technique);
        let [a, b] = [place(techniques[0])?, place(techniques[1])?];
        let latency = latency_ns.ln();
        let quotient = |a: &Envelope, b: &Envelope| Some((a.at(latency)? - b.at(latency)?).exp());
        let value = quotient(&self.lines[a].envelope, &self.lines[b].envelope)?;
        let drawn: Vec<f64> = self.drawn.iter().filter_map(|drawn| quotient(&drawn[a], &drawn[b])).collect();
        let has_trials = self.lines[a].has_trials && self.lines[b].has_trials;
        let both_keep = self.keeps(a, latency) && self.keeps(b, latency);
        both_keep.then(|| Estimate { value, interval: Interval::holding(drawn).filter(|_| has_trials) })
    }

    /// Whether nearly every drawing of the trials has a price for this latency.
    fn keeps(&self, line: usize, latency: f64) -> bool {
        let kept = self.drawn.iter().filter(|drawn| drawn[line].at(latency).is_some()).count();
        kept as f64 >= RELIABLE * self.drawn.len() as f64
    }

    /// What each competitor costs where it keeps this latency, the cheapest first: its place in the registry, its cost, and
    /// its cost ÷ the cheapest one's.
    pub(crate) fn prices(&self, latency_ns: f64) -> Vec<(usize, f64, Estimate)> {
        let latency = latency_ns.ln();
        let own = self
            .lines
            .iter()
            .enumerate()
            .filter(|(place, line)| !line.is_baseline && self.keeps(*place, latency));
        let cost = |(_, line): (usize, &Line)| Some((line.technique, line.envelope.at(latency)?.exp()));
        let mut costs: Vec<(usize, f64)> = own.filter_map(cost).collect();
        costs.sort_by(|a, b| a.1.total_cmp(&b.1));
        let Some((cheapest, _)) = costs.first().copied() else { return Vec::new() };
        let priced =
            |(technique, cost)| Some((technique, cost, self.ratio([technique, cheapest], latency_ns)?));
        costs.into_iter().filter_map(priced).collect()
    }
}

/// A drawn crossing stands for the nearest `found` one of its direction, and for no other.
fn meeting(
    (latency, tighter): Crossed,
    found: &[Crossed],
    techniques: [usize; 2],
    (drawn, has_trials): (&[Vec<Crossed>], bool),
) -> Meeting {
    let distance = |other: &&Crossed| (other.0 - latency).abs();
    let alike = || found.iter().filter(|found| found.1 == tighter);
    let is_it = |other: &&Crossed| {
        other.1 == tighter && alike().all(|found| distance(other) <= (other.0 - found.0).abs())
    };
    let nearest = |crossed: &Vec<Crossed>| {
        let same = crossed.iter().filter(is_it);
        same.min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|other| other.0.exp())
    };
    let found: Vec<f64> = drawn.iter().filter_map(nearest).collect();
    let standing = match found.len() as f64 >= RELIABLE * drawn.len() as f64 {
        _ if !has_trials => Standing::TooFewTrials,
        true => Standing::Reliable,
        false => Standing::Scattered,
    };
    Meeting {
        latency_ns: latency.exp(),
        interval: Interval::holding(found).filter(|_| standing == Standing::Reliable),
        tighter: techniques[tighter],
        looser: techniques[1 - tighter],
        standing,
    }
}

impl Row<'_> {
    /// The swept times that made it, for people: `20 ms`; empty for a technique that none of them touches.
    pub(crate) fn time(&self) -> String {
        let times = self.point.iter();
        let times = times.filter(|value| value.unit == Unit::Nanoseconds && value.reach == Reach::Swept);
        times.map(|value| value.text.as_str()).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(points: &[(f64, f64)]) -> Envelope {
        Envelope::of(points.iter().map(|(latency, cost): &(f64, f64)| (latency.ln(), cost.ln())).collect())
    }

    fn cost(line: &Envelope, latency: f64) -> Option<f64> {
        line.at(latency.ln()).map(|cost| (cost.exp() * 1e6).round() / 1e6)
    }

    #[test]
    fn line_is_straight_on_logarithms_level_behind_and_without_price_in_front() {
        let line = envelope(&[(100.0, 1.0), (1.0, 100.0), (10.0, 500.0)]);
        assert_eq!(cost(&line, 0.9), None);
        // It does not rise to the point in the middle, and falls from where the way down from there is cheaper than the first.
        let falls = 10_f64.powf(1.0 + 5_f64.ln() / 500_f64.ln());
        let costs = [1.0, 10.0, falls, 100.0, 1_000.0].map(|at| cost(&line, at));
        assert_eq!(costs, [100.0, 100.0, 100.0, 1.0, 1.0].map(Some));
        let half_way = 10_f64.powf(1.5);
        assert_eq!(cost(&line, half_way), Some((500_f64.sqrt() * 1e6).round() / 1e6));
    }

    #[test]
    fn lines_meet_where_both_cost_the_same() {
        let falling = envelope(&[(1.0, 100.0), (100.0, 1.0)]);
        let level = envelope(&[(2.0, 5.0)]);
        let [(latency, cheaper)] = crossings(&falling, &level)[..] else { panic!("they meet once") };
        assert!((latency.exp() - 20.0).abs() < 1e-9, "{}", latency.exp());
        assert_eq!(cheaper, 1);
        assert_eq!(crossings(&falling, &envelope(&[(200.0, 5.0)])), []);
    }

    #[test]
    fn crossings_of_one_direction_do_not_vouch_for_each_other() {
        let found = [(0.0, 0), (2.0, 1), (4.0, 0)];
        let drawn = vec![vec![(4.1, 0)]; 100];
        let standing = |place: usize| meeting(found[place], &found, [7, 9], (&drawn, true)).standing;
        assert_eq!([0, 1, 2].map(standing), [Standing::Scattered, Standing::Scattered, Standing::Reliable]);
    }

    #[test]
    fn drawings_without_a_price_are_not_left_out() {
        let line = |technique, points: &[(f64, f64)]| Line {
            technique,
            is_baseline: false,
            points: Vec::new(),
            envelope: envelope(points),
            has_trials: true,
        };
        let level = [(0.5, 5.0)];
        let (quick, slow) = ([(1.0, 1.0)], [(2.0, 10.0)]);
        // Where its quickest point is seldom reached, all that reach it agree, and the others have it more expensive.
        let panel = |slower: usize| {
            let drawn = |place| vec![envelope(&level), envelope(if place < slower { &slow } else { &quick })];
            Panel {
                name: String::new(),
                lines: vec![line(7, &level), line(9, &quick)],
                drawn: (0..100).map(drawn).collect(),
            }
        };
        let [sure, open] = [0, 40].map(|slower| panel(slower).rivals().remove(0));
        assert_eq!((sure.cheaper_first, sure.from_ns.round()), (Some(9), 1.0));
        assert_eq!((open.cheaper_first, open.from_ns.round()), (None, 2.0));
    }
}
