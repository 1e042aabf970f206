//! Small multiples of byte bars: a panel for each combination of two slices of a scenario, a line for each technique.

use plotters::style::text_anchor::HPos;

use super::bars::{self, Ends, Panel};
use super::canvas::{self, Canvas, DrawError, LABEL, text_width};
use super::lanes::{NO_FIGURE, heading};
use super::layers::Scheme;
use super::{Picture, Stage};
use crate::statistics::{Figures, Row, Slice, Stack, transport_name};

const HEAD: f64 = 74.0;
/// A narrower panel has no room for bars between their numbers.
const LEAST_PANEL: f64 = 140.0;

/// What is drawn of a row.
pub(super) type Source = fn(&Figures) -> Option<&Stack>;

/// What theory says of a row whose technique has this slug, up and down; none where it is not sure.
pub(super) type Mark = fn(&Row<'_>, &str) -> Option<[f64; 2]>;

/// Which bars share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Those of a row of panels.
    Row,
    /// Those of a column of panels.
    Column,
}

/// How a picture is divided.
pub(super) struct Layout {
    pub columns: Vec<Slice>,
    pub rows: Vec<Slice>,
    pub scale: Scale,
    pub ends: Ends,
    pub width: f64,
    /// From one technique's bars to the next, and their thickness.
    pub pitch: f64,
    pub thickness: f64,
    /// Drawn over the bars.
    pub mark: Option<Mark>,
}

/// The words of a picture.
pub(super) struct Words {
    pub title: String,
    pub caption: String,
}

struct Grid<'s> {
    stage: &'s Stage<'s>,
    layout: Layout,
    source: Source,
    scheme: Scheme,
    orders: Vec<usize>,
}

/// Draws it; nothing when there are no bytes, or no room for them.
pub(super) fn draw(
    stage: &Stage<'_>,
    layout: Layout,
    source: Source,
    words: Words,
) -> Result<Option<Picture>, DrawError> {
    let stacks: Vec<&Stack> = stage.answer.rows.iter().filter_map(|row| stack(row, source)).collect();
    let (scheme, orders) = (Scheme::of(&stacks), stage.answer.contestants());
    let grid = Grid { stage, layout, source, scheme, orders };
    if grid.scheme.is_empty() || grid.panel_width() < LEAST_PANEL {
        return Ok(None);
    }
    let Words { title, caption } = words;
    let description = describe(stage, source);
    let (width, foot) = (grid.layout.width, grid.bottom() + 26.0);
    let size = (width, foot + 2.0 + grid.scheme.legend_height(width));
    let svg = canvas::paint(size, &title, &description, |canvas| {
        heading(canvas, &title)?;
        (0..grid.layout.rows.len()).try_for_each(|row| grid.row(canvas, row))?;
        grid.scheme.legend(canvas, (24.0, foot), width)
    })?;
    Ok(Some(Picture { title, description, caption, svg }))
}

fn stack<'r>(row: &'r Row<'_>, source: Source) -> Option<&'r Stack> {
    source(row.figures.as_ref()?)
}

impl Grid<'_> {
    fn row(&self, canvas: &Canvas<'_>, row: usize) -> Result<(), DrawError> {
        let top = HEAD + row as f64 * self.panel_height();
        canvas.text((16.0, top - 10.0), &self.layout.rows[row].name, LABEL.bold())?;
        for (line, order) in self.orders.iter().enumerate() {
            let label = self.stage.label(*order);
            canvas.text((self.left() - 10.0, self.middle(top, line)), label, LABEL.anchored(HPos::Right))?;
        }
        (0..self.layout.columns.len()).try_for_each(|column| self.panel(canvas, top, row, column))
    }

    fn panel(&self, canvas: &Canvas<'_>, top: f64, row: usize, column: usize) -> Result<(), DrawError> {
        let left = self.left() + column as f64 * self.panel_width();
        let (down, across) = (&self.layout.rows[row], &self.layout.columns[column]);
        let all = self.stage.answer.rows.iter();
        let shared = all.clone().filter(|cell| match self.layout.scale {
            Scale::Row => down.holds(cell),
            Scale::Column => across.holds(cell),
        });
        let shared: Vec<&Stack> = shared.filter_map(|cell| stack(cell, self.source)).collect();
        let panel = Panel::fitting(&shared, self.layout.ends, (left, left + self.panel_width() - 8.0));
        self.column_name(canvas, &panel, top, column)?;
        for cell in all.filter(|cell| down.holds(cell) && across.holds(cell)) {
            let line = self.orders.iter().position(|order| *order == cell.technique).unwrap_or(0);
            let middle = self.middle(top, line);
            match stack(cell, self.source) {
                Some(stack) => {
                    panel.bars(canvas, (stack, &self.scheme), middle, self.layout.thickness)?;
                    if let Some(bytes) = self.mark(cell) {
                        panel.marks(canvas, bytes, middle, self.layout.thickness)?;
                    }
                }
                None => canvas.text((panel.zero() + 5.0, middle), NO_FIGURE, LABEL.quiet())?,
            }
        }
        let bottom = self.middle(top, self.orders.len() - 1) + self.layout.pitch / 2.0;
        panel.zero_line(canvas, top, bottom)
    }

    fn mark(&self, cell: &Row<'_>) -> Option<[f64; 2]> {
        (self.layout.mark?)(cell, &self.stage.analysis.technique(cell.technique).slug)
    }

    fn column_name(
        &self,
        canvas: &Canvas<'_>,
        panel: &Panel,
        top: f64,
        column: usize,
    ) -> Result<(), DrawError> {
        let (y, name) = (top - 10.0, &self.layout.columns[column].name);
        if !name.is_empty() {
            let middle = self.left() + (column as f64 + 0.5) * self.panel_width();
            return canvas.text((middle, y), name, LABEL.bold().anchored(HPos::Center));
        }
        canvas.text((panel.zero() - 6.0, y), "← up", LABEL.quiet().anchored(HPos::Right))?;
        canvas.text((panel.zero() + 6.0, y), "down →", LABEL.quiet())
    }

    fn left(&self) -> f64 {
        self.stage.labels().iter().map(|label| text_width(label, LABEL.size)).fold(0.0, f64::max) + 26.0
    }

    fn panel_width(&self) -> f64 {
        (self.layout.width - self.left() - 8.0) / self.layout.columns.len() as f64
    }

    fn panel_height(&self) -> f64 {
        self.orders.len() as f64 * self.layout.pitch + 40.0
    }

    fn middle(&self, top: f64, line: usize) -> f64 {
        top + (line as f64 + 0.5) * self.layout.pitch
    }

    fn bottom(&self) -> f64 {
        HEAD + self.layout.rows.len() as f64 * self.panel_height() - 40.0
    }
}

fn describe(stage: &Stage<'_>, source: Source) -> String {
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let stack = stack(row, source)?;
        let at = at(stage, row);
        let (up, down) = (bars::number(stack, 0, Ends::Both), bars::number(stack, 1, Ends::Both));
        Some(format!("{}{at}: {up} up, {down} down.", stage.label(row.technique)))
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// The row's transport by its name, and its other values.
fn at(stage: &Stage<'_>, row: &Row<'_>) -> String {
    let transport =
        (!stage.answer.transport_keys().is_empty()).then(|| transport_name(&row.settings.transport));
    let others = stage.answer.other_keys();
    let others = others.iter().map(|key| row.point[*key].text.clone());
    let values: Vec<String> = transport.into_iter().chain(others).collect();
    if values.is_empty() { String::new() } else { format!(" at {}", values.join(", ")) }
}
