//! Charts into SVG, at a width that stays readable on a phone: 520 pixels with letters of 14.

use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::canvas::{At, Canvas, DrawError, Lettering, paint, text_width, wrap};
use super::palette::{self, GRID, PAGE, QUIET, TEXT};
use super::{Axis, ChartSpec, Kind, Mark, Series, Shape};
use crate::catalogue::Unit;
use crate::estimate::Estimate;
use crate::numbers;

const WIDTH: f64 = 520.0;
const PAD: f64 = 14.0;
const TITLE: f64 = 17.0;
const LABEL: f64 = 14.0;
/// Labels one above the other stand no closer than this.
const PITCH: f64 = 17.0;
/// The longest name that stands beside its row; longer ones stand above.
const LONGEST_NAME: f64 = 215.0;
/// Bold letters are wider than those that `text_width` knows.
const BOLD: f64 = 1.12;

const SMALL: Lettering = Lettering { size: LABEL, colour: TEXT.light, anchor: HPos::Left, is_bold: false };
const QUIET_SMALL: Lettering = Lettering { colour: QUIET.light, size: 13.0, ..SMALL };

/// The chart as the text of an SVG file.
/// Fails when the drawing library fails.
pub fn draw(chart: &ChartSpec) -> Result<String, DrawError> {
    let title = wrap(&chart.title, TITLE * BOLD, WIDTH - 2.0 * PAD);
    let top = PAD + title.len() as f64 * 23.0 + 14.0;
    let layout: Layout<'_> = match chart.kind {
        Kind::Dots => dots(chart, top),
        Kind::Lines => lines(chart, top),
        Kind::Bars => bars(chart, top),
        Kind::Timeline => timeline(chart, top),
    };
    paint((WIDTH, layout.bottom + PAD), &chart.title, &description(chart), |canvas| {
        let heading = Lettering { size: TITLE, is_bold: true, ..SMALL };
        for (line, text) in title.iter().enumerate() {
            canvas.text((PAD, PAD + 12.0 + line as f64 * 23.0), text, heading)?;
        }
        (layout.draw)(canvas)
    })
}

/// Where a chart ends, and how it is drawn.
struct Layout<'c> {
    bottom: f64,
    draw: Box<Draw<'c>>,
}

type Draw<'c> = dyn Fn(&Canvas<'_>) -> Result<(), DrawError> + 'c;

fn description(chart: &ChartSpec) -> String {
    let figures = |series: &Series| {
        let texts: Vec<&str> = series.marks.iter().map(|mark| mark.text.as_str()).collect();
        format!("{}: {}.", series.name, texts.join(", "))
    };
    let axis = if chart.kind == Kind::Lines { &chart.y } else { &chart.x };
    if chart.kind == Kind::Timeline {
        let lanes: Vec<&str> = rows(chart).into_iter().map(|(category, _)| category).collect();
        return lanes.join(". ");
    }
    let figures: Vec<String> = chart.series.iter().map(figures).collect();
    format!("{}. {}", axis.title, figures.join(" "))
}

/// A figure's place on an axis.
struct Scale<'a> {
    axis: &'a Axis,
    ends: [f64; 2],
    pixels: [f64; 2],
}

impl<'a> Scale<'a> {
    /// A linear axis starts at zero, a logarithmic one a little under the least value.
    fn of(axis: &'a Axis, values: impl Iterator<Item = f64> + Clone, pixels: [f64; 2]) -> Self {
        let values = values.filter(|value| value.is_finite() && (*value > 0.0 || !axis.is_log));
        let high = values.clone().fold(f64::MIN_POSITIVE, f64::max);
        let low = values.fold(high, f64::min);
        let ends = if axis.is_log { [low / 1.15, high * 1.15] } else { [low.min(0.0), high * 1.04] };
        Self { axis, ends, pixels }
    }

    fn at(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.axis.is_log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let [low, high] = self.ends.map(scale);
        let share = ((scale(value) - low) / (high - low)).clamp(0.0, 1.0);
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }

    /// At most so many values with their texts, at 1, 2 and 5 times powers of ten.
    fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let unit = numbers::scale(self.axis.unit, self.ends[1]);
        let [low, high] = self.ends;
        let decades = || (-12..=15).map(|power| 10_f64.powi(power));
        let values: Vec<f64> = if self.axis.is_log {
            let steps: [&[f64]; 4] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0], &[1.0]];
            let within = |steps: &[f64], every: usize| -> Vec<f64> {
                let decades = decades().step_by(every);
                let values = decades.flat_map(|ten| steps.iter().map(move |step| ten * step));
                values.filter(|value| low <= *value && *value <= high).collect()
            };
            let mut tried = steps.iter().zip([1, 1, 1, 3]).map(|(steps, every)| within(steps, every));
            tried.find(|values| values.len() <= most).unwrap_or_default()
        } else {
            let size = unit.size;
            let mut steps = decades().flat_map(|ten| [1.0, 2.0, 5.0].map(|step| ten * step * size));
            let step = steps.find(|step| (high - low) / step < most as f64).unwrap_or(high);
            (0..=most).map(|place| place as f64 * step).filter(|value| *value <= high).collect()
        };
        values.into_iter().map(|value| (value, self.tick(value, unit))).collect()
    }

    /// Ticks of a linear axis share the unit that stands in its title.
    fn tick(&self, value: f64, unit: numbers::Scale) -> String {
        match self.axis.unit {
            unit if self.axis.is_log => numbers::show_setting(unit, value),
            Unit::Rate | Unit::Number => numbers::show_setting(Unit::Number, value),
            Unit::Time | Unit::Bytes => numbers::plain(value / unit.size),
        }
    }

    fn title(&self) -> String {
        let logarithmic = if self.axis.is_log { ", logarithmic" } else { "" };
        match (self.axis.unit, self.axis.is_log) {
            (unit @ (Unit::Time | Unit::Bytes), false) => match numbers::scale(unit, self.ends[1]).name {
                "B" => self.axis.title.clone(),
                name => format!("{}, {name}", self.axis.title),
            },
            (Unit::Rate, false) => format!("{}, per second", self.axis.title),
            _ => format!("{}{logarithmic}", self.axis.title),
        }
    }

    /// Lines, numbers and the title of a horizontal axis.
    fn draw_under(&self, canvas: &Canvas<'_>, top: f64, bottom: f64) -> Result<(), DrawError> {
        let most = ((self.pixels[1] - self.pixels[0]) / 48.0) as usize;
        let mut free_from = f64::NEG_INFINITY;
        for (value, text) in self.ticks(most.max(2)) {
            let x = self.at(value);
            canvas.line(&[(x, top), (x, bottom)], GRID.light, 1.0)?;
            let half = text_width(&text, 13.0) / 2.0;
            let middle = x.clamp(PAD + half, WIDTH - PAD - half);
            if middle - half >= free_from {
                canvas.text(
                    (middle, bottom + 13.0),
                    &text,
                    Lettering { anchor: HPos::Center, ..QUIET_SMALL },
                )?;
                free_from = middle + half + 4.0;
            }
        }
        let title = self.title();
        let width = text_width(&title, 13.0);
        let middle = f64::midpoint(self.pixels[0], self.pixels[1])
            .min(WIDTH - PAD - width / 2.0)
            .max(PAD + width / 2.0);
        canvas.text((middle, bottom + 33.0), &title, Lettering { anchor: HPos::Center, ..QUIET_SMALL })
    }
}

/// Under a horizontal axis: numbers and title.
const FOOT: f64 = 42.0;

/// What stands in each row: categories in their order, and in each of them the series that have a mark there.
fn rows(chart: &ChartSpec) -> Vec<(&str, Vec<(&Series, &Mark)>)> {
    let mut rows: Vec<(&str, Vec<(&Series, &Mark)>)> = Vec::new();
    for series in &chart.series {
        for mark in &series.marks {
            match rows.iter_mut().find(|(category, _)| *category == mark.category) {
                Some((_, marks)) => marks.push((series, mark)),
                None => rows.push((&mark.category, vec![(series, mark)])),
            }
        }
    }
    rows
}

fn ends(mark: &Mark) -> [f64; 3] {
    [mark.low.unwrap_or(mark.value), mark.value, mark.high.unwrap_or(mark.value)]
}

/// A figure without its interval.
fn short(text: &str) -> &str {
    text.split(" [").next().unwrap_or(text)
}

/// Where names, the plot and figures stand in rows of these names and figures.
struct Columns {
    is_above: bool,
    plot: [f64; 2],
    pitch: f64,
}

impl Columns {
    fn of<'t>(names: impl Iterator<Item = &'t str>, figures: impl Iterator<Item = String>) -> Self {
        let name = names.map(|name| text_width(name, LABEL)).fold(0.0, f64::max);
        let figure = figures.map(|figure| text_width(&figure, LABEL)).fold(0.0, f64::max);
        let is_above = name > LONGEST_NAME;
        let left = if is_above { PAD + 6.0 } else { PAD + name + 14.0 };
        let right = if is_above { WIDTH - PAD - 6.0 } else { WIDTH - PAD - figure - 14.0 };
        Self { is_above, plot: [left, right], pitch: if is_above { 42.0 } else { 25.0 } }
    }

    /// The name and the figure of a row that begins at `y`; gives the middle of its plot.
    fn draw(&self, canvas: &Canvas<'_>, y: f64, name: &str, figure: &str) -> Result<f64, DrawError> {
        let (text, middle) =
            if self.is_above { (y + 10.0, y + 28.0) } else { (y + self.pitch / 2.0, y + self.pitch / 2.0) };
        canvas.text((PAD, text), name, SMALL)?;
        canvas.text((WIDTH - PAD, text), figure, Lettering { anchor: HPos::Right, ..SMALL })?;
        Ok(middle)
    }
}

fn dots(chart: &ChartSpec, top: f64) -> Layout<'_> {
    let rows = rows(chart);
    let marks = || chart.series.iter().flat_map(|series| &series.marks);
    let columns = Columns::of(
        chart.series.iter().map(|series| series.name.as_str()),
        marks().map(|mark| short(&mark.text).to_owned()),
    );
    let scale = Scale::of(&chart.x, marks().flat_map(ends), columns.plot);
    let heading = |category: &str| if category.is_empty() { 0.0 } else { 30.0 };
    let height: f64 =
        rows.iter().map(|(category, marks)| heading(category) + marks.len() as f64 * columns.pitch).sum();
    let bottom = top + height + 4.0;
    let draw = move |canvas: &Canvas<'_>| {
        scale.draw_under(canvas, top, bottom)?;
        let mut y = top;
        for (category, marks) in &rows {
            if !category.is_empty() {
                canvas.rect(
                    (PAD, y + 5.0),
                    (PAD + text_width(category, LABEL * BOLD), y + 29.0),
                    PAGE.light.to_rgba(),
                )?;
                canvas.text((PAD, y + 18.0), category, Lettering { is_bold: true, ..SMALL })?;
                y += heading(category);
            }
            for (series, mark) in marks {
                let middle = columns.draw(canvas, y, &series.name, short(&mark.text))?;
                let colour = palette::parse(&series.colour);
                let [low, value, high] = ends(mark).map(|end| scale.at(end));
                if mark.low.is_some() {
                    canvas.line(&[(low, middle), (high, middle)], colour, 3.0)?;
                }
                canvas.dot((value, middle), 5.0, colour)?;
                y += columns.pitch;
            }
        }
        Ok(())
    };
    Layout { bottom: bottom + FOOT, draw: Box::new(draw) }
}

fn lines(chart: &ChartSpec, top: f64) -> Layout<'_> {
    const HEIGHT: f64 = 270.0;
    let marks = || chart.series.iter().flat_map(|series| &series.marks);
    let name = chart.series.iter().map(|series| text_width(&series.name, LABEL)).fold(0.0, f64::max);
    let plot_top = top + 24.0;
    let bottom = plot_top + HEIGHT.max(chart.series.len() as f64 * PITCH);
    let up = Scale::of(&chart.y, marks().flat_map(ends), [bottom, plot_top]);
    let ticks = up.ticks(6);
    let left = PAD + ticks.iter().map(|(_, text)| text_width(text, 13.0)).fold(0.0, f64::max) + 8.0;
    let right = WIDTH - PAD - name.min(LONGEST_NAME) - 26.0;
    let along = Scale::of(&chart.x, marks().map(|mark| mark.x), [left, right]);
    let along = if chart.x.is_log {
        let at = marks().map(|mark| mark.x);
        Scale { ends: [at.clone().fold(f64::MAX, f64::min), at.fold(0.0, f64::max)], ..along }
    } else {
        along
    };
    let draw = move |canvas: &Canvas<'_>| {
        canvas.text((PAD, top + 4.0), &up.title(), QUIET_SMALL)?;
        for (value, text) in &ticks {
            let y = up.at(*value);
            canvas.line(&[(left, y), (right, y)], GRID.light, 1.0)?;
            canvas.text((left - 8.0, y), text, Lettering { anchor: HPos::Right, ..QUIET_SMALL })?;
        }
        along.draw_under(canvas, bottom, bottom + 4.0)?;
        let at = |mark: &Mark, value: f64| (along.at(mark.x), up.at(value));
        for series in &chart.series {
            let [low, _, high] = [0, 1, 2].map(|end| {
                let marks = series.marks.iter().filter(|mark| mark.low.is_some());
                marks.map(|mark| at(mark, ends(mark)[end])).collect::<Vec<At>>()
            });
            let band: Vec<At> = low.into_iter().chain(high.into_iter().rev()).collect();
            if band.len() > 2 {
                canvas.area(&band, palette::parse(&series.colour).mix(0.16))?;
            }
        }
        for series in &chart.series {
            let colour = palette::parse(&series.colour);
            let line: Vec<At> = series.marks.iter().map(|mark| at(mark, mark.value)).collect();
            canvas.line(&line, colour, 2.5)?;
            line.iter().try_for_each(|at| canvas.dot(*at, 4.0, colour))?;
        }
        for (series, from, y) in line_labels(chart, |mark| at(mark, mark.value), plot_top, bottom) {
            let colour = palette::parse(&series.colour);
            canvas.line(&[(from.0 + 5.0, from.1), (right + 10.0, y), (right + 20.0, y)], colour, 1.5)?;
            canvas.text((right + 24.0, y), &series.name, SMALL)?;
        }
        Ok(())
    };
    Layout { bottom: bottom + 4.0 + FOOT, draw: Box::new(draw) }
}

/// Every series with the end of its line and the height of its label: near the line's end, and one pitch from others.
fn line_labels(
    chart: &ChartSpec,
    at: impl Fn(&Mark) -> At,
    top: f64,
    bottom: f64,
) -> Vec<(&Series, At, f64)> {
    let mut labels: Vec<(&Series, At, f64)> = chart
        .series
        .iter()
        .filter_map(|series| {
            let end = at(series.marks.last()?);
            Some((series, end, end.1))
        })
        .collect();
    labels.sort_by(|(_, a, _), (_, b, _)| a.1.total_cmp(&b.1));
    let mut free_from = top;
    for (_, _, y) in &mut labels {
        *y = y.max(free_from);
        free_from = *y + PITCH;
    }
    let mut free_to = bottom;
    for (_, _, y) in labels.iter_mut().rev() {
        *y = y.min(free_to);
        free_to = *y - PITCH;
    }
    labels
}

fn bars(chart: &ChartSpec, top: f64) -> Layout<'_> {
    let rows = rows(chart);
    let total = |marks: &[(&Series, &Mark)]| marks.iter().map(|(_, mark)| mark.value).sum::<f64>();
    let figure =
        move |marks: &[(&Series, &Mark)]| numbers::show(chart.x.unit, Estimate::exact(total(marks), 1, 1));
    let columns =
        Columns::of(rows.iter().map(|(category, _)| *category), rows.iter().map(|(_, marks)| figure(marks)));
    let totals: Vec<f64> = rows.iter().map(|(_, marks)| total(marks)).collect();
    let scale = Scale::of(&chart.x, totals.into_iter(), columns.plot);
    let legend = legend(chart.series.iter().map(|series| series.name.as_str()), top);
    let top = legend.last().map_or(top, |(_, y)| y + 20.0);
    let bottom = top + rows.len() as f64 * columns.pitch + 4.0;
    let draw = move |canvas: &Canvas<'_>| {
        for (series, (x, y)) in chart.series.iter().zip(&legend) {
            canvas.rect((*x, y - 6.0), (x + 12.0, y + 6.0), palette::parse(&series.colour).to_rgba())?;
            canvas.text((x + 18.0, *y), &series.name, SMALL)?;
        }
        scale.draw_under(canvas, top, bottom)?;
        for (place, (category, marks)) in rows.iter().enumerate() {
            let y = top + place as f64 * columns.pitch;
            let middle = columns.draw(canvas, y, category, &figure(marks))?;
            let mut from = 0.0;
            for (series, mark) in marks {
                let [left, right] = [from, from + mark.value].map(|end| scale.at(end));
                from += mark.value;
                // A gap keeps neighbours apart whatever their colours.
                if right - left > 1.25 {
                    let colour = palette::parse(&series.colour).to_rgba();
                    canvas.rect((left, middle - 8.0), (right - 1.0, middle + 8.0), colour)?;
                }
            }
        }
        Ok(())
    };
    Layout { bottom: bottom + FOOT, draw: Box::new(draw) }
}

/// Where the entries of a legend stand: as many in a row as there is room for.
fn legend<'t>(names: impl Iterator<Item = &'t str>, top: f64) -> Vec<At> {
    let (mut x, mut y) = (PAD, top);
    let entry = |name: &str| {
        let width = 18.0 + text_width(name, LABEL) + 12.0;
        if x + width > WIDTH && x > PAD {
            (x, y) = (PAD, y + 21.0);
        }
        let at = (x, y);
        x += width;
        at
    };
    names.map(entry).collect()
}

fn timeline(chart: &ChartSpec, top: f64) -> Layout<'_> {
    const LANE: f64 = 62.0;
    let lanes = rows(chart);
    let marks = || chart.series.iter().flat_map(|series| &series.marks);
    let scale = Scale::of(&chart.x, marks().map(|mark| mark.value), [PAD + 4.0, WIDTH - PAD - 4.0]);
    let grey = palette::parse(palette::GREY);
    let last = chart.series.last().map_or(grey, |series| palette::parse(&series.colour));
    let signs = [
        ("up: client sends", grey),
        ("down: server sends", grey),
        ("in colour: events", last),
        ("pale: no answer yet", grey),
    ];
    let legend = legend(signs.iter().map(|(name, _)| *name), top);
    let top = legend.last().map_or(top, |(_, y)| y + 18.0);
    let bottom = top + lanes.len() as f64 * LANE;
    let draw = move |canvas: &Canvas<'_>| {
        for (place, ((name, colour), (x, y))) in signs.iter().zip(&legend).enumerate() {
            let end = [-8.0, 8.0, 8.0, 0.0][place];
            canvas.line(&[(x + 1.0, *y), (x + 13.0, *y)], QUIET.light, 1.0)?;
            canvas.line(&[(x + 7.0, *y), (x + 7.0, y + end)], *colour, 2.0)?;
            if end == 0.0 {
                canvas.rect((x + 1.0, y - 4.0), (x + 13.0, y + 4.0), colour.mix(0.25))?;
            }
            canvas.text((x + 18.0, *y), name, SMALL)?;
        }
        scale.draw_under(canvas, top, bottom)?;
        for (place, (category, marks)) in lanes.iter().enumerate() {
            let y = top + place as f64 * LANE;
            let middle = y + 40.0;
            let (name, counts) = category.split_once(" · ").unwrap_or((category, ""));
            canvas.rect((PAD, y + 4.0), (WIDTH - PAD, y + 22.0), PAGE.light.to_rgba())?;
            canvas.text((PAD, y + 14.0), name, Lettering { is_bold: true, ..SMALL })?;
            canvas.text((WIDTH - PAD, y + 14.0), counts, Lettering { anchor: HPos::Right, ..QUIET_SMALL })?;
            canvas.line(&[(scale.pixels[0], middle), (scale.pixels[1], middle)], QUIET.light, 1.0)?;
            marks.iter().try_for_each(|(series, mark)| lane_mark(canvas, &scale, series, mark, middle))?;
        }
        Ok(())
    };
    Layout { bottom: bottom + FOOT, draw: Box::new(draw) }
}

fn lane_mark(
    canvas: &Canvas<'_>,
    scale: &Scale<'_>,
    series: &Series,
    mark: &Mark,
    middle: f64,
) -> Result<(), DrawError> {
    let colour: RGBColor = palette::parse(&series.colour);
    let [from, to] = [mark.x, mark.value].map(|end| scale.at(end));
    match series.shape {
        Some(Shape::Span) => canvas.rect((from, middle - 4.0), (to, middle + 4.0), colour.mix(0.25)),
        Some(Shape::Up) => canvas.line(&[(to, middle - 11.0), (to, middle)], colour, 2.0),
        _ => canvas.line(&[(to, middle), (to, middle + 13.0)], colour, 2.5),
    }
}
