//! What one connection takes, against how many there are: four panels, a line for each technique.

use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Frame};
use super::canvas::{self, At, Body, Canvas, DrawError, LABEL};
use super::lanes::{WIDTH, heading};
use super::{Picture, Stage, legend};
use crate::numbers;
use crate::statistics::{Growing, Growth, Unit, transport_name};

const HEIGHT: f64 = 640.0;
/// Left and right of a column of panels, bottom and top of a row of them.
const COLUMNS: [(f64, f64); 2] = [(78.0, 352.0), (448.0, 722.0)];
const ROWS: [(f64, f64); 2] = [(322.0, 130.0), (582.0, 390.0)];

/// A panel's name and unit.
const PANELS: [(Growth, &str, Unit); 4] = [
    (Growth::UserMemory, "server's memory (heap and stacks)", Unit::Bytes),
    (Growth::KernelMemory, "kernel's memory, both ends", Unit::Bytes),
    (Growth::IdleCpu, "server CPU for an idle second", Unit::Nanoseconds),
    (Growth::Connecting, "time until all are connected ÷ connections", Unit::Nanoseconds),
];

/// Without TLS.
pub(super) fn plain(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    draw(stage, false)
}

/// With TLS.
pub(super) fn over_tls(stage: &Stage<'_>) -> Result<Option<Picture>, DrawError> {
    draw(stage, true)
}

fn draw(stage: &Stage<'_>, tls: bool) -> Result<Option<Picture>, DrawError> {
    let growing = stage.answer.growing();
    let growing: Vec<&Growing<'_>> = growing.iter().filter(|one| one.transport.tls == tls).collect();
    let Some(first) = growing.first() else { return Ok(None) };
    if PANELS.iter().all(|(growth, ..)| values(&growing, *growth).is_empty()) {
        return Ok(None);
    }
    let title = stage.titled(&format!("What one connection takes, {}", transport_name(first.transport)));
    let description = describe(stage, &growing);
    let svg = canvas::paint((WIDTH, HEIGHT), &title, &description, |canvas| {
        heading(canvas, &title)?;
        let names = growing.iter().map(|one| (stage.look(one.technique), stage.label(one.technique)));
        legend::along(canvas, names, (24.0, 54.0), WIDTH - 16.0)?;
        for (place, (growth, name, unit)) in PANELS.into_iter().enumerate() {
            let at = (COLUMNS[place % 2], ROWS[place / 2]);
            panel(stage, canvas, &growing, (growth, name, unit), at)?;
        }
        Ok(())
    })?;
    Ok(Some(Picture { title, description, caption: CAPTION.to_owned(), svg }))
}

const CAPTION: &str = "Each panel is what all connections take together ÷ their number, the mean where trials were repeated; both axes are logarithmic. A level line is cost that grows in \
    proportion; a falling one has a fixed part that more connections share; a rising one grows faster than the connections do.";

/// Connections, and what each of them takes; what is not above 0 has no place on a logarithmic axis.
fn line(growing: &Growing<'_>, growth: Growth) -> Vec<(f64, f64)> {
    growing.each(growth).into_iter().filter(|(_, each)| *each > 0.0).collect()
}

fn values(growing: &[&Growing<'_>], growth: Growth) -> Vec<(f64, f64)> {
    growing.iter().flat_map(|one| line(one, growth)).collect()
}

fn panel(
    stage: &Stage<'_>,
    canvas: &Canvas<'_>,
    growing: &[&Growing<'_>],
    (growth, name, unit): (Growth, &str, Unit),
    (columns, rows): ((f64, f64), (f64, f64)),
) -> Result<(), DrawError> {
    let middle = f64::midpoint(columns.0, columns.1);
    canvas.text((middle, rows.1 - 14.0), name, LABEL.bold().anchored(HPos::Center))?;
    let values = values(growing, growth);
    if values.is_empty() {
        let nothing = LABEL.quiet().anchored(HPos::Center);
        return canvas.text((middle, f64::midpoint(rows.0, rows.1)), "no trial tells", nothing);
    }
    let frame = Frame {
        x: Axis::exact(values.iter().map(|(count, _)| *count), Unit::None, columns),
        y: Axis::logarithmic(values.iter().map(|(_, each)| *each), unit, rows),
        x_name: "connections",
        y_name: "",
    };
    frame.draw(canvas)?;
    for one in growing {
        let look = stage.look(one.technique);
        let points: Vec<At> =
            line(one, growth).into_iter().map(|(count, each)| frame.at(count, each)).collect();
        canvas.line(&points, look.ink, 1.8)?;
        for at in &points {
            canvas.marker(*at, look.marker, 3.6, look.ink, Body::Filled)?;
        }
    }
    Ok(())
}

/// What each takes where there are most.
fn describe(stage: &Stage<'_>, growing: &[&Growing<'_>]) -> String {
    let lines = growing.iter().map(|one| {
        let parts = PANELS.iter().filter_map(|(growth, name, unit)| {
            let (_, each) = one.each(*growth).pop()?;
            Some(format!("{name} {}", unit.show_measured(each)))
        });
        let most = numbers::plain(one.most());
        format!("{}, each of {most}: {}.", stage.label(one.technique), parts.collect::<Vec<_>>().join(", "))
    });
    lines.collect::<Vec<_>>().join(" ")
}
