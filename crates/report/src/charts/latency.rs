//! Latency by technique: quantiles with their intervals.

use super::axis::Axis;
use super::canvas::{self, Body, Canvas, DrawError};
use super::lanes::{self, Entry, Lanes};
use super::palette::{self, Ink, Marker};
use super::{Picture, Stage, extent};
use crate::numbers;
use crate::statistics::{Figures, Quantile, Shown, Unit};

const SHAPES: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond];

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let lanes = Lanes::new(stage.labels(), 40.0);
    let measured: Vec<&Figures> = stage.answer.rows.iter().filter_map(|row| row.figures.as_ref()).collect();
    let estimates = measured.iter().flat_map(|figures| figures.delivery).filter_map(Shown::estimate);
    let values: Vec<f64> = estimates.flat_map(extent).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let axis = Axis::logarithmic(values.into_iter(), Unit::Nanoseconds, lanes.pixels());
    let (title, description) = (stage.titled("Delivery latency by technique"), describe(stage));
    let svg = canvas::paint(lanes.size(), &title, &description, |canvas| {
        lanes.draw(canvas, &title, &axis, "delivery latency, logarithmic")?;
        let labels = Quantile::SHOWN.map(Quantile::label);
        lanes::legend_line(canvas, &entries(&measured, &labels))?;
        for (lane, order) in stage.answer.contestants().into_iter().enumerate() {
            let drawn = stage.answer.rows_of(order).filter_map(|row| row.figures.as_ref());
            let ink = stage.look(order).ink;
            match drawn.last() {
                Some(figures) => quantiles(canvas, &axis, lanes.y(lane), figures, ink)?,
                None => lanes.nothing(canvas, lane)?,
            }
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

/// Each quantile a little lower than the one before, since intervals of one technique may lie over each other.
fn quantiles(canvas: &Canvas<'_>, axis: &Axis, y: f64, figures: &Figures, ink: Ink) -> Result<(), DrawError> {
    const STEP: f64 = 6.5;
    for (place, (shown, marker)) in figures.delivery.into_iter().zip(SHAPES).enumerate() {
        let Some(estimate) = shown.estimate() else { continue };
        let y = y + (place as f64 - 1.5) * STEP;
        lanes::whisker(canvas, axis, y, estimate, (marker, ink, Body::Filled))?;
    }
    Ok(())
}

const CAPTION: &str = "Further left is quicker; the axis is logarithmic. A line through a marker is the 95 % interval \
    between trials (hidden where it is narrower than the marker): where two overlap, this run does not tell which is quicker.";

/// Only quantiles that are drawn somewhere are explained.
fn entries<'t>(measured: &[&Figures], labels: &'t [String; 4]) -> Vec<Entry<'t>> {
    let drawn = |place: &usize| measured.iter().any(|figures| figures.delivery[*place].estimate().is_some());
    let entry = |place: usize| Entry {
        marker: SHAPES[place],
        body: Body::Filled,
        ink: palette::QUIET,
        text: &labels[place],
    };
    (0..SHAPES.len()).filter(drawn).map(entry).collect()
}

fn describe(stage: &Stage<'_>) -> String {
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let figures = row.figures.as_ref()?;
        let shown = |quantile| numbers::shown(figures.delivery_at(quantile));
        Some(format!(
            "{}: p50 {}, p99 {}.",
            stage.label(row.technique),
            shown(Quantile::P50),
            shown(Quantile::P99)
        ))
    });
    lines.collect::<Vec<_>>().join(" ")
}
