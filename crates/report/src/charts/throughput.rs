//! Offered against delivered rate, and p99 over the same axis.

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::lanes::{WIDTH, heading};
use super::legend;
use super::{Picture, Stage, palette};
use crate::numbers;
use crate::statistics::{Figures, Quantile, Row, Unit};

const HEIGHT: f64 = 640.0;
const UPPER: (f64, f64) = (300.0, 48.0);
const LOWER: (f64, f64) = (584.0, 344.0);

/// Wide enough to be told from every marker.
const RING: f64 = 8.0;

/// Of one technique: offered deliveries/s, and the row's figures.
type Sweep<'a> = Vec<(f64, &'a Figures)>;

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let orders = stage.answer.contestants();
    let sweeps: Vec<(usize, Sweep<'_>)> = orders.iter().map(|order| (*order, sweep(stage, *order))).collect();
    let all = || sweeps.iter().flat_map(|(_, sweep)| sweep.iter());
    if all().next().is_none() {
        return Ok(None);
    }
    let pixels = (84.0, WIDTH - legend::margin(stage.labels()));
    let offered = Axis::logarithmic(all().map(|(offered, _)| *offered), Unit::PerSecond, pixels);
    let delivered = all().filter_map(|(_, figures)| Some(figures.delivered_per_s?.value));
    let p99 = all().filter_map(|(_, figures)| Some(figures.delivery_at(Quantile::P99).estimate()?.value));
    let upper = Frame {
        x: offered.clone(),
        y: Axis::logarithmic(delivered, Unit::PerSecond, UPPER),
        x_name: "",
        y_name: "delivered",
    };
    let lower = Frame {
        x: offered,
        y: Axis::logarithmic(p99.chain(bound(stage)), Unit::Nanoseconds, LOWER),
        x_name: "offered deliveries per second, logarithmic",
        y_name: "p99 delivery latency",
    };
    let (title, description) = (stage.titled("Offered against delivered rate"), describe(stage, &sweeps));
    let svg = canvas::paint((WIDTH, HEIGHT), &title, &description, |canvas| {
        heading(canvas, &title)?;
        upper.draw(canvas)?;
        lower.draw(canvas)?;
        ideal(canvas, &upper)?;
        bound_line(stage, canvas, &lower, pixels)?;
        lines(stage, canvas, &upper, &sweeps, UPPER.1, |figures| Some(figures.delivered_per_s?.value))?;
        lines(stage, canvas, &lower, &sweeps, LOWER.1, |figures| {
            Some(figures.delivery_at(Quantile::P99).estimate()?.value)
        })
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Above, a technique keeps up as long as it lies on the dashed line; below, p99 at the same offered rate, \
    with the scenario's bound dashed. A hollow marker is a point at which events went missing; \
    where more than one in a hundred did, there is no p99 and its line ends. A ring around a marker is a point at which the \
    load generator was nearly out of its cores: the technique may come further than it shows.";

fn sweep<'a>(stage: &Stage<'a>, order: usize) -> Sweep<'a> {
    let point = |row: &'a Row<'a>| row.figures.as_ref().map(|figures| (figures.offered_per_s, figures));
    stage.answer.rows_of(order).filter_map(point).filter(|(offered, _)| *offered > 0.0).collect()
}

fn bound(stage: &Stage<'_>) -> Option<f64> {
    let bound = stage.answer.rows.iter().find_map(|row| row.settings.bound.as_ref())?;
    Some(bound.p99_ns as f64)
}

/// Where everything offered is delivered.
fn ideal(canvas: &Canvas<'_>, frame: &Frame<'_>) -> Result<(), DrawError> {
    let ((x_low, x_high), (y_low, y_high)) = (frame.x.ends(), frame.y.ends());
    let (low, high) = (x_low.max(y_low), x_high.min(y_high));
    if low >= high {
        return Ok(());
    }
    canvas.dashed(frame.at(low, low), frame.at(high, high), palette::QUIET, 1.2)
}

fn bound_line(
    stage: &Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    (left, right): (f64, f64),
) -> Result<(), DrawError> {
    let Some(bound) = bound(stage) else { return Ok(()) };
    let y = frame.y.at(bound);
    canvas.dashed((left, y), (right, y), palette::QUIET, 1.2)?;
    let label = format!("bound {}", numbers::duration(bound));
    canvas.text((left + 8.0, y - 9.0), &label, LABEL.quiet())
}

fn lines(
    stage: &Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    sweeps: &[(usize, Sweep<'_>)],
    top: f64,
    value: impl Fn(&Figures) -> Option<f64>,
) -> Result<(), DrawError> {
    for (order, sweep) in sweeps {
        let look = stage.look(*order);
        let points: Vec<(At, &Figures)> = sweep
            .iter()
            .filter_map(|(offered, figures)| Some((frame.at(*offered, value(figures)?), *figures)))
            .collect();
        canvas.line(&points.iter().map(|(at, _)| *at).collect::<Vec<_>>(), look.ink, 2.0)?;
        for (at, figures) in &points {
            canvas.marker(*at, look.marker, 4.0, look.ink, body(figures))?;
            if figures.load_limited > 0 {
                canvas.ring(*at, RING, look.ink)?;
            }
        }
    }
    let names = sweeps.iter().map(|(order, _)| (stage.look(*order), stage.label(*order)));
    legend::list(canvas, names, WIDTH - legend::margin(stage.labels()), top)
}

fn body(figures: &Figures) -> Body {
    if figures.counts.missing == 0 { Body::Filled } else { Body::Hollow }
}

fn describe(stage: &Stage<'_>, sweeps: &[(usize, Sweep<'_>)]) -> String {
    let lines = sweeps.iter().filter_map(|(order, sweep)| {
        let (offered, figures) = sweep.last()?;
        let delivered = numbers::optional(figures.delivered_per_s, |rate| numbers::significant(rate.value));
        let (label, offered) = (stage.label(*order), numbers::significant(*offered));
        Some(format!("{label}: at {offered} offered per second, {delivered} delivered."))
    });
    lines.collect::<Vec<_>>().join(" ")
}
