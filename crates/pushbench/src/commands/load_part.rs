//! `pushbench load-part`: one of several load processes of a trial; started by `pushbench load`, hidden from the help.

use std::io::{self, BufRead as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::Context as _;
use loadgen::trial;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::registry;

/// The hidden sub-command.
pub(super) const SUB_COMMAND: &str = "load-part";

pub(super) fn load_part() -> anyhow::Result<ExitCode> {
    // The end of its input ends it, too, but not while it is stopped.
    set_parent_process_death_signal(Some(Signal::KILL)).context("end with the load generator")?;
    let (sender, orders) = mpsc::channel();
    thread::spawn(move || relay(&sender));
    let subscribe = |slug: &str| Some(registry::find(slug)?.1.subscribe);
    trial::run_part(&orders, &mut io::stdout().lock(), subscribe)
        .context("bring a part of the subscribers")?;
    Ok(ExitCode::SUCCESS)
}

/// Hands on every line of standard input; its end says that nobody awaits what is found, and ends the process.
fn relay(orders: &Sender<String>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        // It may be told to finish when it has failed already.
        let _ = orders.send(line);
    }
    std::process::exit(2);
}
