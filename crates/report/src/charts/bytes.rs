//! Bytes per delivered event by layer, up-stream and down-stream apart: by technique, and over a sweep's points.

use plotters::style::text_anchor::HPos;

use super::bars::{self, Panel};
use super::canvas::{self, Canvas, DrawError, LABEL, text_width};
use super::lanes::{NO_FIGURE, WIDTH, heading};
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::{Figures, Reach, Row};

const HEAD: f64 = 74.0;
/// Panels side by side need more than the usual width.
const WIDE: f64 = 960.0;

/// One row of bars for each technique.
pub(super) fn by_technique(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    Grid::of(stage, WIDTH, (26.0, 15.0)).draw()
}

/// One panel for each point of the sweep.
pub(super) fn by_point(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    Grid::of(stage, WIDE, (17.0, 11.0)).draw()
}

/// A narrower panel has no room for bars between their numbers.
const LEAST_PANEL: f64 = 140.0;

/// Panels: a column for each value of one swept key, a row for each value of the other.
struct Grid<'s> {
    stage: &'s Stage<'s>,
    /// Values of the key that goes across, and its place among the keys.
    columns: (Option<usize>, Vec<String>),
    rows: (Option<usize>, Vec<String>),
    orders: Vec<usize>,
    layers: Vec<(usize, &'static str)>,
    width: f64,
    pitch: f64,
    thickness: f64,
}

impl<'s> Grid<'s> {
    fn of(stage: &'s Stage<'s>, width: f64, (pitch, thickness): (f64, f64)) -> Self {
        let across = across(stage);
        let down = (0..stage.answer.info.sweeps.len()).find(|key| Some(*key) != across);
        Self {
            columns: (across, values(stage, across)),
            rows: (down, values(stage, down)),
            orders: stage.answer.contestants(),
            layers: bars::present(stage.answer.rows.iter().filter_map(|row| row.figures.as_ref())),
            stage,
            width,
            pitch,
            thickness,
        }
    }

    fn draw(&self) -> Result<Option<Picture>, DrawError> {
        if self.layers.is_empty() || self.panel_width() < LEAST_PANEL {
            return Ok(None);
        }
        let (title, description) =
            (self.stage.titled("Wire bytes per delivered event"), describe(self.stage));
        let size = (self.width, self.bottom() + 28.0 + bars::legend_height(&self.layers));
        let svg = canvas::paint(size, &title, &description, |canvas| {
            heading(canvas, &title)?;
            for row in 0..self.rows.1.len() {
                self.row(canvas, row)?;
            }
            bars::legend(canvas, &self.layers, (24.0, self.bottom() + 26.0))
        })?;
        Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
    }

    fn row(&self, canvas: &Canvas<'_>, row: usize) -> Result<(), DrawError> {
        let top = HEAD + row as f64 * self.panel_height();
        if let Some(key) = self.rows.0 {
            let name = format!("{} = {}", self.stage.answer.info.sweeps[key], self.rows.1[row]);
            canvas.text((16.0, top - 10.0), &name, LABEL.bold())?;
        }
        for (line, order) in self.orders.iter().enumerate() {
            let label = self.stage.label(*order);
            canvas.text((self.left() - 10.0, self.middle(top, line)), label, LABEL.anchored(HPos::Right))?;
        }
        (0..self.columns.1.len()).try_for_each(|column| self.panel(canvas, top, row, column))
    }

    fn panel(&self, canvas: &Canvas<'_>, top: f64, row: usize, column: usize) -> Result<(), DrawError> {
        let left = self.left() + column as f64 * self.panel_width();
        let shared = self.cells().filter(|cell| self.is_in_row(cell, row));
        let shared = shared.filter_map(|cell| cell.figures.as_ref());
        let panel = Panel::fitting(shared, (left, left + self.panel_width() - 8.0));
        let bottom = self.middle(top, self.orders.len() - 1) + self.pitch / 2.0;
        self.column_name(canvas, &panel, top, column)?;
        for cell in self.cells().filter(|cell| self.is_in_row(cell, row) && self.is_in_column(cell, column)) {
            let line = self.orders.iter().position(|order| *order == cell.technique).unwrap_or(0);
            let middle = self.middle(top, line);
            match &cell.figures {
                Some(figures) => panel.bars(canvas, figures, middle, self.thickness)?,
                None => canvas.text((panel.zero() + 5.0, middle), NO_FIGURE, LABEL.quiet())?,
            }
        }
        panel.zero_line(canvas, top, bottom)
    }

    fn column_name(
        &self,
        canvas: &Canvas<'_>,
        panel: &Panel,
        top: f64,
        column: usize,
    ) -> Result<(), DrawError> {
        let y = top - 10.0;
        if self.columns.0.is_some() {
            let middle = self.left() + (column as f64 + 0.5) * self.panel_width();
            return canvas.text((middle, y), &self.columns.1[column], LABEL.bold().anchored(HPos::Center));
        }
        canvas.text((panel.zero() - 6.0, y), "← up", LABEL.quiet().anchored(HPos::Right))?;
        canvas.text((panel.zero() + 6.0, y), "down →", LABEL.quiet())
    }

    fn cells(&self) -> impl Iterator<Item = &'s Row<'s>> + Clone + use<'s> {
        self.stage.answer.rows.iter()
    }

    fn is_in_row(&self, cell: &Row<'_>, row: usize) -> bool {
        is_at(cell, self.rows.0, &self.rows.1[row])
    }

    fn is_in_column(&self, cell: &Row<'_>, column: usize) -> bool {
        is_at(cell, self.columns.0, &self.columns.1[column])
    }

    fn left(&self) -> f64 {
        self.stage.labels().iter().map(|label| text_width(label, LABEL.size)).fold(0.0, f64::max) + 26.0
    }

    fn panel_width(&self) -> f64 {
        (self.width - self.left() - 8.0) / self.columns.1.len() as f64
    }

    fn panel_height(&self) -> f64 {
        self.orders.len() as f64 * self.pitch + 40.0
    }

    fn middle(&self, top: f64, line: usize) -> f64 {
        top + (line as f64 + 0.5) * self.pitch
    }

    fn bottom(&self) -> f64 {
        HEAD + self.rows.1.len() as f64 * self.panel_height() - 40.0
    }
}

const CAPTION: &str = "Left of zero: what subscribers sent; right of zero: what they received; in bytes per delivered event, \
    with the totals at the bars' ends. Shorter is cheaper. Bars in one row share a scale.";

/// A technique that the key does not touch stands at each of its values.
fn is_at(cell: &Row<'_>, key: Option<usize>, value: &str) -> bool {
    key.is_none_or(|key| cell.point[key].reach == Reach::Untouched || cell.point[key].text == value)
}

/// Words go across, since they are few; of two numbers the one with fewer values; a single number goes down.
fn across(stage: &Stage<'_>) -> Option<usize> {
    let keys = 0..stage.answer.info.sweeps.len();
    let is_word = |key: &usize| {
        let mut coordinates = stage.answer.rows.iter().map(|row| &row.point[*key]);
        coordinates.any(|coordinate| coordinate.reach == Reach::Swept && coordinate.number.is_none())
    };
    let fewest = keys.clone().min_by_key(|key| values(stage, Some(*key)).len()).filter(|_| keys.len() > 1);
    keys.clone().find(is_word).or(fewest)
}

/// The distinct values of a key, ordered; one nameless value without a key.
fn values(stage: &Stage<'_>, key: Option<usize>) -> Vec<String> {
    let Some(key) = key else { return vec![String::new()] };
    let coordinates = stage.answer.rows.iter().map(|row| &row.point[key]);
    let mut coordinates: Vec<_> = coordinates.filter(|coordinate| coordinate.reach == Reach::Swept).collect();
    coordinates.sort_by(|a, b| a.compare(b));
    coordinates.dedup_by(|a, b| a.text == b.text);
    coordinates.into_iter().map(|coordinate| coordinate.text.clone()).collect()
}

fn describe(stage: &Stage<'_>) -> String {
    let bytes = |figures: &Figures, direction| numbers::significant(bars::length(figures, direction));
    let lines = stage.answer.rows.iter().filter_map(|row| {
        let figures = row.figures.as_ref().filter(|figures| figures.layers.is_some())?;
        let point: Vec<&str> = row.point.iter().map(|coordinate| coordinate.text.as_str()).collect();
        let at = if point.is_empty() { String::new() } else { format!(" at {}", point.join(", ")) };
        let (up, down) = (bytes(figures, 0), bytes(figures, 1));
        Some(format!("{}{at}: {up} up, {down} down.", stage.label(row.technique)))
    });
    lines.collect::<Vec<_>>().join(" ")
}
