//! What real browsers made of the same events, beside pushbench's own client, and what was found out about them.

mod findings;

use model::settings::Client;

use super::Chapter;
use super::markdown::{inline, table};
use super::scenario::heading;
use crate::load::Trial;
use crate::numbers::{self, NOTHING, time, whole};
use crate::statistics::{CLIENT, Figures, Quantile, Reach, Row, ScenarioResult};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let left_out = chapter.left_out(&["client ", "browser "]);
    let analysis = chapter.analysis;
    if analysis.clients.is_empty() && analysis.run.findings.is_empty() {
        return format!("*No browser took part in this run.*\n{left_out}");
    }
    let answers: Vec<String> = analysis.clients.iter().map(|answer| scenario(chapter, answer)).collect();
    format!("{NOTE}\n\n{}{left_out}\n{}", answers.join("\n"), findings::section(chapter))
}

/// A client's name for people.
pub(super) fn name(client: Client) -> &'static str {
    match client {
        Client::Native => "pushbench's client",
        Client::Chromium => "Chromium",
        Client::Firefox => "Firefox",
    }
}

const NOTE: &str = "The same servers and events, received by a page in a real browser, headless, with the means that a page has. Each cell: deliveries of those expected; \
    p50 and p99 of the delivery latency, and how far the page's clock may be off the server's, either way (a latency is not better known than \
    that); HTTP requests between the window's edges. **Bytes are not counted in a browser**, since nobody can stand between a page and its socket \
    without changing it; the native client's are. A browser's latency has its event loop, its processes and the waking of the page in it, and it shares the load generator's core.";

fn scenario(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let clients = clients(answer);
    let others: Vec<usize> =
        (0..answer.info.sweeps.len()).filter(|key| answer.info.sweeps[*key] != CLIENT).collect();
    let keys = others.iter().map(|key| inline(&answer.info.sweeps[*key]));
    let head =
        keys.chain(["technique".to_owned()]).chain(clients.iter().map(|client| name(*client).to_owned()));
    let head: Vec<String> = head.collect();
    let rows = lines(answer, &others).into_iter().map(|first| {
        let cells = clients.iter().map(|client| {
            let row = answer
                .rows
                .iter()
                .find(|row| is_beside(first, row, &others) && row.settings.client == *client);
            row.map_or_else(|| NOTHING.to_owned(), cell)
        });
        let point = others.iter().map(|key| inline(&first.point[*key].text));
        point.chain([chapter.label(first.technique)]).chain(cells).collect()
    });
    format!("{}\n\n{}", heading(chapter, "scenario", answer.info), table(head.len(), &head, rows),)
}

fn clients(answer: &ScenarioResult<'_>) -> Vec<Client> {
    let mut clients: Vec<Client> = answer.rows.iter().map(|row| row.settings.client).collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}

/// The first row of each line: one technique at one point, for any client.
fn lines<'r, 'a>(answer: &'r ScenarioResult<'a>, others: &[usize]) -> Vec<&'r Row<'a>> {
    let mut lines: Vec<&Row<'a>> = Vec::new();
    for row in &answer.rows {
        if !lines.iter().any(|line| is_beside(line, row, others)) {
            lines.push(row);
        }
    }
    lines.sort_by_key(|row| row.technique);
    lines
}

fn is_beside(one: &Row<'_>, other: &Row<'_>, keys: &[usize]) -> bool {
    let is_same = |key: &usize| {
        let (one, other) = (&one.point[*key], &other.point[*key]);
        one == other || (one.reach == Reach::Untouched && other.reach == Reach::Untouched)
    };
    one.technique == other.technique && keys.iter().all(is_same)
}

fn cell(row: &Row<'_>) -> String {
    let Some(figures) = &row.figures else { return "every trial failed".to_owned() };
    let counts = &figures.counts;
    let delivered = format!("{} of {}", whole(counts.delivered), whole(counts.expected));
    let delivered = if counts.lost == 0 { delivered } else { format!("**{delivered}**") };
    format!(
        "{delivered}<br>{}<br>{} requests{}",
        latency(row, figures),
        whole(counts.requests),
        failed(row, figures)
    )
}

fn latency(row: &Row<'_>, figures: &Figures) -> String {
    let at = |quantile| numbers::shown(figures.delivery_at(quantile));
    let bound = bound_ns(row).map_or_else(String::new, |ns| format!(" ± {}", time(ns as f64)));
    format!("p50 {}, p99 {}{bound}", at(Quantile::P50), at(Quantile::P99))
}

/// How far the clocks of this row's pages may be off, at most; none where client and server share one.
fn bound_ns(row: &Row<'_>) -> Option<u64> {
    let clock =
        |trial: &&Trial| trial.record.result.outcome()?.clock.as_ref().map(|clock| clock.offset_bound_ns);
    row.trials.iter().filter_map(clock).max()
}

fn failed(row: &Row<'_>, figures: &Figures) -> String {
    match row.trials.len() - figures.trials {
        0 => String::new(),
        failed => format!("<br>**{failed} of {} trials failed**", row.trials.len()),
    }
}
