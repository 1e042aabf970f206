//! What stands beside pushbench's own figures in the report, on synthetic runs: servers of others, browsers, ends of
//! connections, a technique's own ways, and claims.

mod browsers;
mod claims;
mod closings;
#[path = "../fixture/mod.rs"]
mod fixture;
mod price;
mod servers;

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

/// The first line of a text that begins so.
fn line<'t>(text: &'t str, begin: &str) -> &'t str {
    text.lines()
        .find(|line| line.starts_with(begin))
        .unwrap_or_else(|| panic!("no line begins with {begin}: {text}"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is a temporary folder")
}
