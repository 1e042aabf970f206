//! The sheet that charts are drawn on: SVG elements, in pixels of the finished picture.

use std::fmt::{Display, Write as _};

use super::palette::{PAGE, style_sheet};

/// A place in the finished picture, from the upper left corner.
pub(super) type At = (f64, f64);

/// An open sheet.
#[derive(Default)]
pub(super) struct Canvas {
    shapes: String,
}

/// How a text stands to its place.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub size: f64,
    pub colour: &'static str,
    /// Which of its ends is at the place: `start`, `middle` or `end`.
    pub anchor: &'static str,
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

impl Canvas {
    /// A line through all points.
    pub(super) fn line(&mut self, points: &[At], colour: &str, width: f64) {
        let points = corners(points);
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>"
        ));
    }

    /// A filled rectangle.
    pub(super) fn rect(&mut self, from: At, to: At, colour: &str, opacity: f64) {
        let [x, y, width, height] = [from.0, from.1, to.0 - from.0, to.1 - from.1].map(pixels);
        self.add(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"
        ));
    }

    /// A filled area within these corners.
    pub(super) fn area(&mut self, points: &[At], colour: &str, opacity: f64) {
        let points = corners(points);
        self.add(format_args!("<polygon points=\"{points}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"));
    }

    /// A filled dot with a rim in the page's colour, which keeps it apart from lines.
    pub(super) fn dot(&mut self, at: At, radius: f64, colour: &str) {
        let [x, y, radius] = [at.0, at.1, radius + 0.75].map(pixels);
        self.add(format_args!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{colour}\" stroke=\"{}\" stroke-width=\"1.5\"/>",
            PAGE.light
        ));
    }

    /// A text at its place, vertically centred.
    pub(super) fn text(&mut self, at: At, text: &str, lettering: Lettering) {
        let Lettering { size, colour, anchor, is_bold } = lettering;
        let [x, y] = [at.0, at.1].map(pixels);
        let weight = if is_bold { " font-weight=\"bold\"" } else { "" };
        self.add(format_args!(
            "<text x=\"{x}\" y=\"{y}\" dy=\".35em\" text-anchor=\"{anchor}\" font-size=\"{size}\"{weight} fill=\"{colour}\">{}</text>",
            escape(text)
        ));
    }

    fn add(&mut self, element: impl Display) {
        // A string takes everything.
        let _ = writeln!(self.shapes, "{element}");
    }

    /// The picture of this size as the text of an SVG file, with a name for screen readers.
    pub(super) fn finish(self, (width, height): At, title: &str, description: &str) -> String {
        let (shapes, style, page) = (self.shapes, style_sheet(), PAGE.light);
        let (title, description, height) = (escape(title), escape(description), pixels(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-labelledby=\"title description\">\n<title id=\"title\">{title}</title>\n\
             <desc id=\"description\">{description}</desc>\n<style>{style}</style>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{page}\"/>\n{shapes}</svg>\n"
        )
    }
}

/// A tenth of a pixel is the least that can be seen.
fn pixels(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn corners(points: &[At]) -> String {
    let points: Vec<String> = points.iter().map(|at| format!("{},{}", pixels(at.0), pixels(at.1))).collect();
    points.join(" ")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
