//! Processes that only compute, on the server's cores: with one of them the server has half a core.
//!
//! A load generator must take every delivery apart that a server sends as one lump, so where a server has a whole core, the load
//! generator on another one is at its end before the server is.

use super::Stage;
use crate::floor::with_cores;
use crate::processes::Process;
use schema::settings::Settings;

/// The neighbours of a trial's server. Dropping them kills them.
#[derive(Debug)]
pub(super) struct Neighbours(Vec<Process>);

impl Neighbours {
    /// Starts as many as the settings say for each core of the server's own; where it has none, none.
    ///
    /// # Errors
    ///
    /// Why one of them cannot be started.
    pub(super) fn start(stage: &Stage, settings: &Settings) -> Result<Self, String> {
        let cores = &stage.pinning.server;
        let each = (0..settings.processes.neighbours).flat_map(|_| cores);
        let started = each.map(|&core| {
            Process::start("neighbour", &stage.server_program, with_cores(&["neighbour"], &[core]))
                .map_err(|error| error.to_string())
        });
        started.collect::<Result<_, _>>().map(Self)
    }

    /// Ends them.
    pub(super) async fn end(self) {
        for process in self.0 {
            process.end().await;
        }
    }
}
