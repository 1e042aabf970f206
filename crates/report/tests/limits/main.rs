//! What each technique can carry, what becomes of it past that, and what an event costs at equal latency, on synthetic runs.

#[path = "../fixture/mod.rs"]
mod fixture;
mod frontier;
mod literature;
mod saturation;

use std::fs;
use std::path::Path;

use fixture::Run;

/// The report of a run.
fn report(root: &Path, run: &Run) -> String {
    let dir = run.write(root, "run");
    report::render(&[dir], &root.join("REPORT.md")).expect("renders");
    fs::read_to_string(root.join("REPORT.md")).expect("report is there")
}

/// A chart of that run.
fn chart(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join("results/run/charts").join(name))
        .unwrap_or_else(|_| panic!("{name} was drawn"))
}

/// What stands between a section's markers.
fn section<'r>(report: &'r str, name: &str) -> &'r str {
    let (_, rest) = report.split_once(&format!("<!-- pushbench:begin {name} -->")).expect("section begins");
    rest.split_once(&format!("<!-- pushbench:end {name} -->")).expect("section ends").0.trim()
}

/// The cells of the first line that begins so.
fn cells<'t>(text: &'t str, begin: &str) -> Vec<&'t str> {
    let line = text.lines().find(|line| line.starts_with(begin));
    let line = line.unwrap_or_else(|| panic!("no line begins with {begin}: {text}"));
    line.trim_matches(['|', ' ']).split(" | ").collect()
}

/// The first number of a cell, thousands apart.
fn number(cell: &str) -> f64 {
    let digits: String = cell
        .chars()
        .skip_while(|letter| !letter.is_ascii_digit())
        .take_while(|letter| letter.is_ascii_digit() || matches!(letter, '.' | ','))
        .filter(|letter| *letter != ',')
        .collect();
    digits.parse().unwrap_or_else(|_| panic!("no number in {cell}"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is a temporary folder")
}
