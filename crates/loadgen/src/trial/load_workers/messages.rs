//! What a load process that brings a part of the subscribers is told and says: a line of JSON each.

use std::io;
use std::process::ExitStatus;

use model::trial::{Side, TrialSpec};
use serde::{Deserialize, Serialize};

use crate::timing::Timing;
use crate::trial::load_report::LoadReport;

/// What a part is told, in this order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LoadCommand {
    /// Prepare to connect the subscribers of this part.
    Bring {
        /// The whole trial.
        spec: Box<TrialSpec>,
        /// Which part of it, from 0.
        worker: u32,
    },
    /// Connect.
    Connect,
    /// The phases are these.
    Open(Timing),
    /// End every subscriber, and say what was found.
    Finish,
}

/// What a part says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WorkerMessage {
    /// How far it is; again and again.
    WorkerProgress(WorkerProgress),
    /// What it found; the last word.
    WorkerResult(WorkerResult),
    /// It had to give up; the last word.
    Failed {
        /// Who is to blame.
        side: Side,
        /// Why.
        reason: String,
    },
}

/// How far a part is.
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

/// What a part found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WorkerResult {
    pub(super) reports: Vec<LoadReport>,
    pub(super) reconnects: u64,
    pub(super) last_error: Option<String>,
}

/// Why a load process that brings a part of the subscribers had to give up, as its supervisor sees it.
#[derive(Debug, thiserror::Error)]
pub enum LoadWorkerError {
    /// It could not be started.
    #[error("it cannot be started")]
    Start(#[source] io::Error),
    /// It could not be told what to do.
    #[error("it does not listen")]
    Deaf(#[source] io::Error),
    /// It ended too early.
    #[error("it ended with {0}")]
    Ended(ExitStatus),
    /// It said nothing for too long, and was killed.
    #[error("it said nothing for {seconds} s")]
    Silent {
        /// For how long.
        seconds: u64,
    },
    /// It said something that a part does not say.
    #[error("it said {0}")]
    Rubbish(String),
    /// It gave up by itself.
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
