//! What the commands write: results to standard output, progress and advice to standard error, and `pushbench report`: REPORT.md
//! and its charts, from stored results alone.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use model::manifest::Manifest;
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
        true => (of_the_project(&results)?, project::report_beside(&results)),
        false => (arguments.runs.clone(), beside(&arguments.runs[0])),
    };
    let is_outside = |run: &&PathBuf| report::manifest(run).is_ok_and(|run| run.outside_target().is_some());
    let outside = arguments.runs.iter().find(is_outside);
    if let (Some(run), None) = (outside, &arguments.out) {
        bail!(
            "{} measured a target from outside the project: name the report's file with --out",
            run.display()
        );
    }
    print(&render(&runs, arguments.out.as_deref().unwrap_or(&out), arguments.html.as_deref())?)
}

/// Renders the report behind a run: that of the project, or, of a run with a target from outside the project, one of this
/// run's own beside the target's file.
pub(super) fn render_run(run: &Path, manifest: &Manifest) -> anyhow::Result<String> {
    let (runs, out) = match manifest.outside_target() {
        None => (of_the_project(run.parent().unwrap_or(Path::new("")))?, beside(run)),
        Some((name, file)) => {
            let folder = Path::new(file).with_file_name(format!("{name}-report"));
            fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
            (vec![run.to_owned()], folder.join("REPORT.md"))
        }
    };
    render(&runs, &out, Some(&out.with_file_name("report.html")))
}

/// The runs of a folder of results that are about the project's own servers and targets.
pub(super) fn of_the_project(results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_own = |(run, manifest): &(PathBuf, Manifest)| {
        let outside = manifest.outside_target();
        if let Some((_, file)) = outside {
            note(&format!("left out: {}: its target {file} is not one of the project's", run.display()));
        }
        outside.is_none()
    };
    let runs: Vec<PathBuf> =
        with_manifests(results)?.into_iter().filter(is_own).map(|(run, _)| run).collect();
    ensure!(
        !runs.is_empty(),
        "there is no run in {} without a target from outside the project",
        results.display()
    );
    Ok(runs)
}

/// All runs of a folder of results that this version can read; the others are named.
pub(super) fn readable(results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(with_manifests(results)?.into_iter().map(|(run, _)| run).collect())
}

fn with_manifests(results: &Path) -> anyhow::Result<Vec<(PathBuf, Manifest)>> {
    let (runs, others): (Vec<_>, Vec<_>) = store::runs(results)?
        .into_iter()
        .map(|run| report::manifest(&run).map(|manifest| (run, manifest)))
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
    // The model speaks of the project's runs, and lies beside them.
    let is_project = evidence.runs.iter().all(|run| run.manifest.outside_target().is_none());
    let results = runs.first().and_then(|run| run.parent()).filter(|_| is_project);
    // A report elsewhere may be of some runs only.
    let results = results.filter(|results| project::report_beside(results) == out);
    if let (Some(results), false) = (results, model.techniques.is_empty()) {
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
