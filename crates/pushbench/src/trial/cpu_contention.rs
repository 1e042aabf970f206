//! Processes that only compute, on the server's cores: with one of them the server has half a core.
//!
//! A load generator must take every delivery apart that a server sends as one lump, so where a server has a whole core, the load
//! generator on another one is at its end before the server is.

use std::future::pending;
use std::time::Duration;

use futures_util::future::{join_all, select_all, try_join_all};

use super::Stage;
use crate::processes::{Process, ProcessError};
use crate::socket_ping::with_cores;
use model::settings::Settings;

/// How long one may take until it computes where it was told to.
const READY: Duration = Duration::from_secs(10);

/// The cpu contention of a trial's server. Dropping them kills them.
#[derive(Debug)]
pub(super) struct CpuContention(Vec<Process>);

impl CpuContention {
    /// Starts as many as the settings say for each core of the server's own; where it has none, none. All of them compute when
    /// this returns.
    ///
    /// # Errors
    ///
    /// Why one of them does not.
    pub(super) async fn start(stage: &Stage, settings: &Settings) -> Result<Self, String> {
        let cores = &stage.pinning.server;
        let each = (0..settings.processes.cpu_contention).flat_map(|_| cores);
        let started = try_join_all(each.map(|&core| compute(stage, core))).await;
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

/// Starts one on `core`. It is a sub-command of ours, whatever is tried out as a server.
async fn compute(stage: &Stage, core: u32) -> Result<Process, ProcessError> {
    let arguments = with_cores(&["cpu-contention"], &[core]);
    let mut process = Process::start("cpu-contention process", &stage.load_program, arguments)?;
    process.line(READY).await?;
    Ok(process)
}
