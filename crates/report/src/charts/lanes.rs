//! One horizontal lane for each technique over a common axis: the frame of the latency, CPU and stall charts.

use plotters::style::text_anchor::HPos;

use super::axis::{self, Axis};
use super::canvas::{At, Body, Canvas, DrawError, LABEL, text_width};
use super::palette::{self, Ink, Marker};
use crate::statistics::Estimate;

/// Width of every picture.
pub(super) const WIDTH: f64 = 760.0;
/// Height of a lane.
const LANE: f64 = 38.0;
/// Above the lanes: title and legend.
const HEAD: f64 = 74.0;
/// Under the lanes: tick labels and the axis' name.
const FOOT: f64 = 50.0;

/// What stands where every trial failed.
pub(super) const NO_FIGURE: &str = "no trial ended";

/// Where lanes lie.
pub(super) struct Lanes<'t> {
    labels: Vec<&'t str>,
    right_margin: f64,
}

impl<'t> Lanes<'t> {
    /// Lanes with these labels; `right_margin` is kept free beside them.
    pub(super) fn new(labels: Vec<&'t str>, right_margin: f64) -> Self {
        Self { labels, right_margin }
    }

    /// The picture's size.
    pub(super) fn size(&self) -> (f64, f64) {
        (WIDTH, self.bottom() + FOOT)
    }

    /// The pixels between which values lie.
    pub(super) fn pixels(&self) -> (f64, f64) {
        let widest = self.labels.iter().map(|label| text_width(label, 13.0)).fold(0.0, f64::max);
        (widest + 28.0, WIDTH - self.right_margin)
    }

    /// The middle of a lane.
    pub(super) fn y(&self, lane: usize) -> f64 {
        HEAD + (lane as f64 + 0.5) * LANE
    }

    /// The picture's title, the lanes, their labels and the axis.
    pub(super) fn draw(
        &self,
        canvas: &Canvas<'_>,
        title: &str,
        axis: &Axis,
        axis_name: &str,
    ) -> Result<(), DrawError> {
        heading(canvas, title)?;
        let (left, right) = self.pixels();
        axis::vertical_grid(canvas, axis, HEAD, self.bottom())?;
        for (lane, label) in self.labels.iter().enumerate() {
            let y = self.y(lane);
            canvas.line(&[(left, y), (right, y)], palette::GRID, 0.5)?;
            canvas.text((left - 12.0, y), label, LABEL.sized(13.0).anchored(HPos::Right))?;
        }
        canvas.line(&[(left, self.bottom()), (right, self.bottom())], palette::AXIS, 1.0)?;
        axis::horizontal_name(canvas, axis, self.bottom(), axis_name)
    }

    /// Says that a technique has no figure here.
    pub(super) fn nothing(&self, canvas: &Canvas<'_>, lane: usize) -> Result<(), DrawError> {
        canvas.text((self.pixels().0 + 8.0, self.y(lane)), NO_FIGURE, LABEL.quiet())
    }

    fn bottom(&self) -> f64 {
        HEAD + self.labels.len() as f64 * LANE
    }
}

/// The picture's title in its upper left corner.
pub(super) fn heading(canvas: &Canvas<'_>, title: &str) -> Result<(), DrawError> {
    canvas.text((16.0, 24.0), title, LABEL.sized(16.0).bold())
}

/// A figure as a marker, and its interval as a line with ends.
pub(super) fn whisker(
    canvas: &Canvas<'_>,
    axis: &Axis,
    y: f64,
    estimate: Estimate,
    (marker, ink, body): (Marker, Ink, Body),
) -> Result<(), DrawError> {
    const CAP: f64 = 4.0;
    if let Some(interval) = estimate.interval {
        let (low, high) = (axis.at(interval.low), axis.at(interval.high));
        canvas.line(&[(low, y), (high, y)], ink, 1.8)?;
        for end in [low, high] {
            canvas.line(&[(end, y - CAP), (end, y + CAP)], ink, 1.8)?;
        }
    }
    canvas.marker((axis.at(estimate.value), y), marker, 3.6, ink, body)
}

/// One entry of a legend that runs along a line.
pub(super) struct Entry<'t> {
    pub marker: Marker,
    pub body: Body,
    pub ink: Ink,
    pub text: &'t str,
}

/// Entries side by side under the title.
pub(super) fn legend_line(canvas: &Canvas<'_>, entries: &[Entry<'_>]) -> Result<(), DrawError> {
    let mut at: At = (24.0, 50.0);
    for entry in entries {
        canvas.marker(at, entry.marker, 4.5, entry.ink, entry.body)?;
        canvas.text((at.0 + 12.0, at.1), entry.text, LABEL.quiet())?;
        at.0 += 12.0 + text_width(entry.text, LABEL.size) + 20.0;
    }
    Ok(())
}
