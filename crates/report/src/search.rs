//! Searches for a capacity: what each found, how closely it is known, and whether it is only known to be no less.

use model::trial::Verdict;

use crate::load::Trial;

/// Attempts at a rate that does not pass; fewer are a search that was cut off.
const ATTEMPTS: usize = 2;

/// What a figure is of the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It is this.
    Exact,
    /// It is at least this.
    Least,
    /// It is at most this.
    Most,
}

impl Side {
    /// Of a quotient; none where nothing can be said of it.
    pub fn over(self, other: Self) -> Option<Self> {
        match (self, other) {
            (side, Self::Exact) => Some(side),
            (Self::Exact | Self::Least, Self::Most) => Some(Self::Least),
            (Self::Exact | Self::Most, Self::Least) => Some(Self::Most),
            (Self::Least, Self::Least) | (Self::Most, Self::Most) => None,
        }
    }

    /// What stands before the figure.
    pub fn words(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::Least => "at least ",
            Self::Most => "at most ",
        }
    }
}

/// One search: the highest rate that passed, and the lowest above it that failed. Rates are those of a channel.
struct Search {
    passed_per_s: Option<f64>,
    /// None where the load generator was busy or the search was cut off: the server may come further.
    failed_per_s: Option<f64>,
}

impl Search {
    /// A rate passes when one of its attempts does; all attempts at the next rate above show why it went no further.
    fn of(steps: &[&Trial]) -> Self {
        let steps = || steps.iter().filter_map(|trial| trial.record.search.as_ref());
        let rates = |passed: bool| {
            steps()
                .filter(move |step| (step.verdict == Verdict::Passed) == passed)
                .map(|step| step.rate_per_s)
        };
        let passed_per_s = rates(true).max_by(f64::total_cmp);
        let next = rates(false).filter(|rate| *rate > passed_per_s.unwrap_or(0.0)).min_by(f64::total_cmp);
        let attempts = || steps().filter(|step| Some(step.rate_per_s) == next);
        let is_judged = attempts().count() >= ATTEMPTS
            && attempts().all(|step| matches!(step.verdict, Verdict::Failed { .. }));
        Self { passed_per_s, failed_per_s: next.filter(|_| is_judged) }
    }

    /// Between the rate that passed and the one that failed, by ratio.
    fn capacity_per_s(&self) -> Option<f64> {
        let passed = self.passed_per_s?;
        Some((passed * self.failed_per_s.unwrap_or(passed)).sqrt())
    }
}

/// One for each block of each run.
fn searches(trials: &[&Trial]) -> Vec<Search> {
    let mut groups: Vec<((usize, u32), Vec<&Trial>)> = Vec::new();
    for trial in trials.iter().filter(|trial| trial.record.search.is_some()) {
        let of = (trial.run, trial.record.key.repetition);
        match groups.iter_mut().find(|(other, _)| *other == of) {
            Some((_, steps)) => steps.push(trial),
            None => groups.push((of, vec![trial])),
        }
    }
    groups.iter().map(|(_, steps)| Search::of(steps)).collect()
}

/// Deliveries per second: the geometric mean over the searches that found a rate, times all subscribers, each of whom gets the
/// events of its channel.
pub(crate) fn capacity(trials: &[&Trial]) -> Option<f64> {
    let found: Vec<f64> = searches(trials).iter().filter_map(Search::capacity_per_s).collect();
    let subscribers = f64::from(trials.first()?.record.settings.subscribers.count);
    let mean = found.iter().map(|rate| rate.ln()).sum::<f64>() / found.len() as f64;
    (!found.is_empty()).then(|| mean.exp() * subscribers)
}

/// The factor, either way, to which the widest of these searches knows its capacity.
pub(crate) fn resolution(trials: &[&Trial]) -> f64 {
    let open = |search: &Search| Some((search.failed_per_s? / search.passed_per_s?).sqrt());
    searches(trials).iter().filter_map(open).fold(1.0, f64::max)
}

/// Whether one of the searches ended without the server's having failed.
pub(crate) fn is_lower_bound(trials: &[&Trial]) -> bool {
    searches(trials).iter().any(|search| search.passed_per_s.is_some() && search.failed_per_s.is_none())
}

/// Whether one of the searches found no rate that passes.
pub(crate) fn found_nothing(trials: &[&Trial]) -> bool {
    searches(trials).iter().any(|search| search.passed_per_s.is_none())
}
