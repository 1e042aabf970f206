//! An observed trial: server and load generator alone in a network namespace, whose loopback counters see nothing else.
//!
//! The supervisor starts a sub-command of its own, which moves into a fresh namespace, reads the kernel's counters, runs
//! the ordinary trial there, and reads them again when every socket has closed. Nothing of the namespace is left when
//! that process and its children have ended.

use std::fmt::Display;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use model::manifest::Skipped;
use model::scenario::Scenario;
use model::trial::{Failure, Observed, Side};
use os::NetworkCounters;
use serde::{Deserialize, Serialize};

use super::process::{Process, ProcessError};
use super::trial;
use super::trial_env::{TrialEnv, TrialRun, failed, limit};
use crate::plan::{Part, PlannedPoint, PlannedTrial, Trial};

/// The hidden sub-command that is an observed trial.
pub(crate) const SUB_COMMAND: &str = "observed-trial";
/// Its flag that only tries whether a namespace can be made.
const PROBE: &str = "--probe";
/// What an observed trial may take beyond an ordinary one.
const AROUND: Duration = Duration::from_secs(30);
/// After both sides have closed a connection, its last packet comes within a delayed acknowledgement, 40 ms.
const SILENCE: Duration = Duration::from_secs(5);

const REMEDY: &str = "run pushbench as root, or allow user namespaces (sysctl user.max_user_namespaces above 0; on some systems also \
     kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0)";

/// A trial and its environment, as the sub-command reads them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialOrder {
    env: TrialEnv,
    index: usize,
    scenario: String,
    point: PlannedPoint,
    planned: PlannedTrial,
}

/// Runs a trial in a namespace of its own, with what the kernel counted there.
pub(super) async fn observe(env: &TrialEnv, trial: &Trial<'_>) -> Result<TrialRun, Failure> {
    let process_failed = |error: ProcessError| failed(Side::Supervisor, &error);
    let line = serde_json::to_string(&TrialOrder::of(env, trial))
        .map_err(|error| failed(Side::Supervisor, &error))?;
    let mut observer =
        Process::start("observer", &env.load_program, [SUB_COMMAND]).map_err(process_failed)?;
    observer.write_line(&line).await.map_err(process_failed)?;
    let text = observer.output(limit(&trial.point.settings) + AROUND).await.map_err(process_failed)?;
    serde_json::from_str::<Result<TrialRun, Failure>>(&text)
        .map_err(|error| failed(Side::Supervisor, &error))?
}

/// The sub-command: runs the trial of `order`, a line that [`observe`] wrote, and returns the line that it reads. Must be
/// called before this process has a second thread; `may_spawn` is called as soon as it may have one.
pub(crate) fn run_alone(order: &str, may_spawn: impl FnOnce()) -> anyhow::Result<String> {
    let order: TrialOrder =
        serde_json::from_str(order).context("read the trial: one line of JSON on standard input")?;
    os::enter_own_network().context("move into a network namespace of its own")?;
    let before = os::network_counters().context("read the kernel's counters")?;
    may_spawn();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the observer's runtime")?;
    let mut run = runtime.block_on(trial::run(&order.env, &order.trial()));
    if let Ok(run) = &mut run {
        run.observed = Some(observed_since(&before)?);
    }
    serde_json::to_string(&run).context("encode the outcome")
}

/// The sub-command's `--probe`: only moves into a namespace.
pub(crate) fn probe() -> anyhow::Result<()> {
    os::enter_own_network().context("move into a network namespace of its own")
}

/// The scenarios that can be run here, and the others with the reason. It is tried once, in a process of its own.
pub(crate) fn runnable(scenarios: Vec<Scenario>) -> anyhow::Result<(Vec<Scenario>, Vec<Skipped>)> {
    let is_observed = |scenario: &Scenario| scenario.points.iter().any(|point| point.settings.observed);
    if !scenarios.iter().any(is_observed) {
        return Ok((scenarios, Vec::new()));
    }
    let own = std::env::current_exe().context("find the path of this program")?;
    let Err(why) = try_one(&own) else { return Ok((scenarios, Vec::new())) };
    let (observed, runnable): (Vec<_>, Vec<_>) = scenarios.into_iter().partition(is_observed);
    let skipped =
        |scenario: Scenario| Skipped { what: format!("scenario {}", scenario.name), why: why.clone() };
    Ok((runnable, observed.into_iter().map(skipped).collect()))
}

/// Tries to make a namespace; the error says why not, and what to do.
fn try_one(program: &Path) -> Result<(), String> {
    let cannot = |why: &dyn Display| format!("no network namespace can be made here ({why}); {REMEDY}");
    let tried = Command::new(program).args([SUB_COMMAND, PROBE]).stdin(Stdio::null()).output();
    let output = tried.map_err(|error| cannot(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let cause = stderr.lines().last().unwrap_or("it wrote nothing");
    Err(cannot(&cause.trim_start_matches("caused by: ")))
}

fn observed_since(before: &NetworkCounters) -> anyhow::Result<Observed> {
    let is_silent = os::network_is_silent_within(SILENCE).context("read the kernel's list of sockets")?;
    ensure!(is_silent, "connections were still open {} s after both sides had ended", SILENCE.as_secs());
    let after = os::network_counters().context("read the kernel's counters")?;
    Ok(Observed {
        packets: after.packets - before.packets,
        bytes: after.bytes - before.bytes,
        retransmitted: after.retransmitted - before.retransmitted,
        connections: after.connections - before.connections,
    })
}

impl TrialOrder {
    fn of(env: &TrialEnv, trial: &Trial<'_>) -> Self {
        Self {
            env: env.clone(),
            index: trial.index,
            scenario: trial.scenario.to_owned(),
            point: trial.point.clone(),
            planned: trial.planned.clone(),
        }
    }

    fn trial(&self) -> Trial<'_> {
        Trial {
            index: self.index,
            scenario: &self.scenario,
            point: &self.point,
            planned: &self.planned,
            // The process that ordered it writes its record.
            part: Part::Whole { attempt: 0 },
        }
    }
}
