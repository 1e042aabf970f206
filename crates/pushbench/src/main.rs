//! The pushbench command: makes the plan, starts servers and load in processes of their own, keeps what they found, and
//! has the report written. The only crate that knows both halves.
//!
//! # Layout
//!
//! - [`cli`], [`commands`]: the command line, and what each sub-command does
//! - [`registry`]: the techniques, once and in order
//! - [`project`], [`evidence`]: the project's files: scenarios, targets, claims and published comparisons
//! - [`plan`], [`search`]: which trials in which order; how a technique's capacity is searched for
//! - [`runner`]: runs the plan, shows its progress, and prints the summary
//! - [`supervisor`]: one trial, and the processes that it consists of
//! - [`targets`], [`target_check`]: servers of other projects, and whether they can be measured
//! - [`store`]: a run's folder, and the description of the machine and the program in it
//! - [`replay`]: printed exchanges of publications, sent again and counted
//! - [`browsers`], [`page_files`], [`demo`]: what runs in a browser

mod browsers;
mod cli;
mod commands;
mod demo;
mod evidence;
#[cfg(test)]
mod fixture;
mod page_files;
mod plan;
mod project;
mod registry;
mod replay;
mod runner;
mod search;
mod store;
mod supervisor;
mod target_check;
mod targets;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

/// Wrong usage, or something that could not be set up; clap's own code for wrong usage, too.
const SET_UP: u8 = 2;

fn main() -> ExitCode {
    match commands::dispatch(cli::Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(SET_UP)
        }
    }
}

fn complain(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    for (i, cause) in error.chain().enumerate() {
        let label = if i == 0 { "error" } else { "caused by" };
        // Without a standard error there is nowhere to report to.
        let _ = writeln!(err, "{label}: {cause}");
    }
}
