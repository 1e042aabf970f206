//! Processes that only compute, on the server's cores: with one of them the server has half a core.
//!
//! A load generator parses each delivery that a server sends in one batch. So where a server has a whole core, the load
//! generator on another core is saturated before the server is.

use std::future::pending;
use std::time::Duration;

use futures_util::future::{join_all, select_all, try_join_all};
use model::settings::Settings;

use super::process::{Process, ProcessError};
use super::trial_env::TrialEnv;
use crate::store::host::with_cores;

/// How long one may take until it computes on its core.
const READY: Duration = Duration::from_secs(10);

/// The processes that compete with a trial's servers. Dropping them kills them.
#[derive(Debug)]
pub(super) struct CpuContention(Vec<Process>);

impl CpuContention {
    /// Starts as many as the settings say for each core of the server; none where it is not pinned. All of them compute
    /// when this returns.
    ///
    /// # Errors
    ///
    /// Why one of them does not.
    pub(super) async fn start(env: &TrialEnv, settings: &Settings) -> Result<Self, String> {
        let cores = &env.pinning.server;
        let each = (0..settings.processes.cpu_contention).flat_map(|_| cores);
        let started = try_join_all(each.map(|&core| compute(env, core))).await;
        started.map(Self).map_err(|error| error.to_string())
    }

    /// Resolves when one of them ends before it is asked to, with the reason: from then on the server had more of its core.
    pub(super) async fn died(&mut self) -> String {
        if self.0.is_empty() {
            return pending().await;
        }
        select_all(self.0.iter_mut().map(|process| Box::pin(process.died()))).await.0.to_string()
    }

    /// Ends them.
    pub(super) async fn end(self) {
        join_all(self.0.into_iter().map(Process::end)).await;
    }
}

/// Starts one on `core`. It is a sub-command of this program, also where `--server-program` names another one.
async fn compute(env: &TrialEnv, core: u32) -> Result<Process, ProcessError> {
    let arguments = with_cores(vec!["cpu-contention".to_owned()], &[core]);
    let mut process = Process::start("cpu-contention process", &env.load_program, arguments)?;
    process.read_line(READY).await?;
    Ok(process)
}
