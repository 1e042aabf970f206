//! Overload: what becomes of latency, delivery, batches and memory at shares of a technique's own capacity.

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError};
use super::lanes::{WIDTH, heading};
use super::legend::{self, EndLabel};
use super::{Picture, look_of, palette};
use crate::numbers;
use crate::statistics::{Limits, Load, Overload, Quantile, Study, Unit, batch};

const HEAD: f64 = 52.0;
const HEIGHT: f64 = 190.0;
const FOOT: f64 = 66.0;
const LEFT: f64 = 92.0;
const MIB: f64 = 1_048_576.0;

/// One plot of the four.
struct Plot {
    y_name: &'static str,
    unit: Unit,
    of: fn(&Load<'_>) -> Option<f64>,
}

const PLOTS: [Plot; 4] = [
    Plot { y_name: "p99 delivery latency", unit: Unit::Nanoseconds, of: p99 },
    Plot {
        y_name: "delivered ÷ offered, %",
        unit: Unit::None,
        of: |load| Some(load.kept_up()?.value * 100.0),
    },
    Plot {
        y_name: "events per response",
        unit: Unit::None,
        of: |load| Some(load.row.mean(|_, outcome| batch(outcome))?.value),
    },
    Plot { y_name: "server memory, MiB", unit: Unit::None, of: |load| Some(load.memory()?.value / MIB) },
];

fn p99(load: &Load<'_>) -> Option<f64> {
    Some(load.row.figures.as_ref()?.delivery_at(Quantile::P99).estimate()?.value)
}

/// None where the loads lie at several points, which the table has.
pub(super) fn draw(study: &Study<'_>, limits: &Limits<'_>) -> Result<Option<Picture>, DrawError> {
    let overloads = limits.overloaded();
    let Some(first) = overloads.first() else { return Ok(None) };
    if overloads.iter().any(|overload| overload.whose.point != first.whose.point) {
        return Ok(None);
    }
    let title = format!("At and past each technique's own capacity: {}", limits.info.name);
    let description = describe(study, &overloads);
    let labels = overloads.iter().map(|overload| study.technique(overload.whose.technique).label.as_str());
    let right = WIDTH - legend::margin(labels);
    let height = HEAD + PLOTS.len() as f64 * (HEIGHT + FOOT) - 12.0;
    let svg = canvas::paint((WIDTH, height), &title, &description, |canvas| {
        heading(canvas, &title)?;
        for (place, plot) in PLOTS.iter().enumerate() {
            let top = HEAD + place as f64 * (HEIGHT + FOOT);
            plot.draw(study, canvas, &overloads, (right, top))?;
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "From left to right more is offered, as a share of what each technique could keep up with itself; the dashed line is all of that. \
    Who pushes each event on its own queues behind it; who asks, or sends together what has come, does the same work for more events. \
    A hollow marker: events went missing; where more than one in a hundred did, there is no p99.";

impl Plot {
    fn draw(
        &self,
        study: &Study<'_>,
        canvas: &Canvas<'_>,
        overloads: &[&Overload<'_>],
        (right, top): (f64, f64),
    ) -> Result<(), DrawError> {
        let loads = || overloads.iter().flat_map(|overload| &overload.loads);
        let frame = Frame {
            x: shares(loads().map(|load| load.share), (LEFT, right)),
            y: Axis::logarithmic(loads().filter_map(self.of), self.unit, (top + HEIGHT, top)),
            x_name: "offered rate, share of the technique's own capacity",
            y_name: self.y_name,
        };
        frame.draw(canvas)?;
        let whole = frame.x.at(1.0);
        canvas.dashed((whole, top), (whole, top + HEIGHT), palette::QUIET, 1.2)?;
        // The floor lies behind the others: it is what they are compared with.
        let is_floor = |overload: &&&Overload<'_>| study.technique(overload.whose.technique).floor;
        let (floor, others): (Vec<&&Overload<'_>>, Vec<_>) = overloads.iter().partition(is_floor);
        let lines =
            floor.into_iter().chain(others).map(|overload| self.line(study, canvas, &frame, overload));
        let labels: Vec<EndLabel<'_>> = lines.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        legend::draw(canvas, &labels, right, (top + 4.0, top + HEIGHT))
    }

    fn line<'s>(
        &self,
        study: &'s Study<'_>,
        canvas: &Canvas<'_>,
        frame: &Frame<'_>,
        overload: &Overload<'_>,
    ) -> Result<Option<EndLabel<'s>>, DrawError> {
        let order = overload.whose.technique;
        let look = look_of(study, order);
        let place = |load: &Load<'_>| Some(frame.at(load.share, (self.of)(load)?));
        let points: Vec<(At, Body)> =
            overload.loads.iter().filter_map(|load| Some((place(load)?, body(load)))).collect();
        canvas.line(&points.iter().map(|(at, _)| *at).collect::<Vec<_>>(), look.ink, 2.0)?;
        for (at, body) in &points {
            canvas.marker(*at, look.marker, 4.0, look.ink, *body)?;
        }
        let text = study.technique(order).label.as_str();
        Ok(points.last().map(|(end, _)| EndLabel { end: *end, look, text }))
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

fn body(load: &Load<'_>) -> Body {
    let is_whole = load.row.figures.as_ref().is_some_and(|figures| figures.counts.missing == 0);
    if is_whole { Body::Filled } else { Body::Hollow }
}

fn describe(study: &Study<'_>, overloads: &[&Overload<'_>]) -> String {
    let lines = overloads.iter().filter_map(|overload| {
        let last = overload.loads.last()?;
        let kept_up = numbers::optional(last.kept_up(), |share| numbers::significant(share.value * 100.0));
        Some(format!(
            "{}: at {} % of its capacity {kept_up} % delivered, p99 {}.",
            study.technique(overload.whose.technique).label,
            numbers::plain(last.share * 100.0),
            numbers::optional(p99(last), numbers::time),
        ))
    });
    lines.collect::<Vec<_>>().join(" ")
}
