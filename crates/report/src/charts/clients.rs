//! The tail of a broadcast as ever more clients hear it: a line for each technique, and the limit that was published.

use std::cmp::Ordering;

use model::publication::{Measure, Publication};

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Canvas, DrawError, LABEL};
use super::lanes::{WIDTH, heading};
use super::legend::{self, EndLabel};
use super::{Picture, RING, Stage, body, extent, is_limited, palette};
use crate::numbers;
use crate::statistics::{Estimate, Pool, Quantile, Row, ScenarioResult, Unit, connections};

const TOP: f64 = 60.0;
const BOTTOM: f64 = 420.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 92.0;

/// p95: one value in so many lies above it.
const ONE_IN: f64 = 20.0;

/// Whether the scenario's only sweep is one of clients, under whatever name.
pub(super) fn are_swept(answer: &ScenarioResult<'_>) -> bool {
    let mut counts: Vec<u32> = answer.rows.iter().map(|row| row.settings.subscribers.count).collect();
    counts.sort_unstable();
    counts.dedup();
    answer.info.sweeps.len() == 1 && counts.len() > 1
}

/// None where no sample bounds p95.
pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let points: Vec<Point<'_>> = stage.answer.rows.iter().filter_map(Point::of).collect();
    if points.is_empty() {
        return Ok(None);
    }
    let limits_ns = limits_ns(stage);
    let title = stage.titled("p95 of a broadcast by the number of clients");
    let description = describe(stage, &points);
    let right = WIDTH - legend::margin(stage.labels());
    let values = points.iter().flat_map(|point| extent(point.p95)).chain(limits_ns.iter().copied());
    let frame = Frame {
        x: Axis::exact(points.iter().map(|point| connections(point.row)), Unit::None, (LEFT, right)),
        y: Axis::logarithmic(values, Unit::Nanoseconds, (BOTTOM, TOP)),
        x_name: "clients that hear every event, logarithmic",
        y_name: "p95 delivery latency, logarithmic",
    };
    let svg = canvas::paint((WIDTH, HEIGHT), &title, &description, |canvas| {
        heading(canvas, &title)?;
        frame.draw(canvas)?;
        limits_ns.iter().try_for_each(|limit_ns| limit(canvas, &frame, *limit_ns))?;
        let labels = stage.answer.contestants().into_iter();
        let labels = labels.map(|order| line(stage, canvas, &frame, &points, order));
        let labels: Vec<EndLabel<'_>> =
            labels.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        legend::draw(canvas, &labels, right, (TOP + 4.0, BOTTOM))
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Further down is quicker, further right are more clients; both axes are logarithmic, upright bars are 95 % intervals between trials. The dashed \
    line is the limit of the published figure: what counts is where a line crosses it. A line that stays below it ends with the last step, not with the server. \
    A hollow marker: events went missing. A ring around a point: the load generator was nearly out of its cores there, so that part of it is its own queue.";

/// A step of a technique.
struct Point<'s> {
    row: &'s Row<'s>,
    p95: Estimate,
}

impl<'s> Point<'s> {
    /// None where its sample cannot bound p95, or where that lies among the missing.
    fn of(row: &'s Row<'s>) -> Option<Self> {
        let ended = row.trials.iter().filter_map(|trial| Some((trial, trial.record.result.outcome()?)));
        let samples: Vec<_> = ended
            .filter_map(|(trial, outcome)| Some((trial.samples.get("delivery")?, outcome.counts.lost)))
            .collect();
        let (pool, quantile) = (Pool::of(&samples), Quantile::one_in(ONE_IN));
        let is_bounded = quantile.is_bounded_by(pool.total(&vec![1; pool.trials()]));
        let at = |weights: &[u32]| pool.at(quantile, weights).map(|value| value as f64);
        let p95 = Estimate::pooled(pool.trials(), at).filter(|_| is_bounded)?;
        Some(Self { row, p95 })
    }
}

/// The limits that published figures of this scenario ask for, nanoseconds.
fn limits_ns(stage: &Stage<'_>) -> Vec<f64> {
    let publications = stage.analysis.run.manifest.publications.iter();
    let publications = publications.filter_map(|info| Publication::parse(&info.text, &info.id).ok());
    let own = publications.filter(|publication| publication.scenario == stage.answer.info.name);
    let rules = own.flat_map(|publication| publication.figures).filter_map(|figure| figure.measure);
    let mut limits: Vec<f64> = rules
        .filter_map(|rule| match rule {
            Measure::Steps { p95_ms, .. } => Some(p95_ms * 1e6),
            _ => None,
        })
        .collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup_by(|a, b| a.total_cmp(b) == Ordering::Equal);
    limits
}

fn limit(canvas: &Canvas<'_>, frame: &Frame<'_>, limit_ns: f64) -> Result<(), DrawError> {
    let ((left, right), y) = (frame.x.pixels(), frame.y.at(limit_ns));
    canvas.dashed((left, y), (right, y), palette::QUIET, 1.2)?;
    canvas.text((left + 8.0, y - 9.0), &numbers::duration(limit_ns), LABEL.quiet())
}

fn line<'s>(
    stage: &'s Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    points: &[Point<'_>],
    order: usize,
) -> Result<Option<EndLabel<'s>>, DrawError> {
    let look = stage.look(order);
    let mut own: Vec<&Point<'_>> = points.iter().filter(|point| point.row.technique == order).collect();
    own.sort_by(|a, b| connections(a.row).total_cmp(&connections(b.row)));
    let at = |point: &Point<'_>, value: f64| frame.at(connections(point.row), value);
    let places: Vec<At> = own.iter().map(|point| at(point, point.p95.value)).collect();
    canvas.line(&places, look.ink, 2.0)?;
    for (point, place) in own.iter().zip(&places) {
        if let Some(interval) = point.p95.interval {
            canvas.line(&[interval.low, interval.high].map(|end| at(point, end)), look.ink, 1.4)?;
        }
        canvas.marker(*place, look.marker, 4.5, look.ink, body(point.row))?;
        if is_limited(point.row) {
            canvas.ring(*place, RING, look.ink)?;
        }
    }
    Ok(places.last().map(|end| EndLabel { end: *end, look, text: stage.label(order) }))
}

fn describe(stage: &Stage<'_>, points: &[Point<'_>]) -> String {
    let lines = points.iter().map(|point| {
        format!(
            "{}, {} clients: p95 {}.",
            stage.label(point.row.technique),
            numbers::whole(point.row.settings.subscribers.count.into()),
            numbers::time_estimate(point.p95),
        )
    });
    lines.collect::<Vec<_>>().join(" ")
}
