//! Results into figures, REPORT.md, the pages under `docs/`, and answers to questions about them. Names no technique: slugs,
//! labels, order and baseline come from the manifests. The same results give the same bytes: no clock, no hash order.
//!
//! # Layout
//!
//! - `load`: run folders in, records and samples out; what cannot be read is named
//! - `evidence`: all runs together, by point
//! - `catalogue`: every metric, as one line of a table
//! - `estimate`: figures with intervals, from blocks and runs
//! - `search`: what searches for a capacity found
//! - `figure`: names of figures, such as `chat/websocket/cpu`
//! - `cost_model`: prices, and the model of bytes, CPU, memory and latency that is fitted from the evidence
//! - `recommend`: the cheapest technique that is quick enough
//! - `table`, `charts`: what templates show
//! - `pages`: templates in, Markdown out

pub mod catalogue;
pub mod claims;
pub mod cost_model;
mod distribution;
pub mod estimate;
pub mod evidence;
pub mod figure;
mod load;
mod marker_sections;
pub mod numbers;
mod pages;
pub mod publications;
pub mod recommend;
pub mod reproduction;
pub mod sample;
mod search;
mod table;
pub mod theory_check;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use evidence::Evidence;
pub use load::{Broken, Run, Trial, check};
pub use marker_sections::MarkerError;
pub use pages::{Written, write_pages};
pub use search::Side;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// Nothing to report.
    #[error("no run folder was given; `pushbench run` makes one")]
    NoRuns,
    /// A folder without a usable manifest is not a run.
    #[error("{path} is not a run's manifest: {reason}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder could not be read.
    #[error("read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("write {path}")]
    Write {
        /// Which.
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
        /// The page.
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
    /// There is no such figure.
    #[error(transparent)]
    Figure(#[from] figure::FigureError),
}
