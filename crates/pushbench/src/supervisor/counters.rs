//! Counted trials: the server runs under a tool that counts its instructions or its system calls.
//!
//! Such tools count a process from its start to its end. So a trial runs twice, with half of its window and with the whole
//! window. The difference is the cost of the second half: start, connections, warm-up and end are in both runs and nearly
//! equal. Polls do not cancel out entirely: a subscriber polls from its connection on, and connecting and draining take a
//! varying time under a tool.

pub(super) mod tools;

use std::fs;

use model::manifest::Skipped;
use model::scenario::Scenario;
use model::settings::{Counter, Settings};
use model::trial::{Counted, Failure, Side};

use super::trial;
use super::trial_env::{TrialEnv, TrialRun, failed};
use crate::plan::{self, PlannedPoint, Trial};
use tools::ToolCounts;

/// Runs a trial with half of its window and with the whole window, and adds what the second half took to the outcome.
/// The supervisor failed where the tool's counts make no sense.
pub(super) async fn count(env: &TrialEnv, trial: &Trial<'_>, counter: Counter) -> Result<TrialRun, Failure> {
    if trial.point.settings.processes.server > 1 {
        let reason = "counts are those of one server process, and several were asked for";
        return Err(failed(Side::Supervisor, &reason));
    }
    let mut half: PlannedPoint = trial.point.clone();
    half.settings.phases.window_ns /= 2;
    let (first, first_counts) = once(env, &Trial { point: &half, ..*trial }, counter).await?;
    let (mut run, counts) = once(env, trial, counter).await?;
    let deliveries = run.outcome.counts.delivered.saturating_sub(first.outcome.counts.delivered);
    let Some(difference) = counts.since(&first_counts).filter(|_| deliveries > 0) else {
        let reason = "the whole window brought no more than half of it: nothing is left to count for";
        return Err(failed(Side::Supervisor, &reason));
    };
    let of = |which: Counter| (which == counter).then_some(difference.total);
    run.outcome.cost.counted = Some(Counted {
        tool: tools::version(counter),
        instructions: of(Counter::Instructions),
        system_calls: of(Counter::SystemCalls),
        by_name: difference.by_name,
        deliveries,
    });
    Ok(run)
}

/// The scenarios without the points whose tool is not installed, and what was left out, with what installs the tool.
pub(crate) fn runnable(scenarios: Vec<Scenario>) -> (Vec<Scenario>, Vec<Skipped>) {
    let mut skipped = Vec::new();
    let missing = [Counter::Instructions, Counter::SystemCalls].into_iter();
    let missing: Vec<Counter> = missing.filter(|&it| !tools::is_installed(it)).collect();
    let kept = scenarios.into_iter().filter_map(|scenario| without(scenario, &missing, &mut skipped));
    (kept.collect(), skipped)
}

fn without(scenario: Scenario, missing: &[Counter], skipped: &mut Vec<Skipped>) -> Option<Scenario> {
    missing.iter().try_fold(scenario, |scenario, &counter| {
        let why = format!("{0} is missing; install {0}", tools::program(counter));
        let is_counted = |settings: &Settings| settings.counted == Some(counter);
        plan::without(scenario, &format!("counter {}", name(counter)), why, is_counted, skipped)
    })
}

async fn once(
    env: &TrialEnv,
    trial: &Trial<'_>,
    counter: Counter,
) -> Result<(TrialRun, ToolCounts), Failure> {
    let file = env.counts_file(trial);
    let run = trial::run(env, trial).await;
    let text = fs::read_to_string(&file);
    // The next trial writes another file; where there is none, reading it has failed already.
    let _ = fs::remove_file(&file);
    let run = run?;
    let failed = |reason: String| failed(Side::Supervisor, &reason);
    let tool = tools::program(counter);
    let text = text.map_err(|error| failed(format!("{tool} left no counts: {error}")))?;
    let counts = tools::read(counter, &text);
    let counts = counts.ok_or_else(|| failed(format!("the counts of {tool} cannot be read")))?;
    Ok((run, counts))
}

/// As a scenario writes it.
fn name(counter: Counter) -> &'static str {
    match counter {
        Counter::Instructions => "instructions",
        Counter::SystemCalls => "system-calls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn points_whose_tool_is_missing_are_left_out_by_name() {
        let sweep =
            "[[sweep]]\nkey = \"counted\"\nvalues = [\"nothing\", \"instructions\", \"system-calls\"]";
        let scenario = fixture::scenario(&["a"], &format!("events.rate = \"1/s\"\n{sweep}"));
        let mut skipped = Vec::new();
        let kept = without(scenario.clone(), &[Counter::SystemCalls], &mut skipped).unwrap();
        let counters: Vec<_> = kept.points.iter().map(|point| point.settings.counted).collect();
        assert_eq!(counters, [None, Some(Counter::Instructions)]);
        let [Skipped { what, why }] = &skipped[..] else { panic!("{skipped:?}") };
        assert_eq!(what, "counter system-calls in x");
        assert_eq!(why, "strace is missing; install strace");
        let mut all = scenario;
        all.points.retain(|point| point.settings.counted.is_some());
        let both = [Counter::Instructions, Counter::SystemCalls];
        assert!(without(all, &both, &mut skipped).is_none());
        assert_eq!(skipped.last().unwrap().what, "scenario x");
    }
}
