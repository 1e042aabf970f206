//! The iso-latency frontier: what an event costs over the latency that it buys, a panel for each event rate, a line for
//! each technique.

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::lanes::{self, Entry, WIDTH, heading};
use super::legend::{self, EndLabel};
use super::{Picture, RING, Stage, palette};
use crate::numbers;
use crate::statistics::{Line, Panel, Point, Price, Unit};

const HEAD: f64 = 118.0;
const HEIGHT: f64 = 270.0;
/// From a plot to the next: tick labels, the axis' name, the next one's name.
const FOOT: f64 = 76.0;
const LEFT: f64 = 92.0;
/// How thick the line is under the points that nothing beats.
const BAND: f64 = 13.0;

/// What an event takes of the server.
pub(super) fn cpu(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let words = Words {
        title: "Server CPU per event at the latency you need",
        y_name: "server CPU per delivered event",
        price: Price::Cpu,
        unit: Unit::Nanoseconds,
    };
    words.draw(stage)
}

/// What an event takes of the network.
pub(super) fn bytes(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let words = Words {
        title: "Bytes per event at the latency you need",
        y_name: "wire bytes per delivered event",
        price: Price::Wire,
        unit: Unit::Bytes,
    };
    words.draw(stage)
}

/// One of both pictures.
struct Words {
    title: &'static str,
    y_name: &'static str,
    price: Price,
    unit: Unit,
}

const CAPTION: &str = "Further left is quicker, further down is cheaper, both axes are logarithmic: the lower left corner is best. Each line is a \
    technique; along it, to the right, it waits longer to send or to ask, and so saves work. Read up from the latency that you need to the lowest \
    line. The grey band joins the filled points: nothing measured is both quicker and cheaper than these (Pareto), by the means: \
    where intervals overlap, neighbours may change places. Dashes go on \
    level behind a line's cheapest point, since a looser bound is kept as well. Upright bars are 95 % intervals between trials. The floor, \
    which no browser speaks, does not compete.";

const LIMITED: &str = " A ring around a point: the load generator was nearly out of its cores there.";

impl Words {
    fn draw(&self, stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
        let frontier = stage.analysis.frontiers.get(stage.answer.info.name.as_str());
        let Some(panels) =
            frontier.map(|frontier| frontier.panels(self.price)).filter(|panels| !panels.is_empty())
        else {
            return Ok(None);
        };
        let latencies = points(panels).map(|point| point.latency.value);
        let right = WIDTH - legend::margin(stage.labels());
        let x = Axis::logarithmic(latencies, Unit::Nanoseconds, (LEFT, right));
        let x_name = format!("{} delivery latency, logarithmic", stage.answer.tail().label());
        let (title, description) = (stage.titled(self.title), self.describe(stage, panels));
        let height = HEAD + panels.len() as f64 * (HEIGHT + FOOT) - 22.0;
        let svg = canvas::paint((WIDTH, height), &title, &description, |canvas| {
            heading(canvas, &title)?;
            legend_lines(canvas)?;
            for (place, panel) in panels.iter().enumerate() {
                let top = HEAD + place as f64 * (HEIGHT + FOOT);
                let y = Axis::logarithmic(costs(panel), self.unit, (top + HEIGHT, top));
                let frame = Frame { x: x.clone(), y, x_name: &x_name, y_name: self.y_name };
                draw(stage, canvas, &frame, panel)?;
            }
            Ok(())
        })?;
        let limited = points(panels).any(|point| is_limited(stage, point));
        let caption = format!("{CAPTION}{}", if limited { LIMITED } else { "" });
        Ok(Some(Picture { title, description, caption, svg }))
    }

    fn describe(&self, stage: &Stage<'_>, panels: &[Panel]) -> String {
        let tail = stage.answer.tail().label();
        let cost = |value: f64| match self.unit {
            Unit::Bytes => format!("{} B", numbers::significant(value)),
            _ => numbers::time(value),
        };
        let pairs = panels.iter().flat_map(|panel| panel.lines.iter().map(move |line| (panel, line)));
        let lines = pairs.map(|(panel, line)| {
            let points = line.points.iter().map(|point| {
                format!("{} at {tail} {}", cost(point.cost.value), numbers::time(point.latency.value))
            });
            let points: Vec<String> = points.collect();
            let rate = if panel.name.is_empty() { String::new() } else { format!("{}, ", panel.name) };
            format!("{rate}{}: {}.", stage.label(line.technique), points.join(", "))
        });
        lines.collect::<Vec<_>>().join(" ")
    }
}

fn points(panels: &[Panel]) -> impl Iterator<Item = &Point> {
    panels.iter().flat_map(|panel| panel.lines.iter().flat_map(|line| &line.points))
}

fn costs(panel: &Panel) -> impl Iterator<Item = f64> {
    panel.lines.iter().flat_map(|line| line.points.iter().flat_map(|point| super::extent(point.cost)))
}

fn is_limited(stage: &Stage<'_>, point: &Point) -> bool {
    super::is_limited(&stage.answer.rows[point.row])
}

fn legend_lines(canvas: &Canvas<'_>) -> Result<(), DrawError> {
    let marker = palette::look(0, false).marker;
    let entry = |body, text| Entry { marker, body, ink: palette::TEXT, text };
    let entries = [
        entry(Body::Filled, "nothing is both quicker and cheaper"),
        entry(Body::Hollow, "something is; or the floor"),
    ];
    lanes::legend_line(canvas, &entries)?;
    canvas.text((16.0, 74.0), "\u{2199} Left is quicker, down is cheaper.", LABEL.quiet())
}

fn draw(stage: &Stage<'_>, canvas: &Canvas<'_>, frame: &Frame<'_>, panel: &Panel) -> Result<(), DrawError> {
    let ((left, right), (bottom, top)) = (frame.x.pixels(), frame.y.pixels());
    frame.draw(canvas)?;
    if !panel.name.is_empty() {
        let name = format!("{} to each subscriber", panel.name);
        canvas.text((left, top - 13.0), &name, LABEL.sized(13.0).bold())?;
    }
    band(canvas, frame, panel)?;
    // The floor lies behind the others: it is what they are compared with.
    let (floor, others): (Vec<&Line>, Vec<&Line>) = panel.lines.iter().partition(|line| line.is_baseline);
    let labels = floor.into_iter().chain(others).map(|line| self::line(stage, canvas, frame, line));
    let labels = labels.collect::<Result<Vec<_>, _>>()?;
    legend::draw(canvas, &labels, right, (top + 4.0, bottom))
}

/// Under all points that nothing beats.
fn band(canvas: &Canvas<'_>, frame: &Frame<'_>, panel: &Panel) -> Result<(), DrawError> {
    let best = panel.lines.iter().flat_map(|line| &line.points).filter(|point| point.is_best);
    let mut best: Vec<At> = best.map(|point| at(frame, point)).collect();
    best.sort_by(|a, b| a.0.total_cmp(&b.0));
    canvas.line(&best, palette::GRID, BAND)
}

fn line<'s>(
    stage: &'s Stage<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    line: &Line,
) -> Result<EndLabel<'s>, DrawError> {
    let look = stage.look(line.technique);
    let places: Vec<At> = line.points.iter().map(|point| at(frame, point)).collect();
    let right = frame.x.pixels().1;
    let last = places.last().copied().unwrap_or((right, frame.y.pixels().0));
    let end = line.end().map_or(last, |(latency, cost)| frame.at(latency, cost));
    canvas.dashed(end, (right, end.1), look.ink, 0.9)?;
    canvas.line(&places, look.ink, 2.0)?;
    for (point, place) in line.points.iter().zip(places) {
        if let Some(interval) = point.cost.interval {
            let ends = [interval.low, interval.high].map(|cost| frame.at(point.latency.value, cost));
            canvas.line(&ends, look.ink, 1.4)?;
        }
        let body = if point.is_best { Body::Filled } else { Body::Hollow };
        canvas.marker(place, look.marker, 4.5, look.ink, body)?;
        if is_limited(stage, point) {
            canvas.ring(place, RING, look.ink)?;
        }
    }
    Ok(EndLabel { end: (right, end.1), look, text: stage.label(line.technique) })
}

fn at(frame: &Frame<'_>, point: &Point) -> At {
    frame.at(point.latency.value, point.cost.value)
}
