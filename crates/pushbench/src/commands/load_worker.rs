//! `pushbench load-worker`: one of several load processes of a trial; `pushbench load` starts it, and the help hides it.

use std::io::{self, BufRead as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::Context as _;
use loadgen::trial;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::registry;

/// The hidden sub-command.
pub(super) const SUB_COMMAND: &str = "load-worker";

pub(super) fn load_worker() -> anyhow::Result<ExitCode> {
    // The end of its input ends it, too, but not while it is stopped.
    set_parent_process_death_signal(Some(Signal::KILL)).context("end with the load generator")?;
    let (sender, commands) = mpsc::channel();
    thread::spawn(move || relay(&sender));
    let subscribe = |slug: &str| Some(registry::find(slug)?.1.subscribe);
    trial::run_load_worker(&commands, &mut io::stdout().lock(), subscribe).context("run a load worker")?;
    Ok(ExitCode::SUCCESS)
}

/// Hands on every line of standard input; its end means that nobody awaits the result, and ends the process.
fn relay(commands: &Sender<String>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        // It may have failed already when it is asked to finish.
        let _ = commands.send(line);
    }
    std::process::exit(2);
}
