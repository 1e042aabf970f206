//! What people say of these techniques, each with a verdict that the results of all runs decide.

use model::browser::BrowserFindings;
use model::claim::{Claim, Figure, Rule, Taken};
use model::close_case::{CloseCases, EventKind};
use model::publication::{Measure, Trials};
use model::settings::Client;
use model::trial::{TrialKey, TrialResult};
use serde::Serialize;

use crate::catalogue::{self, Metric};
use crate::estimate::Estimate;
use crate::evidence::Evidence;
use crate::load::Trial;
use crate::numbers::{self, plain};
use crate::publications::{self, Source};
use crate::table::client_name;

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// All that must hold does.
    #[serde(rename = "holds")]
    Holds,
    /// Something named restricts it.
    #[serde(rename = "holds with a limit")]
    HoldsWithALimit,
    /// Something that must hold does not.
    #[serde(rename = "fails")]
    Fails,
    /// A rule finds nothing to go by, or an interval leaves it open.
    #[default]
    #[serde(rename = "not measurable here")]
    NotMeasurableHere,
}

/// Yes, no, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The rule holds.
    Yes,
    /// It does not.
    No,
    /// What was measured does not decide it.
    Open,
}

/// A rule of a claim, and what it found.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Whether the claim fails without it; else it is a limit.
    pub is_must: bool,
    /// What must hold, or the limit.
    pub what: String,
    /// What was asked for.
    pub wanted: String,
    /// What was found, or why nothing was.
    pub found: String,
    /// Whether the rule holds; of a limit, whether there is none.
    pub outcome: Outcome,
}

/// A claim and its verdict.
#[derive(Debug, Default, Serialize)]
pub struct Judged {
    /// A short name.
    pub id: String,
    /// Why it cannot be judged; then there is nothing else.
    pub error: Option<String>,
    /// The claim in a sentence or two.
    pub claim: String,
    /// Who says so, where.
    pub source: String,
    /// How the verdict comes about.
    pub how: String,
    pub verdict: Verdict,
    /// What decided it: figures that hold, limits that apply, what does not hold, or what is open.
    pub because: Vec<String>,
    /// Every rule.
    pub checks: Vec<Check>,
}

/// Every claim that a run holds, each in its newest text, in the order of their names.
pub fn judge(evidence: &Evidence) -> Vec<Judged> {
    let infos = evidence.runs.iter().flat_map(|run| &run.manifest.claims);
    let texts = publications::newest(infos.map(|info| (&info.id, &info.text)));
    texts.into_iter().map(|(id, text)| Judged::of(evidence, id, text)).collect()
}

impl Judged {
    fn of(evidence: &Evidence, id: &str, text: &str) -> Self {
        let claim = match Claim::parse(text, id) {
            Ok(claim) => claim,
            Err(error) => {
                return Self { id: id.to_owned(), error: Some(error.to_string()), ..Self::default() };
            }
        };
        let check = |is_must: bool, what: &str, rule: &Rule| Check {
            is_must,
            what: what.to_owned(),
            ..answer(evidence, &claim.scenarios[0], rule)
        };
        let musts = claim.musts.iter().map(|must| check(true, &must.what, &must.rule));
        let limits = claim.limits.iter().map(|limit| check(false, &limit.what, &limit.unless));
        let checks: Vec<Check> = musts.chain(limits).collect();
        let verdict = verdict(&checks);
        Self {
            because: because(verdict, &checks),
            id: claim.id,
            error: None,
            claim: claim.claim,
            source: claim.source,
            how: claim.how,
            verdict,
            checks,
        }
    }
}

/// A claim that fails in one thing has failed, whatever else is not known; short of that, nothing may be open.
fn verdict(checks: &[Check]) -> Verdict {
    let any = |outcome: Outcome, is_must: bool| {
        checks.iter().any(|check| check.outcome == outcome && check.is_must == is_must)
    };
    if any(Outcome::No, true) {
        Verdict::Fails
    } else if any(Outcome::Open, true) || any(Outcome::Open, false) {
        Verdict::NotMeasurableHere
    } else if any(Outcome::No, false) {
        Verdict::HoldsWithALimit
    } else {
        Verdict::Holds
    }
}

/// Each reason once; what leaves several rules open is not said of each.
fn because(verdict: Verdict, checks: &[Check]) -> Vec<String> {
    let opens =
        |found: &str| checks.iter().filter(|it| it.outcome == Outcome::Open && it.found == found).count();
    let mut reasons: Vec<String> = Vec::new();
    for Check { is_must, what, found, outcome, .. } in checks {
        let reason = match (verdict, is_must, outcome) {
            (Verdict::Fails, true, Outcome::No) => format!("not so: {what} ({found})"),
            (Verdict::HoldsWithALimit, false, Outcome::No) => format!("{what} ({found})"),
            (Verdict::Holds, true, Outcome::Yes) => format!("{what}: {found}"),
            (Verdict::NotMeasurableHere, _, Outcome::Open) if opens(found) > 1 => format!("open: {found}"),
            (Verdict::NotMeasurableHere, _, Outcome::Open) => format!("open: {what} ({found})"),
            _ => continue,
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

impl Check {
    fn open(wanted: String, found: impl Into<String>) -> Self {
        Self::of(Outcome::Open, wanted, found.into())
    }

    fn when(holds: bool, wanted: String, found: String) -> Self {
        Self::of(if holds { Outcome::Yes } else { Outcome::No }, wanted, found)
    }

    fn of(outcome: Outcome, wanted: String, found: String) -> Self {
        Self { is_must: false, what: String::new(), wanted, found, outcome }
    }
}

/// The rule's answer; `scenario` is meant where it names none.
fn answer(evidence: &Evidence, scenario: &str, rule: &Rule) -> Check {
    let source = Source { id: "", scenario };
    let bounds = match rule {
        Rule::Figure { at_least, at_most, .. }
        | Rule::Ratio { at_least, at_most, .. }
        | Rule::Subscriber { at_least, at_most, .. } => Bounds { least: *at_least, most: *at_most },
        _ => Bounds { least: None, most: None },
    };
    let missing = || missing(evidence, scenario, rule);
    let open = || Check::open(bounds.words(), missing());
    match rule {
        Rule::Figure { measure, .. } => {
            let Some(found) = publications::find(evidence, source, measure) else { return open() };
            bounds.judge(found.estimate, !found.varies, format!("{}{}", found.text(), unit(measure)))
        }
        Rule::Ratio { figure, of, to, .. } => {
            let Some(metric) = metric(*figure) else { return open() };
            let [own, other] = [of, to].map(|at| publications::points(evidence, source, at, None));
            let ([own], [other]) = (own.as_slice(), other.as_slice()) else { return open() };
            let Some(ratio) = evidence.ratio(own, other, metric) else { return open() };
            // Bytes are counted: they hardly vary.
            bounds.judge(ratio, metric.is_portable, numbers::show_ratio(ratio))
        }
        Rule::Subscriber { at, takes, .. } => {
            taken(&publications::trials(evidence, source, at), *takes, bounds).unwrap_or_else(open)
        }
        Rule::Complete { at } => {
            let (complete, all) = completeness(evidence, source, at);
            let wanted = "every trial complete".to_owned();
            if all == 0 {
                return Check::open(wanted, missing());
            }
            Check::when(all == complete, wanted, of(complete, all))
        }
        Rule::Browsers { techniques } => browsers(evidence, techniques),
        Rule::CloseCases { codes } => {
            let wanted = "as the standards demand, for every client".to_owned();
            of_closing(evidence, wanted, |cases| close_cases(cases, codes))
        }
        Rule::Events { events } => {
            let names: Vec<&str> = events.iter().map(|event| event.name()).collect();
            let wanted = format!("{} seen by every client", names.join(", "));
            of_closing(evidence, wanted, |cases| Ok(seen(cases, events)))
        }
        Rule::Nothing { why } => Check::open("–".to_owned(), why.as_str()),
    }
}

/// Which of the scenarios that it asks for was not measured, or has no such figure.
fn missing(evidence: &Evidence, scenario: &str, rule: &Rule) -> String {
    let mut names: Vec<&str> =
        rule.trials().iter().map(|at| at.scenario.as_deref().unwrap_or(scenario)).collect();
    names.dedup();
    match names.iter().find(|name| evidence.of_scenario(name).next().is_none()) {
        Some(name) => format!("{name} was not measured"),
        None => format!("{} has no such point, or too few events for the figure", names.join(", ")),
    }
}

/// Of a figure of the publications.
fn unit(measure: &Measure) -> &'static str {
    use model::publication::Figure::{CpuPerEvent, CpuPerSecond, P99, UplinkP99};
    match measure {
        Measure::Figure { figure: P99 | UplinkP99, .. } => " ms",
        Measure::Figure { figure: CpuPerSecond, .. } => " ms/s",
        Measure::Figure { figure: CpuPerEvent, .. } => " µs",
        _ => "",
    }
}

fn metric(figure: Figure) -> Option<&'static Metric> {
    catalogue::metric(match figure {
        Figure::Bytes => "bytes",
        Figure::Cpu => "cpu",
        Figure::P50 => "p50",
        Figure::P99 => "p99",
        Figure::SetUp => "set-up-bytes",
        Figure::Answer => "answer-p50",
        Figure::FirstEvent => "first-message",
    })
}

/// Both included.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    least: Option<f64>,
    most: Option<f64>,
}

impl Bounds {
    fn words(self) -> String {
        let least = self.least.map(|least| format!("at least {}", plain(least)));
        let most = self.most.map(|most| format!("at most {}", plain(most)));
        least.into_iter().chain(most).collect::<Vec<_>>().join(" and ")
    }

    fn hold(self, value: f64) -> bool {
        self.least.is_none_or(|least| value >= least) && self.most.is_none_or(|most| value <= most)
    }

    /// An interval that holds a bound leaves it open on which side of it the figure lies. Without one, only what is counted decides.
    fn judge(self, estimate: Estimate, is_counted: bool, text: String) -> Check {
        let Some([low, high]) = estimate.interval else {
            return match is_counted {
                true => Check::when(self.hold(estimate.value), self.words(), text),
                false => Check::open(self.words(), format!("{text}, measured once")),
            };
        };
        let crosses = |bound: Option<f64>| bound.is_some_and(|bound| low < bound && bound < high);
        let holds = self.hold(low) && self.hold(high);
        if !holds && (crosses(self.least) || crosses(self.most)) {
            return Check::open(self.words(), format!("{text}: the interval leaves it open"));
        }
        Check::when(holds, self.words(), text)
    }
}

/// Trial by trial, since each of them is a case, and of those that ran to their end: whether all did is asked by a rule of its own.
fn taken(trials: &[&Trial], what: Taken, bounds: Bounds) -> Option<Check> {
    let of_trial = |trial: &&Trial| -> Option<f64> {
        let outcome = trial.record.result.outcome()?;
        let (subscribers, cost) = (outcome.set_up.subscribers, &outcome.cost);
        let sum = match what {
            Taken::Connections => outcome.counts.connections,
            Taken::Greetings => outcome.counts.greetings,
            Taken::Bytes => outcome.bytes.window.wire(),
            Taken::Memory if cost.server_rss_connected_bytes == 0 => return None,
            Taken::Memory => cost.server_rss_connected_bytes.saturating_sub(cost.server_rss_start_bytes),
            Taken::Servers => return Some(f64::from(trial.record.settings.processes.server)),
        };
        (subscribers > 0).then(|| sum as f64 / subscribers as f64)
    };
    let values: Vec<f64> = trials.iter().map(of_trial).collect::<Option<_>>()?;
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let most = values.iter().copied().max_by(f64::total_cmp)?;
    let found = match least == most {
        true => plain(least),
        false => format!("{} to {}", plain(least), plain(most)),
    };
    Some(Check::when(values.into_iter().all(|value| bounds.hold(value)), bounds.words(), found))
}

fn is_complete(trial: &Trial) -> bool {
    matches!(trial.record.result, TrialResult::Complete(_))
}

/// Trials that delivered everything, and all of them, such as failed too.
fn completeness(evidence: &Evidence, source: Source<'_>, at: &Trials) -> (usize, usize) {
    let trials = publications::trials(evidence, source, at);
    let scenario = at.scenario.as_deref().unwrap_or(source.scenario);
    let is_meant = |key: &TrialKey| {
        key.scenario == scenario
            && key.technique == at.technique
            && key.target.is_none()
            && at.point.iter().all(|(name, value)| key.point.get(name) == Some(value))
            && (at.scenario.is_some() || !key.point.contains_key("client"))
    };
    let failed = evidence
        .failed
        .iter()
        .filter(|trial| is_meant(&trial.record.key) && trial.record.settings.client == Client::Native);
    (trials.iter().filter(|trial| is_complete(trial)).count(), trials.len() + failed.count())
}

fn of(complete: usize, all: usize) -> String {
    format!("{complete} of {all} trials complete")
}

const BROWSERS: [Client; 2] = [Client::Chromium, Client::Firefox];
const CLIENTS: [Client; 3] = [Client::Native, Client::Chromium, Client::Firefox];

/// Without techniques by name: all but the baseline, which stands right on TCP, where no page can follow it. Never yes of a
/// browser that took no part.
fn browsers(evidence: &Evidence, techniques: &[String]) -> Check {
    let wanted = format!("every trial complete in {}", BROWSERS.map(client_name).join(" and "));
    let known = evidence.techniques().filter(|technique| !technique.baseline);
    let meant: Vec<&str> = match techniques {
        [] => known.map(|technique| technique.slug.as_str()).collect(),
        named => named.iter().map(String::as_str).collect(),
    };
    let (mut outcome, mut found) = (Outcome::Yes, Vec::new());
    for client in BROWSERS {
        let trials: Vec<&Trial> = evidence
            .points
            .iter()
            .flat_map(|point| evidence.trials(point))
            .chain(&evidence.failed)
            .filter(|trial| trial.record.settings.client == client)
            .filter(|trial| meant.contains(&trial.record.key.technique.as_str()))
            .collect();
        let complete = trials.iter().filter(|trial| is_complete(trial)).count();
        let absent = meant.iter().filter(|slug| trials.iter().all(|it| it.record.key.technique != **slug));
        let absent: Vec<&str> = absent.map(|slug| evidence.label(slug)).collect();
        if complete < trials.len() {
            outcome = Outcome::No;
        } else if !absent.is_empty() && outcome == Outcome::Yes {
            outcome = Outcome::Open;
        }
        let name = client_name(client);
        found.push(match (trials.len(), absent.as_slice()) {
            (0, _) => format!("{name} took no part"),
            (all, []) => format!("{name}: {}", of(complete, all)),
            (all, absent) => format!("{name}: {}, and none by {}", of(complete, all), absent.join(", ")),
        });
    }
    Check::of(outcome, wanted, found.join("; "))
}

/// What clients saw of connections' ends in the newest of the runs in which most clients took part.
pub(crate) fn observed(evidence: &Evidence) -> Option<&CloseCases> {
    let cases = evidence.runs.iter().rev().filter_map(|run| run.close_cases.as_ref());
    cases.max_by_key(|cases| cases.clients.len())
}

/// What each browser was found to do, in the newest run that it took part in.
pub(crate) fn browsers_found(evidence: &Evidence) -> Vec<&BrowserFindings> {
    let newest = |client: Client| {
        evidence.runs.iter().flat_map(|run| &run.findings).find(|found| found.client == client)
    };
    BROWSERS.into_iter().filter_map(newest).collect()
}

/// What decides a rule of connections' ends, once every client has taken part: whether it holds and what was found, or why it is open.
fn of_closing(
    evidence: &Evidence,
    wanted: String,
    judge: impl FnOnce(&CloseCases) -> Result<(bool, String), String>,
) -> Check {
    let Some(cases) = observed(evidence) else {
        return Check::open(wanted, "the ways of ending were not tried");
    };
    let has_seen = |client: Client| cases.close_cases.iter().any(|case| case.client == client);
    let absent = CLIENTS.iter().find(|client| !cases.clients.contains(client) || !has_seen(**client));
    if let Some(client) = absent {
        return Check::open(wanted, format!("{} took no part", client_name(*client)));
    }
    match judge(cases) {
        Ok((holds, found)) => Check::when(holds, wanted, found),
        Err(why) => Check::open(wanted, why),
    }
}

fn close_cases(cases: &CloseCases, codes: &[u16]) -> Result<(bool, String), String> {
    let tried = || cases.close_cases.iter().filter(|case| codes.is_empty() || codes.contains(&case.code));
    let untried = codes.iter().filter(|code| !tried().any(|case| case.code == **code));
    let untried: Vec<String> = untried.map(ToString::to_string).collect();
    if tried().next().is_none() || !untried.is_empty() {
        return Err(format!("not tried: {}", untried.join(", ")));
    }
    for client in CLIENTS {
        let saw = |code: u16| tried().any(|case| case.client == client && case.code == code);
        if let Some(code) = tried().map(|case| case.code).find(|code| !saw(*code)) {
            return Err(format!("{code} was not tried with {}", client_name(client)));
        }
    }
    let (conforming, all) = (tried().filter(|case| case.conforms).count(), tried().count());
    Ok((conforming == all, format!("{conforming} of {all} observations")))
}

fn seen(cases: &CloseCases, events: &[EventKind]) -> (bool, String) {
    let sees = |client: Client, kind: EventKind| {
        let own = cases.close_cases.iter().filter(|case| case.client == client);
        own.flat_map(|case| &case.events).any(|event| event.kind() == kind)
    };
    let mut lacks = Vec::new();
    for client in CLIENTS {
        let missing = events.iter().filter(|kind| !sees(client, **kind));
        lacks.extend(missing.map(|kind| format!("{} saw no {}", client_name(client), kind.name())));
    }
    (lacks.is_empty(), if lacks.is_empty() { "all were seen".to_owned() } else { lacks.join("; ") })
}
