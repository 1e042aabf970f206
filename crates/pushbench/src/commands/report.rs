//! `pushbench report`: REPORT.md and its charts, from stored results alone.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::output::print;
use crate::cli::Report;
use crate::{project, store};

pub(super) fn report(arguments: &Report) -> anyhow::Result<()> {
    let runs = match arguments.runs.is_empty() {
        true => vec![store::newest(&project::results(None)?)?],
        false => arguments.runs.clone(),
    };
    let out = arguments.out.clone().unwrap_or_else(|| beside(&runs[0]));
    print(&render(&runs, &out)?)
}

/// Renders the report, and returns in a few lines what was written.
pub(super) fn render(runs: &[PathBuf], out: &Path) -> anyhow::Result<String> {
    let rendered = report::render(runs, out).context("write the report")?;
    let mut text = format!(
        "report:  {} ({} records, {} charts)\n",
        out.display(),
        rendered.records,
        rendered.charts.len()
    );
    for broken in &rendered.broken {
        text.push_str(&format!("left out: {}: {}\n", broken.path.display(), broken.reason));
    }
    Ok(text)
}

/// A run lies in the folder of results, and the report beside that.
pub(super) fn beside(run: &Path) -> PathBuf {
    project::report_beside(run.parent().unwrap_or(Path::new("")))
}
