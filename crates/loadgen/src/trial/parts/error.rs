//! Why a load process that brings a part of the subscribers had to give up.

use std::io;
use std::process::ExitStatus;

use model::trial::Side;

/// Why a load process that brings a part of the subscribers had to give up, as its supervisor sees it.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
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

impl PartError {
    /// Who is to blame.
    pub fn side(&self) -> Side {
        match self {
            Self::Failed { side, .. } => *side,
            _ => Side::Load,
        }
    }
}
