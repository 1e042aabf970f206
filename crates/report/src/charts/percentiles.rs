//! The whole distribution: latency over the nines.

use super::axis::{Axis, Frame};
use super::canvas::{self, Body, Canvas, DrawError};
use super::lanes::{WIDTH, heading};
use super::legend::{self, EndLabel};
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::{LEAST_IN_TAIL, Unit};

const HEIGHT: f64 = 440.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 384.0;

/// A technique and its curve as (one value in …, nanoseconds).
type Curve<'a> = (usize, &'a [(f64, f64)]);

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let curves: Vec<Curve<'_>> = stage
        .answer
        .rows
        .iter()
        .filter_map(|row| Some((row.technique, row.figures.as_ref()?.curve.as_slice())))
        .filter(|(_, curve)| !curve.is_empty())
        .collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let (title, description) = (stage.titled("Delivery latency over the nines"), describe(stage, &curves));
    let right = WIDTH - legend::margin(stage.labels());
    let frame = frame(&curves, right);
    let svg = canvas::paint((WIDTH, HEIGHT), &title, &description, |canvas| {
        heading(canvas, &title)?;
        frame.draw(canvas)?;
        let labels: Vec<EndLabel<'_>> = curves
            .iter()
            .map(|(order, curve)| curve_drawn(stage, canvas, &frame, *order, curve))
            .collect::<Result<_, _>>()?;
        legend::draw(canvas, &labels, right, (TOP, BOTTOM))
    })?;
    Ok(Some(Picture { title, description, caption: caption(), svg }))
}

fn caption() -> String {
    format!(
        "Read upwards from a share of all deliveries: that many came within this latency. Each curve ends where fewer \
         than {LEAST_IN_TAIL} deliveries lie above it. All trials merged, missing events counted as slower than all others."
    )
}

fn frame(curves: &[Curve<'_>], right: f64) -> Frame<'static> {
    let most =
        curves.iter().flat_map(|(_, curve)| curve.last()).map(|(one_in, _)| *one_in).fold(10.0, f64::max);
    let latencies = curves.iter().flat_map(|(_, curve)| curve.iter().map(|(_, ns)| *ns));
    Frame {
        x: Axis::with_ticks(1.0, most, nines(most), (84.0, right)),
        y: Axis::logarithmic(latencies, Unit::Nanoseconds, (BOTTOM, TOP)),
        x_name: "share of deliveries that were at least this quick",
        y_name: "delivery latency, logarithmic",
    }
}

/// 0 %, 50 %, 90 %, 99 %, 99.9 % … as far as the axis goes.
fn nines(most: f64) -> Vec<(f64, String)> {
    let first = [(1.0, "0 %".to_owned()), (2.0, "50 %".to_owned())];
    let nines = (1..).map(|nines| {
        let decimals = usize::try_from(nines - 2).unwrap_or(0);
        let one_in = 10_f64.powi(nines);
        (one_in, format!("{:.decimals$} %", 100.0 - 100.0 / one_in))
    });
    first.into_iter().chain(nines.take_while(|(one_in, _)| *one_in <= most * 1.001)).collect()
}

fn curve_drawn<'s>(
    stage: &'s Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    order: usize,
    curve: &[(f64, f64)],
) -> Result<EndLabel<'s>, DrawError> {
    let look = stage.look(order);
    let points: Vec<_> = curve.iter().map(|(one_in, ns)| frame.at(*one_in, *ns)).collect();
    canvas.line(&points, look.ink, 2.0)?;
    for (one_in, _) in &frame.x.ticks {
        let nearest = curve.iter().find(|(at, _)| *at >= one_in * 0.999 && *at <= one_in * 1.1);
        if let Some((_, ns)) = nearest {
            canvas.marker(frame.at(*one_in, *ns), look.marker, 4.0, look.ink, Body::Filled)?;
        }
    }
    let end = points.last().copied().unwrap_or_default();
    Ok(EndLabel { end, look, text: stage.label(order) })
}

fn describe(stage: &Stage<'_>, curves: &[Curve<'_>]) -> String {
    let lines = curves.iter().filter_map(|(order, curve)| {
        let (one_in, ns) = curve.last()?;
        let (label, latency) = (stage.label(*order), numbers::time(*ns));
        Some(format!("{label}: all but one in {} within {latency}.", numbers::significant(*one_in)))
    });
    lines.collect::<Vec<_>>().join(" ")
}
