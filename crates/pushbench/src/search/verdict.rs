//! What a trial says of the rate at which it ran.

use schema::settings::Settings;
use schema::trial::{Instrument, Side, TrialOutcome, TrialResult, Verdict};

/// From here on a process has used up its cores: what is left goes to the kernel's own work.
const BUSY: f64 = 0.95;
/// The publisher may come so late at p99, of the bound.
const LAG: f64 = 0.1;

/// Judges the trials of a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge {
    /// The p99 delivery latency at most.
    pub(crate) bound_ns: u64,
    /// Cores that the server may use.
    pub(crate) server_cores: u32,
}

impl Judge {
    /// For a search's settings; without a bound nothing but completeness counts.
    pub(crate) fn new(settings: &Settings, server_cores: usize) -> Self {
        let bound_ns = settings.bound.as_ref().map_or(u64::MAX, |bound| bound.p99_ns);
        Self { bound_ns, server_cores: server_cores.max(1) as u32 }
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

    /// How it showed that the load generator did not keep up.
    fn overstrained(&self, outcome: &TrialOutcome) -> Option<String> {
        let Instrument { load_busy, schedule_lag, .. } = &outcome.instrument;
        let lag_ns = schedule_lag.as_ref().map_or(0, |lag| lag.p99_ns);
        if lag_ns as f64 > LAG * self.bound_ns as f64 {
            return Some(format!("the publisher came {} late at p99", ms(lag_ns)));
        }
        let server = self.server_share(outcome);
        let idle = server.is_none_or(|share| share < BUSY);
        (*load_busy >= BUSY && idle).then(|| {
            let server = server.map_or_else(|| "at a share that is not known".to_owned(), per_cent);
            format!("the load generator was busy {} of the time, the server {server}", per_cent(*load_busy))
        })
    }

    /// CPU time of the server ÷ (elapsed × its cores); none where it is not known.
    fn server_share(&self, outcome: &TrialOutcome) -> Option<f64> {
        let available_ns = outcome.cost.elapsed_ns as f64 * f64::from(self.server_cores);
        let used_ns = outcome.cost.known_server_cpu_ns()?;
        (available_ns > 0.0).then(|| used_ns as f64 / available_ns)
    }
}

fn missing(outcome: &TrialOutcome) -> String {
    let counts = &outcome.counts;
    match counts.missing {
        0 => "messages missing at the application".to_owned(),
        missing => format!("{missing} of {} missing", counts.expected),
    }
}

fn ms(ns: u64) -> String {
    format!("{:.1} ms", ns as f64 / 1e6)
}

fn per_cent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use schema::trial::Failure;

    use super::*;
    use crate::fixture;

    const JUDGE: Judge = Judge { bound_ns: 50_000_000, server_cores: 1 };

    /// A trial with this p99 in ms, so much missing, and both sides so busy.
    fn outcome(p99_ms: u64, missing: u64, load_busy: f64, server_busy: f64) -> TrialOutcome {
        let mut outcome = fixture::outcome();
        outcome.counts.expected = 1_000;
        outcome.counts.missing = missing;
        outcome.delivery = Some(fixture::quantiles(p99_ms * 1_000_000));
        outcome.instrument.load_busy = load_busy;
        outcome.cost.elapsed_ns = 1_000_000_000;
        outcome.cost.server_cpu_ns = (server_busy * 1e9) as u64;
        outcome
    }

    fn complete(p99_ms: u64, load_busy: f64, server_busy: f64) -> Verdict {
        JUDGE.verdict(&TrialResult::Complete(Box::new(outcome(p99_ms, 0, load_busy, server_busy))))
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
        assert_eq!(complete(50, 0.2, 0.3), Verdict::Passed);
        assert_eq!(complete(50, 1.0, 0.3), Verdict::Passed);
    }

    #[test]
    fn what_is_late_or_missing_has_failed_when_the_load_generator_kept_up() {
        assert_eq!(why(complete(51, 0.94, 0.5)), "failed: p99 of 51.0 ms over the bound of 50.0 ms");
        let lossy = TrialResult::Incomplete(Box::new(outcome(5, 3, 0.5, 0.5)));
        assert_eq!(why(JUDGE.verdict(&lossy)), "failed: 3 of 1000 missing");
        assert_eq!(why(complete(51, 1.0, 0.97)), "failed: p99 of 51.0 ms over the bound of 50.0 ms");
    }

    #[test]
    fn a_busy_load_generator_beside_an_idle_server_says_nothing_of_it() {
        let words = "not judged: the load generator was busy 99 % of the time, the server 60 %";
        assert_eq!(why(complete(51, 0.99, 0.6)), words);
        let unknown = why(complete(51, 0.99, 0.0));
        assert!(
            unknown.starts_with("not judged: ") && unknown.ends_with("a share that is not known"),
            "{unknown}"
        );
        let two_cores = Judge { server_cores: 2, ..JUDGE };
        let verdict = two_cores.verdict(&TrialResult::Complete(Box::new(outcome(51, 0, 0.99, 1.0))));
        assert!(matches!(verdict, Verdict::NotJudged { .. }), "one of two cores: {verdict:?}");
    }

    #[test]
    fn a_publisher_that_came_late_says_nothing_of_the_server() {
        let mut late = outcome(51, 0, 0.5, 0.99);
        late.instrument.schedule_lag = Some(fixture::quantiles(5_000_001));
        let verdict = JUDGE.verdict(&TrialResult::Complete(Box::new(late.clone())));
        assert_eq!(why(verdict), "not judged: the publisher came 5.0 ms late at p99");
        late.instrument.schedule_lag = Some(fixture::quantiles(5_000_000));
        let verdict = JUDGE.verdict(&TrialResult::Complete(Box::new(late)));
        assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
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
        let mut empty = outcome(5, 0, 0.1, 0.1);
        empty.counts.expected = 0;
        empty.delivery = None;
        let verdict = JUDGE.verdict(&TrialResult::Complete(Box::new(empty)));
        assert_eq!(why(verdict), "not judged: nothing was due in the window");
    }
}
