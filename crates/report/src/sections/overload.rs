//! What becomes of each technique at shares of its own capacity: whether it queues, batches or loses.

use super::Chapter;
use super::markdown::table;
use super::saturation::{name, share};
use super::scenario::{charts, question};
use crate::charts::Place;
use crate::numbers::{self, Scale, optional, significant};
use crate::statistics::{Limits, Load, Overload, Quantile, Shown, batch};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let asked = chapter.analysis.limits.iter().filter(|limits| !limits.overloaded().is_empty());
    let parts: Vec<String> = asked.map(|limits| one(chapter, limits)).collect();
    if parts.is_empty() {
        return "*No scenario of this run offered a technique more than it can carry.*\n".to_owned();
    }
    format!("{NOTE}\n\n{}", parts.join("\n"))
}

const NOTE: &str = "Every technique is offered shares of its capacity, here the highest rate that its search passed in the same repetition, so equal rows are equally loaded and \
    not equally fast. **≤**: that capacity is itself a lower bound, since the server was not the bottleneck, so the share of the true one is no more than \
    this, and what looks like overload may be the load generator's own queue: its busy share stands beside. *Delivered ÷ offered* counts what came within the window; what came later, in the drain, is late, and what never came \
    is *missing*. Memory is the server's (anonymous and resident: heap and stacks) at the window's end, what it holds for replay included. \
    The server has as much of its core as in the search: where that is less than all, it waits for its turn behind processes that only compute, and its p99 below capacity is \
    mostly that wait.";

fn one(chapter: &Chapter<'_>, limits: &Limits<'_>) -> String {
    let overloads = limits.overloaded();
    format!(
        "{}\n\n{}{}\n<details>\n<summary>Every load as a table</summary>\n\n{}\n</details>\n",
        question(limits.info),
        charts(chapter, Place::Overload, limits.info),
        ends(chapter, limits, &overloads),
        every(chapter, limits, &overloads),
    )
}

/// What changes from the lightest load to the heaviest, a line for each technique.
fn ends(chapter: &Chapter<'_>, limits: &Limits<'_>, overloads: &[&Overload<'_>]) -> String {
    let head = [
        "technique",
        "offered, % of capacity",
        "p99",
        "delivered ÷ offered, %",
        "events per response",
        "server memory",
        "missing",
        "load generator busy",
    ];
    let rows = overloads.iter().filter_map(|overload| {
        let (first, last) = (overload.loads.first()?, overload.loads.last()?);
        let both = |show: &dyn Fn(&Load<'_>) -> String| format!("{} → {}", show(first), show(last));
        let cells = [
            format!("{}{}", at_most(limits, overload), both(&|load| numbers::plain(load.share * 100.0))),
            both(&p99),
            both(&kept_up),
            both(&batches),
            both(&memory),
            both(&missing),
            both(&load_busy),
        ];
        Some([name(chapter, limits, &overload.whose)].into_iter().chain(cells).collect())
    });
    table(1, &head.map(str::to_owned), rows)
}

fn every(chapter: &Chapter<'_>, limits: &Limits<'_>, overloads: &[&Overload<'_>]) -> String {
    let head = [
        "technique",
        "offered, % of capacity",
        "trials",
        "p50",
        "p99",
        "delivered ÷ offered, %",
        "events per response",
        "server CPU/event",
        "server memory",
        "missing",
        "load generator busy",
    ];
    let rows = overloads.iter().flat_map(|overload| {
        let begin = (name(chapter, limits, &overload.whose), at_most(limits, overload));
        overload.loads.iter().map(move |load| line((&begin.0, begin.1), load))
    });
    table(1, &head.map(str::to_owned), rows)
}

/// What stands before its shares.
fn at_most(limits: &Limits<'_>, overload: &Overload<'_>) -> &'static str {
    if limits.is_at_least(&overload.whose) { "≤ " } else { "" }
}

fn line((name, at_most): (&str, &str), load: &Load<'_>) -> Vec<String> {
    let figures = load.row.figures.as_ref();
    let at = |quantile| optional(figures, |figures| numbers::shown(figures.delivery_at(quantile)));
    vec![
        name.to_owned(),
        format!("{at_most}{}", numbers::plain(load.share * 100.0)),
        figures.map_or(0, |figures| figures.trials).to_string(),
        at(Quantile::P50),
        at(Quantile::P99),
        optional(load.kept_up(), |share| numbers::estimate_in(PER_CENT, share)),
        optional(load.row.mean(|_, outcome| batch(outcome)), numbers::estimate),
        optional(figures.and_then(|figures| figures.cpu), numbers::time_estimate),
        memory(load),
        missing(load),
        load_busy(load),
    ]
}

/// Of shares.
const PER_CENT: Scale = Scale { name: "", size: 0.01 };

fn p99(load: &Load<'_>) -> String {
    match load.row.figures.as_ref().map(|figures| figures.delivery_at(Quantile::P99)) {
        Some(Shown::At(estimate)) => numbers::time(estimate.value),
        other => optional(other, numbers::shown),
    }
}

fn kept_up(load: &Load<'_>) -> String {
    optional(load.kept_up(), |share| significant(share.value * 100.0))
}

fn batches(load: &Load<'_>) -> String {
    optional(load.row.mean(|_, outcome| batch(outcome)), |batch| significant(batch.value))
}

fn memory(load: &Load<'_>) -> String {
    optional(load.memory(), |memory| numbers::bytes(memory.value))
}

fn load_busy(load: &Load<'_>) -> String {
    optional(load.row.mean(|_, outcome| Some(outcome.instrument.load_busy)), share)
}

/// As a share of what was due.
fn missing(load: &Load<'_>) -> String {
    let counts = load.row.figures.as_ref().map(|figures| &figures.counts);
    let share = counts.filter(|counts| counts.expected > 0);
    optional(share, |counts| match counts.lost {
        0 => "0".to_owned(),
        missing => format!("{} %", significant(missing as f64 / counts.expected as f64 * 100.0)),
    })
}
