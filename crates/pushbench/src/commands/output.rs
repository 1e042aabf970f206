//! What the commands write: results to standard output, progress and advice to standard error, and `pushbench report`: REPORT.md
//! and its charts, from stored results alone.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::Report;
use crate::{project, store};

/// Prints a result. A reader that closes the pipe early (`| head`) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes a line of progress or advice.
pub(super) fn note(line: &str) {
    // A reader that has gone away is no reason to fail.
    let _ = writeln!(io::stderr(), "{line}");
}

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
