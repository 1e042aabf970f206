//! Overload: what becomes of latency, delivery, batches and memory at shares of a technique's own capacity.

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Canvas, DrawError};
use super::lanes::{WIDTH, heading};
use super::legend::{self, EndLabel};
use super::palette::{self, Look};
use super::{Picture, RING, body, extent, is_limited, look_of};
use crate::numbers;
use crate::statistics::{Analysis, Estimate, Limits, Load, Overload, Quantile, Unit, batch};

const HEAD: f64 = 52.0;
const HEIGHT: f64 = 190.0;
const FOOT: f64 = 66.0;
const LEFT: f64 = 92.0;
const MIB: f64 = 1_048_576.0;

/// One plot of the four.
struct Plot {
    y_name: &'static str,
    unit: Unit,
    of: fn(&Load<'_>) -> Option<Estimate>,
}

/// One line of a plot.
struct Line<'s> {
    look: Look,
    name: String,
    overload: &'s Overload<'s>,
    is_baseline: bool,
}

const PLOTS: [Plot; 4] = [
    Plot { y_name: "p99 delivery latency", unit: Unit::Nanoseconds, of: p99 },
    Plot {
        y_name: "delivered ÷ offered, %",
        unit: Unit::None,
        of: |load| Some(load.kept_up()?.times(100.0)),
    },
    Plot {
        y_name: "events per response",
        unit: Unit::None,
        of: |load| load.row.mean(|_, outcome| batch(outcome)),
    },
    Plot { y_name: "server memory, MiB", unit: Unit::None, of: |load| Some(load.memory()?.times(1.0 / MIB)) },
];

fn p99(load: &Load<'_>) -> Option<Estimate> {
    load.row.figures.as_ref()?.delivery_at(Quantile::P99).estimate()
}

/// None where the loads lie at several points, which the table has.
pub(super) fn draw(analysis: &Analysis<'_>, limits: &Limits<'_>) -> Result<Option<Picture>, DrawError> {
    let overloads = limits.overloaded();
    let Some(first) = overloads.first() else { return Ok(None) };
    if overloads.iter().any(|overload| overload.whose.point != first.whose.point) {
        return Ok(None);
    }
    let title = format!("At and past each technique's own capacity: {}", limits.info.name);
    let description = describe(analysis, &overloads);
    let lines = lines(analysis, limits, &overloads);
    let right = WIDTH - legend::margin(lines.iter().map(|line| line.name.as_str()));
    let height = HEAD + PLOTS.len() as f64 * (HEIGHT + FOOT) - 12.0;
    let svg = canvas::paint((WIDTH, height), &title, &description, |canvas| {
        heading(canvas, &title)?;
        for (place, plot) in PLOTS.iter().enumerate() {
            let top = HEAD + place as f64 * (HEIGHT + FOOT);
            plot.draw(canvas, &lines, (right, top))?;
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "From left to right more is offered, as a share of what each technique could keep up with itself; the dashed line is all of that. \
    Who pushes each event on its own queues behind it; who asks, or sends together what has come, does the same work for more events; a frame holds one event by \
    definition. Upright bars are 95 % intervals between trials. \
    A hollow marker: events went missing; where more than one in a hundred did, there is no p99. A ring around a point: the load generator was nearly out \
    of its cores there, so that part of it is its own queue. **(≤)** behind a name: that capacity is a lower bound, so shares of the true one are no more than these.";

/// The floor lies behind the others: it is what they are compared with.
fn lines<'s>(analysis: &Analysis<'_>, limits: &Limits<'_>, overloads: &[&'s Overload<'s>]) -> Vec<Line<'s>> {
    let line = |overload: &&'s Overload<'s>| {
        let technique = analysis.technique(overload.whose.technique);
        let at_most = if limits.is_at_least(&overload.whose) { " (≤)" } else { "" };
        Line {
            look: look_of(analysis, overload.whose.technique),
            name: format!("{}{at_most}", technique.label),
            overload,
            is_baseline: technique.baseline,
        }
    };
    let mut lines: Vec<Line<'_>> = overloads.iter().map(line).collect();
    lines.sort_by_key(|line| !line.is_baseline);
    lines
}

impl Plot {
    fn draw(
        &self,
        canvas: &Canvas<'_>,
        lines: &[Line<'_>],
        (right, top): (f64, f64),
    ) -> Result<(), DrawError> {
        let loads = || lines.iter().flat_map(|line| &line.overload.loads);
        let values = loads().filter_map(self.of).flat_map(extent);
        let frame = Frame {
            x: shares(loads().map(|load| load.share), (LEFT, right)),
            y: Axis::logarithmic(values, self.unit, (top + HEIGHT, top)),
            x_name: "offered rate, share of the technique's own capacity",
            y_name: self.y_name,
        };
        frame.draw(canvas)?;
        let whole = frame.x.at(1.0);
        canvas.dashed((whole, top), (whole, top + HEIGHT), palette::QUIET, 1.2)?;
        let labels = lines.iter().map(|line| self.line(canvas, &frame, line));
        let labels: Vec<EndLabel<'_>> =
            labels.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        legend::draw(canvas, &labels, right, (top + 4.0, top + HEIGHT))
    }

    fn line<'s>(
        &self,
        canvas: &Canvas<'_>,
        frame: &Frame<'_>,
        line: &'s Line<'_>,
    ) -> Result<Option<EndLabel<'s>>, DrawError> {
        let look = line.look;
        let found = |load: &'s Load<'s>| Some((load, (self.of)(load)?));
        let found: Vec<(&Load<'_>, Estimate)> = line.overload.loads.iter().filter_map(found).collect();
        let place = |(load, value): &(&Load<'_>, Estimate)| frame.at(load.share, value.value);
        let places: Vec<At> = found.iter().map(place).collect();
        canvas.line(&places, look.ink, 2.0)?;
        for ((load, value), at) in found.iter().zip(&places) {
            if let Some(interval) = value.interval {
                let ends = [interval.low, interval.high].map(|end| frame.at(load.share, end));
                canvas.line(&ends, look.ink, 1.2)?;
            }
            canvas.marker(*at, look.marker, 4.0, look.ink, body(&load.row))?;
            if is_limited(&load.row) {
                canvas.ring(*at, RING, look.ink)?;
            }
        }
        Ok(places.last().map(|end| EndLabel { end: *end, look, text: &line.name }))
    }
}

/// Ticks at the shares that were run.
fn shares(values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Axis {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let ends = [values.first(), values.last()].map(|value| value.copied().unwrap_or(1.0));
    let ticks = values.iter().map(|value| (*value, format!("{} %", numbers::plain(value * 100.0))));
    Axis::with_ticks(ends[0] / 1.03, ends[1] * 1.03, ticks.collect(), pixels)
}

fn describe(analysis: &Analysis<'_>, overloads: &[&Overload<'_>]) -> String {
    let lines = overloads.iter().filter_map(|overload| {
        let last = overload.loads.last()?;
        let kept_up = numbers::optional(last.kept_up(), |share| numbers::significant(share.value * 100.0));
        Some(format!(
            "{}: at {} % of its capacity {kept_up} % delivered, p99 {}.",
            analysis.technique(overload.whose.technique).label,
            numbers::plain(last.share * 100.0),
            numbers::optional(p99(last), numbers::time_estimate),
        ))
    });
    lines.collect::<Vec<_>>().join(" ")
}
