//! A restarted server: how long it takes until everybody is back, and has everything.

use model::trial::{Quantiles, ServerRestart, TrialOutcome};

use super::Chapter;
use super::markdown::{inline, table};
use super::topic::{self, Said};
use crate::numbers::{self, NOTHING, optional, whole};
use crate::statistics::{Estimate, Row, ScenarioResult, Topic};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    topic::section(
        chapter,
        Topic::ServerRestarts,
        "No server was restarted in this run.",
        |chapter, answer| Said {
            above: format!("{NOTE}\n\n{}", lines(chapter, answer)),
            below: String::new(),
        },
    )
}

const NOTE: &str = "The server was killed in the window and started again at the same address, with all events that it had been given \
    before. Times run from the old server's end. *Back* is a subscriber that the new server knows of; *whole* is one that has received every event \
    that was due until then. Means over trials, with 95 % intervals where there are several; *the last* is the last of all subscribers. Where not all \
    were whole by the end of the drain, it is the last of those that were.";

fn lines(chapter: &Chapter<'_>, answer: &ScenarioResult<'_>) -> String {
    let columns = [
        "server away",
        "half are back",
        "the last is back",
        "half are whole",
        "p99 whole",
        "the last is whole",
        "caught up",
        "lost / duplicate",
        "failed attempts",
    ];
    let mut head = topic::keys(answer, None);
    head.push("technique".to_owned());
    head.extend(columns.map(str::to_owned));
    let rows = answer.rows.iter().map(|row| {
        let point = row.point.iter().map(|coordinate| inline(&coordinate.text));
        point.chain([chapter.label(row.technique)]).chain(cells(row)).collect()
    });
    table(answer.info.sweeps.len() + 1, &head, rows)
}

fn cells(row: &Row<'_>) -> Vec<String> {
    let outcomes = row.outcomes();
    let server_restarts: Vec<&ServerRestart> =
        outcomes.iter().filter_map(|outcome| outcome.server_restart.as_ref()).collect();
    if server_restarts.is_empty() {
        return vec!["no trial ended".to_owned(); 1].into_iter().chain(vec![String::new(); 8]).collect();
    }
    let time = |of: fn(&ServerRestart) -> Option<u64>| optional(mean(row, of), numbers::time_estimate);
    let sum = |of: fn(&TrialOutcome) -> u64| outcomes.iter().map(|outcome| of(outcome)).sum::<u64>();
    vec![
        time(|server_restart| Some(server_restart.down_ns)),
        time(|server_restart| back(server_restart).map(|times| times.p50_ns)),
        time(|server_restart| back(server_restart).map(|times| times.max_ns)),
        time(|server_restart| healed(server_restart).map(|times| times.p50_ns)),
        time(|server_restart| healed(server_restart).map(|times| times.p99_ns)),
        time(|server_restart| healed(server_restart).map(|times| times.max_ns)),
        again(row, &server_restarts),
        format!("{} / {}", whole(sum(|it| it.counts.lost)), whole(sum(|it| it.counts.duplicate))),
        whole(server_restarts.iter().map(|server_restart| server_restart.failed_attempts).sum()),
    ]
}

fn mean(row: &Row<'_>, of: fn(&ServerRestart) -> Option<u64>) -> Option<Estimate> {
    row.mean(|_, outcome| of(outcome.server_restart.as_ref()?).map(|ns| ns as f64))
}

fn back(server_restart: &ServerRestart) -> Option<&Quantiles> {
    server_restart.connected.as_deref()
}

fn healed(server_restart: &ServerRestart) -> Option<&Quantiles> {
    server_restart.caught_up.as_deref()
}

/// Of all trials together; bold when somebody is not.
fn again(row: &Row<'_>, server_restarts: &[&ServerRestart]) -> String {
    let healed: u64 = server_restarts.iter().map(|server_restart| server_restart.caught_up_subscribers).sum();
    let all = u64::from(row.settings.subscribers.count) * server_restarts.len() as u64;
    match all {
        0 => NOTHING.to_owned(),
        all if healed >= all => format!("all {}", whole(all)),
        all => format!("**{} of {}**", whole(healed), whole(all)),
    }
}
