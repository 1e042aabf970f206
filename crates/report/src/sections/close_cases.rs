//! How connections end, and what each client sees of it: a row for each way of ending, a column for each client.

use model::close_case::{CloseCase, CloseFrame, Peer, SeenEvent};

use super::Chapter;
use super::browsers::name;
use super::markdown::{inline, word_table};
use crate::numbers::NOTHING;

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let Some(close_cases) = &chapter.analysis.run.close_cases else {
        return "*The ways of ending were not tried in this run.*\n".to_owned();
    };
    let clients = close_cases.clients.iter().map(|client| name(*client));
    let head: Vec<&str> = ["code", "what happens", "sent"].into_iter().chain(clients).collect();
    let rows = ways(&close_cases.close_cases).into_iter().map(|way| {
        let cells = close_cases.clients.iter().map(|client| {
            let seen =
                close_cases.close_cases.iter().find(|other| is_same(way, other) && other.client == *client);
            seen.map_or_else(|| NOTHING.to_owned(), cell)
        });
        [way.code.to_string(), situation(way), sent(way)].into_iter().chain(cells).collect()
    });
    format!("{NOTE}\n\n{}\n\n{}", verdict(&close_cases.close_cases), word_table(&head, rows))
}

const NOTE: &str = "Every close code of RFC 6455 §7.4.1, each produced by a real situation where there is one; *on request* marks those where the server \
    was asked to close with the code. In a client's column: the events that an application sees, in order, with code, reason and whether the end was clean \
    (`CloseEvent.wasClean`). 1005, 1006 and 1015 must never be sent: a client makes them up where there was no code, no close frame, no TLS. \
    ✓ is what RFC 6455 and WHATWG's standard demand.";

/// The first closing of each way of ending, by any client.
fn ways(close_cases: &[CloseCase]) -> Vec<&CloseCase> {
    let mut ways: Vec<&CloseCase> = Vec::new();
    for closing in close_cases {
        if !ways.iter().any(|way| is_same(way, closing)) {
            ways.push(closing);
        }
    }
    ways
}

fn is_same(one: &CloseCase, other: &CloseCase) -> bool {
    (one.code, &one.situation, one.by, one.real) == (other.code, &other.situation, other.by, other.real)
}

fn verdict(close_cases: &[CloseCase]) -> String {
    let conforming = close_cases.iter().filter(|closing| closing.conforms).count();
    let strays = close_cases.iter().filter(|closing| !closing.conforms).map(|closing| {
        format!("{} with {} ({})", name(closing.client), closing.code, inline(&closing.situation))
    });
    let strays: Vec<String> = strays.collect();
    let strays =
        if strays.is_empty() { String::new() } else { format!(" The others: {}.", strays.join("; ")) };
    format!("{conforming} of {} observations are as the standards demand.{strays}", close_cases.len())
}

fn situation(way: &CloseCase) -> String {
    let on_request = if way.real { "" } else { " *(on request)*" };
    format!("{}{on_request}", inline(&way.situation))
}

fn sent(way: &CloseCase) -> String {
    let by = match way.by {
        Peer::Client => "client",
        Peer::Server => "server",
        Peer::Network => return "nothing: the connection is cut".to_owned(),
    };
    match &way.sent {
        None => format!("nothing, by the {by}"),
        Some(CloseFrame { code: None, .. }) => format!("an empty close frame, by the {by}"),
        Some(CloseFrame { code: Some(code), reason }) => format!("{code}{}, by the {by}", quoted(reason)),
    }
}

fn cell(closing: &CloseCase) -> String {
    let events: Vec<String> = closing.events.iter().map(event).collect();
    let events = if events.is_empty() { "nothing".to_owned() } else { events.join(", ") };
    if closing.conforms { format!("✓ {events}") } else { format!("**✗ {events}**") }
}

fn event(event: &SeenEvent) -> String {
    match event {
        SeenEvent::Close { code, reason, clean } => {
            let clean = if *clean { "clean" } else { "not clean" };
            format!("close {code}{} {clean}", quoted(reason))
        }
        other => other.kind().name().to_owned(),
    }
}

fn quoted(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" “{}”", inline(reason)) }
}
