//! What a load process that brings a part of the subscribers is told and says: a line of JSON each.

use model::trial::{Side, TrialSpec};
use serde::{Deserialize, Serialize};

use crate::timing::Timing;
use crate::trial::LoadReport;

/// What a part is told, in this order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// Prepare to connect the subscribers of this part.
    Bring {
        /// The whole trial.
        spec: Box<TrialSpec>,
        /// Which part of it, from 0.
        part: u32,
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
pub(super) enum Word {
    /// How far it is; again and again.
    State(State),
    /// What it found; the last word.
    Found(Found),
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
pub(super) struct State {
    /// Threads that could connect.
    pub(super) prepared: u64,
    /// Threads.
    pub(super) threads: u64,
    pub(super) connected: u64,
    pub(super) delivered: u64,
    pub(super) reconnects: u64,
    pub(super) trouble: Option<String>,
    pub(super) is_hopeless: bool,
}

/// What a part found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) reports: Vec<LoadReport>,
    pub(super) reconnects: u64,
    pub(super) trouble: Option<String>,
}
