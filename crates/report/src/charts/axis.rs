//! Axes: from values to pixels, and where the ticks stand.

use super::canvas::{At, Canvas, DrawError, LABEL};
use super::palette;
use crate::statistics::Unit;
use plotters::style::text_anchor::HPos;

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
    /// From and to a round number (1, 2 or 5 × a power of ten), around all values above 0.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>, unit: Unit, pixels: (f64, f64)) -> Self {
        let values: Vec<f64> = values.filter(|value| value.is_finite() && *value > 0.0).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let (least, most) = if values.is_empty() { (1.0, 10.0) } else { (least, most) };
        let (low, high) = (round_down(least), round_up(most).max(round_up(round_down(least) * 1.01)));
        let ticks = log_ticks(low, high).into_iter().map(|value| (value, unit.show(value))).collect();
        Self { low, high, pixels, ticks }
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
            canvas.text((left - 8.0, y), label, LABEL.anchored(HPos::Right))?;
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
        canvas.text((x, bottom + 14.0), label, LABEL.anchored(HPos::Center))?;
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

/// 1, 2, 5 in every decade, or only 1 where these would stand too close.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let factors: &[f64] = if decades > 3.2 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let all =
        (first..=last).flat_map(|exponent| factors.iter().map(move |factor| factor * 10_f64.powi(exponent)));
    // Powers of ten are not exact below one.
    all.filter(|value| *value > low * 0.999 && *value < high * 1.001).collect()
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
        let axis = Axis::logarithmic([41_300.0, 1.2e6].into_iter(), Unit::Nanoseconds, (0.0, 100.0));
        assert_eq!(axis.ends(), (20_000.0, 2e6));
        assert_eq!(axis.ticks.first().map(|(_, label)| label.as_str()), Some("20 µs"));
        assert_eq!(axis.ticks.last().map(|(_, label)| label.as_str()), Some("2 ms"));
        assert!((axis.at(200_000.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn equal_values_still_make_an_axis() {
        let axis = Axis::logarithmic([1e6; 3].into_iter(), Unit::Nanoseconds, (0.0, 100.0));
        assert_eq!(axis.ends(), (1e6, 2e6));
        let empty = Axis::logarithmic(std::iter::empty(), Unit::Nanoseconds, (0.0, 100.0));
        assert_eq!(empty.ends(), (1.0, 10.0));
    }
}
