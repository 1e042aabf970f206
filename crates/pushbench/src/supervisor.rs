//! Runs one trial: fresh server processes, a fresh load process, and what stands around them.
//!
//! - [`trial_env`]: what all trials of a run share, and what a trial returns
//! - [`trial`]: the ordinary trial; [`counters`] and [`namespace`] run it under a tool and in a network of its own
//! - [`servers`], [`server_start`], [`restart`]: the server processes, and the one that replaces a killed one
//! - [`preflight`], [`machine`], [`socket_ping`]: what is checked before, watched during, and measured around trials
//! - [`process`], [`stderr_tail`]: child processes

pub(crate) mod counters;
mod machine;
pub(crate) mod namespace;
mod preflight;
pub(crate) mod process;
mod restart;
mod server_start;
mod servers;
pub(crate) mod socket_ping;
mod stderr_tail;
mod trial;
mod trial_env;

use model::trial::Failure;

use crate::plan::Trial;

pub(crate) use machine::MachineWatch;
pub(crate) use trial_env::{TrialEnv, TrialRun};

/// Runs one trial in the way that its settings ask for. When the returned future is dropped, all its processes end.
pub(crate) async fn run(env: &TrialEnv, trial: &Trial<'_>) -> Result<TrialRun, Failure> {
    let settings = &trial.point.settings;
    if let Some(counter) = settings.counted {
        counters::count(env, trial, counter).await
    } else if settings.observed {
        namespace::observe(env, trial).await
    } else {
        trial::run(env, trial).await
    }
}
