//! What the commands write: results to standard output, progress and advice to standard error, and `pushbench report`: REPORT.md
//! and its charts, from stored results alone.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use model::results::write_atomically;
use report::Evidence;

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

/// The file of the cost model in the folder of results.
pub(super) const MODEL: &str = "model.json";

pub(super) fn report(arguments: &Report) -> anyhow::Result<()> {
    let results = project::results(None)?;
    let (runs, out) = match arguments.runs.is_empty() {
        true => (readable(&results)?, project::report_beside(&results)),
        false => (arguments.runs.clone(), beside(&arguments.runs[0])),
    };
    print(&render(&runs, arguments.out.as_deref().unwrap_or(&out), arguments.html.as_deref())?)
}

/// All runs of a folder of results that this version can read; the others are named.
pub(super) fn readable(results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (runs, others): (Vec<_>, Vec<_>) = store::runs(results)?
        .into_iter()
        .map(|run| report::check(&run).map(|()| run))
        .partition(Result::is_ok);
    others.into_iter().filter_map(Result::err).for_each(|error| note(&format!("left out: {error}")));
    ensure!(
        !runs.is_empty(),
        "there is no run in {} that can be read; `pushbench run` makes one",
        results.display()
    );
    Ok(runs.into_iter().flatten().collect())
}

/// Renders the report, and returns in a few lines what was written.
pub(super) fn render(runs: &[PathBuf], out: &Path, html: Option<&Path>) -> anyhow::Result<String> {
    let evidence = Arc::new(Evidence::load(runs).context("read the results")?);
    let model = Arc::new(report::cost_model::fit(&evidence));
    let written = report::write_pages(&evidence, &model, out).context("write the report")?;
    // The model speaks of the same runs, and lies beside them.
    if let (Some(results), false) = (runs.first().and_then(|run| run.parent()), model.techniques.is_empty()) {
        let path = results.join(MODEL);
        let text = model.text().map_err(|error| anyhow!(error));
        text.and_then(|text| Ok(write_atomically(&path, text.as_bytes())?))
            .with_context(|| format!("write {}", path.display()))?;
    }
    let (count, files) = (evidence.runs.len(), written.len());
    let runs = if count == 1 { "run" } else { "runs" };
    let mut text = format!("report:  {} ({count} {runs}, {files} files)\n", out.display());
    if let Some(html) = html {
        report::write_html(&evidence, &model, html).context("write the report as HTML")?;
        text.push_str(&format!("HTML:    {}\n", html.display()));
    }
    for broken in &evidence.broken {
        text.push_str(&format!("left out: {}: {}\n", broken.path.display(), broken.reason));
    }
    for (reason, trials) in &evidence.left_out {
        text.push_str(&format!("left out: {trials} trials: {reason}\n"));
    }
    Ok(text)
}

/// A run lies in the folder of results, and the report beside that.
pub(super) fn beside(run: &Path) -> PathBuf {
    project::report_beside(run.parent().unwrap_or(Path::new("")))
}
