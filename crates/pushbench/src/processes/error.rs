//! Why a child did not do what it was started for, in words for a trial's record.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::complaints::Said;

/// Why a child did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// It could not be started.
    #[error("{} cannot be started: {cause}", .program.display())]
    Start {
        /// Which program.
        program: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It said nothing in time.
    #[error("the {name} said nothing for {} s{said}", .limit.as_secs())]
    Silent {
        /// The child.
        name: &'static str,
        /// The time that it had.
        limit: Duration,
        /// What it wrote to standard error.
        said: Said,
    },
    /// It ended too early, or not well.
    #[error("the {name} ended with {status}{said}")]
    Ended {
        /// The child.
        name: &'static str,
        /// How.
        status: ExitStatus,
        /// What it wrote to standard error.
        said: Said,
    },
    /// It wrote something else than a line of text.
    #[error("the {name} wrote {found} instead of a line of text{said}")]
    Rubbish {
        /// The child.
        name: &'static str,
        /// The start of it.
        found: String,
        /// What it wrote to standard error.
        said: Said,
    },
    /// A pipe to it failed.
    #[error("the pipe to the {name} failed: {cause}{said}")]
    Pipe {
        /// The child.
        name: &'static str,
        /// Why.
        cause: io::Error,
        /// What it wrote to standard error.
        said: Said,
    },
}
