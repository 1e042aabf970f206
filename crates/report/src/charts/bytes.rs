//! Bytes per delivered event by layer, up-stream and down-stream apart: by technique, and over a sweep's points.

use super::canvas::DrawError;
use super::grid::{self, Layout, Scale, Words};
use super::lanes::WIDTH;
use super::{Picture, Stage};
use crate::foretold::theory_overlay;
use crate::statistics::{Reach, Row, Slice};

/// Panels side by side need more than the usual width.
const WIDE: f64 = 960.0;

/// One row of bars for each technique.
pub(super) fn by_technique(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let all = || stage.answer.slices(&[]);
    let layout = Layout {
        columns: all(),
        rows: all(),
        scale: Scale::Row,
        width: WIDTH,
        pitch: 26.0,
        thickness: 15.0,
        mark: Some(theory_overlay),
    };
    grid::draw(stage, layout, |figures| figures.stack.as_ref(), words(stage, Scale::Row))
}

/// One panel for each point of the sweep. Transports stand above each other on one scale, to be compared.
pub(super) fn by_point(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    let across = across(stage);
    let keys = 0..stage.answer.info.sweeps.len();
    let down: Vec<usize> = keys.filter(|key| Some(*key) != across).collect();
    let scale = if stage.answer.transport_keys().is_empty() { Scale::Row } else { Scale::Column };
    let layout = Layout {
        columns: columns(stage, across),
        rows: stage.answer.slices(&down),
        scale,
        width: WIDE,
        pitch: 17.0,
        thickness: 11.0,
        mark: Some(theory_overlay),
    };
    grid::draw(stage, layout, |figures| figures.stack.as_ref(), words(stage, scale))
}

fn words(stage: &Stage<'_>, scale: Scale) -> Words {
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
            kernel(stage)
        ),
    }
}

/// What the thin marks are, where there are any.
fn marks(stage: &Stage<'_>) -> &'static str {
    let slug = |row: &Row<'_>| &stage.study.technique(row.technique).slug;
    if stage.answer.rows.iter().any(|row| theory_overlay(row, slug(row)).is_some()) {
        " A thin mark across a bar is what the standards fix to the byte."
    } else {
        ""
    }
}

/// What the hatched ends are, where there are any.
fn kernel(stage: &Stage<'_>) -> &'static str {
    let mut figures = stage.answer.rows.iter().filter_map(|row| row.figures.as_ref());
    if figures.any(|figures| figures.headers.is_some()) {
        " The hatched ends and the numbers after the plus are TCP and IP headers, pure acknowledgements included, \
         as the kernel counted segments; they are no bytes of the stream and in no total."
    } else {
        ""
    }
}

/// Columns are named by their values alone: they are many, and narrow.
fn columns(stage: &Stage<'_>, key: Option<usize>) -> Vec<Slice> {
    let mut slices = stage.answer.slices(key.as_slice());
    if let Some(key) = key {
        let begin = format!("{} = ", stage.answer.info.sweeps[key]);
        for slice in &mut slices {
            slice.name = slice.name.trim_start_matches(&begin).to_owned();
        }
    }
    slices
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
