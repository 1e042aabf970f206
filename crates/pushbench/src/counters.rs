//! Counted trials: the server runs under a tool that counts its instructions or its system calls.
//!
//! Such tools count a process from its start to its end. So a trial runs twice, with half of its window and with the whole,
//! and the difference is what the second half took: start, connections, warm-up and end are in both, and nearly the same. Whoever
//! polls does so from his connection on, and to connect and to drain takes under a tool as long as it likes: that does not cancel out.

mod callgrind;
mod strace;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use model::manifest::Skipped;
use model::scenario::Scenario;
use model::settings::Counter;
use model::trial::{Counted, Failure, Side};

use crate::plan::{PlannedPoint, Trial};
use crate::processes::{Process, ProcessError};
use crate::target;
use crate::trial::{Ran, Stage};

/// How long a server may take until it listens. Measured under callgrind: 4 s on a busy machine.
pub(crate) const READY: Duration = Duration::from_secs(60);

/// What a tool counted of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ByteCounts {
    total: u64,
    by_name: BTreeMap<String, u64>,
}

/// Starts the server under the tool, which leaves its counts in a file of this trial's own.
///
/// # Errors
///
/// When the tool cannot be started.
pub(crate) fn start(
    counter: Counter,
    server: &Path,
    arguments: Vec<String>,
    counts: &Path,
) -> Result<Process, ProcessError> {
    // One that is not found is named by the failure to start it.
    let tool = target::on_path(program(counter)).unwrap_or_else(|| PathBuf::from(program(counter)));
    let own = match counter {
        Counter::Instructions => callgrind::arguments(counts),
        Counter::SystemCalls => strace::arguments(counts),
    };
    let under = [server.display().to_string()];
    Process::start_tool("server", &tool, own.into_iter().chain(under).chain(arguments))
}

/// Runs a trial with half of its window and with the whole, and takes what the second half took into the outcome.
///
/// # Errors
///
/// Which side failed, and why; the supervisor where the tool's counts do not make sense.
pub(crate) async fn count(stage: &Stage, trial: &Trial<'_>, counter: Counter) -> Result<Ran, Failure> {
    if trial.point.settings.processes.server > 1 {
        return Err(failed("counts are those of one server process, and several were asked for"));
    }
    let half = halved(trial.point);
    let (first, first_tally) = once(stage, &Trial { point: &half, ..*trial }, counter).await?;
    let (mut ran, byte_counts) = once(stage, trial, counter).await?;
    let deliveries = ran.outcome.counts.delivered.saturating_sub(first.outcome.counts.delivered);
    let difference = byte_counts.since(&first_tally).filter(|_| deliveries > 0);
    let Some(difference) = difference else {
        return Err(failed("the whole window brought no more than half of it: nothing is left to count for"));
    };
    ran.outcome.cost.counted = Some(counted(counter, difference, deliveries));
    Ok(ran)
}

/// The scenarios without the points that need a tool which is not here, and these by name with what installs it.
pub(crate) fn runnable(scenarios: Vec<Scenario>) -> (Vec<Scenario>, Vec<Skipped>) {
    let mut skipped = Vec::new();
    let missing = [Counter::Instructions, Counter::SystemCalls].into_iter();
    let missing: Vec<Counter> = missing.filter(|&it| target::on_path(program(it)).is_none()).collect();
    let kept = scenarios.into_iter().filter_map(|scenario| without(scenario, &missing, &mut skipped));
    (kept.collect(), skipped)
}

fn without(mut scenario: Scenario, missing: &[Counter], skipped: &mut Vec<Skipped>) -> Option<Scenario> {
    for &counter in missing {
        let all = scenario.points.len();
        scenario.points.retain(|point| point.settings.counted != Some(counter));
        let why = format!("{0} is missing; install {0}", program(counter));
        if scenario.points.is_empty() && all > 0 {
            skipped.push(Skipped { what: format!("scenario {}", scenario.name), why });
            return None;
        }
        if scenario.points.len() < all {
            skipped.push(Skipped { what: format!("counter {} in {}", name(counter), scenario.name), why });
        }
    }
    Some(scenario)
}

async fn once(stage: &Stage, trial: &Trial<'_>, counter: Counter) -> Result<(Ran, ByteCounts), Failure> {
    let counts = stage.counts(trial);
    let ran = stage.run_here(trial).await;
    let text = taken(&counts);
    let ran = ran?;
    let text = text.map_err(|error| failed(&format!("{} left no counts: {error}", program(counter))))?;
    let byte_counts = match counter {
        Counter::Instructions => callgrind::read(&text),
        Counter::SystemCalls => strace::read(&text),
    };
    let byte_counts =
        byte_counts.ok_or_else(|| failed(&format!("the counts of {} cannot be read", program(counter))))?;
    Ok((ran, byte_counts))
}

/// Its text; the next trial writes another.
fn taken(file: &Path) -> io::Result<String> {
    let text = fs::read_to_string(file);
    // Where it is not there, reading it has said so.
    let _ = fs::remove_file(file);
    text
}

fn halved(point: &PlannedPoint) -> PlannedPoint {
    let mut half = point.clone();
    half.settings.phases.window_ns /= 2;
    half
}

fn counted(counter: Counter, byte_counts: ByteCounts, deliveries: u64) -> Counted {
    let of = |which: Counter| (which == counter).then_some(byte_counts.total);
    Counted {
        tool: version(counter),
        instructions: of(Counter::Instructions),
        system_calls: of(Counter::SystemCalls),
        by_name: byte_counts.by_name,
        deliveries,
    }
}

/// The program, and the Debian package that it is in: they have the same names.
fn program(counter: Counter) -> &'static str {
    match counter {
        Counter::Instructions => "valgrind",
        Counter::SystemCalls => "strace",
    }
}

/// As a scenario writes it.
fn name(counter: Counter) -> &'static str {
    match counter {
        Counter::Instructions => "instructions",
        Counter::SystemCalls => "system-calls",
    }
}

/// What the tool says of itself: `valgrind-3.19.0`, `strace -- version 6.1`.
fn version(counter: Counter) -> String {
    let asked = Command::new(program(counter)).arg("--version").stdin(Stdio::null()).output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    said.lines().next().unwrap_or(program(counter)).to_owned()
}

fn failed(reason: &str) -> Failure {
    Failure { side: Side::Supervisor, reason: reason.to_owned() }
}

impl ByteCounts {
    /// What came on top of an earlier one; none where it is less. A name may be rarer the second time: then it is 0.
    fn since(&self, earlier: &Self) -> Option<Self> {
        let before = |name: &String| earlier.by_name.get(name).copied().unwrap_or(0);
        let by_name =
            self.by_name.iter().map(|(name, count)| (name.clone(), count.saturating_sub(before(name))));
        Some(Self {
            total: self.total.checked_sub(earlier.total)?,
            by_name: by_name.filter(|(_, count)| *count > 0).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use model::scenario::Extent;

    use super::*;

    fn byte_counts(total: u64, by_name: &[(&str, u64)]) -> ByteCounts {
        ByteCounts { total, by_name: by_name.iter().map(|&(name, count)| (name.to_owned(), count)).collect() }
    }

    #[test]
    fn what_both_runs_did_cancels_out() {
        let half = byte_counts(130, &[("mmap", 60), ("write", 50), ("futex", 20)]);
        let whole = byte_counts(190, &[("mmap", 60), ("write", 110), ("futex", 19), ("brk", 1)]);
        assert_eq!(whole.since(&half), Some(byte_counts(60, &[("brk", 1), ("write", 60)])));
        assert_eq!(half.since(&whole), None);
    }

    #[test]
    fn points_whose_tool_is_missing_are_left_out_by_name() {
        let text = "question = \"?\"\nreading = \"!\"\nevents.rate = \"1/s\"\n[[sweep]]\nkey = \"counted\"\n\
            values = [\"nothing\", \"instructions\", \"system-calls\"]\n";
        let scenario = Scenario::parse(text, "x.toml", "x", &["a"], Extent::Full).unwrap();
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
