//! What stands as evidence in the report, on synthetic runs: recorded exchanges, the kernel's count, published figures.

#[path = "../fixture/mod.rs"]
mod fixture;
mod kernel;
mod literature;
mod theory;
mod timelines;
mod traces;

use std::fs;
use std::path::Path;

use fixture::Run;

/// The report of a run.
fn report(root: &Path, run: &Run) -> String {
    let dir = run.write(root, "run");
    report::render(&[dir], &root.join("REPORT.md")).expect("renders");
    fs::read_to_string(root.join("REPORT.md")).expect("report is there")
}

/// What stands between a section's markers.
fn section<'r>(report: &'r str, name: &str) -> &'r str {
    let (_, rest) = report.split_once(&format!("<!-- pushbench:begin {name} -->")).expect("section begins");
    rest.split_once(&format!("<!-- pushbench:end {name} -->")).expect("section ends").0.trim()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is a temporary folder")
}
