//! Axes: from values to pixels, and where the ticks stand.

use super::canvas::{At, Canvas, DrawError, LABEL, text_width};
use super::palette;
use crate::numbers;
use crate::statistics::Unit;
use plotters::style::text_anchor::HPos;

/// Space around the outermost values, as a factor.
const ROOM: f64 = 1.04;

/// A logarithmic axis between two pixels: equal factors take equal space.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    pixels: (f64, f64),
    /// Values with their labels, ascending.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From and to a round number (1, 2 or 5 × a power of ten), with a little room around all values above 0.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>, unit: Unit, pixels: (f64, f64)) -> Self {
        let values: Vec<f64> = values.filter(|value| value.is_finite() && *value > 0.0).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let (least, most) = if values.is_empty() { (1.0, 10.0) } else { (least, most) };
        let mut axis = Self::with_ticks(round_down(least / ROOM), round_up(most * ROOM), Vec::new(), pixels);
        axis.ticks = axis.round_ticks(unit);
        axis
    }

    /// The same span without room at its ends, for values that are round themselves.
    pub(super) fn exact(values: impl Iterator<Item = f64>, unit: Unit, pixels: (f64, f64)) -> Self {
        let values: Vec<f64> = values.collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let (low, high) = if least < most { (least, most) } else { (least / 2.0, least * 2.0) };
        let mut axis = Self::with_ticks(low, high, Vec::new(), pixels);
        axis.ticks = axis.round_ticks(unit);
        axis
    }

    /// Given ends and ticks.
    pub(super) fn with_ticks(low: f64, high: f64, ticks: Vec<(f64, String)>, pixels: (f64, f64)) -> Self {
        Self { low, high, pixels, ticks }
    }

    /// The pixel of a value; values outside stand at the nearer end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.max(self.low) / self.low).log10() / (self.high / self.low).log10();
        self.pixels.0 + share.clamp(0.0, 1.0) * (self.pixels.1 - self.pixels.0)
    }

    /// 1, 2, 5 in every decade; where their labels would touch, 2 and 5 stay without, and then go.
    fn round_ticks(&self, unit: Unit) -> Vec<(f64, String)> {
        let label = |value: f64| match unit {
            // A decade of bytes is no round number of KiB.
            Unit::Bytes => format!("{} B", numbers::plain(value)),
            _ => unit.show(value),
        };
        let labelled = |every: &[f64]| -> Vec<(f64, String)> {
            let text =
                |value: f64, factor: &f64| if every.contains(factor) { label(value) } else { String::new() };
            self.steps().map(|(value, factor)| (value, text(value, factor))).collect()
        };
        let choices = [&[1.0, 2.0, 5.0] as &[f64], &[1.0, 5.0], &[1.0]].map(labelled);
        choices.iter().find(|ticks| self.has_room_for(ticks)).unwrap_or(&choices[2]).clone()
    }

    fn steps(&self) -> impl Iterator<Item = (f64, &'static f64)> {
        let (low, high) = (self.low * 0.999, self.high * 1.001);
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let steps = decades.flat_map(|exponent| {
            [1.0, 2.0, 5.0].iter().map(move |factor| (factor * 10_f64.powi(exponent), factor))
        });
        steps.filter(move |(value, _)| *value > low && *value < high)
    }

    /// Labels of a horizontal axis stand side by side, those of a vertical one above each other.
    fn has_room_for(&self, ticks: &[(f64, String)]) -> bool {
        const LINE: f64 = 18.0;
        const GAP: f64 = 10.0;
        let is_vertical = self.pixels.0 > self.pixels.1;
        let extent = |label: &str| if is_vertical { LINE } else { text_width(label, LABEL.size) + GAP };
        let labels: Vec<_> = ticks.iter().filter(|(_, label)| !label.is_empty()).collect();
        labels.windows(2).all(|pair| {
            let distance = (self.at(pair[1].0) - self.at(pair[0].0)).abs();
            distance >= (extent(&pair[0].1) + extent(&pair[1].1)) / 2.0
        })
    }

    /// The pixels at its ends.
    pub(super) fn pixels(&self) -> (f64, f64) {
        self.pixels
    }

    /// The values at its ends.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

/// The frame of a plot: grid, ticks and the names of both axes.
pub(super) struct Frame<'t> {
    pub x: Axis,
    pub y: Axis,
    pub x_name: &'t str,
    pub y_name: &'t str,
}

impl Frame<'_> {
    pub(super) fn at(&self, x: f64, y: f64) -> At {
        (self.x.at(x), self.y.at(y))
    }

    pub(super) fn draw(&self, canvas: &Canvas<'_>) -> Result<(), DrawError> {
        let (left, right) = self.x.pixels;
        let (bottom, top) = self.y.pixels;
        vertical_grid(canvas, &self.x, top, bottom)?;
        for (value, label) in &self.y.ticks {
            let y = self.y.at(*value);
            canvas.line(&[(left, y), (right, y)], palette::GRID, 1.0)?;
            if !label.is_empty() {
                canvas.text((left - 8.0, y), label, LABEL.anchored(HPos::Right))?;
            }
        }
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], palette::AXIS, 1.0)?;
        canvas.text(
            (16.0, (top + bottom) / 2.0),
            self.y_name,
            LABEL.quiet().upward().anchored(HPos::Center),
        )?;
        horizontal_name(canvas, &self.x, bottom, self.x_name)
    }
}

/// Grid lines of a horizontal axis, with labels under the plot.
pub(super) fn vertical_grid(
    canvas: &Canvas<'_>,
    axis: &Axis,
    top: f64,
    bottom: f64,
) -> Result<(), DrawError> {
    for (value, label) in &axis.ticks {
        let x = axis.at(*value);
        canvas.line(&[(x, top), (x, bottom)], palette::GRID, 1.0)?;
        if !label.is_empty() {
            canvas.text((x, bottom + 14.0), label, LABEL.anchored(HPos::Center))?;
        }
    }
    Ok(())
}

/// The name of a horizontal axis, under its labels.
pub(super) fn horizontal_name(
    canvas: &Canvas<'_>,
    axis: &Axis,
    bottom: f64,
    name: &str,
) -> Result<(), DrawError> {
    let middle = (axis.pixels.0 + axis.pixels.1) / 2.0;
    canvas.text((middle, bottom + 34.0), name, LABEL.quiet().anchored(HPos::Center))
}

fn round_up(value: f64) -> f64 {
    round(value, |steps| steps.iter().copied().find(|step| *step >= value * 0.999_999))
}

fn round_down(value: f64) -> f64 {
    round(value, |steps| steps.iter().rev().copied().find(|step| *step <= value * 1.000_001))
}

fn round(value: f64, choose: impl Fn(&[f64]) -> Option<f64>) -> f64 {
    let decade = 10_f64.powi(value.log10().floor() as i32);
    choose(&[0.5, 1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_axis_begins_and_ends_at_round_numbers() {
        let axis = Axis::logarithmic([41_300.0, 1.2e6].into_iter(), Unit::Nanoseconds, (0.0, 600.0));
        assert_eq!(axis.ends(), (20_000.0, 2e6));
        assert_eq!(axis.ticks.first().map(|(_, label)| label.as_str()), Some("20 µs"));
        assert_eq!(axis.ticks.last().map(|(_, label)| label.as_str()), Some("2 ms"));
        assert!((axis.at(200_000.0) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn equal_values_still_make_an_axis() {
        let axis = Axis::logarithmic([1e6; 3].into_iter(), Unit::Nanoseconds, (0.0, 100.0));
        assert_eq!(axis.ends(), (5e5, 2e6));
        let empty = Axis::logarithmic(std::iter::empty(), Unit::Nanoseconds, (0.0, 100.0));
        assert_eq!(empty.ends(), (0.5, 20.0));
    }

    #[test]
    fn labels_that_would_touch_are_left_out() {
        let axis = Axis::exact([1e4, 1e10].into_iter(), Unit::Nanoseconds, (0.0, 400.0));
        let labels: Vec<&str> =
            axis.ticks.iter().map(|(_, label)| label.as_str()).filter(|label| !label.is_empty()).collect();
        assert_eq!(labels, ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(axis.ticks.len(), 19);
    }
}
