//! Rules about what clients saw. None of them says yes of a client that took no part.

use model::close_case::{CloseCases, EventKind};
use model::settings::Client;

use super::{RuleAnswer, RuleOutcome, completeness, of, open};
use crate::sections::browsers::name;
use crate::sections::markdown::inline;
use crate::statistics::{Analysis, Row};

const BROWSERS: [Client; 2] = [Client::Chromium, Client::Firefox];
const CLIENTS: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

const UNTRIED: &str = "the ways of ending were not tried in this run";

/// Without techniques by name: all that the run's manifest knows but its floor, which stands right on TCP, where no page
/// can follow it.
pub(super) fn browsers(analysis: &Analysis<'_>, techniques: &[String]) -> RuleAnswer {
    let wanted = format!("every trial complete in {}", BROWSERS.map(name).join(" and "));
    let known = analysis.run.manifest.techniques.iter().filter(|technique| !technique.baseline);
    let meant: Vec<&str> = match techniques {
        [] => known.map(|technique| technique.slug.as_str()).collect(),
        named => named.iter().map(String::as_str).collect(),
    };
    let parts = BROWSERS.map(|client| Part::of(analysis, client, &meant));
    let outcome = if parts.iter().any(|part| part.complete < part.all) {
        RuleOutcome::No
    } else if parts.iter().any(|part| !part.absent.is_empty()) {
        RuleOutcome::Open
    } else {
        RuleOutcome::Yes
    };
    RuleAnswer { outcome, wanted, found: parts.each_ref().map(Part::words).join("; ") }
}

/// What a browser did by the techniques that are meant.
struct Part {
    client: Client,
    all: u64,
    complete: u64,
    /// The labels of those that it has no trial of.
    absent: Vec<String>,
}

impl Part {
    fn of(analysis: &Analysis<'_>, client: Client, meant: &[&str]) -> Self {
        let slug = |row: &Row<'_>| analysis.technique(row.technique).slug.as_str();
        let rows = analysis.clients.iter().flat_map(|answer| &answer.rows);
        let rows: Vec<&Row<'_>> =
            rows.filter(|row| row.settings.client == client && meant.contains(&slug(row))).collect();
        let absent = meant.iter().filter(|meant| !rows.iter().any(|row| slug(row) == **meant));
        let (all, complete) = completeness(&rows);
        Self { client, all, complete, absent: absent.map(|slug| label(analysis, slug)).collect() }
    }

    fn words(&self) -> String {
        let client = name(self.client);
        match (self.all, self.absent.as_slice()) {
            (0, _) => format!("{client} took no part in this run"),
            (all, []) => format!("{client}: {}", of(self.complete, all)),
            (all, absent) => {
                format!("{client}: {}, and none by {}", of(self.complete, all), absent.join(", "))
            }
        }
    }
}

/// A slug that nobody knows stands for itself.
fn label(analysis: &Analysis<'_>, slug: &str) -> String {
    let known = analysis.run.manifest.techniques.iter().find(|technique| technique.slug == slug);
    inline(known.map_or(slug, |technique| &technique.label))
}

pub(super) fn close_cases(analysis: &Analysis<'_>, codes: &[u16]) -> RuleAnswer {
    let wanted = "as the standards demand, for every client".to_owned();
    let Some(close_cases) = &analysis.run.close_cases else { return open(wanted, UNTRIED.to_owned()) };
    let is_meant = |code: u16| codes.is_empty() || codes.contains(&code);
    let tried = || close_cases.close_cases.iter().filter(|closing| is_meant(closing.code));
    let untried = codes.iter().filter(|code| !tried().any(|closing| closing.code == **code));
    let untried: Vec<String> = untried.map(ToString::to_string).collect();
    if tried().next().is_none() || !untried.is_empty() {
        return open(wanted, format!("not tried: {}", untried.join(", ")));
    }
    if let Some(why) = absence(close_cases) {
        return open(wanted, why);
    }
    let unseen = CLIENTS.iter().find_map(|client| {
        let saw = |code: u16| tried().any(|closing| closing.client == *client && closing.code == code);
        let code = tried().map(|closing| closing.code).find(|code| !saw(*code))?;
        Some(format!("{code} was not tried with {}", name(*client)))
    });
    if let Some(why) = unseen {
        return open(wanted, why);
    }
    let (conforming, all) = (tried().filter(|closing| closing.conforms).count(), tried().count());
    let found = format!("{conforming} of {all} observations");
    RuleAnswer { outcome: RuleOutcome::when(conforming == all), wanted, found }
}

pub(super) fn seen(analysis: &Analysis<'_>, events: &[EventKind]) -> RuleAnswer {
    let names: Vec<&str> = events.iter().map(|event| event.name()).collect();
    let wanted = format!("{} seen by every client", names.join(", "));
    let Some(close_cases) = &analysis.run.close_cases else { return open(wanted, UNTRIED.to_owned()) };
    if let Some(why) = absence(close_cases) {
        return open(wanted, why);
    }
    let sees = |client: Client, kind: EventKind| {
        let own = close_cases.close_cases.iter().filter(|closing| closing.client == client);
        own.flat_map(|closing| &closing.events).any(|event| event.kind() == kind)
    };
    let lacks = CLIENTS.iter().flat_map(|client| {
        let missing = events.iter().filter(|kind| !sees(*client, **kind));
        missing.map(|kind| format!("{} saw no {}", name(*client), kind.name())).collect::<Vec<_>>()
    });
    let lacks: Vec<String> = lacks.collect();
    let found = if lacks.is_empty() { "all were seen".to_owned() } else { lacks.join("; ") };
    RuleAnswer { outcome: RuleOutcome::when(lacks.is_empty()), wanted, found }
}

/// Who was not there when the ways of ending were tried.
fn absence(close_cases: &CloseCases) -> Option<String> {
    let observed = |client: Client| close_cases.close_cases.iter().any(|closing| closing.client == client);
    let absent =
        CLIENTS.iter().find(|client| !close_cases.clients.contains(client) || !observed(**client))?;
    Some(format!("{} took no part in this run", name(*absent)))
}
