//! `pushbench observed-trial`: one trial in a network namespace of its own; started by `pushbench run`, hidden from the help.

use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;

use super::load::{end_with_the_input, read_line};
use super::print;
use crate::cli::ObservedTrial;
use crate::namespace;

pub(super) fn observed_trial(arguments: &ObservedTrial) -> anyhow::Result<ExitCode> {
    if arguments.probe {
        namespace::probe()?;
        return Ok(ExitCode::SUCCESS);
    }
    let order = read_line().context("read the trial")?;
    let ran = namespace::run_alone(&order, || {
        // When nobody awaits the outcome, this process ends, and with it its children's standard inputs.
        thread::spawn(end_with_the_input);
    })?;
    print(&(ran + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
