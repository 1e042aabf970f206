//! Server CPU per event over a transport ÷ the same technique's over plain HTTP/1.1: a panel for each transport.

use model::settings::Transport;
use plotters::style::text_anchor::HPos;

use super::axis::{self, Axis};
use super::canvas::{self, Body, Canvas, DrawError, LABEL, text_width};
use super::lanes::{self, heading};
use super::{Picture, Stage, extent, palette};
use crate::numbers;
use crate::statistics::{Comparison, transport_name};

const WIDTH: f64 = 960.0;
const HEAD: f64 = 74.0;
const LANE: f64 = 26.0;
/// Under a row of panels: tick labels, the axis' name, the next row's names.
const FOOT: f64 = 70.0;
const MOST_ACROSS: usize = 4;
/// What is kept free at a panel's right for its numbers.
const NUMBER: f64 = 40.0;

/// Ratios that are worth a line, and the fewer for a wide axis.
const TICKS: [f64; 11] = [0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0];
const FEW_TICKS: [f64; 10] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
const WIDE: f64 = 5.0;

struct Sheet<'s> {
    stage: &'s Stage<'s>,
    comparisons: Vec<Comparison<'s>>,
    transports: Vec<&'s Transport>,
    orders: Vec<usize>,
}

pub(super) fn draw(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let mut comparisons = stage.answer.comparisons();
    // Of a ratio without an interval nobody can tell what chance made of it.
    comparisons.retain(|comparison| comparison.cpu.is_some_and(|cpu| cpu.interval.is_some()));
    let mut transports = stage.answer.transports();
    transports
        .retain(|transport| comparisons.iter().any(|found| found.row.settings.transport == **transport));
    let mut orders: Vec<usize> = comparisons.iter().map(|comparison| comparison.row.technique).collect();
    orders.sort_unstable();
    orders.dedup();
    let sheet = Sheet { stage, comparisons, transports, orders };
    if sheet.ratios().next().is_none() {
        return Ok(None);
    }
    let (title, description) = (stage.titled("Server CPU per event, × plain HTTP/1.1"), sheet.describe());
    let svg = canvas::paint((WIDTH, sheet.height()), &title, &description, |canvas| {
        heading(canvas, &title)?;
        (0..sheet.transports.len()).try_for_each(|place| sheet.panel(canvas, place))
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Each technique over this transport ÷ itself over plain HTTP/1.1, paired by repetition; lines are 95 % intervals \
    between trials. On the dashed line the transport costs nothing; an interval that holds it does not tell. The axis is \
    logarithmic, one scale for all panels.";

impl Sheet<'_> {
    fn ratios(&self) -> impl Iterator<Item = f64> {
        self.comparisons.iter().filter_map(|comparison| comparison.cpu).flat_map(extent)
    }

    /// A little more than all ratios and 1.
    fn axis(&self, pixels: (f64, f64)) -> Axis {
        const ROOM: f64 = 1.12;
        let low = self.ratios().fold(1.0, f64::min) / ROOM;
        let high = self.ratios().filter(|ratio| ratio.is_finite()).fold(1.0, f64::max) * ROOM;
        let ticks: &[f64] = if high / low < WIDE { &TICKS } else { &FEW_TICKS };
        let ticks = ticks.iter().copied().filter(|tick| (low..=high).contains(tick));
        Axis::with_ticks(low, high, ticks.map(|tick| (tick, numbers::plain(tick))).collect(), pixels)
    }

    fn panel(&self, canvas: &Canvas<'_>, place: usize) -> Result<(), DrawError> {
        let (column, row) = (place % self.across(), place / self.across());
        let left = self.left() + column as f64 * self.panel_width();
        let top = HEAD + row as f64 * self.panel_height();
        let bottom = top + self.orders.len() as f64 * LANE;
        let right = left + self.panel_width() - NUMBER - 14.0;
        let axis = self.axis((left, right));
        axis::vertical_grid(canvas, &axis, top, bottom)?;
        canvas.dashed((axis.at(1.0), top), (axis.at(1.0), bottom), palette::QUIET, 1.2)?;
        canvas.line(&[(left, bottom), (right, bottom)], palette::AXIS, 1.0)?;
        axis::horizontal_name(canvas, &axis, bottom, "× plain")?;
        let (middle, name) = ((left + right) / 2.0, transport_name(self.transports[place]));
        canvas.text((middle, top - 12.0), &name, LABEL.bold().anchored(HPos::Center))?;
        for (lane, order) in self.orders.iter().enumerate() {
            let y = top + (lane as f64 + 0.5) * LANE;
            if column == 0 {
                let label = self.stage.label(*order);
                canvas.text((left - 14.0, y), label, LABEL.anchored(HPos::Right))?;
            }
            self.dot(canvas, (place, *order), &axis, (right, y))?;
        }
        Ok(())
    }

    fn dot(
        &self,
        canvas: &Canvas<'_>,
        (place, order): (usize, usize),
        axis: &Axis,
        (right, y): (f64, f64),
    ) -> Result<(), DrawError> {
        let mut found = self.comparisons.iter().filter(|comparison| comparison.row.technique == order);
        let found = found.find(|comparison| comparison.row.settings.transport == *self.transports[place]);
        let Some(cpu) = found.and_then(|comparison| comparison.cpu) else { return Ok(()) };
        let look = self.stage.look(order);
        lanes::whisker(canvas, axis, y, cpu, (look.marker, look.ink, Body::Filled))?;
        let number = LABEL.anchored(HPos::Right);
        canvas.text((right + NUMBER, y), &numbers::significant(cpu.value), number)
    }

    fn across(&self) -> usize {
        self.transports.len().min(MOST_ACROSS)
    }

    fn left(&self) -> f64 {
        let labels = self.orders.iter().map(|order| self.stage.label(*order));
        labels.map(|label| text_width(label, LABEL.size)).fold(0.0, f64::max) + 30.0
    }

    fn panel_width(&self) -> f64 {
        (WIDTH - self.left() - 8.0) / self.across() as f64
    }

    fn panel_height(&self) -> f64 {
        self.orders.len() as f64 * LANE + FOOT
    }

    fn height(&self) -> f64 {
        HEAD + self.transports.len().div_ceil(self.across()) as f64 * self.panel_height() - 20.0
    }

    fn describe(&self) -> String {
        let lines = self.comparisons.iter().filter_map(|Comparison { row, cpu, .. }| {
            let (label, over) = (self.stage.label(row.technique), transport_name(&row.settings.transport));
            Some(format!("{label} over {over}: {} times.", numbers::estimate((*cpu)?)))
        });
        lines.collect::<Vec<_>>().join(" ")
    }
}
