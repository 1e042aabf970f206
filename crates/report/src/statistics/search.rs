//! What a search for a capacity found, and why it went no further up: read off the verdicts of its trials.

use model::trial::{SearchStep, TrialRecord, Verdict};

use super::saturation::server_busy;
use crate::load::Trial;

/// Attempts at a rate that does not pass; fewer are a search that was cut off.
const ATTEMPTS: usize = 2;
/// From here on a side counts as busy, as it does where trials are judged.
const BUSY: f64 = 0.9;

/// A search of one repetition.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub repetition: u32,
    /// The trial at the highest rate that passed; none when none did.
    pub passed: Option<&'a Trial>,
    /// Why it went no further up.
    pub end: End<'a>,
    /// The highest rate that passed, events per second and channel.
    passed_per_s: Option<f64>,
    /// The lowest rate above it that failed; none where that says nothing of the server.
    failed_per_s: Option<f64>,
}

/// Why a search went no further up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End<'a> {
    /// The server broke, at its lowest rate that did.
    Server(&'a str),
    /// The same, and it had time: something else than anybody's cores is the limit, such as waiting for each other.
    Neither(&'a str),
    /// The load generator did not keep up, so the server may come further.
    LoadGenerator,
    /// No higher rate was tried, or not to the end.
    Nothing,
}

/// Repetition by repetition.
pub(super) fn searches(mut steps: Vec<&Trial>, server_cores: usize) -> Vec<Search<'_>> {
    steps.sort_by_key(|trial| trial.record.key.repetition);
    let repetitions = steps.chunk_by(|a, b| a.record.key.repetition == b.record.key.repetition);
    repetitions.map(|steps| Search::of(steps, server_cores)).collect()
}

/// A trial of a search.
type Step<'a> = (&'a Trial, &'a SearchStep);

impl<'a> Search<'a> {
    /// A rate passes when one of its attempts does; all attempts at the next rate above say why it went no further.
    fn of(steps: &[&'a Trial], server_cores: usize) -> Self {
        let step = |trial: &'a Trial| Some((trial, trial.record.search.as_ref()?));
        let steps: Vec<Step<'_>> = steps.iter().copied().filter_map(step).collect();
        let passed = steps.iter().filter(|(_, step)| step.verdict == Verdict::Passed);
        let passed = passed.max_by(|(_, a), (_, b)| a.rate_per_s.total_cmp(&b.rate_per_s)).copied();
        let passed_per_s = passed.map(|(_, step)| step.rate_per_s);
        let above = || steps.iter().filter(|(_, step)| step.rate_per_s > passed_per_s.unwrap_or(0.0));
        let next_per_s = above().map(|(_, step)| step.rate_per_s).min_by(f64::total_cmp);
        let attempts: Vec<Step<'_>> =
            above().filter(|(_, step)| Some(step.rate_per_s) == next_per_s).copied().collect();
        let end = End::of(&attempts, server_cores);
        Self {
            repetition: steps.first().map_or(0, |(trial, _)| trial.record.key.repetition),
            passed: passed.map(|(trial, _)| trial),
            failed_per_s: next_per_s.filter(|_| end.is_judged()),
            passed_per_s,
            end,
        }
    }

    /// Between the rate that passed and the one that failed, by ratio; the former alone where there is no such other, and where
    /// what is looked for is a lower bound.
    pub(super) fn capacity_per_s(&self, is_bound: bool) -> Option<f64> {
        let (passed, failed) = (self.passed_per_s?, self.failed_per_s.filter(|_| !is_bound));
        Some(failed.map_or(passed, |failed| (passed * failed).sqrt()))
    }

    /// How far the capacity may lie from that, as a share.
    pub(super) fn off(&self) -> f64 {
        let both = self.failed_per_s.zip(self.passed_per_s);
        both.map_or(0.0, |(failed, passed)| (failed / passed).sqrt() - 1.0)
    }
}

impl<'a> End<'a> {
    /// Of all attempts at the lowest rate that did not pass.
    fn of(attempts: &[Step<'a>], server_cores: usize) -> Self {
        let says_nothing = |(_, step): &Step<'_>| matches!(step.verdict, Verdict::NotJudged { .. });
        if attempts.iter().any(says_nothing) {
            return Self::LoadGenerator;
        }
        let last = attempts.iter().max_by_key(|(_, step)| step.attempt);
        match last.map(|(_, step)| &step.verdict) {
            Some(Verdict::Failed { why }) if attempts.len() >= ATTEMPTS => {
                let had_time = attempts.iter().all(|(trial, _)| had_time(trial, server_cores));
                if had_time { Self::Neither(why) } else { Self::Server(why) }
            }
            _ => Self::Nothing,
        }
    }

    /// Whether the load generator kept up, so that what was found is no lower bound.
    pub(crate) fn is_judged(&self) -> bool {
        matches!(self, Self::Server(_) | Self::Neither(_))
    }
}

/// Whether the server is known to have been idle for part of a trial.
fn had_time(trial: &Trial, server_cores: usize) -> bool {
    let TrialRecord { settings, result, .. } = &trial.record;
    // Beside neighbours, who slept waits for its turn with work to do.
    if settings.processes.cpu_contention > 0 {
        return false;
    }
    let busy = result.outcome().and_then(|outcome| server_busy(outcome, &settings.processes, server_cores));
    busy.is_some_and(|busy| busy < BUSY)
}
