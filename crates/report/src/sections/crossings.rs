//! At which event rates one technique becomes cheaper than another, beside the chart over the rate.

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, NOTHING};
use crate::statistics::{Estimate, Pair, ScenarioResult, Slice, Standing, Subject};

/// Nothing when the scenario does not ask about bytes over a rate.
pub(super) fn section(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    if answer.subject() != Subject::Rate {
        return String::new();
    }
    let slices = answer.slices(&answer.transport_keys());
    let parts = slices.iter().map(|slice| part(chapter, answer, slice));
    format!("{NOTE}\n\n{}\n", parts.collect::<Vec<_>>().join("\n"))
}

const NOTE: &str = "Crossing points: what an event takes is *a* + *b* ÷ rate, so between two measured rates the lines of the chart are straight \
    over 1 ÷ rate, and where two of them meet, both techniques take the same bytes for an event. The interval is of 95 %, by \
    drawing the trials of each measured point again, the same repetitions for both techniques; it covers the trials' scatter and \
    not how well such a line fits between two rates. A crossing counts when both measured points beside it have three or more \
    trials of both techniques, and at least 95 % of the drawings have it.";

fn part(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, slice: &Slice) -> String {
    let over =
        if slice.name.is_empty() { String::new() } else { format!("Over {}:\n\n", inline(&slice.name)) };
    let (crossings, pairs) = (crossings(chapter, answer, slice), answer.pairs(slice));
    let caveats = [(Standing::Scattered, SCATTERED), (Standing::TooFewTrials, TOO_FEW)];
    let caveats = caveats.map(|(standing, words)| doubtful(chapter, &pairs, standing, words));
    let others = caveats.into_iter().chain([never(chapter, &pairs)]);
    let others: Vec<String> = others.flatten().collect();
    format!("{over}{crossings}\n{}\n", others.join("\n\n"))
}

fn crossings(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, slice: &Slice) -> String {
    let head = ["", "events/s", "fewer bytes below", "fewer bytes above", "bytes per event there"];
    let head: Vec<String> = head.map(str::to_owned).into();
    let rows = answer.marks(slice).into_iter().map(|mark| {
        let crossing = mark.crossing;
        let rate = Estimate { value: crossing.rate, interval: crossing.interval };
        vec![
            mark.letter,
            numbers::estimate(rate),
            chapter.label(crossing.below),
            chapter.label(crossing.above),
            numbers::significant(crossing.bytes),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() { "No two lines cross for sure.\n".to_owned() } else { table(4, &head, rows) }
}

const SCATTERED: &str = "So close that these trials do not tell whether they cross";
const TOO_FEW: &str = "Too few trials to tell whether they cross";

/// Crossings that these trials do not tell for sure.
fn doubtful(chapter: &Chapter<'_>, pairs: &[Pair], standing: Standing, words: &str) -> Option<String> {
    let crossings = pairs.iter().flat_map(|pair| &pair.crossings);
    let found = crossings.filter(|crossing| crossing.standing == standing);
    let found = found.map(|crossing| {
        let [below, above] = [crossing.below, crossing.above].map(|order| chapter.label(order));
        format!("{below} and {above} near {}/s", numbers::significant(crossing.rate))
    });
    let found: Vec<String> = found.collect();
    let text = found.join("; ");
    (!found.is_empty()).then(|| format!("{words}: {text}."))
}

/// For each technique those that take more bytes at every measured rate.
fn never(chapter: &Chapter<'_>, pairs: &[Pair]) -> Option<String> {
    let apart = || pairs.iter().filter(|pair| pair.crossings.is_empty());
    let mut cheaper: Vec<usize> = apart().map(|pair| pair.cheaper_at_first).collect();
    cheaper.sort_unstable();
    cheaper.dedup();
    let lines = cheaper.into_iter().map(|order| {
        let others = apart().filter(|pair| pair.cheaper_at_first == order);
        let other = |pair: &Pair| pair.techniques.into_iter().find(|other| *other != order);
        let others: Vec<String> = others.filter_map(other).map(|other| chapter.label(other)).collect();
        format!("- {} takes fewer bytes than {}", chapter.label(order), listed(&others))
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("No crossing at any measured rate:\n\n{}.", lines.join(";\n")))
}

fn listed(names: &[String]) -> String {
    match names.split_last() {
        None => NOTHING.to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
