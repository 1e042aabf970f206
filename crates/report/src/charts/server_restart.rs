//! A restarted server: from its end until half of the subscribers, and the last of them, had everything again.

use model::trial::ServerRestart;

use super::canvas::{Body, DrawError};
use super::marked_lanes::{self, Marked, Words};
use super::{Picture, Stage};
use crate::numbers::{self, optional};
use crate::statistics::{Estimate, Row, Unit};

/// None where no trial with a restart ended.
pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let lanes: Vec<Marked> = stage.by_technique().into_iter().map(|row| lane(stage, row)).collect();
    let words = Words {
        title: stage.titled("Until everybody is caught up"),
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
    let time = |of: fn(&ServerRestart) -> Option<u64>| {
        row.mean(|_, outcome| of(outcome.server_restart.as_ref()?).map(|ns| ns as f64))
    };
    let half = time(|server_restart| server_restart.caught_up.as_ref().map(|times| times.p50_ns));
    let last = time(|server_restart| server_restart.caught_up.as_ref().map(|times| times.max_ns));
    let mark = |estimate: Option<Estimate>, body| estimate.map(|estimate| (estimate, body));
    Marked {
        name: stage.lane_name(row),
        look: stage.look(row.technique),
        marks: [mark(half, Body::Hollow), mark(last, Body::Filled)].into_iter().flatten().collect(),
        bar: time(|server_restart| Some(server_restart.down_ns)).map(|estimate| estimate.value),
        figure: optional(last, numbers::time_estimate),
    }
}
