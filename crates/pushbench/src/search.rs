//! The search for a capacity: the highest rate that passes. Pure: verdicts in, the next rate out, so that what is on disk
//! says how a search goes on that was interrupted.
//!
//! The rate is doubled until one does not pass, and then halved in between (by ratio) until the lowest that did not pass is
//! close enough to the highest that did. A rate that does not pass is tried once more. Where already the first one does
//! not pass, it is halved until one does. Above a rate at which the load generator did not keep up nothing is known, so it ends
//! the way up like one that failed; what is found then is a lower bound. A later repetition begins a little below what an
//! earlier one found, and goes up by shorter strides.

#[cfg(test)]
mod tests;

use std::f64::consts::SQRT_2;

use model::quantity::show_rate;
use model::scenario::Search;
use model::settings::Settings;
use model::trial::{Instrument, SearchStep, Side, TrialOutcome, TrialResult, Verdict};
use model::warning::Warning;

/// Trials at a rate that does not pass.
const ATTEMPTS: usize = 2;
/// How often the first rate is halved when it does not pass: to a thousandth.
const MOST_HALVINGS: usize = 10;
/// Expected doublings of a search's first rate: scenarios begin at about a quarter of what is found.
const EXPECTED_DOUBLINGS: f64 = 2.0;
/// From a rate that passed to the next one, where nothing is known of the capacity.
const FIRST_STRIDE: f64 = 2.0;
/// The same where an earlier repetition has found it. One stride about that is a bracket with one halving less.
const LATER_STRIDE: f64 = SQRT_2;

#[derive(Debug, Clone)]
pub(crate) struct CapacitySearch<'t> {
    terms: &'t Search,
    begin_per_s: f64,
    /// Factor by which the rate goes up until one does not pass.
    stride: f64,
    /// The rates in the order in which they were tried; only the last may be open.
    tried: Vec<Tried>,
}

#[derive(Debug, Clone)]
struct Tried {
    rate_per_s: f64,
    verdicts: Vec<Verdict>,
}

/// What is known of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is to be tried once more.
    Open,
    Passed,
    Failed,
    NotJudged,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    Try(Step),
    End(Found),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) step: u32,
    pub(crate) attempt: u32,
    /// Events per second and channel.
    pub(crate) rate_per_s: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// The highest rate that passed, events per second and channel; none when none did.
    pub(crate) capacity_per_s: Option<f64>,
    /// Whether it may be higher: the load generator, or the highest rate allowed, came first.
    pub(crate) is_lower_bound: bool,
    ceiling_per_s: Option<f64>,
}

impl<'t> CapacitySearch<'t> {
    /// Begins at the first rate of `terms`; a later repetition a little below what an earlier one found.
    pub(crate) fn new(terms: &'t Search, repetition: u32, earlier_per_s: Option<f64>) -> Self {
        let (begin_per_s, stride) = match earlier_per_s {
            None => (terms.from_per_s, FIRST_STRIDE),
            Some(found_per_s) => (below(found_per_s, terms.precision, repetition), LATER_STRIDE),
        };
        Self { terms, begin_per_s, stride, tried: Vec::new() }
    }

    /// A search as far as `steps` tell of it, whatever their order: whether it has ended, and what it found then. It does not
    /// know where a later repetition went up to.
    pub(crate) fn replay<'s>(
        terms: &'t Search,
        steps: &(impl Iterator<Item = &'s SearchStep> + Clone),
    ) -> Self {
        let mut search = Self::new(terms, 0, None);
        while let Next::Try(next) = search.next() {
            let mut steps = steps.clone();
            let Some(step) = steps.find(|step| (step.step, step.attempt) == (next.step, next.attempt)) else {
                break;
            };
            search.note(&Step { rate_per_s: step.rate_per_s, ..next }, step.verdict.clone());
        }
        search
    }

    pub(crate) fn next(&self) -> Next {
        if let Some(last) = self.tried.last().filter(|last| last.standing() == Standing::Open) {
            let (step, attempt) = (self.tried.len() as u32 - 1, last.verdicts.len() as u32);
            return Next::Try(Step { step, attempt, rate_per_s: last.rate_per_s });
        }
        match self.next_rate() {
            Some(rate_per_s) => Next::Try(Step { step: self.tried.len() as u32, attempt: 0, rate_per_s }),
            None => Next::End(self.found()),
        }
    }

    /// Takes in what the trial of the step said that [`next`](Self::next) asked for.
    pub(crate) fn note(&mut self, step: &Step, verdict: Verdict) {
        match self.tried.get_mut(step.step as usize) {
            Some(tried) => tried.verdicts.push(verdict),
            None => self.tried.push(Tried { rate_per_s: step.rate_per_s, verdicts: vec![verdict] }),
        }
    }

    fn next_rate(&self) -> Option<f64> {
        let most = self.terms.most_per_s;
        match (self.floor(), self.ceiling()) {
            (None, None) => Some(self.begin_per_s.min(most)),
            (Some(floor), None) => (floor < most).then(|| rounded(self.stride * floor).min(most)),
            (None, Some(ceiling)) => {
                (self.tried.len() <= MOST_HALVINGS).then(|| rounded(ceiling.rate_per_s / 2.0))
            }
            (Some(floor), Some(ceiling)) => between(floor, ceiling.rate_per_s, self.terms.precision),
        }
    }

    fn found(&self) -> Found {
        let (floor, ceiling) = (self.floor(), self.ceiling());
        // Where nothing passed, the lowest rate that failed says more than those below it that say nothing.
        let failed = self.lowest(|standing| standing == Standing::Failed).filter(|_| floor.is_none());
        let ceiling = failed.or(ceiling);
        Found {
            capacity_per_s: floor,
            is_lower_bound: ceiling.is_none_or(|ceiling| ceiling.standing() == Standing::NotJudged),
            ceiling_per_s: ceiling.map(|ceiling| ceiling.rate_per_s),
        }
    }

    fn floor(&self) -> Option<f64> {
        let passed = self.tried.iter().filter(|tried| tried.standing() == Standing::Passed);
        passed.map(|tried| tried.rate_per_s).max_by(f64::total_cmp)
    }

    /// The lowest rate that did not pass. No rate above it is ever tried.
    fn ceiling(&self) -> Option<&Tried> {
        self.lowest(|standing| matches!(standing, Standing::Failed | Standing::NotJudged))
    }

    fn lowest(&self, is: impl Fn(Standing) -> bool) -> Option<&Tried> {
        let such = self.tried.iter().filter(|tried| is(tried.standing()));
        such.min_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s))
    }
}

impl Tried {
    fn standing(&self) -> Standing {
        if self.verdicts.contains(&Verdict::Passed) {
            Standing::Passed
        } else if self.verdicts.len() < ATTEMPTS {
            Standing::Open
        } else if self.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Failed { .. })) {
            Standing::Failed
        } else {
            Standing::NotJudged
        }
    }
}

impl Found {
    /// For people: `12400/s`, `at least 12400/s`, `under 60/s`.
    pub(crate) fn show(&self) -> String {
        match (self.capacity_per_s, self.is_lower_bound) {
            (Some(capacity), false) => show_rate(capacity),
            (Some(capacity), true) => format!("at least {}", show_rate(capacity)),
            (None, false) => format!("under {}", self.ceiling_per_s.map_or_else(String::new, show_rate)),
            (None, true) => "not known: the load generator kept up with no rate".to_owned(),
        }
    }
}

/// Half a stride below, at rates between those of the other repetitions, so that equal results are no artefact of equal rates.
fn below(found_per_s: f64, precision: f64, repetition: u32) -> f64 {
    // The golden ratio's multiples spread evenly, however many there are.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let part = (f64::from(repetition) * GOLDEN).fract();
    rounded(found_per_s / LATER_STRIDE.sqrt() / (1.0 + precision).powf(part))
}

/// The rate in the middle, by ratio; none when the two are close enough.
fn between(floor: f64, ceiling: f64, precision: f64) -> Option<f64> {
    let middle = rounded((floor * ceiling).sqrt());
    (ceiling / floor - 1.0 > precision && middle > floor && middle < ceiling).then_some(middle)
}

/// Four digits: what is shown is what was offered.
pub(crate) fn rounded(rate_per_s: f64) -> f64 {
    let digits = 3 - rate_per_s.log10().floor() as i32;
    let factor = 10f64.powi(digits.abs());
    if digits >= 0 { (rate_per_s * factor).round() / factor } else { (rate_per_s / factor).round() * factor }
}

/// About how many trials a search takes, and how many of them do not pass.
pub(crate) fn expected_trials(terms: &Search, repetition: u32) -> (u64, u64) {
    let room = (terms.most_per_s / terms.from_per_s).log2();
    let (up, stride) = match repetition {
        0 => (EXPECTED_DOUBLINGS.min(room), FIRST_STRIDE),
        _ => (0.0, LATER_STRIDE),
    };
    // Half of the rates in between pass; each of the others is tried twice.
    let halvings = halvings(terms, stride);
    let (passing, failing) = (halvings / 2.0, ATTEMPTS as f64 * (halvings / 2.0 + 1.0));
    ((1.0 + up + passing + failing).round() as u64, failing.round() as u64)
}

/// More trials than any search takes.
pub(crate) fn most_trials(terms: &Search) -> u64 {
    let strides = (terms.most_per_s / terms.from_per_s).log(LATER_STRIDE).ceil();
    let rates = 2.0 + strides + 3.0 * MOST_HALVINGS as f64 + halvings(terms, FIRST_STRIDE);
    (ATTEMPTS as f64 * rates) as u64
}

/// Halvings of a stride until the precision is reached.
fn halvings(terms: &Search, stride: f64) -> f64 {
    (stride.ln() / terms.precision.ln_1p()).log2().ceil().max(0.0)
}

/// The publisher may come so late at p99, of the bound; later, if what it adds to the latency decides nothing.
const LAG: f64 = 0.25;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge {
    /// The p99 delivery latency at most.
    pub(crate) bound_ns: u64,
}

impl Judge {
    /// For a search's settings; without a bound nothing but completeness counts.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { bound_ns: settings.bound.as_ref().map_or(u64::MAX, |bound| bound.p99_ns) }
    }

    /// What is complete and in time has passed. Of anything else the server is only blamed when the load generator kept up.
    pub(crate) fn verdict(&self, result: &TrialResult) -> Verdict {
        let (outcome, fault) = match result {
            TrialResult::Failed(failure) => {
                let why = failure.reason.clone();
                return match failure.side {
                    Side::Server | Side::Proxy => Verdict::Failed { why },
                    Side::Load | Side::Supervisor => Verdict::NotJudged { why },
                };
            }
            TrialResult::Incomplete(outcome) => (outcome, Some(lost(outcome))),
            TrialResult::Complete(outcome) => (outcome, self.late(outcome)),
        };
        if outcome.counts.expected == 0 {
            return Verdict::NotJudged { why: "nothing was due in the window".to_owned() };
        }
        let Some(fault) = fault else { return Verdict::Passed };
        match self.overstrained(outcome) {
            Some(why) => Verdict::NotJudged { why },
            None => Verdict::Failed { why: fault },
        }
    }

    fn late(&self, outcome: &TrialOutcome) -> Option<String> {
        let Some(delivery) = &outcome.delivery else { return Some("nothing was delivered".to_owned()) };
        let is_late = delivery.p99_ns > self.bound_ns;
        is_late.then(|| format!("p99 of {} over the bound of {}", ms(delivery.p99_ns), ms(self.bound_ns)))
    }

    /// How it showed that the load generator did not keep up. Where it was so busy that its own queueing is part of the latency,
    /// that is so however busy the server was.
    fn overstrained(&self, outcome: &TrialOutcome) -> Option<String> {
        let Instrument { schedule_lag, .. } = &outcome.instrument;
        let lag_ns = schedule_lag.as_ref().map_or(0, |lag| lag.p99_ns);
        if lag_ns as f64 > LAG * self.bound_ns as f64 && self.hangs_on(lag_ns, outcome) {
            return Some(format!("the publisher came {} late at p99", ms(lag_ns)));
        }
        outcome.warnings.iter().find_map(|warning| match warning {
            Warning::LoadGeneratorBusy { busy } => {
                Some(format!("the load generator was busy {:.0} % of the time", busy * 100.0))
            }
            _ => None,
        })
    }

    /// Whether p99 would be within the bound without the publisher's lag, which is part of it.
    fn hangs_on(&self, lag_ns: u64, outcome: &TrialOutcome) -> bool {
        let p99_ns =
            outcome.delivery.as_ref().filter(|_| outcome.counts.lost == 0).map(|delivery| delivery.p99_ns);
        lag_ns > self.bound_ns || p99_ns.is_some_and(|p99_ns| p99_ns.saturating_sub(lag_ns) <= self.bound_ns)
    }
}

fn lost(outcome: &TrialOutcome) -> String {
    let counts = &outcome.counts;
    match counts.lost {
        0 => "messages lost on their way to the application".to_owned(),
        lost => format!("{lost} of {} lost", counts.expected),
    }
}

fn ms(ns: u64) -> String {
    format!("{:.1} ms", ns as f64 / 1e6)
}
