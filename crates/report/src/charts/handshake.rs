//! What it takes until a subscriber is connected: bytes by layer, and their share in an event's cost as events follow.

use super::axis::{Axis, Frame};
use super::bars::Ends;
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::grid::{self, Layout, Scale, Words};
use super::lanes::heading;
use super::legend;
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::{Row, Slice, Unit};
use plotters::style::text_anchor::HPos;

const WIDTH: f64 = 960.0;
/// Events that the set-up is spread over: four points a decade.
const STEPS: u32 = 16;
const DECADES: f64 = 4.0;

/// Set-up bytes: a panel for each transport.
pub(super) fn bytes(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let (columns, rows) = sides(stage);
    let layout = Layout {
        columns,
        rows,
        scale: Scale::Row,
        ends: Ends::Stream,
        width: WIDTH,
        pitch: 22.0,
        thickness: 13.0,
        mark: None,
    };
    let words = Words {
        title: stage.titled("Wire bytes until a subscriber is connected"),
        caption: "Left of zero: what a subscriber sent; right of zero: what it received until it had its first answer; \
            bytes for each subscriber, with the totals at the bars' ends. Bars in one row share a scale. TCP's own \
            handshake carries no bytes of the stream."
            .to_owned(),
    };
    grid::draw(stage, layout, |figures| Some(&figures.set_up.as_ref()?.stack), words)
}

/// The last transport key goes across, the others go down.
fn sides(stage: &Stage<'_>) -> (Vec<Slice>, Vec<Slice>) {
    let keys = stage.answer.transport_keys();
    let (last, others) =
        keys.split_last().map_or((None, [].as_slice()), |(last, others)| (Some(*last), others));
    (stage.answer.values_of(last), stage.answer.slices(others))
}

/// Where one of the small plots lies.
struct Plot {
    slice: Slice,
    x: (f64, f64),
    /// Bottom and top.
    y: (f64, f64),
    is_first: bool,
}

/// Bytes per event over the number of events, set-up included: a panel for each transport.
pub(super) fn amortised(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let bytes = stage.answer.rows.iter().flat_map(curve).map(|(_, bytes)| bytes);
    let bytes: Vec<f64> = bytes.collect();
    if bytes.is_empty() {
        return Ok(None);
    }
    let plots = plots(stage);
    let bottom = plots.iter().map(|plot| plot.y.0).fold(0.0, f64::max);
    let (title, description) = (stage.titled("Bytes per event, set-up included"), describe(stage));
    let svg = canvas::paint((WIDTH, bottom + 52.0), &title, &description, |canvas| {
        heading(canvas, &title)?;
        let orders = stage.answer.contestants().into_iter();
        let names = orders.map(|order| (stage.look(order), stage.label(order)));
        legend::along(canvas, names, (24.0, 50.0), WIDTH - 16.0)?;
        plots.iter().try_for_each(|plot| panel(stage, canvas, plot, &bytes))
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Across: how many events follow the set-up on one connection; up: wire bytes of both directions ÷ events, that is \
    set-up ÷ events + what an event costs in the same trials' steady state; both logarithmic, one scale for all panels. \
    Where a line runs level, the set-up no longer matters.";

fn plots(stage: &Stage<'_>) -> Vec<Plot> {
    const HEAD: f64 = 116.0;
    const HEIGHT: f64 = 210.0;
    const LEFT: f64 = 84.0;
    const FOOT: f64 = 76.0;
    let slices = stage.answer.slices(&stage.answer.transport_keys());
    let across = slices.len().clamp(1, 3);
    let wide = (WIDTH - LEFT + 10.0) / across as f64;
    let plot = |(place, slice)| {
        let (column, row) = (place % across, place / across);
        let left = LEFT + column as f64 * wide;
        let top = HEAD + row as f64 * (HEIGHT + FOOT);
        Plot { slice, x: (left, left + wide - 46.0), y: (top + HEIGHT, top), is_first: column == 0 }
    };
    slices.into_iter().enumerate().map(plot).collect()
}

fn panel(stage: &Stage<'_>, canvas: &Canvas<'_>, plot: &Plot, bytes: &[f64]) -> Result<(), DrawError> {
    let mut y = Axis::logarithmic(bytes.iter().copied(), Unit::Bytes, plot.y);
    if !plot.is_first {
        y.ticks.iter_mut().for_each(|(_, label)| label.clear());
    }
    let frame = Frame {
        x: Axis::exact([1.0, 10_f64.powf(DECADES)].into_iter(), Unit::None, plot.x),
        y,
        x_name: "events",
        y_name: if plot.is_first { "bytes per event" } else { "" },
    };
    frame.draw(canvas)?;
    let middle = (plot.x.0 + plot.x.1) / 2.0;
    canvas.text((middle, plot.y.1 - 12.0), &plot.slice.name, LABEL.bold().anchored(HPos::Center))?;
    for row in stage.answer.rows.iter().filter(|row| plot.slice.holds(row)) {
        let look = stage.look(row.technique);
        let points: Vec<At> = curve(row).into_iter().map(|(events, bytes)| frame.at(events, bytes)).collect();
        canvas.line(&points, look.ink, 1.8)?;
        for at in points.iter().step_by((STEPS / 4) as usize) {
            canvas.marker(*at, look.marker, 3.6, look.ink, Body::Filled)?;
        }
    }
    Ok(())
}

/// Events, and bytes for each.
fn curve(row: &Row<'_>) -> Vec<(f64, f64)> {
    let set_up = row.figures.as_ref().and_then(|figures| figures.set_up.as_ref());
    let steps = (0..=STEPS).map(|step| 10_f64.powf(DECADES * f64::from(step) / f64::from(STEPS)));
    steps.filter_map(|events| Some((events, set_up?.spread_over(events)?.value))).collect()
}

fn describe(stage: &Stage<'_>) -> String {
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let set_up = row.figures.as_ref()?.set_up.as_ref()?;
        let at = |events| Some(numbers::significant(set_up.spread_over(events)?.value));
        let (one, thousand) = (at(1.0)?, at(1_000.0)?);
        let transport = crate::statistics::transport_name(&row.settings.transport);
        let label = stage.label(row.technique);
        Some(format!("{label} over {transport}: {one} B after one event, {thousand} after 1000."))
    });
    lines.collect::<Vec<_>>().join(" ")
}
