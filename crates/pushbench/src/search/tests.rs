//! Searches against models of servers, step by step.

use super::*;

fn terms() -> Search {
    Search { from_per_s: 100.0, precision: 0.1, most_per_s: 1e6, then: Vec::new() }
}

fn failed() -> Verdict {
    Verdict::Failed { why: "late".to_owned() }
}

fn not_judged() -> Verdict {
    Verdict::NotJudged { why: "busy".to_owned() }
}

/// What passes up to `capacity` and fails above.
fn up_to(capacity: f64) -> impl Fn(&Step) -> Verdict {
    move |step| if step.rate_per_s <= capacity { Verdict::Passed } else { failed() }
}

/// Runs a search to its end; the rates with their attempts, and what was found.
fn run(mut search: CapacitySearch<'_>, judge: impl Fn(&Step) -> Verdict) -> (Vec<Step>, Found) {
    let mut steps = Vec::new();
    loop {
        match search.next() {
            Next::End(found) => return (steps, found),
            Next::Try(step) => {
                search.note(&step, judge(&step));
                steps.push(step);
            }
        }
        assert!(steps.len() as u64 <= most_trials(&terms()), "it does not end: {steps:?}");
    }
}

/// The same for a first repetition.
fn first(judge: impl Fn(&Step) -> Verdict) -> (Vec<Step>, Found) {
    run(CapacitySearch::new(&terms(), 0, None), judge)
}

fn rates(steps: &[Step]) -> Vec<f64> {
    steps.iter().map(|step| step.rate_per_s).collect()
}

#[test]
fn it_doubles_until_one_fails_twice_and_halves_in_between() {
    let (steps, found) = first(up_to(500.0));
    let expected = [100.0, 200.0, 400.0, 800.0, 800.0, 565.7, 565.7, 475.7, 518.8, 518.8];
    assert_eq!(rates(&steps), expected);
    assert_eq!((steps[3].step, steps[3].attempt, steps[4].step, steps[4].attempt), (3, 0, 3, 1));
    assert_eq!((found.capacity_per_s, found.is_lower_bound), (Some(475.7), false));
    assert_eq!(found.show(), "475.7/s");
}

#[test]
fn what_is_found_is_within_the_precision_whatever_the_capacity() {
    for precision in [0.01, 0.05, 0.25, 1.0] {
        for capacity in [3.0, 99.9, 100.0, 101.0, 777.0, 12_345.6, 999_999.0] {
            let terms = Search { precision, ..terms() };
            let (_, found) = run(CapacitySearch::new(&terms, 0, None), up_to(capacity));
            let floor = found.capacity_per_s.unwrap();
            assert!(
                floor <= capacity && capacity <= floor * (1.0 + precision) * 1.001,
                "{capacity}: {found:?}"
            );
            assert!(!found.is_lower_bound, "{capacity}: {found:?}");
        }
    }
}

#[test]
fn a_rate_that_passes_the_second_time_has_passed() {
    let (steps, found) = first(|step| {
        if step.rate_per_s > 800.0 || (step.attempt == 0 && step.rate_per_s > 100.0) {
            failed()
        } else {
            Verdict::Passed
        }
    });
    assert_eq!(rates(&steps)[..7], [100.0, 200.0, 200.0, 400.0, 400.0, 800.0, 800.0]);
    assert_eq!(found.capacity_per_s, Some(800.0));
}

#[test]
fn a_first_rate_that_fails_is_halved_until_one_passes() {
    let (steps, found) = first(up_to(30.0));
    assert_eq!(rates(&steps)[..5], [100.0, 100.0, 50.0, 50.0, 25.0]);
    assert_eq!(found.capacity_per_s, Some(29.73));
}

#[test]
fn where_nothing_passes_it_gives_up_at_a_thousandth() {
    let (steps, found) = first(|_| failed());
    assert_eq!(steps.len(), 2 * (MOST_HALVINGS + 1));
    assert_eq!((found.capacity_per_s, found.is_lower_bound), (None, false));
    assert_eq!(found.show(), "under 0.098/s");
    let empty = |step: &Step| if step.rate_per_s < 10.0 { not_judged() } else { failed() };
    let (_, found) = first(empty);
    assert_eq!(found.show(), "under 12.5/s");
    let (_, found) = first(|_| not_judged());
    assert_eq!(found.show(), "not known: the load generator kept up with no rate");
}

#[test]
fn a_load_generator_that_cannot_keep_up_ends_the_way_up_and_leaves_a_lower_bound() {
    let judge = |step: &Step| if step.rate_per_s > 500.0 { not_judged() } else { Verdict::Passed };
    let (steps, found) = first(judge);
    assert!(steps.iter().all(|step| step.rate_per_s <= 800.0), "{steps:?}");
    assert_eq!((found.capacity_per_s, found.is_lower_bound), (Some(475.7), true));
    assert_eq!(found.show(), "at least 475.7/s");
}

#[test]
fn a_server_that_fails_below_what_the_load_generator_manages_is_found_exactly() {
    let judge = |step: &Step| match step.rate_per_s {
        ..500.0 => Verdict::Passed,
        500.0..600.0 => failed(),
        _ => not_judged(),
    };
    let (_, found) = first(judge);
    assert_eq!((found.capacity_per_s, found.is_lower_bound), (Some(475.7), false));
}

#[test]
fn one_failure_and_one_trial_that_says_nothing_are_no_failure() {
    let judge = |step: &Step| match (step.rate_per_s > 100.0, step.attempt) {
        (false, _) => Verdict::Passed,
        (true, 0) => failed(),
        (true, _) => not_judged(),
    };
    let (_, found) = first(judge);
    assert!(found.is_lower_bound, "{found:?}");
}

#[test]
fn the_highest_rate_allowed_is_tried_and_ends_it() {
    let terms = Search { most_per_s: 300.0, ..terms() };
    let (steps, found) = run(CapacitySearch::new(&terms, 0, None), |_| Verdict::Passed);
    assert_eq!(rates(&steps), [100.0, 200.0, 300.0]);
    assert_eq!(found.show(), "at least 300/s");
}

#[test]
fn a_later_repetition_begins_below_what_was_found_and_goes_up_by_shorter_strides() {
    let terms = terms();
    let begins: Vec<f64> = (0..4)
        .map(|repetition| match CapacitySearch::new(&terms, repetition, Some(475.7)).next() {
            Next::Try(step) => step.rate_per_s,
            Next::End(found) => panic!("{found:?}"),
        })
        .collect();
    assert!(begins.iter().all(|begin| (400.0 / 1.1..=400.1).contains(begin)), "{begins:?}");
    assert!((1..4).all(|i| !begins[..i].contains(&begins[i])), "they try other rates: {begins:?}");
    let (steps, found) = run(CapacitySearch::new(&terms, 1, Some(475.7)), up_to(500.0));
    assert_eq!(rates(&steps)[..3], [377.1, 533.3, 533.3]);
    assert!((500.0 / 1.1..=500.0).contains(&found.capacity_per_s.unwrap()), "{found:?}");
}

#[test]
fn a_later_repetition_finds_a_capacity_that_lies_elsewhere() {
    let terms = terms();
    for capacity in [30.0, 200.0, 2_000.0, 900_000.0] {
        let (_, found) = run(CapacitySearch::new(&terms, 1, Some(475.7)), up_to(capacity));
        let floor = found.capacity_per_s.unwrap();
        assert!((capacity / 1.101..=capacity).contains(&floor), "{capacity}: {found:?}");
    }
}

#[test]
fn an_interrupted_search_goes_on_where_it_was_and_ends_the_same() {
    let terms = terms();
    let judge = up_to(500.0);
    let (steps, found) = run(CapacitySearch::new(&terms, 2, Some(300.0)), &judge);
    let record = |step: &Step| SearchStep {
        step: step.step,
        attempt: step.attempt,
        rate_per_s: step.rate_per_s,
        verdict: judge(step),
    };
    let mut records: Vec<_> = steps.iter().map(record).collect();
    records.reverse();
    for cut in 1..=records.len() {
        let kept = &records[records.len() - cut..];
        let again = CapacitySearch::replay(&terms, &kept.iter()).next();
        match steps.get(cut) {
            None => assert_eq!(again, Next::End(found)),
            Some(next) => assert!(
                matches!(again, Next::Try(step) if (step.step, step.attempt) == (next.step, next.attempt)),
                "{again:?}"
            ),
        }
    }
}

#[test]
fn rates_have_four_digits() {
    let rates = [0.123456, 1.0, 475.6828, 12_345.6, 150_000.0];
    assert_eq!(rates.map(rounded), [0.1235, 1.0, 475.7, 12_350.0, 150_000.0]);
}

#[test]
fn the_expected_trials_are_near_those_of_a_search_that_begins_at_a_quarter() {
    let terms = terms();
    let (expected, failing) = expected_trials(&terms, 0);
    let counts: Vec<_> = (40..80).map(|tenth| first(up_to(f64::from(tenth) * 10.0)).0.len() as u64).collect();
    let mean = counts.iter().sum::<u64>() / counts.len() as u64;
    assert!(mean.abs_diff(expected) <= 1, "expected {expected}, of these {failing} failing; {counts:?}");
    let counts: Vec<_> = (100..110)
        .map(|percent| f64::from(percent) * 4.0)
        .map(|capacity| run(CapacitySearch::new(&terms, 1, Some(400.0)), up_to(capacity)).0.len() as u64)
        .collect();
    let mean = counts.iter().sum::<u64>() / counts.len() as u64;
    assert!(mean.abs_diff(expected_trials(&terms, 1).0) <= 1, "{counts:?}");
}

/// What a trial says of its rate.
mod verdicts {
    use model::trial::Failure;

    use crate::fixture;

    use crate::search::*;

    const JUDGE: Judge = Judge { bound_ns: 50_000_000 };

    /// A trial with this p99 in ms, so many lost, and a load generator that was so busy or did not warn.
    fn outcome(p99_ms: u64, lost: u64, busy: Option<f64>) -> TrialOutcome {
        let mut outcome = TrialOutcome::default();
        outcome.counts.expected = 1_000;
        outcome.counts.lost = lost;
        outcome.delivery = Some(fixture::quantiles(p99_ms * 1_000_000));
        outcome.warnings = busy.map(|busy| Warning::LoadGeneratorBusy { busy }).into_iter().collect();
        outcome
    }

    fn complete(outcome: TrialOutcome) -> Verdict {
        JUDGE.verdict(&TrialResult::Complete(Box::new(outcome)))
    }

    fn incomplete(outcome: TrialOutcome) -> Verdict {
        JUDGE.verdict(&TrialResult::Incomplete(Box::new(outcome)))
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
        assert_eq!(why(incomplete(outcome(5, 3, None))), "failed: 3 of 1000 lost");
    }

    #[test]
    fn a_load_generator_that_warned_of_itself_says_nothing_of_the_server_however_busy_that_was() {
        for server_cpu_ns in [0, 600_000_000, 1_000_000_000] {
            let mut both = outcome(51, 0, Some(0.91));
            (both.cost.elapsed_ns, both.cost.server_cpu_ns) = (1_000_000_000, server_cpu_ns);
            let words = "not judged: the load generator was busy 91 % of the time";
            assert_eq!(why(complete(both)), words, "{server_cpu_ns}");
        }
        assert!(matches!(incomplete(outcome(5, 3, Some(0.97))), Verdict::NotJudged { .. }));
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
        // A lag that breaks the bound by itself.
        assert!(!is_judged(complete(lagging(outcome(400, 0, None), 51))));
        let lossy = |lag_ms| incomplete(lagging(outcome(5, 3, None), lag_ms));
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
