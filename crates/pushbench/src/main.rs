//! The pushbench command: makes the plan, starts servers and load in processes of their own, keeps what they found, and
//! has the report written. The only crate that knows both halves.
//!
//! # Layout
//!
//! - [`cli`], [`commands`]: what can be asked for, and what is done about it
//! - [`registry`]: the techniques, once and in order
//! - [`project`]: where scenarios, results and report lie
//! - [`plan`], [`search`]: which trials in which order; how a technique's capacity is searched for
//! - [`runner`], [`trial`], [`processes`]: goes through the plan; one trial, and the children that make it
//! - [`target`]: servers that somebody else wrote
//! - [`counters`]: trials whose server runs under a tool that counts
//! - [`namespace`]: a trial alone in a network, where the kernel's counters see nothing else
//! - [`browsers`]: pages of real browsers as subscribers, and what browsers do beside the trials
//! - [`page_files`]: the files of the web pages
//! - [`store`], [`histograms`]: a run's folder
//! - [`host`], [`provenance`], [`socket_ping`]: the machine, the program, and what a bare socket costs here
//! - [`evidence`]: claims and published figures that a run decides or measures
//! - [`demo`]: one live feed by every technique, on a page
//! - [`progress`], [`summary`], [`interrupt`]: what is shown, and Ctrl-C

mod browsers;
mod cli;
mod commands;
mod counters;
mod demo;
mod evidence;
#[cfg(test)]
mod fixture;
mod histograms;
mod host;
mod interrupt;
mod namespace;
mod page_files;
mod plan;
mod processes;
mod progress;
mod project;
mod provenance;
mod registry;
mod replay;
mod runner;
mod search;
mod socket_ping;
mod store;
mod summary;
mod tail;
mod target;
mod trial;

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
        // Without a standard error there is nobody left to tell.
        let _ = writeln!(err, "{label}: {cause}");
    }
}
