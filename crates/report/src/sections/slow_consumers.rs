//! Subscribers that do not keep up: what the others see of it, and what the server holds for them.

use model::trial::{SlowConsumerOutcome, TrialOutcome};

use super::Chapter;
use super::markdown::{inline, table};
use super::topic::{self, Said};
use crate::numbers::{self, NOTHING, Scale, optional, whole};
use crate::statistics::{Quantile, Ratios, Row, ScenarioResult, Topic};

const MIB: Scale = Scale { name: "MiB", size: 1_048_576.0 };

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    topic::section(
        chapter,
        Topic::SlowConsumers,
        "All subscribers of this run kept up.",
        |chapter, answer| Said {
            above: format!("{NOTE}\n\n{}", lines(chapter, answer)),
            below: String::new(),
        },
    )
}

const NOTE: &str = "Some subscribers stop reading, or read slowly, from the window's start on. They count neither among the expected deliveries nor in the \
    latency, so that p99 is the others'. Beside it stand its multiple of the same technique's where everybody keeps up (with its 95 % interval between trials, \
    paired by repetition) and what the server's anonymous resident memory (heap and stacks) grew by in the window, in both cases. *Cut off* are those whose connection the server had \
    ended by the end of the drain, *the last of them after* runs from the window's start. What a slow consumer does not read lies in the kernel's TCP buffers first, both ends of them, which are not the process's \
    memory: what these grew by in the window, of the whole machine, stands beside it.";

fn lines(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let columns = [
        "slow consumers",
        "others' p99",
        "p99 × without",
        "others' missing",
        "memory grew by",
        "without: by",
        "kernel's buffers grew by",
        "cut off",
        "the last of them after",
        "events that they received",
    ];
    let mut head = topic::keys(answer, None);
    head.push("technique".to_owned());
    head.extend(columns.map(str::to_owned));
    let rows = answer.rows.iter().filter(|row| row.has_slow_consumers()).map(|row| {
        let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
        let cells = cells(row, answer.without_slow_consumers(row));
        point.chain([chapter.label(row.technique)]).chain(cells).collect()
    });
    table(answer.info.sweeps.len() + 1, &head, rows)
}

fn cells(row: &Row<'_>, without: Option<&Row<'_>>) -> [String; 10] {
    let figures = row.figures.as_ref();
    let p99 = figures
        .map_or_else(|| NOTHING.to_owned(), |figures| numbers::shown(figures.delivery_at(Quantile::P99)));
    let ratio = without.and_then(|without| Ratios::of(row, without).p99);
    let slow_consumers: Vec<_> =
        row.outcomes().into_iter().filter_map(|outcome| outcome.slow_consumers.as_ref()).collect();
    let sum = |of: fn(&SlowConsumerOutcome) -> u64| {
        slow_consumers.iter().map(|slow_consumers| of(slow_consumers)).sum::<u64>()
    };
    let mean = |of: fn(&SlowConsumerOutcome) -> Option<f64>| {
        row.mean(|_, outcome| of(outcome.slow_consumers.as_ref()?))
    };
    [
        whole(sum(|slow_consumers| slow_consumers.subscribers)),
        p99,
        optional(ratio, |ratio| format!("× {}", numbers::estimate(ratio))),
        optional(figures, |figures| whole(figures.counts.lost)),
        grown(row),
        without.map_or_else(|| NOTHING.to_owned(), grown),
        optional(mean(|slow_consumers| Some(slow_consumers.tcp_grown_bytes as f64)), |bytes| {
            numbers::estimate_in(MIB, bytes)
        }),
        whole(sum(|slow_consumers| slow_consumers.cut_off)),
        optional(
            mean(|slow_consumers| Some(slow_consumers.cut_off_after.as_ref()?.max_ns as f64)),
            numbers::time_estimate,
        ),
        whole(sum(|slow_consumers| slow_consumers.delivered)),
    ]
}

/// With its sign: pages may also be given back.
fn grown(row: &Row<'_>) -> String {
    let window = |outcome: &TrialOutcome| {
        let cost = &outcome.cost;
        let is_known = cost.server_rss_connected_bytes > 0;
        is_known.then_some(cost.server_rss_end_bytes as f64 - cost.server_rss_connected_bytes as f64)
    };
    optional(row.mean(|_, outcome| window(outcome)), |bytes| numbers::estimate_in(MIB, bytes))
}
