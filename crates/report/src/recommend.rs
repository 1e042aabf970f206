//! Which technique to take: the cheapest of those that are quick enough, with its ties, the runner-up and the reason.
//!
//! It takes candidates as data, so that what was measured (REPORT.md) and what the model expects (`pushbench advise`) are judged by the
//! same rule: a candidate ties with the cheapest when the interval of the ratio of their costs holds 1, or when all of it lies within 10 %.

use std::collections::BTreeMap;

use crate::catalogue::{Metric, metric};
use crate::estimate::Estimate;
use crate::evidence::{Evidence, Point};
use crate::numbers;

/// Costs that differ by no more make no difference to those who pay them, since prices differ by more from one provider to the next;
/// and parts that differ by less are no reason.
const NOTEWORTHY: f64 = 1.1;

/// A technique, and what it takes in the situation.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub slug: String,
    /// Its name for people.
    pub label: String,
    /// The quantile of the delivery latency that must fit, ns; none where it is not known.
    pub latency_ns: Option<f64>,
    /// What it costs; less is better.
    pub cost: f64,
    /// What the cost consists of, and what else tells techniques apart; the same parts in the same order in each candidate.
    pub parts: Vec<Part>,
}

/// A part of a candidate's cost.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What follows "the …", such as `bytes`.
    pub name: &'static str,
    /// How much.
    pub value: f64,
}

/// What to take. Places are those among the candidates.
#[derive(Debug, Clone)]
pub struct Recommendation {
    /// The cheapest, and after it those that tie with it, by their costs.
    pub best: Vec<usize>,
    /// The cheapest that does not tie, and its cost ÷ that of the best.
    pub runner_up: Option<(usize, Estimate)>,
    /// Those that come too late, or of which the latency is not known.
    pub too_late: Vec<usize>,
    /// Why not the runner-up, or else one that comes too late; empty without another candidate.
    pub reason: String,
    /// How much the answer rests on.
    pub confidence: String,
}

/// Chooses. `ratio` gives the cost of one candidate ÷ that of another, with its interval, and `part` the same of a part of it, by its
/// place. None where no candidate is quick enough.
pub fn recommend(
    candidates: &[Candidate],
    within_ns: Option<f64>,
    ratio: impl Fn(usize, usize) -> Option<Estimate>,
    part: impl Fn(usize, usize, usize) -> Option<Estimate>,
) -> Option<Recommendation> {
    let fits = |place: &usize| {
        within_ns.is_none_or(|within| candidates[*place].latency_ns.is_some_and(|latency| latency <= within))
    };
    let (mut able, too_late): (Vec<usize>, Vec<usize>) = (0..candidates.len()).partition(fits);
    able.sort_by(|a, b| candidates[*a].cost.total_cmp(&candidates[*b].cost));
    let first = *able.first()?;
    let to_first = |place: usize| {
        let plain = candidates[place].cost / candidates[first].cost;
        ratio(place, first).unwrap_or(Estimate { value: plain, interval: None, trials: 1, runs: 1 })
    };
    let (mut best, mut others) = (vec![first], Vec::new());
    for place in able.into_iter().skip(1) {
        if ties(to_first(place)) { best.push(place) } else { others.push(place) }
    }
    let runner_up = others.first().map(|place| (*place, to_first(*place)));
    let other = runner_up.map(|(place, _)| place);
    let reason = match (other, too_late.first(), within_ns) {
        (Some(other), ..) => difference(&candidates[other], |place| part(place, other, first)),
        (None, Some(late), Some(within)) => lateness(&candidates[*late], within),
        _ => String::new(),
    };
    let basis = runner_up.map(|(_, ratio)| ratio).or_else(|| best.get(1).map(|place| to_first(*place)));
    Some(Recommendation {
        best,
        runner_up,
        too_late,
        reason,
        confidence: basis.map_or_else(String::new, confidence),
    })
}

/// Whether a ratio may be 1, or does not matter. Without an interval, the ratio itself must be near 1.
fn ties(ratio: Estimate) -> bool {
    let near = |value: f64| (1.0 / NOTEWORTHY..=NOTEWORTHY).contains(&value);
    match ratio.interval {
        Some([low, high]) => (low <= 1.0 && 1.0 <= high) || (near(low) && near(high)),
        None => near(ratio.value),
    }
}

/// What a ratio's interval and its runs are worth.
fn confidence(ratio: Estimate) -> String {
    match (ratio.interval, ratio.runs) {
        (None, _) => "low: one trial each".to_owned(),
        (Some(_), 1) => "medium: one run".to_owned(),
        (Some(_), runs) => format!("high: {runs} runs"),
    }
}

/// The parts of which the other takes more than the best, and those of which it takes less.
fn difference(other: &Candidate, ratio: impl Fn(usize) -> Option<Estimate>) -> String {
    let (mut more, mut less) = (Vec::new(), Vec::new());
    for (place, part) in other.parts.iter().enumerate() {
        let Some(ratio) = ratio(place).filter(|ratio| !ties(*ratio) && ratio.value > 0.0) else { continue };
        let text = format!("{} × the {}", numbers::significant(ratio.value), part.name);
        if ratio.value > 1.0 {
            more.push((ratio.value, text));
        } else {
            less.push((1.0 / ratio.value, text));
        }
    }
    let list = |mut parts: Vec<(f64, String)>| {
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let texts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
        texts.join(", ")
    };
    match (more.is_empty(), less.is_empty()) {
        (true, true) => format!("{} differs from it in no part by 10 %", other.label),
        (true, false) => format!("{} takes only {}, and still costs more", other.label, list(less)),
        (false, true) => format!("{} takes {}", other.label, list(more)),
        (false, false) => format!("{} takes {}, but only {}", other.label, list(more), list(less)),
    }
}

fn lateness(late: &Candidate, within_ns: f64) -> String {
    let within = numbers::duration(within_ns);
    match late.latency_ns {
        Some(latency) => {
            format!("{} comes after {}, later than {within}", late.label, numbers::time(latency))
        }
        None => format!("{} has too few events to bound its latency", late.label),
    }
}

/// What was measured in a scenario, as candidates: for each technique but the baseline, which no web client speaks, the cheapest point
/// that is quick enough, or else the quickest. The latency is p99, or a lower quantile where too few events bound it at some point: its
/// key is the second of the answer.
pub fn measured(
    evidence: &Evidence,
    scenario: &str,
    at: &BTreeMap<String, String>,
    within_ns: Option<f64>,
) -> Option<(Vec<Candidate>, &'static str, Recommendation)> {
    let points: Vec<&Point> = evidence
        .own(scenario)
        .filter(|point| evidence.baseline() != Some(point.technique.as_str()))
        .filter(|point| at.iter().all(|(key, value)| point.at.get(key) == Some(value)))
        .collect();
    // Where nothing is delivered, an hour of being connected is what costs.
    let mut costs = ["cost", "idle-cost"].into_iter().filter_map(metric);
    let cost = costs.find(|cost| points.iter().any(|it| evidence.estimate(it, cost).is_some()))?;
    let mut quantiles = ["p99", "p90", "p50"].into_iter().filter_map(metric);
    let is_bounded = |late: &&Metric| points.iter().all(|point| evidence.estimate(point, late).is_some());
    let late = quantiles.find(is_bounded).or_else(|| metric("p50"))?;
    let parts = parts(cost.key);
    let mut chosen: Vec<(Candidate, &Point)> = Vec::new();
    for point in points {
        let Some(own) = evidence.estimate(point, cost) else { continue };
        let value = |key: &str| Some(evidence.estimate(point, metric(key)?)?.value);
        let candidate = Candidate {
            slug: point.technique.clone(),
            label: evidence.label(&point.technique).to_owned(),
            latency_ns: evidence.estimate(point, late).map(|it| it.value),
            cost: own.value,
            parts: parts
                .iter()
                .map(|(key, name)| Part { name, value: value(key).unwrap_or(f64::NAN) })
                .collect(),
        };
        match chosen.iter_mut().find(|(other, _)| other.slug == candidate.slug) {
            Some(other) if is_preferred(&candidate, &other.0, within_ns) => *other = (candidate, point),
            Some(_) => {}
            None => chosen.push((candidate, point)),
        }
    }
    let (candidates, points): (Vec<Candidate>, Vec<&Point>) = chosen.into_iter().unzip();
    let ratio = |a, b| evidence.ratio(points[a], points[b], cost);
    let part = |place: usize, a, b| evidence.ratio(points[a], points[b], metric(parts[place].0)?);
    let recommendation = recommend(&candidates, within_ns, ratio, part)?;
    Some((candidates, late.key, recommendation))
}

/// Metrics that a cost consists of, with their names in a sentence; latency tells techniques apart, too.
fn parts(cost: &str) -> [(&'static str, &'static str); 4] {
    let bytes = if cost == "cost" { "bytes" } else { "idle-bytes" };
    let cpu = if cost == "cost" { "cpu" } else { "cpu-per-second" };
    [(bytes, "bytes"), (cpu, "CPU"), ("memory", "memory"), ("p50", "median latency")]
}

/// What is quick enough by its cost, and the rest by its latency.
fn is_preferred(one: &Candidate, other: &Candidate, within_ns: Option<f64>) -> bool {
    let rank = |it: &Candidate| {
        let latency = it.latency_ns.unwrap_or(f64::INFINITY);
        let is_late = within_ns.is_some_and(|within| latency > within);
        (is_late, if is_late { latency } else { it.cost })
    };
    rank(one) < rank(other)
}

/// A recommendation's texts, as the parts of a table's row: `best` (ties joined by "≈"), `is_tie`, `runner_up`, `price` (the runner-up's
/// cost ÷ the best's), `reason`, `confidence`, `too_late`, and `latency` of the best.
pub fn texts(candidates: &[Candidate], recommendation: &Recommendation) -> BTreeMap<&'static str, String> {
    let labels = |places: &[usize], between: &str| {
        let labels: Vec<&str> = places.iter().map(|place| candidates[*place].label.as_str()).collect();
        labels.join(between)
    };
    let mut texts = BTreeMap::from([
        ("best", labels(&recommendation.best, " ≈ ")),
        ("reason", recommendation.reason.clone()),
        ("confidence", recommendation.confidence.clone()),
        ("too_late", labels(&recommendation.too_late, ", ")),
    ]);
    if recommendation.best.len() > 1 {
        texts.insert("is_tie", "yes".to_owned());
    }
    if let Some((place, ratio)) = recommendation.runner_up {
        texts.insert("runner_up", candidates[place].label.clone());
        texts.insert("price", numbers::show_ratio(ratio));
    }
    if let Some(latency) = candidates[recommendation.best[0]].latency_ns {
        texts.insert("latency", numbers::time(latency));
    }
    texts
}
