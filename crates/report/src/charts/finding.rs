//! What a chart shows, as a sentence: who is best, who ties, and by how much the others differ.

use model::settings::Client;

use crate::estimate::Estimate;
use crate::evidence::{Evidence, Point};
use crate::numbers;
use crate::table::{self, Column};

/// Differences that nobody decides by.
const NEGLIGIBLE: f64 = 0.05;

/// Points that are compared with each other.
pub(super) struct Group<'e> {
    /// What they have in common, for people.
    pub name: String,
    pub points: Vec<&'e Point>,
}

/// A group in order: those that tie for the best, and the others with their ratio to it, nearest first.
struct Ranking<'e> {
    ties: Vec<&'e Point>,
    others: Vec<(&'e Point, Estimate)>,
}

impl<'e> Ranking<'e> {
    /// Without the baseline, which is no choice. None of fewer than two points.
    fn of(evidence: &Evidence, points: &[&'e Point], column: &Column) -> Option<Self> {
        let mut figures: Vec<(&Point, f64)> = points
            .iter()
            .filter(|point| evidence.baseline() != Some(&point.technique))
            .filter_map(|point| Some((*point, column.estimate(evidence, point)?.value)))
            .collect();
        let sign = if column.metric.less_is_better { 1.0 } else { -1.0 };
        figures.sort_by(|(_, a), (_, b)| (sign * a).total_cmp(&(sign * b)));
        let [(best, least), rest @ ..] = &figures[..] else { return None };
        let mut ranking = Self { ties: vec![best], others: Vec::new() };
        for (point, value) in rest {
            // Where the best is zero there is no ratio.
            let ratio = evidence.ratio(point, best, column.metric);
            match ratio {
                Some(ratio) if !ties(ratio) => ranking.others.push((point, ratio)),
                Some(_) => ranking.ties.push(point),
                None if value == least => ranking.ties.push(point),
                None => return None,
            }
        }
        (!rest.is_empty()).then_some(ranking)
    }
}

/// By the groups' names, those that have an order.
fn rankings<'g, 'e>(
    evidence: &'e Evidence,
    groups: &'g [Group<'e>],
    column: &Column,
) -> Vec<(&'g str, Ranking<'e>)> {
    let of =
        |group: &'g Group<'e>| Some((group.name.as_str(), Ranking::of(evidence, &group.points, column)?));
    groups.iter().filter_map(of).collect()
}

/// The sentence, with a warning where a ratio has no interval.
fn with_basis<'p>(sentence: String, mut ratios: impl Iterator<Item = &'p (&'p Point, Estimate)>) -> String {
    let is_tested = ratios.all(|(_, ratio)| ratio.interval.is_some());
    if is_tested { sentence } else { sentence + " (one trial each)" }
}

/// Whether a ratio may be 1. A single trial cannot tell: its figure is printed, and the sentence says so.
fn ties(ratio: Estimate) -> bool {
    (ratio.value - 1.0).abs() < NEGLIGIBLE || (ratio.interval.is_some() && ratio.may_be(1.0))
}

/// What dots show. None where there is nothing to compare, or where all tie.
pub(super) fn of_groups(evidence: &Evidence, groups: &[Group<'_>], column: &Column) -> Option<String> {
    let rankings = rankings(evidence, groups, column);
    if rankings.iter().all(|(_, ranking)| ranking.others.is_empty()) {
        return None;
    }
    let superlative = superlative(column);
    let sentence = match &rankings[..] {
        [(_, ranking)] => one(evidence, ranking, &superlative),
        _ => several(evidence, &rankings, &superlative),
    };
    Some(with_basis(sentence, rankings.iter().flat_map(|(_, ranking)| &ranking.others)))
}

/// What servers or browsers of others show beside pushbench's own. `party` names them.
pub(super) fn beside_own(
    evidence: &Evidence,
    groups: &[Group<'_>],
    column: &Column,
    party: impl Fn(&Evidence, &Point) -> String,
) -> Option<String> {
    let points: Vec<&Point> = groups.iter().flat_map(|group| group.points.iter().copied()).collect();
    let is_own = |point: &Point| point.target.is_none() && point.client == Client::Native;
    let swept = |point: &Point| {
        let at = point.at.iter().filter(|(key, _)| *key != "client");
        (point.technique.clone(), at.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>())
    };
    let mut others: Vec<(&Point, Estimate)> = Vec::new();
    for point in points.iter().filter(|point| !is_own(point)) {
        let own = points.iter().find(|own| is_own(own) && swept(own) == swept(point));
        others.extend(own.and_then(|own| Some((*point, evidence.ratio(point, own, column.metric)?))));
    }
    others.sort_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
    let name = |(point, ratio): &(&Point, Estimate)| {
        format!("{} ({}, {})", times(ratio.value), evidence.label(&point.technique), party(evidence, point))
    };
    let sentence = match &others[..] {
        [] => return None,
        [one] => format!("{} beside pushbench: {}", capital(column.metric.label), name(one)),
        [first, .., last] => {
            format!(
                "{} beside pushbench: from {} to {}",
                capital(column.metric.label),
                name(first),
                name(last)
            )
        }
    };
    (!others.iter().all(|(_, ratio)| ties(*ratio))).then(|| with_basis(sentence, others.iter()))
}

/// What lines show along the values of a swept key.
pub(super) fn along(evidence: &Evidence, places: &[Group<'_>], column: &Column) -> Option<String> {
    let rankings = rankings(evidence, places, column);
    let superlative = superlative(column);
    let ([(first, at_first), .., (last, at_last)], true) =
        (&rankings[..], rankings.iter().any(|(_, ranking)| !ranking.others.is_empty()))
    else {
        return None;
    };
    let [low, high] = [at_first, at_last].map(|ranking| names(evidence, ranking.ties.iter().copied(), 2));
    let sentence = match in_all(&rankings) {
        always if !always.is_empty() => {
            let by = names(evidence, always.into_iter(), 3);
            let worst = [(at_first, *first), (at_last, *last)]
                .map(|(ranking, place)| Some((ranking.others.last()?, place)));
            let of = |((point, ratio), place): (&(&Point, Estimate), &str)| {
                format!("{} {} at {place}", table::name(evidence, point), times(ratio.value))
            };
            let worst = match worst {
                [Some(a), Some(b)] if a.0.0.technique == b.0.0.technique => {
                    format!("; {} and {} at {}", of(a), times(b.0.1.value), b.1)
                }
                worst => worst.into_iter().flatten().map(|one| format!("; {}", of(one))).collect(),
            };
            format!("{} at each step: {by}{worst}", capital(&superlative))
        }
        _ => format!("{}: {low} at {first}, {high} at {last}", capital(&superlative)),
    };
    Some(with_basis(sentence, rankings.iter().flat_map(|(_, ranking)| &ranking.others)))
}

/// What bars of layers show: how much of each is payload.
pub(super) fn of_payload(payload: &str, shares: &[(&str, f64)]) -> Option<String> {
    let least = shares.iter().min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let most = shares.iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    (shares.len() > 1 && most.1 - least.1 > NEGLIGIBLE).then(|| {
        format!(
            "Of each byte that is sent, {payload} is {} with {} and {} with {}",
            percent(least.1),
            least.0,
            percent(most.1),
            most.0
        )
    })
}

/// What a timeline shows: how often the client asks.
pub(super) fn of_requests(requests: &[(String, usize)]) -> Option<String> {
    let most = requests.iter().max_by_key(|(_, count)| *count)?;
    let least = requests.iter().min_by_key(|(_, count)| *count)?;
    let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    (most.1 > least.1).then(|| {
        let fewest: Vec<&str> =
            requests.iter().filter(|(_, count)| *count == least.1).map(|(name, _)| name.as_str()).collect();
        let fewest = match fewest[..] {
            [one] => one.to_owned(),
            [one, other] => format!("{one} and {other}"),
            [one, ..] => format!("{one} and {} others", fewest.len() - 1),
            [] => String::new(),
        };
        let sends = if fewest.contains(" and ") { "send" } else { "sends" };
        format!(
            "For the same events, the client of {} sends {}; {fewest} {sends} {}",
            most.0,
            times(most.1),
            times(least.1)
        )
    })
}

/// `lowest server CPU per event`.
fn superlative(column: &Column) -> String {
    let most = if column.metric.less_is_better { "lowest" } else { "highest" };
    format!("{most} {}", column.metric.label)
}

fn one(evidence: &Evidence, ranking: &Ranking<'_>, superlative: &str) -> String {
    let best = names(evidence, ranking.ties.iter().copied(), 3);
    let has = if ranking.ties.len() == 1 { "has" } else { "tie for" };
    let times_of = |(point, ratio): &(&Point, Estimate)| {
        format!("{} {}", table::name(evidence, point), times(ratio.value))
    };
    let others = match &ranking.others[..] {
        few if few.len() <= 2 => few.iter().map(times_of).collect::<Vec<_>>().join(", "),
        [first, .., last] => format!("the others from {} to {}", times_of(first), times_of(last)),
        _ => String::new(),
    };
    format!("{best} {has} the {superlative}; {others}")
}

fn several(evidence: &Evidence, rankings: &[(&str, Ranking<'_>)], superlative: &str) -> String {
    let always = in_all(rankings);
    if always.is_empty() {
        let of = |(name, ranking): &(&str, Ranking<'_>)| {
            format!("{} in {name}", names(evidence, ranking.ties.iter().copied(), 1))
        };
        let each: Vec<String> = rankings.iter().take(4).map(of).collect();
        return format!("{}: {}", capital(superlative), each.join(", "));
    }
    let by = names(evidence, always.into_iter(), 3);
    let others = rankings.iter().flat_map(|(name, ranking)| ranking.others.last().map(|other| (name, other)));
    let worst = others.max_by(|(_, (_, a)), (_, (_, b))| far(a.value).total_cmp(&far(b.value)));
    let worst = worst.map_or_else(String::new, |(name, (point, ratio))| {
        format!("; at most {} ({} in {name})", times(ratio.value), table::name(evidence, point))
    });
    let all = if rankings.len() == 2 { "both".to_owned() } else { format!("all {}", rankings.len()) };
    format!("{} in {all}: {by}{worst}", capital(superlative))
}

/// How far a ratio is from 1, on either side.
fn far(ratio: f64) -> f64 {
    ratio.ln().abs()
}

/// Techniques that tie for the best everywhere.
fn in_all<'e>(rankings: &[(&str, Ranking<'e>)]) -> Vec<&'e Point> {
    let Some(((_, first), rest)) = rankings.split_first() else { return Vec::new() };
    let is_best = |point: &&&Point| {
        rest.iter().all(|(_, ranking)| {
            ranking
                .ties
                .iter()
                .any(|other| other.technique == point.technique && other.target == point.target)
        })
    };
    first.ties.iter().filter(is_best).copied().collect()
}

/// At most so many names; of more, the first ones and a count.
fn names<'p>(evidence: &Evidence, points: impl Iterator<Item = &'p Point>, most: usize) -> String {
    let mut names: Vec<String> = points.map(|point| table::name(evidence, point)).collect();
    names.dedup();
    match &names[..] {
        [one] => one.clone(),
        [one, other] => format!("{one} ≈ {other}"),
        all if all.len() <= most => all.join(" ≈ "),
        [first, rest @ ..] => format!("{first} ≈ {} others", rest.len()),
        [] => String::new(),
    }
}

/// `1.2 ×`; differences of a few percent keep a digit more.
fn times(ratio: f64) -> String {
    let text = match ratio {
        ..1.1 => format!("{ratio:.2}"),
        ..9.95 => format!("{ratio:.1}"),
        _ => numbers::plain(ratio.round()),
    };
    text + "\u{a0}×"
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
