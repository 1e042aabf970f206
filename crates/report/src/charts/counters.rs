//! Instructions and system calls for each delivered event, and what multiple of the floor that is.

use super::canvas::{Body, DrawError};
use super::marked_lanes::{self, Marked, Words};
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::{Count, Counting, Unit};

pub(super) fn instructions(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    draw(
        stage,
        Count::Instructions,
        "Instructions per delivered event",
        "instructions in user space, logarithmic",
    )
}

pub(super) fn system_calls(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    draw(stage, Count::SystemCalls, "System calls per delivered event", "system calls, logarithmic")
}

fn draw(stage: &Stage<'_>, count: Count, title: &str, axis: &str) -> Result<Option<Picture>, DrawError> {
    let mut countings = stage.answer.countings();
    countings.retain(|counting| counting.each(count).is_some());
    countings.sort_by_key(|counting| counting.technique);
    let lanes: Vec<Marked> =
        countings.iter().map(|counting| lane(stage, &countings, counting, count)).collect();
    let words = Words {
        title: stage.titled(title),
        caption: CAPTION.to_owned(),
        legend: vec![(Body::Filled, "mean over trials, and its 95 % interval")],
        bar: None,
        axis,
        figures: "× baseline",
        unit: Unit::None,
    };
    marked_lanes::draw(&lanes, words)
}

const CAPTION: &str =
    "Further left is cheaper; the right column is the multiple of the floor, paired by repetition.";

fn lane(stage: &Stage<'_>, all: &[Counting<'_>], counting: &Counting<'_>, count: Count) -> Marked {
    let is_baseline = |other: &&Counting<'_>| {
        stage.analysis.technique(other.technique).baseline && other.point == counting.point
    };
    let ratio = all.iter().find(is_baseline).and_then(|floor| counting.over(floor, count));
    let point: String = counting.point.iter().map(|text| format!(", {text}")).collect();
    Marked {
        name: format!("{}{point}", stage.label(counting.technique)),
        look: stage.look(counting.technique),
        marks: counting.each(count).map(|estimate| (estimate, Body::Filled)).into_iter().collect(),
        bar: None,
        figure: numbers::optional(ratio, numbers::estimate),
    }
}
