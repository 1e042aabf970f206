//! Up to which rate each technique keeps up, beside the throughput chart.

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, NOTHING, significant};
use crate::statistics::{Answer, Saturation};

/// Nothing when the scenario does not sweep a rate alone.
pub(super) fn section(chapter: &Chapter<'_>, answer: &Answer<'_>) -> String {
    let saturations = answer.saturations();
    let Some(key) = answer.info.sweeps.first().filter(|_| !saturations.is_empty()) else {
        return String::new();
    };
    let key = inline(key);
    let head = [
        "technique".to_owned(),
        "saturation throughput, deliveries/s".to_owned(),
        format!("at {key}"),
        "p99 there".to_owned(),
        format!("{key} that broke it"),
    ];
    let rows = saturations.iter().map(|saturation| line(chapter, saturation));
    format!("{NOTE}\n\n{}\n", table(1, &head, rows))
}

const NOTE: &str = "Saturation throughput: the highest offered rate of the sweep at which nothing was missing, p99 was within the \
    scenario's bound, and the load generator was not the limit. ≥ where no higher rate broke the technique: the sweep, or the \
    load generator, ended before it did.";

fn line(chapter: &Chapter<'_>, saturation: &Saturation<'_>) -> Vec<String> {
    let broke = saturation.broke.map_or_else(|| NOTHING.to_owned(), |row| inline(&row.point[0].text));
    let at_least = if saturation.broke.is_some() { "" } else { "≥ " };
    let kept = saturation.kept.as_ref().map(|kept| {
        [
            format!("{at_least}{}", significant(kept.offered_per_s)),
            inline(&kept.row.point[0].text),
            numbers::time_estimate(kept.p99),
        ]
    });
    let kept = kept.unwrap_or_else(|| [NOTHING; 3].map(str::to_owned));
    [chapter.label(saturation.technique)].into_iter().chain(kept).chain([broke]).collect()
}
