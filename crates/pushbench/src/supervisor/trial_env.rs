//! What all trials of a run share, what a trial returns, and how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use model::settings::Settings;
use model::trial::{Failure, Observed, Side, TrialOutcome};
use serde::{Deserialize, Serialize};

use crate::browsers::client::browser_of;
use crate::plan::Trial;
use crate::store::host::Pinning;
use crate::targets::TargetServer;

/// What the load generator may take beyond the phases, to connect and to close: to start, and to print its outcome.
const MARGIN: Duration = Duration::from_secs(27);
/// The same for a browser, on top: 30 s to start, and time to return what its page measured.
const BROWSER_MARGIN: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialEnv {
    /// The program whose `serve` is started.
    pub(crate) server_program: PathBuf,
    /// The program whose `load` is started.
    pub(crate) load_program: PathBuf,
    /// Which cores each side gets.
    pub(crate) pinning: Pinning,
    /// A folder for the feeds' sockets and the targets' configurations.
    pub(crate) sockets: PathBuf,
    /// Servers of other projects. None of them takes part in an observed trial.
    #[serde(skip)]
    pub(crate) targets: Vec<TargetServer>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrialRun {
    /// What the load generator measured.
    pub(crate) outcome: TrialOutcome,
    /// What a person should read although it is no failure.
    pub(crate) note: Option<String>,
    pub(crate) observed: Option<Observed>,
}

impl TrialEnv {
    /// The server of another project that this trial measures, if it measures one.
    pub(super) fn target(&self, trial: &Trial<'_>) -> Option<&TargetServer> {
        let name = trial.planned.target.as_ref()?;
        self.targets.iter().find(|server| server.target.name == *name)
    }

    /// Where the tool of a counted trial leaves its counts.
    pub(super) fn counts_file(&self, trial: &Trial<'_>) -> PathBuf {
        self.sockets.join(format!("counts-{}", trial.index))
    }
}

pub(super) fn limit(settings: &Settings) -> Duration {
    let phases = &settings.phases;
    let browser = browser_of(settings.client).map_or(Duration::ZERO, |_| BROWSER_MARGIN);
    let phases = Duration::from_nanos(phases.warm_up_ns + phases.window_ns + phases.drain_ns);
    let around = loadgen::trial::connect_limit(settings) + loadgen::trial::close_limit(settings) + MARGIN;
    phases + around + browser
}

pub(super) fn failed(side: Side, reason: &impl ToString) -> Failure {
    Failure { side, reason: reason.to_string() }
}
