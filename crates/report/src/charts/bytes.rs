//! Bytes per delivered event by layer, up-stream and down-stream apart: by technique, and over a sweep's points.

use super::bars::Ends;
use super::canvas::DrawError;
use super::grid::{self, Layout, Scale, Words};
use super::lanes::WIDTH;
use super::{Picture, Stage};
use crate::prediction::theory_overlay;
use crate::statistics::{Reach, Row};

/// Panels side by side need more than the usual width.
const WIDE: f64 = 960.0;

/// One row of bars for each technique.
pub(super) fn by_technique(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let all = || stage.answer.slices(&[]);
    let layout = Layout {
        columns: all(),
        rows: all(),
        scale: Scale::Row,
        ends: Ends::Both,
        width: WIDTH,
        pitch: 26.0,
        thickness: 15.0,
        mark: Some(theory_overlay),
    };
    grid::draw(stage, layout, |figures| figures.stack.as_ref(), words(stage, Scale::Row, Ends::Both))
}

/// One panel for each point of the sweep. Transports stand above each other on one scale, to be compared.
pub(super) fn by_point(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let across = across(stage);
    let keys = 0..stage.answer.info.sweeps.len();
    let down: Vec<usize> = keys.filter(|key| Some(*key) != across).collect();
    let scale = if stage.answer.transport_keys().is_empty() { Scale::Row } else { Scale::Column };
    let layout = Layout {
        columns: stage.answer.values_of(across),
        rows: stage.answer.slices(&down),
        scale,
        ends: Ends::Stream,
        width: WIDE,
        pitch: 17.0,
        thickness: 11.0,
        mark: Some(theory_overlay),
    };
    grid::draw(stage, layout, |figures| figures.stack.as_ref(), words(stage, scale, Ends::Stream))
}

fn words(stage: &Stage<'_>, scale: Scale, ends: Ends) -> Words {
    let shared = match scale {
        Scale::Row => "row",
        Scale::Column => "column",
    };
    Words {
        title: stage.titled("Wire bytes per delivered event"),
        caption: format!(
            "Left of zero: what subscribers sent; right of zero: what they received; in bytes per delivered event, with the \
             totals at the bars' ends. Shorter is cheaper. Bars in one {shared} share a scale.{}{}",
            marks(stage),
            kernel(stage, ends)
        ),
    }
}

/// What the thin marks are, where there are any.
fn marks(stage: &Stage<'_>) -> &'static str {
    let slug = |row: &Row<'_>| &stage.analysis.technique(row.technique).slug;
    if stage.answer.rows.iter().any(|row| theory_overlay(row, slug(row)).is_some()) {
        " A thin mark across a bar is what the standards fix to the byte."
    } else {
        ""
    }
}

/// What the hatched ends are, where there are any.
fn kernel(stage: &Stage<'_>, ends: Ends) -> String {
    let mut figures = stage.answer.rows.iter().filter_map(|row| row.figures.as_ref());
    if figures.all(|figures| figures.headers.is_none()) {
        return String::new();
    }
    let numbers = match ends {
        Ends::Stream => "are in no number here; the table has them",
        Ends::Both => "are the numbers after the plus",
    };
    format!(
        " The hatched ends are TCP and IP headers, pure acknowledgements included, as the kernel counted segments; they are \
         no bytes of the stream, and {numbers}."
    )
}

/// Words go across, since they are few; of two numbers the one with fewer values; a single number goes down, and so do
/// transports.
fn across(stage: &Stage<'_>) -> Option<usize> {
    let keys = stage.answer.other_keys();
    let is_word = |key: &usize| {
        let mut coordinates = stage.answer.rows.iter().map(|row| &row.point[*key]);
        coordinates.any(|coordinate| coordinate.reach == Reach::Swept && coordinate.number.is_none())
    };
    let several = stage.answer.info.sweeps.len() > 1;
    let fewest = keys.iter().copied().min_by_key(|key| stage.answer.slices(&[*key]).len());
    keys.iter().copied().find(is_word).or(fewest.filter(|_| several))
}
