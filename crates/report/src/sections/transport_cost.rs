//! What TLS, HTTP/2 and compression cost the server, and what compression saves.

use model::settings::Compression;
use model::trial::PayloadProfile;

use super::Chapter;
use super::markdown::{inline, table};
use crate::numbers::{self, optional, significant};
use crate::statistics::{Comparison, Estimate, Row, ScenarioResult, Subject, transport_name};

/// Nothing when the scenario is neither about transports' costs nor about compression.
pub(super) fn section(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    match answer.subject() {
        Subject::Transport => ratios(chapter, answer),
        Subject::Bytes if is_about_compression(answer) => compression(chapter, answer),
        _ => String::new(),
    }
}

fn is_about_compression(answer: &ScenarioResult<'_>) -> bool {
    answer.transport_keys().iter().any(|key| answer.info.sweeps[*key].ends_with(".compression"))
}

const RATIOS: &str = "Server CPU per delivered event, as a multiple of the same technique's over plain HTTP/1.1, with 95 % intervals \
    between trials, paired by repetition; under it wire bytes per event, likewise. In the first column what plain costs.";

const FEW: &str = "Ratios to plain HTTP/1.1 need two trials or more: without an interval nobody can tell what chance made of them.\n\n";

/// A line for each technique, a column for each transport.
fn ratios(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let comparisons = answer.comparisons();
    if comparisons.iter().all(|comparison| comparison.cpu.is_none_or(|cpu| cpu.interval.is_none())) {
        return FEW.to_owned();
    }
    let mut transports = answer.transports();
    transports
        .retain(|transport| comparisons.iter().any(|found| found.row.settings.transport == **transport));
    let names = transports.iter().map(|transport| inline(&transport_name(transport)));
    let head: Vec<String> = ["technique", "plain"].map(str::to_owned).into_iter().chain(names).collect();
    let rows = answer.contestants().into_iter().filter_map(|order| {
        let own: Vec<&Comparison<'_>> =
            comparisons.iter().filter(|comparison| comparison.row.technique == order).collect();
        let plain = own.first()?.plain;
        let cells = transports.iter().map(|transport| {
            let found = own.iter().find(|comparison| comparison.row.settings.transport == **transport);
            optional(found, |comparison| cell(comparison))
        });
        Some([chapter.label(order), costs(plain)].into_iter().chain(cells).collect())
    });
    format!("{RATIOS}\n\n{}{}\n", table(1, &head, rows), entropies(answer))
}

fn costs(row: &Row<'_>) -> String {
    let figures = row.figures.as_ref();
    let cpu = optional(figures.and_then(|figures| figures.cpu), numbers::time_estimate);
    let wire = figures.and_then(|figures| figures.wire_both);
    format!("{cpu}<br>{} B", optional(wire, |wire| significant(wire.value)))
}

fn cell(comparison: &Comparison<'_>) -> String {
    let bytes = optional(comparison.wire, |wire| significant(wire.value));
    format!("**× {}**<br>bytes × {bytes}", optional(comparison.cpu, numbers::estimate))
}

const COMPRESSION: &str = "Wire bytes of both directions and server CPU per delivered event, without compression and with it. The ratio of \
    CPU is paired by repetition.";

fn compression(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let comparisons = answer.comparisons();
    let found: Vec<&Comparison<'_>> = comparisons
        .iter()
        .filter(|comparison| comparison.row.settings.transport.compression != Compression::None)
        .collect();
    let head = [
        "payload",
        "technique",
        "wire B/event",
        "compressed",
        "saved",
        "CPU/event",
        "CPU compressed",
        "CPU × uncompressed",
    ];
    let rows = found.iter().map(|Comparison { row, plain, cpu, wire }| {
        let bytes = |row: &Row<'_>| optional(figure(row, |figures| figures.wire_both), numbers::estimate);
        let time = |row: &Row<'_>| optional(figure(row, |figures| figures.cpu), numbers::time_estimate);
        vec![
            numbers::bytes(row.settings.events.payload_bytes.into()),
            chapter.label(row.technique),
            bytes(plain),
            bytes(row),
            optional(*wire, |wire| format!("{} %", significant(100.0 * (1.0 - wire.value)))),
            time(plain),
            time(row),
            optional(*cpu, numbers::estimate),
        ]
    });
    format!("{COMPRESSION}\n\n{}{}\n", table(2, &head.map(str::to_owned), rows), entropies(answer))
}

fn figure(row: &Row<'_>, of: fn(&crate::statistics::Figures) -> Option<Estimate>) -> Option<Estimate> {
    of(row.figures.as_ref()?)
}

/// What the payloads were like that were compressed, one line for each size.
fn entropies(answer: &ScenarioResult<'_>) -> String {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let compressed = |row: &&Row<'_>| row.settings.transport.compression != Compression::None;
    for row in answer.rows.iter().filter(compressed) {
        let bytes = row.settings.events.payload_bytes;
        if let Some(profile) = profile(row).filter(|_| lines.iter().all(|(known, _)| *known != bytes)) {
            lines.push((bytes, entropy(bytes, profile)));
        }
    }
    lines.sort();
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    format!("\nThe payloads, as measured in the first trial of each size:\n\n{}\n", lines.join("\n"))
}

fn profile<'a>(row: &Row<'a>) -> Option<&'a PayloadProfile> {
    row.trials.iter().find_map(|trial| trial.record.result.outcome()?.payload.as_ref())
}

fn entropy(bytes: u32, profile: &PayloadProfile) -> String {
    let percent = |share: f64| format!("{} %", significant(share * 100.0));
    format!(
        "- {}: {} bits per byte (Shannon entropy of single bytes); deflated, one alone shrinks to {} of itself, all {} \
         in one stream to {}.",
        numbers::bytes(bytes.into()),
        significant(profile.entropy_bits_per_byte),
        percent(profile.deflated_alone),
        numbers::whole(profile.measured),
        percent(profile.deflated_together),
    )
}
