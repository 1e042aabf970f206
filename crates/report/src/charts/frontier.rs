//! The iso-latency frontier: what an event costs over the latency that it buys, as an interval sweeps.

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError};
use super::lanes::{WIDTH, heading};
use super::legend;
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::{Figures, Unit};

const HEIGHT: f64 = 640.0;
const UPPER: (f64, f64) = (300.0, 48.0);
const LOWER: (f64, f64) = (584.0, 344.0);

type Measure = fn(&Figures) -> Option<f64>;

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let all = || stage.answer.rows.iter().filter_map(|row| row.figures.as_ref());
    let latencies: Vec<f64> = all().filter_map(|figures| latency(stage, figures)).collect();
    if latencies.is_empty() {
        return Ok(None);
    }
    let pixels = (84.0, WIDTH - legend::margin(stage.labels()));
    let x_name = format!("{} delivery latency, logarithmic", stage.answer.tail().label());
    let x = Axis::logarithmic(latencies.into_iter(), Unit::Nanoseconds, pixels);
    let upper = Frame {
        x: x.clone(),
        y: Axis::logarithmic(all().filter_map(wire), Unit::Bytes, UPPER),
        x_name: "",
        y_name: "wire bytes per event",
    };
    let lower = Frame {
        x,
        y: Axis::logarithmic(all().filter_map(cpu), Unit::Nanoseconds, LOWER),
        x_name: &x_name,
        y_name: "server CPU per event",
    };
    let (title, description) = (stage.titled("What a latency costs"), describe(stage));
    let svg = canvas::paint((WIDTH, HEIGHT), &title, &description, |canvas| {
        heading(canvas, &title)?;
        panel(stage, canvas, &upper, wire, UPPER.1)?;
        panel(stage, canvas, &lower, cpu, LOWER.1)
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Further left is quicker and further down is cheaper, so the lower left corner is best. Each line is one \
    technique as the swept interval grows to the right; a technique that the sweep does not touch is one point.";

fn latency(stage: &Stage<'_>, figures: &Figures) -> Option<f64> {
    Some(figures.delivery_at(stage.answer.tail()).estimate()?.value)
}

fn wire(figures: &Figures) -> Option<f64> {
    Some(figures.wire_both?.value)
}

fn cpu(figures: &Figures) -> Option<f64> {
    Some(figures.cpu?.value)
}

fn panel(
    stage: &Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    cost: Measure,
    top: f64,
) -> Result<(), DrawError> {
    frame.draw(canvas)?;
    for order in stage.answer.contestants() {
        let look = stage.look(order);
        let rows = stage.answer.rows_of(order).filter_map(|row| row.figures.as_ref());
        let points: Vec<At> =
            rows.filter_map(|figures| Some(frame.at(latency(stage, figures)?, cost(figures)?))).collect();
        canvas.line(&points, look.ink, 2.0)?;
        for at in &points {
            canvas.marker(*at, look.marker, 4.5, look.ink, Body::Filled)?;
        }
    }
    let names = stage.answer.contestants().into_iter().map(|order| (stage.look(order), stage.label(order)));
    legend::list(canvas, names, WIDTH - legend::margin(stage.labels()), top)
}

fn describe(stage: &Stage<'_>) -> String {
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let figures = row.figures.as_ref()?;
        let (label, tail) = (stage.label(row.technique), numbers::time(latency(stage, figures)?));
        let (wire, cpu) = (numbers::significant(wire(figures)?), numbers::time(cpu(figures)?));
        let name = stage.answer.tail().label();
        let time = row.point.first().and_then(|coordinate| coordinate.number);
        let at = time.map_or_else(String::new, |time| format!(" at {}", numbers::duration(time)));
        Some(format!("{label}{at}: {name} {tail}, {wire} B and {cpu} CPU per event."))
    });
    lines.collect::<Vec<_>>().join(" ")
}
