//! Bytes per delivered event over the event rate, and the rates at which one technique becomes cheaper than another.

use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::lanes::heading;
use super::legend;
use super::{Picture, Stage, extent, palette};
use crate::numbers;
use crate::prediction::alone;
use crate::statistics::{Estimate, Mark, Row, Slice, Unit};

const WIDTH: f64 = 960.0;
const HEAD: f64 = 116.0;
const HEIGHT: f64 = 380.0;
/// From a plot to the next: labels, the axis' name, the next one's name.
const FOOT: f64 = 84.0;
/// A line of the list of crossings.
const LINE: f64 = 20.0;
const RING: f64 = 9.0;

/// A slice with its crossings, and where it is drawn.
struct Plot {
    slice: Slice,
    marks: Vec<Mark>,
    top: f64,
}

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let costs: Vec<f64> = stage.answer.rows.iter().filter_map(cost).flat_map(extent).collect();
    let rates: Vec<f64> = stage.answer.rows.iter().filter_map(|row| rate(stage, row)).collect();
    if costs.is_empty() || rates.is_empty() {
        return Ok(None);
    }
    let (plots, height) = plots(stage);
    let (title, description) = (stage.titled("Bytes per event over the event rate"), describe(stage, &plots));
    let svg = canvas::paint((WIDTH, height), &title, &description, |canvas| {
        heading(canvas, &title)?;
        let orders = stage.answer.contestants().into_iter();
        let names = orders.map(|order| (stage.look(order), stage.label(order)));
        legend::along(canvas, names, (24.0, 50.0), WIDTH - 16.0)?;
        plots.iter().try_for_each(|plot| {
            let y = (plot.top + HEIGHT, plot.top);
            let frame = Frame {
                x: Axis::exact(rates.iter().copied(), Unit::PerSecond, (92.0, WIDTH - 32.0)),
                y: Axis::logarithmic(costs.iter().copied(), Unit::Bytes, y),
                x_name: "events per second and subscriber, logarithmic",
                y_name: "wire bytes per delivered event, logarithmic",
            };
            panel(stage, canvas, plot, &frame)
        })
    })?;
    let has_theory = stage.answer.rows.iter().any(|row| fixed(stage, row).is_some());
    let caption = format!("{CAPTION}{}", if has_theory { THEORY } else { "" });
    Ok(Some(Picture { title, description, caption, svg }))
}

const THEORY: &str = " Thin dashes are theory: what an event takes that comes alone, for the techniques for which the standards fix it to the \
    byte whatever its number. Measured points above them paid for signs of life, those below shared an answer or a TLS record.";

const CAPTION: &str = "Wire bytes of both directions for each delivered event; bars are 95 % intervals between trials, where a \
    point has three or more. What an event takes is *a* + *b* ÷ rate, so the lines between the measured points are straight over \
    1 ÷ rate, which is bent in this plot. Rings are crossings of these lines that the trials can be relied on for; their letters \
    are those of the list and of the table.";

fn plots(stage: &Stage<'_>) -> (Vec<Plot>, f64) {
    let mut top = HEAD;
    let slices = stage.answer.slices(&stage.answer.transport_keys()).into_iter();
    let plots = slices.map(|slice| {
        let marks = stage.answer.marks(&slice);
        let plot = Plot { slice, marks, top };
        top += HEIGHT + FOOT + plot.marks.len() as f64 * LINE;
        plot
    });
    (plots.collect(), top - 32.0)
}

fn panel(stage: &Stage<'_>, canvas: &Canvas<'_>, plot: &Plot, frame: &Frame<'_>) -> Result<(), DrawError> {
    frame.draw(canvas)?;
    for order in stage.answer.contestants() {
        theory(stage, canvas, frame, plot, order)?;
    }
    let middle = (frame.x.pixels().0 + frame.x.pixels().1) / 2.0;
    canvas.text((middle, plot.top - 12.0), &plot.slice.name, LABEL.bold().anchored(HPos::Center))?;
    for order in stage.answer.contestants() {
        line(stage, canvas, frame, plot, order)?;
    }
    let mut before = Side::Below;
    let mut last = (0.0, 0.0);
    for mark in &plot.marks {
        let at = frame.at(mark.crossing.rate, mark.crossing.bytes);
        let is_near = (at.0 - last.0).hypot(at.1 - last.1) < 3.0 * RING;
        let side = if is_near { before.other() } else { Side::Above };
        ring(canvas, at, &mark.letter, side)?;
        (before, last) = (side, at);
    }
    list(stage, canvas, plot)
}

/// What the standards fix for an event that comes alone, as thin dashes behind what was measured.
fn theory(
    stage: &Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    plot: &Plot,
    order: usize,
) -> Result<(), DrawError> {
    let rows = stage.answer.rows_of(order).filter(|row| plot.slice.holds(row));
    let points = rows.filter_map(|row| Some(frame.at(rate(stage, row)?, fixed(stage, row)?)));
    let points: Vec<At> = points.collect();
    points.windows(2).try_for_each(|ends| canvas.dashed(ends[0], ends[1], stage.look(order).ink, 0.8))
}

fn fixed(stage: &Stage<'_>, row: &Row<'_>) -> Option<f64> {
    alone(row, &stage.analysis.technique(row.technique).slug)
}

fn line(
    stage: &Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    plot: &Plot,
    order: usize,
) -> Result<(), DrawError> {
    let look = stage.look(order);
    let rows = stage.answer.rows_of(order).filter(|row| plot.slice.holds(row));
    let points: Vec<(f64, Estimate)> = rows.filter_map(|row| Some((rate(stage, row)?, cost(row)?))).collect();
    let values: Vec<(f64, f64)> = points.iter().map(|(rate, cost)| (*rate, cost.value)).collect();
    let line: Vec<At> = bent(&values).into_iter().map(|(rate, cost)| frame.at(rate, cost)).collect();
    canvas.line(&line, look.ink, 1.8)?;
    for (rate, cost) in &points {
        if let Some(interval) = cost.interval {
            canvas.line(&[frame.at(*rate, interval.low), frame.at(*rate, interval.high)], look.ink, 1.4)?;
        }
        canvas.marker(frame.at(*rate, cost.value), look.marker, 4.0, look.ink, Body::Filled)?;
    }
    Ok(())
}

/// The measured points and, between two, some of a line that is straight over 1 ÷ rate.
fn bent(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const STEPS: u32 = 12;
    let between = points.windows(2).flat_map(|ends| {
        let [(low, first), (high, second)] = [ends[0], ends[1]];
        (0..STEPS).map(move |step| {
            let rate = low * (high / low).powf(f64::from(step) / f64::from(STEPS));
            let share = (low.recip() - rate.recip()) / (low.recip() - high.recip());
            (rate, first + share * (second - first))
        })
    });
    between.chain(points.last().copied()).collect()
}

/// Where a ring's letter stands: rings that touch have theirs on different sides.
#[derive(Debug, Clone, Copy)]
enum Side {
    Above,
    Below,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Above => Self::Below,
            Self::Below => Self::Above,
        }
    }
}

fn ring(canvas: &Canvas<'_>, at: At, letter: &str, side: Side) -> Result<(), DrawError> {
    canvas.ring(at, RING, palette::TEXT)?;
    let away = match side {
        Side::Above => -RING - 8.0,
        Side::Below => RING + 8.0,
    };
    canvas.text((at.0, at.1 + away), letter, LABEL.bold().anchored(HPos::Center))
}

/// The crossings in words, under the plot.
fn list(stage: &Stage<'_>, canvas: &Canvas<'_>, plot: &Plot) -> Result<(), DrawError> {
    let first = plot.top + HEIGHT + 58.0;
    for (place, mark) in plot.marks.iter().enumerate() {
        let y = first + place as f64 * LINE;
        canvas.text((92.0, y), &mark.letter, LABEL.bold())?;
        canvas.text((112.0, y), &words(stage, mark), LABEL)?;
    }
    Ok(())
}

fn words(stage: &Stage<'_>, mark: &Mark) -> String {
    let crossing = &mark.crossing;
    let estimate = Estimate { value: crossing.rate, interval: crossing.interval };
    format!(
        "{} events/s: below it {} takes fewer bytes, above it {}",
        numbers::estimate(estimate),
        stage.label(crossing.below),
        stage.label(crossing.above),
    )
}

fn rate(stage: &Stage<'_>, row: &Row<'_>) -> Option<f64> {
    let key = stage.answer.rate_key()?;
    row.point[key].number.filter(|rate| *rate > 0.0)
}

fn cost(row: &Row<'_>) -> Option<Estimate> {
    row.figures.as_ref()?.wire_both
}

fn describe(stage: &Stage<'_>, plots: &[Plot]) -> String {
    let lines = plots.iter().flat_map(|plot| {
        let over =
            if plot.slice.name.is_empty() { String::new() } else { format!("Over {}: ", plot.slice.name) };
        plot.marks.iter().map(move |mark| format!("{over}{}.", words(stage, mark)))
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { "No two lines cross for sure.".to_owned() } else { lines.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_points_follow_what_a_second_and_an_event_take() {
        let curve = |rate: f64| (rate, 50.0 + 1_000.0 / rate);
        let line = bent(&[curve(0.1), curve(10.0), curve(1_000.0)]);
        assert_eq!((line.len(), line[0], line[24]), (25, curve(0.1), curve(1_000.0)));
        assert!(line.iter().all(|(rate, cost)| (cost - curve(*rate).1).abs() < 1e-6 * cost), "{line:?}");
    }
}
