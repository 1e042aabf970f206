//! A paused server as two clocks see it: from the intended and from the actual send time.

use super::axis::Axis;
use super::canvas::{self, Body, Canvas, DrawError};
use super::lanes::{self, Entry, Lanes};
use super::palette::{self, Marker};
use super::{Picture, Stage, extent};
use crate::numbers;
use crate::statistics::{Figures, Quantile, Shown, Unit};

const SHOWN: Quantile = Quantile::P99;

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let Some(stall) = stage.answer.rows.iter().find_map(|row| row.settings.stall.as_ref()) else {
        return Ok(None);
    };
    let lanes = Lanes::new(stage.labels(), 40.0);
    let figures = |order| stage.answer.rows_of(order).find_map(|row| row.figures.as_ref());
    let orders = stage.answer.contestants();
    let shown = |figures: &Figures| [figures.delivery_at(SHOWN), figures.service_at(SHOWN)];
    let estimates = orders.iter().filter_map(|order| figures(*order)).flat_map(shown);
    let values: Vec<f64> = estimates.filter_map(Shown::estimate).flat_map(extent).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let stall_ns = stall.for_ns as f64;
    let axis = Axis::logarithmic(values.into_iter().chain([stall_ns]), Unit::Nanoseconds, lanes.pixels());
    let (title, description) = (stage.titled("A paused server, by two clocks"), describe(stage));
    let svg = canvas::paint(lanes.size(), &title, &description, |canvas| {
        lanes.draw(canvas, &title, &axis, "p99, logarithmic")?;
        lanes::legend_line(canvas, &ENTRIES)?;
        pause_line(canvas, &lanes, axis.at(stall_ns), orders.len())?;
        for (lane, order) in orders.iter().enumerate() {
            let Some(figures) = figures(*order) else {
                lanes.nothing(canvas, lane)?;
                continue;
            };
            let look = stage.look(*order);
            for (shown, body) in shown(figures).into_iter().zip([Body::Filled, Body::Hollow]) {
                let Some(estimate) = shown.estimate() else { continue };
                lanes::whisker(canvas, &axis, lanes.y(lane), estimate, (look.marker, look.ink, body))?;
            }
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: caption(stall_ns), svg }))
}

const ENTRIES: [Entry<'static>; 2] = [
    Entry {
        marker: Marker::Circle,
        body: Body::Filled,
        ink: palette::QUIET,
        text: "delivery latency (from the intended send time)",
    },
    Entry {
        marker: Marker::Circle,
        body: Body::Hollow,
        ink: palette::QUIET,
        text: "service time (from the actual send time)",
    },
];

fn caption(stall_ns: f64) -> String {
    format!(
        "The server stood still for {} (dashed). Delivery latency feels every event that was due meanwhile; service time \
         is what a tool would have reported that waits for the server before it sends on (coordinated omission).",
        numbers::duration(stall_ns)
    )
}

fn pause_line(canvas: &Canvas<'_>, lanes: &Lanes<'_>, x: f64, count: usize) -> Result<(), DrawError> {
    let last = lanes.y(count.saturating_sub(1));
    canvas.dashed((x, lanes.y(0) - 19.0), (x, last + 19.0), palette::QUIET, 1.5)
}

fn describe(stage: &Stage<'_>) -> String {
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let figures = row.figures.as_ref()?;
        Some(format!(
            "{}: p99 of delivery latency {}, of service time {}.",
            stage.label(row.technique),
            numbers::shown(figures.delivery_at(SHOWN)),
            numbers::shown(figures.service_at(SHOWN))
        ))
    });
    lines.collect::<Vec<_>>().join(" ")
}
