//! `cargo bench`: criterion's small pieces first, then the comparison of the techniques, its results and REPORT.md.
//!
//! The two never share a table: criterion measures closed loops inside one process, `pushbench run` measures delivery
//! between processes at an offered rate.
#![allow(clippy::print_stderr, reason = "a bench target says on the terminal what it leaves out")]

mod comparison;
mod micro;
#[path = "../../src/registry.rs"]
#[allow(dead_code, reason = "only the two halves of a technique are used here")]
mod registry;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let begun = Instant::now();
    micro::run();
    comparison::run(&arguments, begun)
}
