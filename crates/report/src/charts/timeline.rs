//! A live exchange as it was recorded: client and server as two lines, time downwards to scale, every flight an arrow at
//! its true time with its bytes. One picture for each technique of a traced scenario.

mod story;

use model::trial::{Direction, Flight};
use plotters::style::text_anchor::HPos;

use super::canvas::{self, Body, Canvas, DrawError, LABEL, Lettering, text_width};
use super::lanes::{WIDTH, heading};
use super::palette::{self, Ink, Look, Marker};
use super::{Picture, Stage};
use crate::numbers;
use crate::statistics::Row;
use story::{Arrow, Kind, Label, Story};

/// The client's and the server's line.
const CLIENT: f64 = 278.0;
const SERVER: f64 = 492.0;
/// Above time 0: title, legend, the lines' names.
const HEAD: f64 = 128.0;
/// Under the last flight.
const FOOT: f64 = 26.0;
/// Pixels for a second, as far as the picture's height allows.
const SECOND: f64 = 300.0;
const HIGHEST: f64 = 1_400.0;
/// Labels of one side stand no closer than this.
const LABEL_PITCH: f64 = 14.0;
/// What a picture shows of a longer trace.
const LONGEST_NS: u64 = 5_000_000_000;
const SMALL: Lettering = Lettering { size: 11.0, ..LABEL };

/// One picture for each technique with a trace, by its slug.
pub(super) fn draw(stage: &Stage<'_>) -> Result<Vec<(String, Picture)>, DrawError> {
    let rows = stage.answer.rows.iter().filter(|_| stage.answer.is_single());
    let traced = rows.filter_map(|row| Some((row, trace(row)?)));
    traced
        .map(|(row, flights)| {
            Ok((stage.analysis.technique(row.technique).slug.clone(), picture(stage, row, &flights)?))
        })
        .collect()
}

/// The first subscriber's flights of the first trial that has any.
fn trace<'a>(row: &Row<'a>) -> Option<Vec<&'a Flight>> {
    let outcomes = row.trials.iter().filter_map(|trial| trial.record.result.outcome());
    let traces = outcomes.map(|outcome| outcome.trace.iter().filter(|flight| flight.subscriber == 0));
    traces.map(Iterator::collect::<Vec<_>>).find(|flights| !flights.is_empty())
}

fn picture(stage: &Stage<'_>, row: &Row<'_>, flights: &[&Flight]) -> Result<Picture, DrawError> {
    let shown = flights.iter().copied().take_while(|flight| flight.at_ns <= LONGEST_NS);
    let story = Story::of(shown);
    let is_cut = flights.iter().any(|flight| flight.at_ns > LONGEST_NS);
    let title = format!("A live exchange: {}", stage.label(row.technique));
    let description = describe(&story);
    let sheet = Sheet { scale: scale(story.end_ns()), look: stage.look(row.technique), story };
    let svg = canvas::paint((WIDTH, sheet.bottom() + FOOT), &title, &description, |canvas| {
        sheet.draw(canvas, &title)
    })?;
    Ok(Picture { title, description, caption: caption(row, is_cut), svg })
}

/// Pixels for a nanosecond.
fn scale(end_ns: u64) -> f64 {
    SECOND.min((HIGHEST - HEAD - FOOT) / (end_ns as f64 / 1e9).max(0.1)) / 1e9
}

struct Sheet<'f> {
    /// Pixels for a nanosecond.
    scale: f64,
    look: Look,
    story: Story<'f>,
}

impl Sheet<'_> {
    fn draw(&self, canvas: &Canvas<'_>, title: &str) -> Result<(), DrawError> {
        heading(canvas, title)?;
        self.legend(canvas)?;
        self.time(canvas)?;
        self.sides(canvas)?;
        for arrow in &self.story.arrows {
            self.arrow(canvas, arrow)?;
        }
        for edge in &self.story.edges {
            let body = if story::opens(edge) { Body::Filled } else { Body::Hollow };
            let side = if edge.direction == Direction::Up { CLIENT } else { SERVER };
            canvas.marker((side, self.y(edge.at_ns)), Marker::Circle, 3.5, palette::TEXT, body)?;
        }
        let labels = self.story.labels((LABEL_PITCH / self.scale) as u64);
        labels.iter().try_for_each(|label| self.label(canvas, label))
    }

    fn legend(&self, canvas: &Canvas<'_>) -> Result<(), DrawError> {
        let mut at = 24.0;
        for kind in [Kind::Events, Kind::Bare, Kind::Empty] {
            let text = match (kind, self.story.empty_polls) {
                (Kind::Events, _) => "carries events".to_owned(),
                (Kind::Bare, _) => "carries none".to_owned(),
                (Kind::Empty, 0) => continue,
                (Kind::Empty, polls) => format!(
                    "empty poll and its answer: {polls} in all, {} B",
                    numbers::whole(self.story.empty_bytes)
                ),
            };
            let ends = ((at, 54.0), (at + 34.0, 54.0));
            self.stroke(canvas, ends, kind)?;
            canvas.text((at + 42.0, 54.0), &text, LABEL.quiet())?;
            at += 42.0 + text_width(&text, LABEL.size) + 24.0;
        }
        canvas.marker((28.0, 76.0), Marker::Circle, 3.5, palette::TEXT, Body::Filled)?;
        canvas.text((40.0, 76.0), "connection opens", LABEL.quiet())?;
        canvas.marker((182.0, 76.0), Marker::Circle, 3.5, palette::TEXT, Body::Hollow)?;
        canvas.text((194.0, 76.0), "connection closes", LABEL.quiet())
    }

    /// Steps of half a second.
    fn time(&self, canvas: &Canvas<'_>) -> Result<(), DrawError> {
        const STEP_NS: u64 = 500_000_000;
        for step in 0..=self.story.end_ns() / STEP_NS {
            let (at_ns, y) = (step * STEP_NS, self.y(step * STEP_NS));
            for (from, to) in [(56.0, 66.0), (CLIENT, SERVER)] {
                canvas.line(&[(from, y), (to, y)], palette::GRID, 0.8)?;
            }
            let text = format!("{:.1} s", at_ns as f64 / 1e9);
            canvas.text((50.0, y), &text, SMALL.quiet().anchored(HPos::Right))?;
        }
        Ok(())
    }

    fn sides(&self, canvas: &Canvas<'_>) -> Result<(), DrawError> {
        for (x, name) in [(CLIENT, "client"), (SERVER, "server")] {
            canvas.text((x, HEAD - 22.0), name, LABEL.sized(13.0).bold().anchored(HPos::Center))?;
            canvas.line(&[(x, HEAD - 10.0), (x, self.bottom() + 8.0)], palette::AXIS, 1.6)?;
        }
        Ok(())
    }

    /// What goes down leaves the server when it comes to the socket, and reaches the client when it is handed on.
    fn arrow(&self, canvas: &Canvas<'_>, arrow: &Arrow<'_>) -> Result<(), DrawError> {
        let Flight { at_ns, handed_ns, .. } = *arrow.flight;
        let ends = match arrow.flight.direction {
            Direction::Up => ((CLIENT, self.y(at_ns)), (SERVER, self.y(at_ns))),
            Direction::Down => ((SERVER, self.y(at_ns)), (CLIENT, self.y(handed_ns))),
        };
        self.stroke(canvas, ends, arrow.kind)
    }

    fn stroke(
        &self,
        canvas: &Canvas<'_>,
        (from, to): (canvas::At, canvas::At),
        kind: Kind,
    ) -> Result<(), DrawError> {
        let ink = self.ink(kind);
        match kind {
            Kind::Empty => canvas.dashed(from, to, ink, 1.2)?,
            Kind::Events => canvas.line(&[from, to], ink, 2.0)?,
            Kind::Bare => canvas.line(&[from, to], ink, 1.3)?,
        }
        canvas.line(&head(from, to), ink, 1.3)
    }

    fn ink(&self, kind: Kind) -> Ink {
        match kind {
            Kind::Events => self.look.ink,
            Kind::Bare => palette::QUIET,
            Kind::Empty => palette::AXIS,
        }
    }

    fn label(&self, canvas: &Canvas<'_>, label: &Label) -> Result<(), DrawError> {
        let (first, last) = (self.y(label.first_ns), self.y(label.last_ns));
        let (line, way, anchor, room) = match label.side {
            Direction::Up => (CLIENT, -1.0, HPos::Right, CLIENT - 14.0 - 56.0),
            Direction::Down => (SERVER, 1.0, HPos::Left, WIDTH - SERVER - 14.0),
        };
        if last - first > 3.0 {
            let (near, far) = (line + way * 5.0, line + way * 9.0);
            canvas.line(&[(near, first), (far, first), (far, last), (near, last)], palette::QUIET, 1.0)?;
        }
        let text = cut(&label.text, room);
        canvas.text((line + way * 14.0, (first + last) / 2.0), &text, SMALL.anchored(anchor))
    }

    fn y(&self, at_ns: u64) -> f64 {
        HEAD + at_ns as f64 * self.scale
    }

    fn bottom(&self) -> f64 {
        self.y(self.story.end_ns())
    }
}

/// An open arrow head at the end of a line.
fn head(from: canvas::At, to: canvas::At) -> [canvas::At; 3] {
    const LONG: f64 = 7.0;
    const WIDE: f64 = 3.2;
    let length = (to.0 - from.0).hypot(to.1 - from.1).max(1.0);
    let (along, across) = (
        ((from.0 - to.0) / length, (from.1 - to.1) / length),
        ((from.1 - to.1) / length, (to.0 - from.0) / length),
    );
    let barb = |way: f64| {
        (to.0 + along.0 * LONG + across.0 * way * WIDE, to.1 + along.1 * LONG + across.1 * way * WIDE)
    };
    [barb(1.0), to, barb(-1.0)]
}

/// As much of a text as there is room for.
fn cut(text: &str, room: f64) -> String {
    let letters = (room / text_width("x", SMALL.size)) as usize;
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

fn describe(story: &Story<'_>) -> String {
    let flights = |direction| {
        story.arrows.iter().map(|arrow| arrow.flight).filter(move |flight| flight.direction == direction)
    };
    let bytes = |direction| numbers::whole(flights(direction).map(|flight| flight.bytes).sum());
    let events: u32 = flights(Direction::Down).map(|flight| flight.events).sum();
    let empty = match story.empty_polls {
        0 => String::new(),
        polls => format!(
            " {polls} polls found nothing; they and their answers have {} B.",
            numbers::whole(story.empty_bytes)
        ),
    };
    let (up, down) = (Direction::Up, Direction::Down);
    format!(
        "In {} s there are {} flights up with {} B and {} flights down with {} B, which carry {events} events.{empty}",
        numbers::significant(story.end_ns() as f64 / 1e9),
        flights(up).count(),
        bytes(up),
        flights(down).count(),
        bytes(down),
    )
}

fn caption(row: &Row<'_>, is_cut: bool) -> String {
    let delay = match row.settings.subscribers.added_delay_ns {
        0 => "No delay was added.".to_owned(),
        ns => format!(
            "The added delay of {} sits on the way down only: an arrow down begins when its bytes came to the client's socket and \
             ends when the client was given them, an arrow up takes no time that could be seen.",
            numbers::duration(ns as f64)
        ),
    };
    let cut = if is_cut { " Only its first 5 s are shown." } else { "" };
    format!("Time runs downwards, to scale; idle time is idle. {delay}{cut}")
}
