//! What each sub-command does.

mod browser_probe;
mod cpu_contention;
mod demo;
mod list;
mod load;
mod load_worker;
mod observed_trial;
mod replay;
mod report;
mod run;
mod serve;
mod socket_ping;
mod verify;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::target::keeper;

/// Does what was asked for.
///
/// # Errors
///
/// When something cannot be set up.
pub(crate) fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(arguments) => list::list(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Load => load::load(),
        Command::LoadWorker => load_worker::load_worker(),
        Command::Report(arguments) => report::report(&arguments),
        Command::BrowserProbe(arguments) => browser_probe::browser_probe(&arguments),
        Command::Verify => verify::verify(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pushbench", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::SocketPingEcho(arguments) => socket_ping::echo(&arguments),
        Command::CpuContention(cores) => cpu_contention::compute(&cores),
        Command::SocketPing(arguments) => socket_ping::ping(&arguments),
        Command::ReplayAnswer => replay::answer(),
        Command::KeepTarget(arguments) => keeper::keep(&arguments),
        Command::BecomeTarget(arguments) => keeper::become_target(&arguments),
        Command::ObservedTrial(arguments) => observed_trial::observed_trial(&arguments),
    }
}

/// Prints a result. A reader that has heard enough (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("write to standard output")
        }
        _ => Ok(()),
    }
}
