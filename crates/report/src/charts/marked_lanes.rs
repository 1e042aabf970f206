//! A lane for each row, with marks along a common logarithmic axis and a figure at its right: the frame of the charts of server restarts,
//! slow consumers and counts.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{self, Body, Canvas, DrawError, LABEL};
use super::lanes::{self, Entry, Lanes, WIDTH};
use super::palette::{self, Look, Marker};
use super::{Picture, extent};
use crate::statistics::{Estimate, Unit};

/// For the figures at the right.
const RIGHT: f64 = 170.0;

/// One lane.
pub(super) struct Marked {
    pub name: String,
    pub look: Look,
    /// From left to right, where they are in their order.
    pub marks: Vec<(Estimate, Body)>,
    /// A bar of no technique's colour.
    pub bar: Option<f64>,
    /// The figure at the right.
    pub figure: String,
}

/// What stands around the lanes.
pub(super) struct Words<'t> {
    pub title: String,
    pub caption: String,
    /// What the marks are, in the order of the lanes' own.
    pub legend: Vec<(Body, &'t str)>,
    /// What the bar is.
    pub bar: Option<&'t str>,
    pub axis: &'t str,
    /// What the figures at the right are.
    pub figures: &'t str,
    pub unit: Unit,
}

/// Draws it; nothing without a mark.
pub(super) fn draw(marked: &[Marked], words: Words<'_>) -> Result<Option<Picture>, DrawError> {
    let marks = || marked.iter().flat_map(|lane| &lane.marks);
    if marks().next().is_none() {
        return Ok(None);
    }
    let frame = Lanes::new(marked.iter().map(|lane| lane.name.as_str()).collect(), RIGHT);
    let values = marks().flat_map(|(estimate, _)| extent(*estimate));
    let values = values.chain(marked.iter().filter_map(|lane| lane.bar));
    let axis = Axis::logarithmic(values, words.unit, frame.pixels());
    let description = describe(marked, &words);
    let svg = canvas::paint(frame.size(), &words.title, &description, |canvas| {
        frame.draw(canvas, &words.title, &axis, words.axis)?;
        lanes::legend_line(canvas, &legend(&words))?;
        canvas.text((WIDTH - 20.0, 56.0), words.figures, LABEL.quiet().anchored(HPos::Right))?;
        for (place, lane) in marked.iter().enumerate() {
            if lane.marks.is_empty() {
                frame.nothing(canvas, place)?;
            }
            one(canvas, &axis, frame.y(place), lane)?;
        }
        Ok(())
    })?;
    Ok(Some(Picture { title: words.title, description, caption: words.caption, svg }))
}

fn one(canvas: &Canvas<'_>, axis: &Axis, y: f64, lane: &Marked) -> Result<(), DrawError> {
    if let Some(bar) = lane.bar {
        canvas.marker((axis.at(bar), y), Marker::Bar, 4.5, palette::QUIET, Body::Filled)?;
    }
    if let [(first, _), .., (last, _)] = lane.marks.as_slice() {
        canvas.line(&[(axis.at(first.value), y), (axis.at(last.value), y)], lane.look.ink, 0.8)?;
    }
    for (estimate, body) in &lane.marks {
        lanes::whisker(canvas, axis, y, *estimate, (lane.look.marker, lane.look.ink, *body))?;
    }
    canvas.text((WIDTH - 20.0, y), &lane.figure, LABEL.anchored(HPos::Right))
}

fn legend<'t>(words: &Words<'t>) -> Vec<Entry<'t>> {
    let entry = |marker, body, text| Entry { marker, body, ink: palette::QUIET, text };
    let marks = words.legend.iter().map(|(body, text)| entry(Marker::Circle, *body, *text));
    let bar = words.bar.map(|text| entry(Marker::Bar, Body::Filled, text));
    bar.into_iter().chain(marks).collect()
}

fn describe(marked: &[Marked], words: &Words<'_>) -> String {
    let lines = marked.iter().map(|lane| {
        let marks = lane.marks.iter().zip(&words.legend);
        let marks = marks
            .map(|((estimate, _), (_, what))| format!("{what} {}", words.unit.show_measured(estimate.value)));
        format!("{}: {}.", lane.name, marks.collect::<Vec<_>>().join(", "))
    });
    lines.collect::<Vec<_>>().join(" ")
}
