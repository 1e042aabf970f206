//! The sheet that charts are drawn on: plotters' SVG backend, in pixels of the finished picture.

use plotters::coord::Shift;
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, IntoDrawingArea, IntoFont, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::palette;

/// The backend rounds to whole pixels, so everything is drawn this much larger and scaled down by the view box.
const FINER: f64 = 4.0;
/// The backend divides font sizes by this; multiplied beforehand, sizes are as asked.
const FONT_DIVISOR: f64 = 1.24;

/// A place in the finished picture, from the upper left corner.
pub(super) type At = (f64, f64);

/// What the drawing library answers when it fails.
pub(super) type DrawError = String;

/// An open sheet.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// How a text stands to its place.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub size: f64,
    pub colour: RGBColor,
    pub anchor: HPos,
    pub is_bold: bool,
}

/// What a text of this size takes at most, in pixels, as DejaVu Sans sets it: the widest of the usual fonts.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let em = |letter: char| match letter {
        'i' | 'l' | 'j' | '\'' | '.' | ',' | ':' | ';' | ' ' | '\u{a0}' | '|' => 0.32,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' => 0.96,
        'A'..='Z' | '×' | '≈' | '÷' => 0.74,
        _ => 0.63,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// Lines of a text that are no longer than `width`.
pub(super) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + size * 0.32 <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Draws a picture of this size: the SVG's text, with a name for screen readers, scaled by its view box.
pub(super) fn paint(
    size: At,
    title: &str,
    description: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let mut drawing = String::new();
    let fine_size = [size.0, size.1].map(|side| (side * FINER).round() as u32);
    {
        let backend = SVGBackend::with_string(&mut drawing, (fine_size[0], fine_size[1]));
        let canvas = Canvas { area: backend.into_drawing_area() };
        canvas.rect((0.0, 0.0), size, palette::PAGE.light.to_rgba())?;
        draw(&canvas)?;
        canvas.area.present().map_err(|error| error.to_string())?;
    }
    let shapes = drawing.split_once(">\n").map_or(drawing.as_str(), |(_, shapes)| shapes);
    let shapes = [" opacity=\"1\"", " stroke=\"none\"", " font-family=\"sans-serif\""]
        .iter()
        .fold(joined_texts(shapes), |shapes, nothing| shapes.replace(nothing, ""));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-labelledby=\"title description\">\n<title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n\
         <style>{}</style>\n{shapes}",
        size.0,
        size.1,
        fine_size[0],
        fine_size[1],
        escape(title),
        escape(description),
        palette::style_sheet(),
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The backend breaks the line after every text, which some viewers show as a space and shift the text by.
fn joined_texts(shapes: &str) -> String {
    let mut joined = String::with_capacity(shapes.len());
    let mut lines = shapes.lines();
    while let Some(line) = lines.next() {
        joined.push_str(line);
        if line.starts_with("<text") {
            joined.extend(lines.by_ref().take(2));
        }
        joined.push('\n');
    }
    joined
}

impl<'a> Canvas<'a> {
    /// A line through all points.
    pub(super) fn line(&self, points: &[At], colour: RGBColor, width: f64) -> Result<(), DrawError> {
        let points: Vec<(i32, i32)> = points.iter().copied().map(place).collect();
        self.draw(&PathElement::new(points, colour.stroke_width(fine(width) as u32)))
    }

    /// A filled rectangle.
    pub(super) fn rect(&self, from: At, to: At, colour: RGBAColor) -> Result<(), DrawError> {
        self.draw(&Rectangle::new([place(from), place(to)], colour.filled()))
    }

    /// A filled area within these corners.
    pub(super) fn area(&self, corners: &[At], colour: RGBAColor) -> Result<(), DrawError> {
        self.draw(&Polygon::new(corners.iter().copied().map(place).collect::<Vec<_>>(), colour.filled()))
    }

    /// A filled dot with a rim in the page's colour, which keeps it apart from lines.
    pub(super) fn dot(&self, at: At, radius: f64, colour: RGBColor) -> Result<(), DrawError> {
        let rim = ShapeStyle::from(&palette::PAGE.light).stroke_width(fine(1.5) as u32);
        self.draw(&Circle::new(place(at), fine(radius), colour.filled()))?;
        self.draw(&Circle::new(place(at), fine(radius + 0.75), rim))
    }

    /// A text at its place, vertically centred.
    pub(super) fn text(&self, at: At, text: &str, lettering: Lettering) -> Result<(), DrawError> {
        let style = if lettering.is_bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = ("sans-serif", lettering.size * FINER * FONT_DIVISOR).into_font().style(style);
        let style =
            TextStyle::from(font).color(&lettering.colour).pos(Pos::new(lettering.anchor, VPos::Center));
        self.draw(&Text::new(text.to_owned(), place(at), style))
    }

    fn draw<E>(&self, element: &E) -> Result<(), DrawError>
    where
        for<'e> &'e E: PointCollection<'e, (i32, i32)>,
        E: Drawable<SVGBackend<'a>>,
    {
        self.area.draw(element).map_err(|error| error.to_string())
    }
}

fn fine(pixels: f64) -> i32 {
    (pixels * FINER).round() as i32
}

fn place(at: At) -> (i32, i32) {
    (fine(at.0), fine(at.1))
}
