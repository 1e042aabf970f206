//! What a load worker reads and writes, a line of JSON each, and why one fails.

use std::io;
use std::process::ExitStatus;

use model::trial::{Side, TrialSpec};
use serde::{Deserialize, Serialize};

use crate::timing::Timing;
use crate::trial::load_report::LoadReport;

/// What a worker reads, in this order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LoadCommand {
    /// Prepare to connect the subscribers of this worker.
    Bring {
        /// The whole trial.
        spec: Box<TrialSpec>,
        /// Which worker, from 0.
        worker: u32,
    },
    /// Connect.
    Connect,
    /// The phases are these.
    Open(Timing),
    /// End every subscriber, and write the result.
    Finish,
}

/// What a worker writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WorkerMessage {
    /// How far it is; repeatedly.
    Progress(WorkerProgress),
    /// The result; the last message.
    Result(WorkerResult),
    /// It failed; the last message.
    Failed {
        /// Who is to blame.
        side: Side,
        /// Why.
        reason: String,
    },
}

/// How far a worker is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct WorkerProgress {
    /// Threads that could connect.
    pub(super) prepared: u64,
    /// Threads.
    pub(super) threads: u64,
    pub(super) connected: u64,
    pub(super) delivered: u64,
    pub(super) reconnects: u64,
    pub(super) last_error: Option<String>,
    pub(super) is_hopeless: bool,
}

/// What a worker found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WorkerResult {
    pub(super) reports: Vec<LoadReport>,
    pub(super) reconnects: u64,
    pub(super) last_error: Option<String>,
}

/// Why a load worker failed, as the trial sees it.
#[derive(Debug, thiserror::Error)]
pub enum LoadWorkerError {
    /// It could not be started.
    #[error("it cannot be started")]
    Start(#[source] io::Error),
    /// It did not read a command.
    #[error("it does not listen")]
    NotReading(#[source] io::Error),
    /// It ended too early.
    #[error("it ended with {0}")]
    Ended(ExitStatus),
    /// It wrote nothing for too long, and was killed.
    #[error("it said nothing for {seconds} s")]
    Silent {
        /// For how long.
        seconds: u64,
    },
    /// It wrote something else than a message.
    #[error("it said {0}")]
    NotAMessage(String),
    /// It reported an error.
    #[error("{reason}")]
    Failed {
        /// Who is to blame.
        side: Side,
        /// Why.
        reason: String,
    },
}

impl LoadWorkerError {
    /// Who is to blame.
    pub fn side(&self) -> Side {
        match self {
            Self::Failed { side, .. } => *side,
            _ => Side::Load,
        }
    }
}
