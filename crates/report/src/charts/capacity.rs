//! Capacity: how many deliveries a second each technique keeps up with, over fan-out and over payload.

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::lanes::{self, Entry, Lanes, WIDTH, heading};
use super::legend::{self, EndLabel};
use super::{Picture, extent, look_of, palette};
use crate::numbers;
use crate::statistics::{Analysis, Estimate, Limits, Saturation, Unit};

const HEAD: f64 = 104.0;
const HEIGHT: f64 = 270.0;
const FOOT: f64 = 76.0;
const LEFT: f64 = 92.0;
/// Right of the lanes: the figure.
const RIGHT: f64 = 150.0;

/// What a technique can carry somewhere.
#[derive(Clone, Copy)]
struct Found {
    technique: usize,
    subscribers: u32,
    payload_bytes: u32,
    terms: Terms,
    capacity: Estimate,
    /// Whether it may come further than this.
    is_at_least: bool,
}

/// What capacities must have in common to be compared.
#[derive(Clone, Copy, PartialEq)]
struct Terms {
    /// How many processes shared each of the server's cores, itself among them.
    to_a_core: u32,
    /// The p99 that was allowed, in ns.
    p99_ns: u64,
}

/// None where others took part: theirs stand beside ours elsewhere.
pub(super) fn draw(analysis: &Analysis<'_>, limits: &Limits<'_>) -> Result<Option<Picture>, DrawError> {
    if limits.is_contest() {
        return Ok(None);
    }
    let found: Vec<Found> = limits.own().filter_map(|saturation| Found::of(analysis, saturation)).collect();
    let plots: Vec<Plot> =
        [Plot::over_subscribers(&found), Plot::over_payload(&found)].into_iter().flatten().collect();
    let shapes = distinct(found.iter().map(|found| (found.subscribers, found.payload_bytes)));
    let title = format!("Deliveries per second that each technique keeps up with: {}", limits.info.name);
    let description = describe(analysis, &found);
    let svg = match (found.is_empty(), plots.is_empty(), shapes.len()) {
        (true, ..) => return Ok(None),
        (_, false, _) => over(analysis, &plots, &title, &description)?,
        (_, true, 1) => by_technique(analysis, &found, &title, &description)?,
        _ => return Ok(None),
    };
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Higher rates are better; the axis is logarithmic, bars are 95 % intervals between the searches of several repetitions. \
    A hollow marker: the server was not the bottleneck, so its capacity may be higher. Where the server's share of its core or the bound of p99 differs, \
    it is said below the axis, and no line joins what does not compare.";

impl Found {
    fn of(analysis: &Analysis<'_>, saturation: &Saturation<'_>) -> Option<Self> {
        let settings = saturation.settings;
        Some(Self {
            technique: saturation.whose.technique,
            subscribers: settings.subscribers.count,
            payload_bytes: settings.events.payload_bytes,
            terms: Terms {
                to_a_core: analysis.to_a_core(settings),
                p99_ns: settings.bound.as_ref().map_or(0, |bound| bound.p99_ns),
            },
            capacity: saturation.capacities()?.mean()?,
            is_at_least: saturation.is_at_least(),
        })
    }

    fn body(&self) -> Body {
        if self.is_at_least { Body::Hollow } else { Body::Filled }
    }
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// Capacities along one of fan-out and payload, at equal values of the other.
struct Plot {
    name: String,
    x_name: &'static str,
    unit: Unit,
    x: fn(&Found) -> u32,
    found: Vec<Found>,
}

impl Plot {
    fn over_subscribers(found: &[Found]) -> Option<Self> {
        let (payload, found) = longest(found, |found| found.payload_bytes, |found| found.subscribers)?;
        Some(Self {
            name: format!("by fan-out, with a payload of {}", numbers::bytes(payload.into())),
            x_name: "subscribers that get each event, logarithmic",
            unit: Unit::None,
            x: |found| found.subscribers,
            found,
        })
    }

    fn over_payload(found: &[Found]) -> Option<Self> {
        let (subscribers, found) = longest(found, |found| found.subscribers, |found| found.payload_bytes)?;
        Some(Self {
            name: format!("by payload, to {} subscribers", numbers::whole(subscribers.into())),
            x_name: "payload of an event, logarithmic",
            unit: Unit::Bytes,
            x: |found| found.payload_bytes,
            found,
        })
    }

    /// Ticks at the values that were run, with the terms where they differ.
    fn axis(&self, pixels: (f64, f64)) -> Axis {
        let values = distinct(self.found.iter().map(self.x));
        let show =
            |value: f64| if self.unit == Unit::Bytes { numbers::bytes(value) } else { numbers::plain(value) };
        let label = |value: u32| format!("{}{}", show(f64::from(value)), self.terms_at(value));
        let ticks = values.iter().map(|value| (f64::from(*value), label(*value)));
        let ends = [values.first(), values.last()].map(|value| value.copied().map_or(1.0, f64::from));
        Axis::with_ticks(ends[0] / 1.15, ends[1] * 1.15, ticks.collect(), pixels)
    }

    /// What is not the same everywhere, of the points at this value.
    fn terms_at(&self, value: u32) -> String {
        let differ =
            |of: fn(&Terms) -> u64| distinct(self.found.iter().map(|found| of(&found.terms))).len() > 1;
        let Some(at) = self.found.iter().find(|found| (self.x)(found) == value) else { return String::new() };
        let mut text = String::new();
        if differ(|terms| terms.to_a_core.into()) {
            text += &match at.terms.to_a_core {
                1 => ", a whole core".to_owned(),
                sharing => format!(", 1/{sharing} core"),
            };
        }
        if differ(|terms| terms.p99_ns) {
            text += &format!(", {}", numbers::duration(at.terms.p99_ns as f64));
        }
        text
    }
}

/// The value that is fixed where most of the other were run; none where those are fewer than two.
fn longest(
    found: &[Found],
    fixed: fn(&Found) -> u32,
    varied: fn(&Found) -> u32,
) -> Option<(u32, Vec<Found>)> {
    let of = |value: u32| found.iter().filter(move |found| fixed(found) == value);
    let many = |value: &u32| distinct(of(*value).map(varied)).len();
    let value = distinct(found.iter().map(fixed)).into_iter().max_by_key(many)?;
    (many(&value) > 1).then(|| (value, of(value).copied().collect()))
}

fn over(
    analysis: &Analysis<'_>,
    plots: &[Plot],
    title: &str,
    description: &str,
) -> Result<String, DrawError> {
    let orders = distinct(plots.iter().flat_map(|plot| plot.found.iter().map(|found| found.technique)));
    let labels = orders.iter().map(|order| analysis.technique(*order).label.as_str());
    let right = WIDTH - legend::margin(labels);
    let height = HEAD + plots.len() as f64 * (HEIGHT + FOOT) - 22.0;
    canvas::paint((WIDTH, height), title, description, |canvas| {
        heading(canvas, title)?;
        note(canvas)?;
        for (place, plot) in plots.iter().enumerate() {
            let top = HEAD + place as f64 * (HEIGHT + FOOT);
            let values = plot.found.iter().flat_map(|found| extent(found.capacity));
            let frame = Frame {
                x: plot.axis((LEFT, right)),
                y: Axis::logarithmic(values, Unit::PerSecond, (top + HEIGHT, top)),
                x_name: plot.x_name,
                y_name: "deliveries per second",
            };
            frame.draw(canvas)?;
            canvas.text((LEFT, top - 13.0), &plot.name, LABEL.sized(13.0).bold())?;
            let lines = orders.iter().map(|order| line(analysis, canvas, &frame, plot, *order));
            let labels: Vec<EndLabel<'_>> =
                lines.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            legend::draw(canvas, &labels, right, (top + 4.0, top + HEIGHT))?;
        }
        Ok(())
    })
}

fn note(canvas: &Canvas<'_>) -> Result<(), DrawError> {
    let marker = palette::look(0, false).marker;
    let entry = |body, text| Entry { marker, body, ink: palette::TEXT, text };
    lanes::legend_line(
        canvas,
        &[
            entry(Body::Filled, "the server was the bottleneck"),
            entry(Body::Hollow, "at least: something else did"),
        ],
    )
}

fn line<'s>(
    analysis: &'s Analysis<'_>,
    canvas: &Canvas<'_>,
    frame: &Frame<'_>,
    plot: &Plot,
    order: usize,
) -> Result<Option<EndLabel<'s>>, DrawError> {
    let look = look_of(analysis, order);
    let mut found: Vec<&Found> = plot.found.iter().filter(|found| found.technique == order).collect();
    found.sort_by_key(|found| (plot.x)(found));
    let x = |found: &Found| f64::from((plot.x)(found));
    let places: Vec<At> = found.iter().map(|found| frame.at(x(found), found.capacity.value)).collect();
    for pair in found.windows(2).zip(places.windows(2)) {
        if let ([before, behind], ends) = pair
            && before.terms == behind.terms
        {
            canvas.line(ends, look.ink, 2.0)?;
        }
    }
    for (found, place) in found.iter().zip(&places) {
        if let Some(interval) = found.capacity.interval {
            let ends = [interval.low, interval.high].map(|end| frame.at(x(found), end));
            canvas.line(&ends, look.ink, 1.4)?;
        }
        canvas.marker(*place, look.marker, 4.5, look.ink, found.body())?;
    }
    let text = analysis.technique(order).label.as_str();
    Ok(places.last().map(|end| EndLabel { end: *end, look, text }))
}

/// A lane for each technique where there is one fan-out and one payload.
fn by_technique(
    analysis: &Analysis<'_>,
    found: &[Found],
    title: &str,
    description: &str,
) -> Result<String, DrawError> {
    let labels = found.iter().map(|found| analysis.technique(found.technique).label.as_str());
    let frame = Lanes::new(labels.collect(), RIGHT);
    let values = found.iter().flat_map(|found| extent(found.capacity));
    let axis = Axis::logarithmic(values, Unit::PerSecond, frame.pixels());
    canvas::paint(frame.size(), title, description, |canvas| {
        frame.draw(canvas, title, &axis, "deliveries per second, logarithmic")?;
        note(canvas)?;
        for (place, found) in found.iter().enumerate() {
            let (look, y) = (look_of(analysis, found.technique), frame.y(place));
            lanes::whisker(canvas, &axis, y, found.capacity, (look.marker, look.ink, found.body()))?;
            canvas.text((WIDTH - RIGHT + 16.0, y), &words(found), LABEL)?;
        }
        Ok(())
    })
}

fn words(found: &Found) -> String {
    let at_least = if found.is_at_least { "≥ " } else { "" };
    format!("{at_least}{}/s", numbers::significant(found.capacity.value))
}

fn describe(analysis: &Analysis<'_>, found: &[Found]) -> String {
    let lines = found.iter().map(|found| {
        format!(
            "{}, {} subscribers, {}: {}.",
            analysis.technique(found.technique).label,
            numbers::whole(found.subscribers.into()),
            numbers::bytes(found.payload_bytes.into()),
            words(found),
        )
    });
    lines.collect::<Vec<_>>().join(" ")
}
