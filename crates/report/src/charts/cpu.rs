//! Server CPU for each delivered event, and what multiple of the floor that is.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{self, Body, DrawError, LABEL};
use super::lanes::{self, Lanes, WIDTH};
use super::{Picture, Stage, extent};
use crate::numbers;
use crate::statistics::{Figures, Unit};

const RIGHT: f64 = 170.0;

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let lanes = Lanes::new(stage.labels(), RIGHT);
    let figures = |order| stage.answer.rows_of(order).find_map(|row| row.figures.as_ref());
    let orders = stage.answer.contestants();
    let estimates = orders.iter().filter_map(|order| figures(*order)?.cpu);
    let values: Vec<f64> = estimates.flat_map(extent).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let axis = Axis::logarithmic(values.into_iter(), Unit::Nanoseconds, lanes.pixels());
    let (title, description) = (stage.titled("Server CPU per delivered event"), describe(stage));
    let svg = canvas::paint(lanes.size(), &title, &description, |canvas| {
        lanes.draw(canvas, &title, &axis, "CPU time per delivered event, logarithmic")?;
        canvas.text((WIDTH - 20.0, 56.0), "× baseline", LABEL.quiet().anchored(HPos::Right))?;
        for (lane, order) in orders.iter().enumerate() {
            let (look, y) = (stage.look(*order), lanes.y(lane));
            let Some(figures) = figures(*order) else {
                lanes.nothing(canvas, lane)?;
                continue;
            };
            if let Some(cpu) = figures.cpu {
                lanes::whisker(canvas, &axis, y, cpu, (look.marker, look.ink, Body::Filled))?;
            }
            canvas.text((WIDTH - 20.0, y), &multiple(figures), LABEL.anchored(HPos::Right))?;
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Further left is cheaper; the axis is logarithmic, lines are 95 % intervals between trials, and the \
    right column is the multiple of the floor, paired by repetition. Compare only within this scenario: waking an idle \
    core costs more than sending.";

fn multiple(figures: &Figures) -> String {
    numbers::optional(figures.cpu_to_baseline, numbers::estimate)
}

fn describe(stage: &Stage<'_>) -> String {
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let figures = row.figures.as_ref()?;
        let (label, cpu) = (stage.label(row.technique), numbers::time_estimate(figures.cpu?));
        Some(format!("{label}: {cpu}, {} times the floor.", multiple(figures)))
    });
    lines.collect::<Vec<_>>().join(" ")
}
