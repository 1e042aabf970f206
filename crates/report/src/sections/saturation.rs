//! What each technique can carry: the highest rate within the bound, with what it costs there and the bottleneck.

use model::settings::Settings;
use model::trial::TrialOutcome;

use super::Chapter;
use super::markdown::{anchor, inline, table};
use super::scenario::{charts, few, heading};
use crate::charts::Place;
use crate::numbers::{self, NOTHING, optional, significant};
use crate::statistics::{End, Estimate, Limits, Quantile, Saturation, Whose, batch, server_busy};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let own = chapter.analysis.limits.iter().filter(|limits| !limits.is_contest());
    let parts: Vec<String> = own.map(|limits| one(chapter, limits)).collect();
    if parts.is_empty() {
        return "*No scenario of this run searched for a capacity.*\n".to_owned();
    }
    format!("{NOTE}\n\n{}", parts.join("\n"))
}

const NOTE: &str = "*Capacity* is the highest offered rate at which nothing was missing and p99 was within the scenario's bound, in deliveries a \
    second: rate × subscribers. It is searched for by doubling and then halving, again in each repetition, each rate with fresh processes, and tried \
    once more where it does not pass. It lies between the highest rate that passed and the lowest that did not: their geometric mean is shown, and the \
    interval, of 95 % between repetitions, holds the half of that step besides. **≥**: in at least one repetition the server was not the \
    bottleneck, so its capacity may be higher; the last column names the bottleneck. *Neither was busy*: the server failed with its cores idle for part of \
    the time, and so did not lack CPU. *Of a core*: what the server had of its cores, since processes that only compute shared them; a load generator \
    has more to do than a server that sends the same bytes to many, and would be at its end first. *Server busy* is of that share. Capacities on \
    unequal shares do not compare. Everything else in a row is from the trials at the highest rate that passed: \
    CPU and events per response belong beside any throughput, since who delivers in lumps delivers more. The ratio to the floor is \
    taken in pairs.";

fn one(chapter: &Chapter<'_>, limits: &Limits<'_>) -> String {
    format!(
        "{}\n\n{}{}\n{}",
        heading(chapter, "scenario", limits.info),
        charts(chapter, Place::Saturation, limits.info),
        capacities(chapter, limits),
        searches(limits),
    )
}

fn capacities(chapter: &Chapter<'_>, limits: &Limits<'_>) -> String {
    let head = [
        "technique",
        "to",
        "payload",
        "of a core",
        "capacity, deliveries/s",
        "× baseline",
        "p99 there",
        "server CPU/event",
        "events per response",
        "server busy",
        "load generator busy",
        "bottleneck",
    ];
    let rows = limits.own().map(|found| line(chapter, limits, found));
    table(1, &head.map(str::to_owned), rows)
}

fn line(chapter: &Chapter<'_>, limits: &Limits<'_>, found: &Saturation<'_>) -> Vec<String> {
    let figures = found.row.as_ref().and_then(|row| row.figures.as_ref());
    let p99 = figures.and_then(|figures| figures.delivery_at(Quantile::P99).estimate());
    vec![
        name(chapter, limits, &found.whose),
        numbers::whole(found.settings.subscribers.count.into()),
        numbers::bytes(found.settings.events.payload_bytes.into()),
        of_a_core(chapter, found.settings),
        capacity(found),
        to_baseline(chapter, limits, found),
        optional(p99, numbers::time_estimate),
        optional(figures.and_then(|figures| figures.cpu), numbers::time_estimate),
        optional(mean(found, batch), |batch| significant(batch.value)),
        optional(server(chapter, found), share),
        optional(load_generator(found), share),
        ends(found),
    ]
}

/// A technique, and which of its own ways this is.
pub(super) fn name(chapter: &Chapter<'_>, limits: &Limits<'_>, whose: &Whose<'_>) -> String {
    let (label, way) = (chapter.label(whose.technique), limits.way(whose));
    if way.is_empty() { label } else { format!("{label} ({})", inline(&way)) }
}

/// The figure with its interval; at least that where something else than the server was the bottleneck, and in how many of the
/// searches no rate passed at all.
pub(super) fn capacity(found: &Saturation<'_>) -> String {
    let at_least = if found.is_at_least() { "≥ " } else { "" };
    let Some(mean) = found.capacities().and_then(|capacities| capacities.mean()) else {
        return "no rate passed".to_owned();
    };
    let none = match found.without() {
        0 => String::new(),
        none => format!("<br>no rate passed in {none} of {}", found.searches.len()),
    };
    format!("{at_least}{}{none}", numbers::estimate(mean))
}

/// Where either may come further, the ratio is one-sided; where both may, it says nothing.
fn to_baseline(chapter: &Chapter<'_>, limits: &Limits<'_>, found: &Saturation<'_>) -> String {
    let is_baseline = |other: &&Saturation<'_>| {
        chapter.analysis.technique(other.whose.technique).baseline && other.whose.point == found.whose.point
    };
    let Some(floor) = limits.own().find(is_baseline) else { return NOTHING.to_owned() };
    if found.whose == floor.whose {
        return significant(1.0);
    }
    let ratio = found.capacities().zip(floor.capacities()).and_then(|(own, floor)| own.over(&floor));
    let side = match (found.is_at_least(), floor.is_at_least()) {
        (false, false) => "",
        (true, false) => "≥ ",
        (false, true) => "≤ ",
        (true, true) => return "unknown".to_owned(),
    };
    optional(ratio, |ratio| format!("{side}{}", numbers::estimate(ratio)))
}

fn mean(found: &Saturation<'_>, of: impl Fn(&TrialOutcome) -> Option<f64>) -> Option<Estimate> {
    found.row.as_ref()?.mean(|_, outcome| of(outcome))
}

pub(super) fn server(chapter: &Chapter<'_>, found: &Saturation<'_>) -> Option<Estimate> {
    let cores = chapter.analysis.run.manifest.host.server_cores.len();
    let processes = &found.row.as_ref()?.settings.processes;
    mean(found, |outcome| server_busy(outcome, processes, cores))
}

/// What a server had of each of its cores.
pub(super) fn of_a_core(chapter: &Chapter<'_>, settings: &Settings) -> String {
    match chapter.analysis.to_a_core(settings) {
        1 => "all".to_owned(),
        sharing => format!("1/{sharing}"),
    }
}

pub(super) fn share(share: Estimate) -> String {
    format!("{} %", significant(share.value * 100.0))
}

/// How busy the load generator's cores were, 0–1.
pub(super) fn load_generator(found: &Saturation<'_>) -> Option<Estimate> {
    mean(found, |outcome| Some(outcome.instrument.load_busy))
}

/// The bottleneck, and in how many of the searches where they differ.
pub(super) fn ends(found: &Saturation<'_>) -> String {
    let of = |end: fn(&End<'_>) -> bool| found.searches.iter().filter(|search| end(&search.end)).count();
    let kinds = [
        ("server", of(|end| matches!(end, End::Server(_)))),
        ("server, and neither was busy", of(|end| matches!(end, End::Neither(_)))),
        ("**load generator**", of(|end| matches!(end, End::LoadGenerator))),
        ("end of the search", of(|end| matches!(end, End::Nothing))),
    ];
    let present = kinds.iter().filter(|(_, count)| *count > 0);
    let all = found.searches.len();
    let words = present
        .map(|(kind, count)| if *count == all { (*kind).to_owned() } else { format!("{kind} × {count}") });
    words.collect::<Vec<_>>().join(", ")
}

/// How many searches and trials stand behind the table.
fn searches(limits: &Limits<'_>) -> String {
    let all = || limits.own().map(|found| found.searches.len());
    let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    let count = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    format!("Searches behind a row: {count}.{}\n", few(least))
}

/// One line of the answer in short: what each technique carries to the most subscribers.
pub(super) fn headline(chapter: &Chapter<'_>) -> Option<String> {
    let limits = chapter.analysis.limits.iter().filter(|limits| !limits.is_contest());
    let widest = |limits: &&Limits<'_>| limits.own().map(|found| found.settings.subscribers.count).max();
    let limits = limits.max_by_key(widest)?;
    let most = widest(&limits)?;
    let of_most = limits.own().filter(|found| found.settings.subscribers.count == most);
    let carried =
        of_most.map(|found| format!("{} {}", chapter.label(found.whose.technique), capacity(found)));
    let carried: Vec<String> = carried.collect();
    let of_a_core =
        of_a_core(chapter, limits.own().find(|found| found.settings.subscribers.count == most)?.settings);
    Some(format!(
        "**[Capacity](#scenario-{}{})**, deliveries a second to {} subscribers with nothing missing and p99 within the bound, the server with {of_a_core} of its core: {}.",
        anchor(&limits.info.name),
        chapter.suffix,
        numbers::whole(most.into()),
        carried.join("; "),
    ))
}
