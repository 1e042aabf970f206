//! Server CPU for each event, technique by technique: pushbench's own server, and under it those that others wrote.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{self, Body, DrawError, LABEL};
use super::lanes::{self, Entry, Lanes, WIDTH};
use super::{Picture, Stage, extent, look_of, palette};
use crate::numbers;
use crate::statistics::{Analysis, Estimate, Limits, Ratios, Row, TargetComparison, Unit};

const RIGHT: f64 = 170.0;

/// One server by one technique.
struct Lane<'s> {
    name: String,
    row: &'s Row<'s>,
    body: Body,
    /// Ours ÷ theirs, beside theirs.
    ratio: Option<Estimate>,
}

/// None when the scenario has a sweep: then a point is one of many, and the table has them.
pub(super) fn draw(stage: &Stage<'_>, contest: &TargetComparison<'_>) -> Result<Option<Picture>, DrawError> {
    if !stage.answer.is_single() {
        return Ok(None);
    }
    let title = stage.titled("Server CPU per delivered event, ours and theirs");
    picture(stage.analysis, title, &lanes(stage, contest))
}

/// The same at each server's own capacity; none where nobody else took part.
pub(super) fn at_saturation(
    analysis: &Analysis<'_>,
    limits: &Limits<'_>,
) -> Result<Option<Picture>, DrawError> {
    let title =
        format!("Server CPU per delivered event at saturation, ours and theirs: {}", limits.info.name);
    picture(analysis, title, &saturated(analysis, limits))
}

fn picture(analysis: &Analysis<'_>, title: String, lanes: &[Lane<'_>]) -> Result<Option<Picture>, DrawError> {
    let values: Vec<f64> = lanes.iter().filter_map(cpu).flat_map(extent).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let frame = Lanes::new(lanes.iter().map(|lane| lane.name.as_str()).collect(), RIGHT);
    let axis = Axis::logarithmic(values.into_iter(), Unit::Nanoseconds, frame.pixels());
    let description = describe(lanes);
    let svg = canvas::paint(frame.size(), &title, &description, |canvas| {
        frame.draw(canvas, &title, &axis, "CPU time per delivered event, logarithmic")?;
        let entry =
            |body, text| Entry { marker: palette::look(0, false).marker, body, ink: palette::TEXT, text };
        lanes::legend_line(canvas, &[entry(Body::Filled, "ours"), entry(Body::Hollow, "theirs")])?;
        canvas.text((WIDTH - 20.0, 56.0), "ours ÷ theirs", LABEL.quiet().anchored(HPos::Right))?;
        for (place, lane) in lanes.iter().enumerate() {
            let (look, y) = (look_of(analysis, lane.row.technique), frame.y(place));
            match cpu(lane) {
                Some(cpu) => lanes::whisker(canvas, &axis, y, cpu, (look.marker, look.ink, lane.body))?,
                None => frame.nothing(canvas, place)?,
            }
            let ratio = lane.ratio.map_or_else(String::new, numbers::estimate);
            canvas.text((WIDTH - 20.0, y), &ratio, LABEL.anchored(HPos::Right))?;
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Further left is cheaper; the axis is logarithmic, lines are 95 % intervals between trials. The right column is ours ÷ theirs, \
    paired by repetition: less than 1 says that ours takes less.";

fn lanes<'s>(stage: &'s Stage<'_>, contest: &'s TargetComparison<'_>) -> Vec<Lane<'s>> {
    let mut lanes: Vec<Lane<'s>> = Vec::new();
    for order in 0..stage.analysis.run.manifest.techniques.len() {
        let own = stage.answer.rows_of(order).next();
        let theirs = contest.theirs.iter().flat_map(|(target, answer)| {
            answer.rows_of(order).map(move |row| Lane {
                name: format!("{} of {}", stage.label(order), target.label),
                row,
                body: Body::Hollow,
                ratio: own.and_then(|own| Ratios::of(own, row).cpu),
            })
        });
        let theirs: Vec<Lane<'s>> = theirs.collect();
        if theirs.is_empty() {
            continue;
        }
        let own =
            own.map(|row| Lane { name: stage.label(order).to_owned(), row, body: Body::Filled, ratio: None });
        lanes.extend(own.into_iter().chain(theirs));
    }
    lanes
}

/// Ours, and under each those of others at the same point.
fn saturated<'s>(analysis: &'s Analysis<'_>, limits: &'s Limits<'_>) -> Vec<Lane<'s>> {
    let mut lanes = Vec::new();
    for own in limits.own() {
        let Some(row) = &own.row else { continue };
        let (label, way) = (&analysis.technique(own.whose.technique).label, limits.way(&own.whose));
        let name = if way.is_empty() { label.clone() } else { format!("{label}, {way}") };
        let theirs = limits.saturations.iter().filter_map(|other| {
            let target = other
                .whose
                .target
                .filter(|_| limits.ours(other).is_some_and(|ours| ours.whose == own.whose))?;
            Some((target, other.row.as_ref()?))
        });
        let theirs: Vec<Lane<'s>> = theirs
            .map(|(target, theirs)| Lane {
                name: format!("{name} of {}", target.label),
                row: theirs,
                body: Body::Hollow,
                ratio: Ratios::of(row, theirs).cpu,
            })
            .collect();
        if !theirs.is_empty() {
            lanes.push(Lane { name, row, body: Body::Filled, ratio: None });
            lanes.extend(theirs);
        }
    }
    lanes
}

fn cpu(lane: &Lane<'_>) -> Option<Estimate> {
    lane.row.figures.as_ref()?.cpu
}

fn describe(lanes: &[Lane<'_>]) -> String {
    let lines = lanes.iter().filter_map(|lane| {
        let ratio = lane
            .ratio
            .map_or_else(String::new, |ratio| format!(", ours ÷ theirs {}", numbers::estimate(ratio)));
        Some(format!("{}: {}{ratio}.", lane.name, numbers::time_estimate(cpu(lane)?)))
    });
    lines.collect::<Vec<_>>().join(" ")
}
