//! The sheet that all charts are drawn on: plotters' SVG backend, in pixels of the finished picture.

use plotters::coord::Shift;
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, IntoDrawingArea, IntoFont, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, ShapeStyle, TextStyle};

use super::palette::{self, Ink, Marker};
use super::svg;

/// The backend rounds to whole pixels, so everything is drawn this much larger and scaled down by the view box.
const FINER: f64 = 4.0;

/// The backend divides font sizes by this; multiplied beforehand, sizes are as asked.
const FONT_DIVISOR: f64 = 1.24;

/// What the drawing library answers when it fails.
pub(super) type DrawError = String;

/// A place in the finished picture, from the upper left corner.
pub(super) type At = (f64, f64);

/// An open sheet.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// How a text stands to its place.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub size: f64,
    pub ink: Ink,
    pub anchor: HPos,
    pub weight: Weight,
    pub turn: Turn,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Weight {
    Normal,
    Bold,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    None,
    /// Read from below.
    Upward,
}

/// Whether a marker is filled; a hollow one means something else than its filled twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Filled,
    Hollow,
}

/// Small text in the normal colour.
pub(super) const LABEL: Lettering = Lettering {
    size: 12.0,
    ink: palette::TEXT,
    anchor: HPos::Left,
    weight: Weight::Normal,
    turn: Turn::None,
};

impl Lettering {
    pub(super) fn anchored(self, anchor: HPos) -> Self {
        Self { anchor, ..self }
    }

    pub(super) fn quiet(self) -> Self {
        Self { ink: palette::QUIET, ..self }
    }

    pub(super) fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    pub(super) fn sized(self, size: f64) -> Self {
        Self { size, ..self }
    }

    pub(super) fn upward(self) -> Self {
        Self { turn: Turn::Upward, ..self }
    }
}

/// What a text of this size takes at most, in pixels. No font is asked: 0.6 em is what the widest of the usual sans-serif
/// fonts (DejaVu Sans, Verdana) takes on average.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.6
}

/// Draws a picture of this size and gives the SVG's text.
pub(super) fn paint(
    size: (f64, f64),
    title: &str,
    description: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let mut drawing = String::new();
    {
        let backend = SVGBackend::with_string(&mut drawing, (fine(size.0) as u32, fine(size.1) as u32));
        let canvas = Canvas { area: backend.into_drawing_area() };
        canvas.rect((0.0, 0.0), size, palette::PAGE)?;
        draw(&canvas)?;
        canvas.area.present().map_err(|error| error.to_string())?;
    }
    Ok(svg::finish(&drawing, size, title, description))
}

impl<'a> Canvas<'a> {
    /// A line through all points.
    pub(super) fn line(&self, points: &[At], ink: Ink, width: f64) -> Result<(), DrawError> {
        let points: Vec<(i32, i32)> = points.iter().copied().map(place).collect();
        self.draw(&PathElement::new(points, stroke(ink, width)))
    }

    /// A straight dashed line.
    pub(super) fn dashed(&self, from: At, to: At, ink: Ink, width: f64) -> Result<(), DrawError> {
        const DASH: f64 = 6.0;
        const GAP: f64 = 4.0;
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let along = |way: f64| {
            let share = if length > 0.0 { way.min(length) / length } else { 0.0 };
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        let dashes = (length / (DASH + GAP)).ceil() as u32;
        for dash in 0..dashes {
            let begin = f64::from(dash) * (DASH + GAP);
            self.line(&[along(begin), along(begin + DASH)], ink, width)?;
        }
        Ok(())
    }

    /// A filled rectangle.
    pub(super) fn rect(&self, from: At, to: At, ink: Ink) -> Result<(), DrawError> {
        self.draw(&Rectangle::new([place(from), place(to)], fill(ink)))
    }

    /// A text at its place, vertically centred.
    pub(super) fn text(&self, at: At, text: &str, lettering: Lettering) -> Result<(), DrawError> {
        let style = match lettering.weight {
            Weight::Normal => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let font = ("sans-serif", lettering.size * FINER * FONT_DIVISOR).into_font().style(style);
        let font = match lettering.turn {
            Turn::None => font,
            Turn::Upward => font.transform(FontTransform::Rotate270),
        };
        let style =
            TextStyle::from(font).color(&lettering.ink.light).pos(Pos::new(lettering.anchor, VPos::Center));
        self.draw(&Text::new(text.to_owned(), place(at), style))
    }

    /// A marker around its place; `radius` is half of its width.
    pub(super) fn marker(
        &self,
        at: At,
        marker: Marker,
        radius: f64,
        ink: Ink,
        body: Body,
    ) -> Result<(), DrawError> {
        let inner = match body {
            Body::Filled => ink,
            Body::Hollow => palette::PAGE,
        };
        if marker == Marker::Circle {
            self.draw(&Circle::new(place(at), fine(radius), fill(inner)))?;
            return self.draw(&Circle::new(place(at), fine(radius), stroke(ink, 1.6)));
        }
        let mut outline: Vec<(i32, i32)> =
            outline(marker).iter().map(|(x, y)| place((at.0 + x * radius, at.1 + y * radius))).collect();
        self.draw(&Polygon::new(outline.clone(), fill(inner)))?;
        outline.push(outline[0]);
        self.draw(&PathElement::new(outline, stroke(ink, 1.6)))
    }

    /// A circle around a marker.
    pub(super) fn ring(&self, at: At, radius: f64, ink: Ink) -> Result<(), DrawError> {
        self.draw(&Circle::new(place(at), fine(radius), stroke(ink, 1.2)))
    }

    fn draw<E>(&self, element: &E) -> Result<(), DrawError>
    where
        for<'e> &'e E: PointCollection<'e, (i32, i32)>,
        E: Drawable<SVGBackend<'a>>,
    {
        self.area.draw(element).map_err(|error| error.to_string())
    }
}

/// Corners for a half width of 1, x to the right and y down; areas are about equal.
fn outline(marker: Marker) -> &'static [At] {
    match marker {
        Marker::Circle => &[],
        Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        Marker::Triangle => &[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
        Marker::Diamond => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
        Marker::Wedge => &[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)],
        Marker::Pentagon => &[(0.0, -1.15), (1.1, -0.3), (0.7, 1.0), (-0.7, 1.0), (-1.1, -0.3)],
        Marker::Bar => &[(-0.5, -1.2), (0.5, -1.2), (0.5, 1.2), (-0.5, 1.2)],
        Marker::Cross => &[
            (-0.4, -1.15),
            (0.4, -1.15),
            (0.4, -0.4),
            (1.15, -0.4),
            (1.15, 0.4),
            (0.4, 0.4),
            (0.4, 1.15),
            (-0.4, 1.15),
            (-0.4, 0.4),
            (-1.15, 0.4),
            (-1.15, -0.4),
            (-0.4, -0.4),
        ],
    }
}

fn fine(pixels: f64) -> i32 {
    (pixels * FINER).round() as i32
}

fn place(at: At) -> (i32, i32) {
    (fine(at.0), fine(at.1))
}

fn fill(ink: Ink) -> ShapeStyle {
    ShapeStyle { color: ink.light.into(), filled: true, stroke_width: 0 }
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ShapeStyle { color: ink.light.into(), filled: false, stroke_width: fine(width) as u32 }
}
