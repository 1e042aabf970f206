//! The tail of those that keep up, beside others that do not, and where everybody does.

use super::canvas::{Body, DrawError};
use super::marked_lanes::{self, Marked, Words};
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::{Estimate, Quantile, Ratios, Row, Unit};

/// None where nothing is to be compared.
pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let rows = stage.by_technique().into_iter().filter(|row| row.has_slow_consumers());
    let lanes: Vec<Marked> = rows.map(|row| lane(stage, row)).collect();
    let words = Words {
        title: stage.titled("What the others see of slow consumers"),
        caption: format!("{CAPTION} {}", stage.means()),
        legend: vec![(Body::Hollow, "everybody keeps up"), (Body::Filled, "beside slow consumers")],
        bar: None,
        axis: "p99 delivery latency of those that keep up, logarithmic",
        figures: "× without",
        unit: Unit::Nanoseconds,
    };
    marked_lanes::draw(&lanes, words)
}

const CAPTION: &str = "Where both marks lie upon each other, the others see nothing of it. The right column is the multiple, paired by repetition.";

fn lane(stage: &Stage<'_>, row: &Row<'_>) -> Marked {
    let without = stage.answer.without_slow_consumers(row);
    let p99 = |row: &Row<'_>| row.figures.as_ref()?.delivery_at(Quantile::P99).estimate();
    let ratio = without.and_then(|without| Ratios::of(row, without).p99);
    let mark = |estimate: Option<Estimate>, body| estimate.map(|estimate| (estimate, body));
    let marks = [mark(without.and_then(p99), Body::Hollow), mark(p99(row), Body::Filled)];
    Marked {
        name: stage.lane_name(row),
        look: stage.look(row.technique),
        marks: marks.into_iter().flatten().collect(),
        bar: None,
        figure: numbers::optional(ratio, numbers::estimate),
    }
}
