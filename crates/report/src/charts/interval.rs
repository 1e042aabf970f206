//! Latency against a swept time, such as the interval between two polls, beside theory and the techniques that have no
//! such interval.

use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::lanes::{WIDTH, heading};
use super::legend::{self, EndLabel};
use super::{Picture, Stage, palette};
use crate::numbers;
use crate::statistics::{Coordinate, Quantile, Reach, Row, Unit};

const HEIGHT: f64 = 480.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 424.0;

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let rows = &stage.answer.rows;
    let latencies = rows.iter().filter(|row| place(row) != Place::Nowhere);
    let latencies =
        latencies.flat_map(|row| quantiles(stage).into_iter().map(|quantile| latency(row, quantile)));
    let latencies: Vec<f64> = latencies.flatten().collect();
    let times: Vec<f64> = rows.iter().filter_map(time).collect();
    if latencies.is_empty() || times.is_empty() {
        return Ok(None);
    }
    let right = WIDTH - legend::margin(stage.labels());
    let frame = Frame {
        x: Axis::exact(times.into_iter(), Unit::Nanoseconds, (84.0, right)),
        y: Axis::logarithmic(latencies.into_iter(), Unit::Nanoseconds, (BOTTOM, TOP)),
        x_name: &stage.answer.info.sweeps[0],
        y_name: "delivery latency, logarithmic",
    };
    let (title, description) =
        (stage.titled(&format!("Latency against {}", stage.answer.info.sweeps[0])), describe(stage));
    let svg = canvas::paint((WIDTH, HEIGHT), &title, &description, |canvas| {
        heading(canvas, &title)?;
        frame.draw(canvas)?;
        let labels =
            stage.answer.contestants().into_iter().map(|order| technique(stage, canvas, &frame, order));
        let labels: Vec<EndLabel<'_>> =
            labels.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        if is_interval(stage) {
            theory(canvas, &frame, stage)?;
        }
        legend::draw(canvas, &labels, right, (TOP, BOTTOM))
    })?;
    Ok(Some(Picture { title, description, caption: caption(stage), svg }))
}

/// The median, and the tail where this scenario's samples bound more than the median.
fn quantiles(stage: &Stage<'_>) -> Vec<Quantile> {
    let mut quantiles = vec![Quantile::P50, stage.answer.tail()];
    quantiles.dedup();
    quantiles
}

fn caption(stage: &Stage<'_>) -> String {
    let named =
        quantiles(stage).into_iter().zip(["filled markers and thick lines", "hollow markers and thin lines"]);
    let named: Vec<String> = named.map(|(quantile, look)| format!("{} ({look})", quantile.label())).collect();
    let nowhere = stage.answer.rows.iter().any(|row| place(row) == Place::Nowhere);
    let reading = format!(
        "Shown: {}; a technique that the sweep does not touch is a horizontal line.{}",
        named.join(" and "),
        if nowhere { " A value of 0 has no place on a logarithmic axis: it is in the table." } else { "" }
    );
    if !is_interval(stage) {
        return reading;
    }
    let waits = quantiles(stage)
        .into_iter()
        .map(|quantile| format!("{} = {} *T*", quantile.label(), numbers::plain(quantile.share())));
    format!(
        "{reading} Dashed is theory: an event meets the grid of polls anywhere, so that it waits between 0 and the interval \
         *T* with equal probability (forward recurrence time of equal intervals; D. R. Cox, *Renewal Theory*, 1962), which \
         makes {}, transit not included.",
        waits.collect::<Vec<_>>().join(" and ")
    )
}

/// The theory is about a grid of asking times; other times that can be swept have another one.
fn is_interval(stage: &Stage<'_>) -> bool {
    stage.answer.info.sweeps[0].ends_with(".interval")
}

/// Where a row stands on the axis of times.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// The sweep does not touch its technique.
    Everywhere,
    /// Nanoseconds.
    At(f64),
    /// 0 has no place on a logarithmic axis.
    Nowhere,
}

fn place(row: &Row<'_>) -> Place {
    match row.point.first() {
        Some(Coordinate { reach: Reach::Untouched, .. }) => Place::Everywhere,
        Some(Coordinate { number: Some(time), .. }) if *time > 0.0 => Place::At(*time),
        _ => Place::Nowhere,
    }
}

fn time(row: &Row<'_>) -> Option<f64> {
    match place(row) {
        Place::At(time) => Some(time),
        Place::Everywhere | Place::Nowhere => None,
    }
}

fn latency(row: &Row<'_>, quantile: Quantile) -> Option<f64> {
    Some(row.figures.as_ref()?.delivery_at(quantile).estimate()?.value)
}

/// Drawn last, since it lies under what was measured if all is well.
fn theory(canvas: &Canvas<'_>, frame: &Frame<'_>, stage: &Stage<'_>) -> Result<(), DrawError> {
    let (least, most) = frame.x.ends();
    for (quantile, side) in quantiles(stage).into_iter().zip([1.0, -1.0]) {
        let wait = |interval: f64| frame.at(interval, interval * quantile.share());
        canvas.dashed(wait(least), wait(most), palette::TEXT, 1.2)?;
        let middle = wait((least * most).sqrt());
        let anchor = if side > 0.0 { HPos::Left } else { HPos::Right };
        let name = format!("{} T", numbers::plain(quantile.share()));
        canvas.text(
            (middle.0 + side * 12.0, middle.1 + side * 8.0),
            &name,
            LABEL.quiet().anchored(anchor),
        )?;
    }
    Ok(())
}

fn technique<'s>(
    stage: &'s Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    order: usize,
) -> Result<Option<EndLabel<'s>>, DrawError> {
    let look = stage.look(order);
    let mut end = None;
    let styles = [(2.0, Body::Filled), (0.8, Body::Hollow)];
    for (quantile, (width, body)) in quantiles(stage).into_iter().zip(styles).rev() {
        let line: Vec<At> = stage
            .answer
            .rows_of(order)
            .filter_map(|row| Some(across(frame, place(row), latency(row, quantile)?)))
            .flatten()
            .collect();
        canvas.line(&line, look.ink, width)?;
        for at in &line {
            canvas.marker(*at, look.marker, 4.0, look.ink, body)?;
        }
        end = line.last().copied().or(end);
    }
    Ok(end.map(|end| EndLabel { end, look, text: stage.label(order) }))
}

/// A point of the sweep, or both ends of the line for a technique without one.
fn across(frame: &Frame<'_>, place: Place, latency: f64) -> Vec<At> {
    let (least, most) = frame.x.ends();
    let times = match place {
        Place::Everywhere => vec![least, most],
        Place::At(time) => vec![time],
        Place::Nowhere => Vec::new(),
    };
    times.into_iter().map(|x| frame.at(x, latency)).collect()
}

fn describe(stage: &Stage<'_>) -> String {
    let drawn = stage.answer.rows.iter().filter(|row| place(row) != Place::Nowhere);
    let lines = drawn.filter_map(|row| {
        let at = time(row).map_or_else(String::new, |time| format!(" at {}", numbers::duration(time)));
        let latencies = quantiles(stage).into_iter().filter_map(|quantile| {
            Some(format!("{} {}", quantile.label(), numbers::time(latency(row, quantile)?)))
        });
        let latencies: Vec<String> = latencies.collect();
        let label = stage.label(row.technique);
        (!latencies.is_empty()).then(|| format!("{label}{at}: {}.", latencies.join(", ")))
    });
    lines.collect::<Vec<_>>().join(" ")
}
