//! What a trial says of the rate at which it ran.

use model::settings::Settings;
use model::trial::{Instrument, Side, TrialOutcome, TrialResult, Verdict};
use model::warning::Warning;

/// The publisher may come so late at p99, of the bound; later, if what it adds to the latency decides nothing.
const LAG: f64 = 0.25;

/// Judges the trials of a search.
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

    /// What is complete and in time has passed, however busy anybody was. Of anything else the server is only blamed when the
    /// load generator kept up.
    pub(crate) fn verdict(&self, result: &TrialResult) -> Verdict {
        let (outcome, fault) = match result {
            TrialResult::Failed(failure) => {
                let why = failure.reason.clone();
                return match failure.side {
                    Side::Server => Verdict::Failed { why },
                    Side::Load | Side::Supervisor => Verdict::NotJudged { why },
                };
            }
            TrialResult::Incomplete(outcome) => (outcome, Some(missing(outcome))),
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

fn missing(outcome: &TrialOutcome) -> String {
    let counts = &outcome.counts;
    match counts.lost {
        0 => "messages missing at the application".to_owned(),
        missing => format!("{missing} of {} missing", counts.expected),
    }
}

fn ms(ns: u64) -> String {
    format!("{:.1} ms", ns as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use model::trial::Failure;

    use super::*;
    use crate::fixture;

    const JUDGE: Judge = Judge { bound_ns: 50_000_000 };

    /// A trial with this p99 in ms, so much missing, and a load generator that was so busy or did not warn.
    fn outcome(p99_ms: u64, missing: u64, busy: Option<f64>) -> TrialOutcome {
        let mut outcome = fixture::outcome();
        outcome.counts.expected = 1_000;
        outcome.counts.lost = missing;
        outcome.delivery = Some(fixture::quantiles(p99_ms * 1_000_000));
        outcome.warnings = busy.map(|busy| Warning::LoadGeneratorBusy { busy }).into_iter().collect();
        outcome
    }

    fn complete(outcome: TrialOutcome) -> Verdict {
        JUDGE.verdict(&TrialResult::Complete(Box::new(outcome)))
    }

    fn why(verdict: Verdict) -> String {
        match verdict {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Failed { why } => format!("failed: {why}"),
            Verdict::NotJudged { why } => format!("not judged: {why}"),
        }
    }

    #[test]
    fn what_is_whole_and_in_time_has_passed_however_busy_anybody_was() {
        assert_eq!(complete(outcome(50, 0, None)), Verdict::Passed);
        assert_eq!(complete(outcome(50, 0, Some(1.0))), Verdict::Passed);
    }

    #[test]
    fn what_is_late_or_missing_has_failed_when_the_load_generator_kept_up() {
        assert_eq!(why(complete(outcome(51, 0, None))), "failed: p99 of 51.0 ms over the bound of 50.0 ms");
        let lossy = TrialResult::Incomplete(Box::new(outcome(5, 3, None)));
        assert_eq!(why(JUDGE.verdict(&lossy)), "failed: 3 of 1000 missing");
    }

    #[test]
    fn a_load_generator_that_warned_of_itself_says_nothing_of_the_server_however_busy_that_was() {
        for server_cpu_ns in [0, 600_000_000, 1_000_000_000] {
            let mut both = outcome(51, 0, Some(0.91));
            (both.cost.elapsed_ns, both.cost.server_cpu_ns) = (1_000_000_000, server_cpu_ns);
            let words = "not judged: the load generator was busy 91 % of the time";
            assert_eq!(why(complete(both)), words, "{server_cpu_ns}");
        }
        let lossy = TrialResult::Incomplete(Box::new(outcome(5, 3, Some(0.97))));
        assert!(matches!(JUDGE.verdict(&lossy), Verdict::NotJudged { .. }));
    }

    #[test]
    fn a_publisher_that_came_late_says_nothing_of_the_server() {
        let mut late = outcome(51, 0, None);
        late.instrument.schedule_lag = Some(fixture::quantiles(12_500_001));
        let verdict = complete(late.clone());
        assert_eq!(why(verdict), "not judged: the publisher came 12.5 ms late at p99");
        late.instrument.schedule_lag = Some(fixture::quantiles(12_500_000));
        let verdict = complete(late);
        assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    }

    #[test]
    fn a_lag_that_decides_nothing_leaves_the_server_its_blame() {
        let lagging = |mut outcome: TrialOutcome, lag_ms: u64| {
            outcome.instrument.schedule_lag = Some(fixture::quantiles(lag_ms * 1_000_000));
            outcome
        };
        let is_judged = |verdict: Verdict| matches!(verdict, Verdict::Failed { .. });
        assert!(!is_judged(complete(lagging(outcome(70, 0, None), 20))), "50 ms without it");
        assert!(is_judged(complete(lagging(outcome(71, 0, None), 20))), "51 ms without it");
        assert!(
            !is_judged(complete(lagging(outcome(400, 0, None), 51))),
            "a lag that breaks the bound by itself"
        );
        let lossy =
            |lag_ms| JUDGE.verdict(&TrialResult::Incomplete(Box::new(lagging(outcome(5, 3, None), lag_ms))));
        assert!(is_judged(lossy(50)) && !is_judged(lossy(51)));
    }

    #[test]
    fn a_process_that_dies_is_only_laid_to_the_server_when_it_is_the_servers() {
        let failed = |side| TrialResult::Failed(Failure { side, reason: "it broke".to_owned() });
        assert_eq!(why(JUDGE.verdict(&failed(Side::Server))), "failed: it broke");
        assert_eq!(why(JUDGE.verdict(&failed(Side::Load))), "not judged: it broke");
        assert_eq!(why(JUDGE.verdict(&failed(Side::Supervisor))), "not judged: it broke");
    }

    #[test]
    fn a_trial_in_which_nothing_was_due_has_not_passed() {
        let mut empty = outcome(5, 0, None);
        empty.counts.expected = 0;
        empty.delivery = None;
        let verdict = complete(empty);
        assert_eq!(why(verdict), "not judged: nothing was due in the window");
    }
}
