//! What it takes until a subscriber is connected, transport by transport.

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, optional, significant, whole};
use crate::statistics::{Row, ScenarioResult, SetUpCost, Subject, transport_name};

/// Events that the set-up is spread over.
const EVENTS: [f64; 5] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0];

/// Nothing when the scenario is not about set-up.
pub(super) fn section(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    if answer.subject() != Subject::SetUp {
        return String::new();
    }
    format!(
        "{NOTE}\n\n{}\n<details>\n<summary>By layer, and spread over the events that follow</summary>\n\n{}\n{SPREAD}\n\n{}\n\
         </details>\n\n",
        pivot(chapter, answer),
        layers(chapter, answer),
        spread(chapter, answer),
    )
}

const NOTE: &str = "Each cell, for each subscriber: wire bytes up + down until it was connected; round trips, the opening of the TCP \
    connection among them; server CPU. Round trips are the quickest subscriber's time ÷ the added delay, rounded down, + 1.";

const SPREAD: &str = "Wire bytes for each event when so many follow the set-up on one connection: set-up ÷ events + what an event costs \
    in the same trials' steady state.";

/// A line for each technique, a column for each transport.
fn pivot(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let transports = answer.transports();
    let names = transports.iter().map(|transport| inline(&transport_name(transport)));
    let head: Vec<String> = ["technique".to_owned()].into_iter().chain(names).collect();
    let rows = answer.contestants().into_iter().map(|order| {
        let cells = transports.iter().map(|transport| {
            let row = answer.rows_of(order).find(|row| row.settings.transport == **transport);
            optional(row.and_then(set_up), cell)
        });
        [chapter.label(order)].into_iter().chain(cells).collect()
    });
    table(1, &head, rows)
}

fn set_up<'r>(row: &'r Row<'_>) -> Option<&'r SetUpCost> {
    row.figures.as_ref()?.set_up.as_ref()
}

fn cell(set_up: &SetUpCost) -> String {
    let bytes = [0, 1].map(|direction| significant(set_up.stack.wire(direction)));
    let trips = optional(set_up.round_trips, |trips| format!("{} round trips", whole(trips)));
    let cpu = optional(set_up.cpu, numbers::time_estimate);
    format!("{} + {} B<br>{trips}<br>{cpu} CPU", bytes[0], bytes[1])
}

/// Only layers that occur; a figure for each direction.
fn layers(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let stacks = || answer.rows.iter().filter_map(set_up).map(|set_up| &set_up.stack);
    let Some(first) = stacks().next() else { return String::new() };
    let occurs = |place: usize| stacks().any(|stack| stack.layers.iter().any(|layers| layers[place].1 > 0.0));
    let places: Vec<usize> = (0..first.layers[0].len()).filter(|place| occurs(*place)).collect();
    let names = places.iter().map(|place| format!("{}, up / down", first.layers[0][*place].0));
    let head: Vec<String> = ["transport", "technique"]
        .map(str::to_owned)
        .into_iter()
        .chain(names)
        .chain(["quickest to slowest".to_owned()])
        .collect();
    let rows = answer.rows.iter().filter_map(|row| {
        let set_up = set_up(row)?;
        let bytes = |place: &usize| {
            let of = |direction: usize| significant(set_up.stack.layers[direction][*place].1);
            format!("{} / {}", of(0), of(1))
        };
        let cells = places.iter().map(bytes).chain([optional(set_up.elapsed, times)]);
        Some(begin(chapter, row).into_iter().chain(cells).collect())
    });
    table(2, &head, rows)
}

fn times((quickest, slowest): (f64, f64)) -> String {
    format!("{} to {}", numbers::time(quickest), numbers::time(slowest))
}

fn spread(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let names = EVENTS.map(|events| match events {
        1.0 => "1 event".to_owned(),
        events => format!("{} events", numbers::plain(events)),
    });
    let head: Vec<String> = ["transport", "technique"].map(str::to_owned).into_iter().chain(names).collect();
    let rows = answer.rows.iter().filter_map(|row| {
        let set_up = set_up(row)?;
        let cells = EVENTS.map(|events| optional(set_up.spread_over(events), numbers::estimate));
        Some(begin(chapter, row).into_iter().chain(cells).collect())
    });
    table(2, &head, rows)
}

fn begin(chapter: &Chapter<'_>, row: &Row<'_>) -> [String; 2] {
    [inline(&transport_name(&row.settings.transport)), chapter.label(row.technique)]
}
