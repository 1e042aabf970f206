//! The answer in one table: the scenarios without a sweep, three figures each. Those whose events are posted are not among
//! them, since their figures have a publish call in them that the others' have not.

use super::markdown::{anchor, inline, table};
use super::{Chapter, frontier, saturation};
use crate::charts;
use crate::numbers::{NOTHING, significant, time};
use crate::statistics::{Estimate, Figures, Quantile, ScenarioResult};

/// One line of a cell.
struct Measure {
    of: fn(&Figures, Quantile) -> Option<Estimate>,
    show: fn(f64) -> String,
}

/// What a cell shows, from top to bottom.
const MEASURES: [Measure; 3] = [
    Measure { of: |figures, tail| figures.delivery_at(tail).estimate(), show: time },
    Measure { of: |figures, _| figures.wire_both, show: |bytes| format!("{} B", significant(bytes)) },
    Measure { of: |figures, _| figures.cpu, show: |ns| format!("{} CPU", time(ns)) },
];

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let findings: String = [frontier::headline(chapter), saturation::headline(chapter)]
        .into_iter()
        .flatten()
        .map(|line| format!("\n- {line}"))
        .collect();
    format!("{}{findings}\n", by_scenario(chapter))
}

fn by_scenario(chapter: &Chapter<'_>) -> String {
    let answers: Vec<&ScenarioResult<'_>> = chapter
        .analysis
        .scenarios
        .iter()
        .filter(|answer| answer.is_single() && !charts::is_traced(answer) && chapter.analysis.is_fed(answer))
        .collect();
    if answers.is_empty() {
        return "*No scenario without a sweep, browsers or other people's servers was measured; see below.*\n".to_owned();
    }
    let names = answers.iter().map(|answer| {
        let (name, tail) = (inline(&answer.info.name), answer.tail().label());
        format!("[{name}](#scenario-{}{}), {tail}", anchor(&answer.info.name), chapter.suffix)
    });
    let head: Vec<String> = ["technique".to_owned()].into_iter().chain(names).collect();
    let rows = chapter.analysis.contestants().into_iter().map(|order| {
        let cells = answers.iter().map(|answer| cell(chapter, answer, order));
        [chapter.label(order)].into_iter().chain(cells).collect()
    });
    format!("{LEGEND}\n\n{}", table(1, &head, rows))
}

const LEGEND: &str = "Each cell: delivery latency (the quantile in the head), wire bytes (both directions) per delivered event, server CPU per delivered \
    event. Bold: the least of the column, and every other whose 95 % interval reaches as low; the floor does not compete.";

fn cell(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, order: usize) -> String {
    let Some(figures) = figures(answer, order) else { return NOTHING.to_owned() };
    let lines = MEASURES.iter().map(|measure| {
        let Some(estimate) = (measure.of)(figures, answer.tail()) else { return NOTHING.to_owned() };
        let text = (measure.show)(estimate.value);
        if is_among_the_least(chapter, answer, order, measure) { format!("**{text}**") } else { text }
    });
    lines.collect::<Vec<_>>().join("<br>")
}

fn figures<'a>(answer: &'a ScenarioResult<'_>, order: usize) -> Option<&'a Figures> {
    answer.rows_of(order).find_map(|row| row.figures.as_ref())
}

fn is_among_the_least(
    chapter: &Chapter<'_>,
    answer: &ScenarioResult<'_>,
    order: usize,
    measure: &Measure,
) -> bool {
    let competes = |order: &usize| !chapter.analysis.technique(*order).baseline;
    let estimate = |order: usize| (measure.of)(figures(answer, order)?, answer.tail());
    let rivals = answer.contestants().into_iter().filter(competes).filter_map(estimate);
    let least = rivals.min_by(|a, b| a.value.total_cmp(&b.value));
    match (estimate(order).filter(|_| competes(&order)), least) {
        (Some(own), Some(least)) => own.value <= least.value || reach(own, least),
        _ => false,
    }
}

fn reach(own: Estimate, least: Estimate) -> bool {
    own.interval.zip(least.interval).is_some_and(|(own, least)| own.overlaps(least))
}
