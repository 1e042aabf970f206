//! `pushbench load`: the load generator of one trial, in a process of its own.

use std::io::{self, BufRead as _, Read as _};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use loadgen::trial;
use model::trial::TrialSpec;

use super::{load_worker, print};
use crate::browsers::client::browser_of;
use crate::browsers::page_driver;
use crate::registry;

const LONGEST_LINE: u64 = 1024 * 1024;

pub(super) fn load() -> anyhow::Result<ExitCode> {
    let spec = read_spec()?;
    let Some((_, technique)) = registry::find(&spec.technique) else {
        bail!("there is no technique {}; there are: {}", spec.technique, registry::slugs().join(", "));
    };
    std::thread::spawn(end_with_the_input);
    let own = std::env::current_exe().context("find the own program")?;
    let worker = || {
        let mut command = Command::new(&own);
        command.arg(load_worker::SUB_COMMAND);
        command
    };
    let outcome = match browser_of(spec.settings.client) {
        None if spec.settings.processes.load > 1 => trial::run_with_load_workers(&spec, worker),
        None => trial::run(&spec, technique.subscribe),
        Some(kind) => trial::run_with(&spec, |spec, assignment, outgoing| {
            page_driver::drive(kind, spec, assignment, outgoing)
        }),
    };
    let outcome = outcome.context("run the trial")?;
    print(&(serde_json::to_string(&outcome).context("encode the outcome")? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn read_spec() -> anyhow::Result<TrialSpec> {
    let line = read_line().context("read the trial's spec")?;
    serde_json::from_str(&line).context("read the trial's spec: one line of JSON on standard input")
}

/// The first line of standard input.
pub(super) fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line)
}

/// The parent process holds this standard input open; its end means that nobody awaits the outcome.
pub(super) fn end_with_the_input() {
    // An error ends the input as surely as its end does.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    // A server that is just stopped for a stall would otherwise stay so, and could not hear that its own input ended.
    loadgen::faults::release_server();
    std::process::exit(2);
}
