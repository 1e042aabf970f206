//! Counts for each delivered event: instructions and system calls, by tools under which the server ran, and context switches.

use std::collections::BTreeMap;

use model::settings::Counter;

use super::Chapter;
use super::markdown::{inline, table};
use super::topic::{self, Said};
use crate::numbers::{self, optional, significant};
use crate::statistics::{Count, Counting, Estimate, ScenarioResult, Topic};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let nothing = "Nothing was counted by a tool in this run.";
    let text = topic::section(chapter, Topic::Counters, nothing, |chapter, answer| {
        let countings = answer.countings();
        Said {
            above: format!("{NOTE}\n\n{}\n{}", lines(chapter, answer, &countings), tools(&countings)),
            below: by_name(chapter, &countings),
        }
    });
    format!("{text}{}", chapter.left_out(&["counter "]))
}

const NOTE: &str = "The server's, for each delivered event; under each its multiple of the floor's. *Instructions* are those in user space. They and *system calls* are counted from \
    a process's start to its end, of a trial and of the same trial with half of its window: what stands here is the difference, ÷ the deliveries by which both differ. \
    *Context switches* are the kernel's own count, in the same exchange without a tool; one is a wait that ended, or a core that was taken away. With 95 % intervals \
    between trials.";

fn lines(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>, countings: &[Counting<'_>]) -> String {
    let key = answer.info.sweeps.iter().position(|key| key == "counted");
    let mut head = topic::keys(answer, key);
    let words = head.len() + 1;
    head.push("technique".to_owned());
    head.extend(Count::ALL.map(|count| format!("{}/event", name(count))));
    head.push("CPU/event, uncounted".to_owned());
    let rows = countings.iter().map(|counting| {
        let point = counting.point.iter().map(|text| inline(text));
        let cells = Count::ALL.map(|count| cell(chapter, countings, counting, count));
        let cpu = counting.uncounted.and_then(|row| row.figures.as_ref()?.cpu);
        point
            .chain([chapter.label(counting.technique)])
            .chain(cells)
            .chain([optional(cpu, numbers::time_estimate)])
            .collect()
    });
    table(words, &head, rows)
}

/// A count's name in a table's head.
fn name(count: Count) -> &'static str {
    match count {
        Count::Instructions => "instructions",
        Count::SystemCalls => "system calls",
        Count::Switches => "context switches",
    }
}

fn cell(chapter: &Chapter<'_>, all: &[Counting<'_>], counting: &Counting<'_>, count: Count) -> String {
    let is_baseline = |other: &&Counting<'_>| {
        chapter.analysis.technique(other.technique).baseline && other.point == counting.point
    };
    let ratio = all.iter().find(is_baseline).and_then(|floor| counting.over(floor, count));
    let times = |ratio: Estimate| format!("<br>× {}", numbers::estimate(ratio));
    let value = optional(counting.each(count), numbers::estimate);
    value + &ratio.map_or_else(String::new, times)
}

/// What counted, as it names itself.
fn tools(countings: &[Counting<'_>]) -> String {
    let rows = countings.iter().flat_map(|counting| {
        [counting.counted(Counter::Instructions), counting.counted(Counter::SystemCalls)]
    });
    let outcomes = rows.flatten().flat_map(|row| row.outcomes());
    let mut tools: Vec<String> =
        outcomes.filter_map(|outcome| Some(inline(&outcome.cost.counted.as_ref()?.tool))).collect();
    tools.sort();
    tools.dedup();
    if tools.is_empty() { String::new() } else { format!("Counted by: {}.\n", tools.join("; ")) }
}

/// System calls by name; those that come less than once in a hundred deliveries are left out.
fn by_name(chapter: &Chapter<'_>, countings: &[Counting<'_>]) -> String {
    const LEAST: f64 = 0.01;
    let rows: Vec<Vec<String>> = countings
        .iter()
        .filter_map(|counting| {
            let mut calls: Vec<(String, f64)> =
                names(counting).into_iter().filter(|(_, calls)| *calls >= LEAST).collect();
            calls.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let calls: Vec<String> = calls
                .iter()
                .map(|(name, calls)| format!("{} {}", inline(name), significant(*calls)))
                .collect();
            let point = counting.point.iter().map(|text| inline(text));
            (!calls.is_empty())
                .then(|| point.chain([chapter.label(counting.technique), calls.join(", ")]).collect())
        })
        .collect();
    let Some(columns) = rows.first().map(Vec::len) else { return String::new() };
    let mut head = vec![String::new(); columns - 2];
    head.extend(["technique", "system calls for each delivered event, by name"].map(str::to_owned));
    format!(
        "<details>\n<summary>Which system calls</summary>\n\n{}\n</details>\n",
        table(columns, &head, rows)
    )
}

fn names(counting: &Counting<'_>) -> BTreeMap<String, f64> {
    let outcomes = counting.counted(Counter::SystemCalls).map_or_else(Vec::new, |row| row.outcomes());
    let counted: Vec<_> = outcomes.into_iter().filter_map(|outcome| outcome.cost.counted.as_ref()).collect();
    let deliveries: u64 = counted.iter().map(|counted| counted.deliveries).sum();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (name, calls) in counted.iter().flat_map(|counted| &counted.by_name) {
        *sums.entry(name.clone()).or_default() += calls;
    }
    sums.into_iter().map(|(name, calls)| (name, calls as f64 / deliveries.max(1) as f64)).collect()
}
