//! `pushbench load`: the load generator of one trial, in a process of its own; and `pushbench load-worker`: one of several such
//! processes, started by the first.

use std::io::{self, BufRead as _, Read as _};
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context as _, bail};
use loadgen::trial;
use model::trial::TrialSpec;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::output::print;
use crate::browsers::client::browser_of;
use crate::browsers::page_driver;
use crate::registry;

/// The hidden sub-command of a further load process.
const LOAD_WORKER: &str = "load-worker";
const LONGEST_LINE: u64 = 1024 * 1024;

pub(super) fn load() -> anyhow::Result<()> {
    let line = read_line().context("read the trial's spec")?;
    let spec: TrialSpec =
        serde_json::from_str(&line).context("read the trial's spec: one line of JSON on standard input")?;
    let Some((_, technique)) = registry::find(&spec.technique) else {
        bail!("there is no technique {}; there are: {}", spec.technique, registry::slugs().join(", "));
    };
    thread::spawn(end_with_the_input);
    let own = std::env::current_exe().context("find the own program")?;
    let worker = || {
        let mut command = Command::new(&own);
        command.arg(LOAD_WORKER);
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
    print(&(serde_json::to_string(&outcome).context("encode the outcome")? + "\n"))
}

pub(super) fn load_worker() -> anyhow::Result<()> {
    // The end of its input ends it, too, but not while it is stopped.
    set_parent_process_death_signal(Some(Signal::KILL)).context("end with the load generator")?;
    let (sender, commands) = mpsc::channel();
    thread::spawn(move || relay(&sender));
    let subscribe = |slug: &str| Some(registry::find(slug)?.1.subscribe);
    trial::run_load_worker(&commands, &mut io::stdout().lock(), subscribe).context("run a load worker")
}

/// Passes every line of standard input on. Its end means that nobody awaits the outcome, and ends the process.
fn relay(commands: &Sender<String>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        // It may have failed already when it is asked to finish.
        let _ = commands.send(line);
    }
    std::process::exit(2);
}

/// The first line of standard input.
pub(super) fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line)
}

/// The process that started this one holds its standard input open. Its end means that nobody awaits the outcome.
pub(super) fn end_with_the_input() {
    // An error ends the input as well.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    // A server that is stopped for a stall would stay stopped, and could not read the end of its own input.
    loadgen::faults::release_server();
    std::process::exit(2);
}
