//! Why there is no report.

use std::io;
use std::path::PathBuf;

use model::results::ReadError;
use thiserror::Error;

use crate::marker_sections::MarkerError;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// Nothing to report.
    #[error("no run folder was given; `pushbench run` makes one")]
    NoRuns,
    /// Its trials would count twice.
    #[error("the run {0} is named twice")]
    Twice(PathBuf),
    /// All that a run measured is broken.
    #[error(
        "nothing that was measured in {dir} can be used: {reason}; restore its files, or leave the run out"
    )]
    Unusable {
        /// The run's folder.
        dir: PathBuf,
        /// Why the first of its trials cannot be used.
        reason: String,
    },
    /// A run cannot be read.
    #[error(transparent)]
    Run(#[from] ReadError),
    /// A file or folder could not be read.
    #[error("read {path}")]
    Read {
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("write {path}")]
    Write {
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A page's markers are not as they must be.
    #[error("{path}")]
    Markers {
        /// The page.
        path: PathBuf,
        /// Which marker, where, and the remedy.
        source: MarkerError,
    },
    /// A template is wrong: an error of pushbench.
    #[error("fill in the template {page}: {reason}")]
    Template {
        page: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A chart could not be drawn.
    #[error("draw {chart}: {reason}")]
    Draw {
        /// Its name.
        chart: String,
        /// What the drawing library says.
        reason: String,
    },
}
