//! A restarted server: from its end until half of the subscribers, and the last of them, had everything again.

use schema::trial::Storm;

use super::canvas::{Body, DrawError};
use super::marked_lanes::{self, Marked, Words};
use super::{Picture, Stage};
use crate::numbers::{self, optional};
use crate::statistics::{Estimate, Row, Unit};

/// None where no trial with a restart ended.
pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let lanes: Vec<Marked> = stage.by_technique().into_iter().map(|row| lane(stage, row)).collect();
    let words = Words {
        title: stage.titled("Until everybody is whole again"),
        caption: format!("{CAPTION} {}", stage.means()),
        legend: vec![(Body::Hollow, "half are whole"), (Body::Filled, "the last is whole")],
        bar: Some("the new server listens"),
        axis: "since the old server's end, logarithmic",
        figures: "the last",
        unit: Unit::Nanoseconds,
    };
    marked_lanes::draw(&lanes, words)
}

const CAPTION: &str =
    "Further left is sooner. A subscriber is whole when it has received every event that was due until then.";

fn lane(stage: &Stage<'_>, row: &Row<'_>) -> Marked {
    let time = |of: fn(&Storm) -> Option<u64>| {
        row.mean(|_, outcome| of(outcome.storm.as_ref()?).map(|ns| ns as f64))
    };
    let half = time(|storm| storm.whole.as_ref().map(|times| times.p50_ns));
    let last = time(|storm| storm.whole.as_ref().map(|times| times.max_ns));
    let mark = |estimate: Option<Estimate>, body| estimate.map(|estimate| (estimate, body));
    Marked {
        name: stage.lane_name(row),
        look: stage.look(row.technique),
        marks: [mark(half, Body::Hollow), mark(last, Body::Filled)].into_iter().flatten().collect(),
        bar: time(|storm| Some(storm.down_ns)).map(|estimate| estimate.value),
        figure: optional(last, numbers::time_estimate),
    }
}
