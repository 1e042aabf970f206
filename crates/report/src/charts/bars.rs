//! Stacked bars of bytes by layer: up-stream to the left of zero, down-stream to the right. What the kernel counted
//! beside the stream is hatched, at the bars' far ends.

use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, DrawError, LABEL, text_width};
use super::layers::{self, Scheme};
use super::palette;
use crate::numbers;
use crate::statistics::Stack;

/// Size of the numbers at the bars' ends, and what is kept free around them.
const NUMBER: f64 = 11.0;
const AROUND: f64 = 12.0;

/// What the numbers at the bars' ends say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// The stream's bytes, where there is little room.
    Stream,
    /// The kernel's headers, too.
    Both,
}

/// A panel of bars over one common scale.
pub(super) struct Panel {
    ends: Ends,
    zero: f64,
    pixels_per_byte: f64,
}

impl Panel {
    /// A scale on which all these bars, and their numbers, fit between two pixels.
    pub(super) fn fitting(all: &[&Stack], ends: Ends, (left, right): (f64, f64)) -> Self {
        let longest = |direction| all.iter().map(|stack| length(stack, direction)).fold(0.0, f64::max);
        let widest = |direction| {
            all.iter().map(|stack| text_width(&number(stack, direction, ends), NUMBER)).fold(0.0, f64::max)
        };
        let (up, down) = (longest(0), longest(1));
        let room = right - left - widest(0) - widest(1) - 2.0 * AROUND;
        let pixels_per_byte = if up + down > 0.0 { room.max(0.0) / (up + down) } else { 0.0 };
        Self { ends, zero: left + widest(0) + AROUND + up * pixels_per_byte, pixels_per_byte }
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
        (stack, scheme): (&Stack, &Scheme),
        middle: f64,
        thickness: f64,
    ) -> Result<(), DrawError> {
        for (direction, (way, anchor)) in [(-1.0, HPos::Right), (1.0, HPos::Left)].into_iter().enumerate() {
            let end = self.bar(canvas, (stack, scheme), direction, way, (middle, thickness))?;
            let lettering = LABEL.sized(NUMBER).anchored(anchor);
            canvas.text((end + way * 5.0, middle), &number(stack, direction, self.ends), lettering)?;
        }
        Ok(())
    }

    /// A thin mark across each bar of one technique, at so many bytes up and down.
    pub(super) fn marks(
        &self,
        canvas: &Canvas<'_>,
        bytes: [f64; 2],
        middle: f64,
        thickness: f64,
    ) -> Result<(), DrawError> {
        const BEYOND: f64 = 2.5;
        let half = thickness / 2.0 + BEYOND;
        for (way, bytes) in [-1.0, 1.0].into_iter().zip(bytes).filter(|(_, bytes)| *bytes > 0.0) {
            let x = self.zero + way * bytes * self.pixels_per_byte;
            canvas.line(&[(x, middle - half), (x, middle + half)], palette::TEXT, 1.1)?;
        }
        Ok(())
    }

    fn bar(
        &self,
        canvas: &Canvas<'_>,
        (stack, scheme): (&Stack, &Scheme),
        direction: usize,
        way: f64,
        (middle, thickness): (f64, f64),
    ) -> Result<f64, DrawError> {
        let (mut from, half) = (self.zero, thickness / 2.0);
        for (ink, bytes) in scheme.parts(stack, direction) {
            let to = from + way * bytes * self.pixels_per_byte;
            // Less than a quarter of a pixel cannot be seen and would only thicken its neighbour.
            if (to - from).abs() >= 0.25 {
                let (left, right) = (from.min(to), from.max(to));
                canvas.rect((left, middle - half), (right, middle + half), ink)?;
                separate(canvas, to, middle, half, right - left)?;
            }
            from = to;
        }
        let to = from + way * stack.header(direction) * self.pixels_per_byte;
        layers::hatched(canvas, (from.min(to), middle - half), (from.max(to), middle + half))?;
        Ok(to)
    }
}

/// A thin gap between layers, where they are wide enough to lose it.
fn separate(canvas: &Canvas<'_>, x: f64, middle: f64, half: f64, width: f64) -> Result<(), DrawError> {
    if width < 3.0 {
        return Ok(());
    }
    canvas.line(&[(x, middle - half), (x, middle + half)], palette::PAGE, 0.75)
}

/// The stream's bytes, and the kernel's headers beside them where they were counted and are asked for.
pub(super) fn number(stack: &Stack, direction: usize, ends: Ends) -> String {
    let wire = short(stack.wire(direction));
    match (stack.header(direction), ends) {
        (0.0, _) | (_, Ends::Stream) => wire,
        (headers, Ends::Both) => format!("{wire} + {}", short(headers)),
    }
}

/// A fraction of a byte says nothing beside ten of them.
fn short(bytes: f64) -> String {
    if bytes < 9.95 { numbers::significant(bytes) } else { numbers::plain(bytes.round()) }
}

fn length(stack: &Stack, direction: usize) -> f64 {
    stack.wire(direction) + stack.header(direction)
}
