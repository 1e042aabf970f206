//! A claim's rule, applied to a run.

mod clients;
mod subscriber;

use model::claim::{Figure, Rule};
use model::publication::Trials;
use model::trial::TrialResult;

use crate::numbers::{estimate, plain, significant, whole};
use crate::sections::markdown::inline;
use crate::sections::published::measure::{Source, measure};
use crate::statistics::{Analysis, Estimate, Ratios, Row, ScenarioResult, is_usual};

/// What a rule found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RuleAnswer {
    pub outcome: RuleOutcome,
    /// What was asked for, for people.
    pub wanted: String,
    /// What was found, or why nothing was.
    pub found: String,
}

/// Yes, no, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleOutcome {
    Yes,
    No,
    Open,
}

impl RuleOutcome {
    fn when(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The rule's answer; `scenario` is meant where it names none.
pub(super) fn answer(analysis: &Analysis<'_>, scenario: &str, rule: &Rule) -> RuleAnswer {
    let missing = || format!("not measured in this run: {}", named(rule, scenario));
    match rule {
        Rule::Figure { measure: rule, at_least, at_most } => {
            let measured = measure(analysis.run, &Source { id: "", scenario }, rule);
            let value = measured.map(|value| Estimate { value, interval: None });
            bounded(value, Bounds { least: *at_least, most: *at_most }, plain, missing)
        }
        Rule::Ratio { figure, of, to, at_least, at_most } => {
            let ratio = ratio(analysis, scenario, *figure, [of, to]);
            let bounds = Bounds { least: *at_least, most: *at_most };
            match ratio.filter(|ratio| ratio.interval.is_none()) {
                Some(ratio) => open(
                    bounds.words(),
                    format!("× {}, and too few trials for an interval", significant(ratio.value)),
                ),
                None => bounded(ratio, bounds, |_| String::new(), missing),
            }
        }
        Rule::Subscriber { at, takes, at_least, at_most } => {
            let rows = all_rows(analysis, scenario, at);
            subscriber::takes(&rows, *takes, Bounds { least: *at_least, most: *at_most }, missing)
        }
        Rule::Complete { at } => complete(analysis, scenario, at, missing),
        Rule::Browsers { techniques } => clients::browsers(analysis, techniques),
        Rule::CloseCases { codes } => clients::close_cases(analysis, codes),
        Rule::Events { events } => clients::seen(analysis, events),
        Rule::Nothing { why } => open("–".to_owned(), inline(why)),
    }
}

/// The scenarios that it asks for, each once.
fn named(rule: &Rule, scenario: &str) -> String {
    let mut names: Vec<String> =
        rule.trials().iter().map(|at| inline(at.scenario.as_deref().unwrap_or(scenario))).collect();
    names.dedup();
    names.join(", ")
}

fn open(wanted: String, found: String) -> RuleAnswer {
    RuleAnswer { outcome: RuleOutcome::Open, wanted, found }
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
}

/// An interval that holds a bound leaves it open on which side of it the figure lies.
fn bounded(
    value: Option<Estimate>,
    bounds: Bounds,
    exact: impl Fn(f64) -> String,
    missing: impl Fn() -> String,
) -> RuleAnswer {
    let Some(value) = value else { return open(bounds.words(), missing()) };
    let Some(interval) = value.interval else {
        return RuleAnswer {
            outcome: RuleOutcome::when(bounds.hold(value.value)),
            wanted: bounds.words(),
            found: exact(value.value),
        };
    };
    let ends = [interval.low, interval.high].map(|end| bounds.hold(end));
    let crosses =
        |bound: Option<f64>| bound.is_some_and(|bound| interval.low < bound && bound < interval.high);
    let outcome = match ends {
        [true, true] => RuleOutcome::Yes,
        _ if crosses(bounds.least) || crosses(bounds.most) => RuleOutcome::Open,
        _ => RuleOutcome::No,
    };
    let doubt = if outcome == RuleOutcome::Open { ": the interval leaves it open" } else { "" };
    RuleAnswer { outcome, wanted: bounds.words(), found: format!("× {}{doubt}", estimate(value)) }
}

fn ratio(analysis: &Analysis<'_>, scenario: &str, figure: Figure, sides: [&Trials; 2]) -> Option<Estimate> {
    let [own, other] = sides.map(|at| row(analysis, scenario, at));
    let ratios = Ratios::of(own?, other?);
    match figure {
        Figure::Bytes => ratios.wire,
        Figure::Cpu => ratios.cpu,
        Figure::P50 => ratios.p50,
        Figure::P99 => ratios.p99,
        Figure::SetUp => ratios.set_up,
        Figure::FirstEvent => ratios.first_event,
    }
}

/// The one row that is meant; none where it was not measured, or where several could be.
fn row<'s>(analysis: &'s Analysis<'_>, scenario: &str, at: &'s Trials) -> Option<&'s Row<'s>> {
    let answer = analysis.answer(at.scenario.as_deref().unwrap_or(scenario))?;
    let mut rows = rows(analysis, answer, at);
    rows.next().filter(|_| rows.next().is_none())
}

fn rows<'s>(
    analysis: &'s Analysis<'_>,
    answer: &'s ScenarioResult<'_>,
    at: &'s Trials,
) -> impl Iterator<Item = &'s Row<'s>> {
    answer.rows.iter().filter(|row| {
        let record = &row.trials[0].record;
        let key = &record.key;
        (at.scenario.is_some() || is_usual(record))
            && analysis.technique(row.technique).slug == at.technique
            && at.point.iter().all(|(name, value)| key.point.get(name) == Some(value))
    })
}

fn all_rows<'s>(analysis: &'s Analysis<'_>, scenario: &str, at: &'s Trials) -> Vec<&'s Row<'s>> {
    let answer = analysis.answer(at.scenario.as_deref().unwrap_or(scenario));
    answer.map_or_else(Vec::new, |answer| rows(analysis, answer, at).collect())
}

fn complete(
    analysis: &Analysis<'_>,
    scenario: &str,
    at: &Trials,
    missing: impl Fn() -> String,
) -> RuleAnswer {
    let rows = all_rows(analysis, scenario, at);
    let (all, whole_ones) = completeness(&rows);
    let wanted = "every trial complete".to_owned();
    match all {
        0 => open(wanted, missing()),
        all => {
            RuleAnswer { outcome: RuleOutcome::when(all == whole_ones), wanted, found: of(whole_ones, all) }
        }
    }
}

/// Trials, and those of them that delivered everything.
fn completeness(rows: &[&Row<'_>]) -> (u64, u64) {
    let trials = || rows.iter().flat_map(|row| &row.trials);
    let complete = |result: &TrialResult| matches!(result, TrialResult::Complete(_));
    (trials().count() as u64, trials().filter(|trial| complete(&trial.record.result)).count() as u64)
}

fn of(complete: u64, all: u64) -> String {
    format!("{} of {} trials complete", whole(complete), whole(all))
}
