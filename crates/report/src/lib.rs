//! Results into statistics, charts and REPORT.md. Names no technique: slugs, labels, order and floor come from the
//! manifest. The same results give the same bytes: no clock, no hash order, seeded resampling.
//!
//! # Layout
//!
//! - `load`: run folders in, records and samples out; what cannot be read is named
//! - `statistics`: quantiles of merged samples, intervals between trials, ratios to the floor
//! - `prediction`: what theory says of a row's bytes
//! - `charts`: one file per kind of chart, on one canvas
//! - `sections`: the generated parts of the report, as Markdown
//! - `marker_sections`: puts them between their markers

mod charts;
mod load;
mod marker_sections;
mod numbers;
mod prediction;
mod sections;
mod statistics;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::results;
use thiserror::Error;

pub use load::Broken;
pub use marker_sections::MarkerError;

use charts::Figure;
use statistics::Analysis;

/// What a new REPORT.md begins as.
const TEMPLATE: &str = include_str!("template.md");

/// What was written.
#[derive(Debug)]
pub struct Rendered {
    /// The report.
    pub report: PathBuf,
    /// The charts, run by run, in the order in which the report shows them.
    pub charts: Vec<PathBuf>,
    /// How many records were read.
    pub records: usize,
    /// Records that could not be read; the report lists them too.
    pub broken: Vec<Broken>,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// Nothing to report.
    #[error("no run folder was given; `pushbench run` makes one")]
    NoRuns,
    /// A run cannot be read.
    #[error(transparent)]
    Run(#[from] results::ReadError),
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
    /// The report's markers are not as they must be.
    #[error("{path}")]
    Markers {
        /// The report.
        path: PathBuf,
        /// Which marker, where, and the remedy.
        source: MarkerError,
    },
    /// A chart could not be drawn.
    #[error("draw {chart}: {reason}")]
    Draw {
        /// Its file name.
        chart: String,
        /// What the drawing library says.
        reason: String,
    },
}

/// Reads the runs, writes their charts into `<run>/charts/`, and puts the generated sections into the report at `out`,
/// which is made from a template when it is not there. Text outside of the markers stays as it is.
///
/// # Errors
///
/// When a run has no readable manifest, when the report's markers are damaged (nothing is written then), or when a
/// file cannot be written. A broken record is no error: it is listed in [`Rendered::broken`] and in the report.
pub fn render(run_dirs: &[PathBuf], out: &Path) -> Result<Rendered, ReportError> {
    if run_dirs.is_empty() {
        return Err(ReportError::NoRuns);
    }
    let current = current_report(out)?;
    let runs = run_dirs.iter().map(|dir| load::run(dir)).collect::<Result<Vec<_>, _>>()?;
    let analyses: Vec<Analysis<'_>> = runs.iter().map(Analysis::of).collect();
    let figures = analyses.iter().map(charts::draw).collect::<Result<Vec<_>, _>>()?;
    let parts = sections::generate(&analyses, &figures, &home(out));
    let text = marker_sections::replace_sections(&current, &parts)
        .map_err(|source| ReportError::Markers { path: out.to_owned(), source })?;
    let charts = write_charts(&analyses, &figures)?;
    write(out, &text)?;
    Ok(Rendered {
        report: out.to_owned(),
        charts,
        records: runs.iter().map(|run| run.trials.len()).sum(),
        broken: runs.into_iter().flat_map(|run| run.broken).collect(),
    })
}

fn current_report(out: &Path) -> Result<String, ReportError> {
    match fs::read_to_string(out) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(TEMPLATE.to_owned()),
        Err(source) => Err(ReportError::Read { path: out.to_owned(), source }),
    }
}

/// The folder that links in the report start from.
fn home(out: &Path) -> PathBuf {
    match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn write_charts(analyses: &[Analysis<'_>], figures: &[Vec<Figure>]) -> Result<Vec<PathBuf>, ReportError> {
    let mut written = Vec::new();
    for (analysis, figures) in analyses.iter().zip(figures) {
        let folder = analysis.run.dir.join("charts");
        fs::create_dir_all(&folder).map_err(|source| ReportError::Write { path: folder.clone(), source })?;
        for figure in figures {
            let path = folder.join(&figure.file);
            write(&path, &figure.picture.svg)?;
            written.push(path);
        }
    }
    Ok(written)
}

/// Replaces a file in one step, so that an interrupted rendering leaves the old one whole, and a failed one nothing else.
fn write(path: &Path, text: &str) -> Result<(), ReportError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::write(&partial, text).and_then(|()| fs::rename(&partial, path)).map_err(|source| {
        // On a full disk it is in the way; when it cannot be removed either, the first error says more.
        let _ = fs::remove_file(&partial);
        ReportError::Write { path: path.to_owned(), source }
    })
}
