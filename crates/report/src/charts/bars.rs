//! Stacked bars of bytes by layer: up-stream to the left of zero, down-stream to the right.

use plotters::style::text_anchor::HPos;

use super::canvas::{At, Canvas, DrawError, LABEL, text_width};
use super::lanes::WIDTH;
use super::palette;
use crate::numbers;
use crate::statistics::Figures;

/// What stands beside a bar: its number.
const NUMBER: f64 = 46.0;

/// A panel of bars over one common scale.
pub(super) struct Panel {
    zero: f64,
    pixels_per_byte: f64,
}

impl Panel {
    /// A scale on which all these bars, and their numbers, fit between two pixels.
    pub(super) fn fitting<'f>(all: impl Iterator<Item = &'f Figures>, (left, right): (f64, f64)) -> Self {
        let lengths = all.map(|figures| (length(figures, 0), length(figures, 1)));
        let (up, down) = lengths
            .fold((0.0, 0.0), |longest: (f64, f64), (up, down)| (longest.0.max(up), longest.1.max(down)));
        let room = right - left - 2.0 * NUMBER;
        let pixels_per_byte = if up + down > 0.0 { room / (up + down) } else { 0.0 };
        Self { zero: left + NUMBER + up * pixels_per_byte, pixels_per_byte }
    }

    /// The line at 0 bytes.
    pub(super) fn zero_line(&self, canvas: &Canvas<'_>, top: f64, bottom: f64) -> Result<(), DrawError> {
        canvas.line(&[(self.zero, top), (self.zero, bottom)], palette::AXIS, 1.0)
    }

    /// The pixel at which up-stream and down-stream part.
    pub(super) fn zero(&self) -> f64 {
        self.zero
    }

    /// Both bars of one technique, with their totals at their ends.
    pub(super) fn bars(
        &self,
        canvas: &Canvas<'_>,
        figures: &Figures,
        middle: f64,
        thickness: f64,
    ) -> Result<(), DrawError> {
        for (direction, (way, anchor)) in [(-1.0, HPos::Right), (1.0, HPos::Left)].into_iter().enumerate() {
            let end = self.bar(canvas, figures, direction, way, (middle, thickness))?;
            let number = numbers::significant(length(figures, direction));
            canvas.text((end + way * 5.0, middle), &number, LABEL.sized(11.0).anchored(anchor))?;
        }
        Ok(())
    }

    fn bar(
        &self,
        canvas: &Canvas<'_>,
        figures: &Figures,
        direction: usize,
        way: f64,
        (middle, thickness): (f64, f64),
    ) -> Result<f64, DrawError> {
        let (mut from, half) = (self.zero, thickness / 2.0);
        for (place, (_, bytes)) in layers(figures, direction).iter().enumerate() {
            let to = from + way * bytes * self.pixels_per_byte;
            // Less than a quarter of a pixel cannot be seen and would only thicken its neighbour.
            if (to - from).abs() >= 0.25 {
                let (left, right) = (from.min(to), from.max(to));
                canvas.rect((left, middle - half), (right, middle + half), palette::layer(place))?;
                separate(canvas, to, middle, half, right - left)?;
            }
            from = to;
        }
        Ok(from)
    }
}

/// A thin gap between layers, where they are wide enough to lose it.
fn separate(canvas: &Canvas<'_>, x: f64, middle: f64, half: f64, width: f64) -> Result<(), DrawError> {
    if width < 3.0 {
        return Ok(());
    }
    canvas.line(&[(x, middle - half), (x, middle + half)], palette::PAGE, 0.75)
}

fn layers(figures: &Figures, direction: usize) -> &[(&'static str, f64)] {
    figures.layers.as_ref().map_or(&[], |layers| &layers[direction])
}

/// All bytes of one direction for each event.
pub(super) fn length(figures: &Figures, direction: usize) -> f64 {
    layers(figures, direction).iter().map(|(_, bytes)| bytes).sum()
}

/// The layers that appear in any of these, in the order of the stack.
pub(super) fn present<'f>(all: impl Iterator<Item = &'f Figures>) -> Vec<(usize, &'static str)> {
    let mut present: Vec<(usize, &'static str)> = Vec::new();
    for figures in all {
        for direction in 0..2 {
            let layers = layers(figures, direction).iter().enumerate();
            present.extend(
                layers.filter(|(_, (_, bytes))| *bytes > 0.0).map(|(place, (name, _))| (place, *name)),
            );
        }
    }
    present.sort_unstable();
    present.dedup();
    present
}

/// How high the legend of these layers is.
pub(super) fn legend_height(layers: &[(usize, &str)]) -> f64 {
    entries(layers, (0.0, 0.0)).last().map_or(0.0, |(at, _, _)| at.1) + 24.0
}

/// The layers' colours and names, in as many lines as they need.
pub(super) fn legend(canvas: &Canvas<'_>, layers: &[(usize, &str)], at: At) -> Result<(), DrawError> {
    for ((x, y), place, name) in entries(layers, at) {
        canvas.rect((x, y - 6.0), (x + 12.0, y + 6.0), palette::layer(place))?;
        canvas.text((x + 18.0, y), name, LABEL.quiet())?;
    }
    Ok(())
}

fn entries<'t>(layers: &[(usize, &'t str)], at: At) -> Vec<(At, usize, &'t str)> {
    let (mut x, mut y) = at;
    let mut placed = Vec::new();
    for (place, name) in layers {
        let width = 18.0 + text_width(name, LABEL.size) + 18.0;
        if x + width > WIDTH && x > at.0 {
            (x, y) = (at.0, y + 22.0);
        }
        placed.push(((x, y), *place, *name));
        x += width;
    }
    placed
}
