//! The load worker itself: runs its part of the subscribers, follows commands, and reports its progress.

use std::error::Error;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use model::trial::TrialSpec;

use super::process::{LoadCommand, WorkerMessage, WorkerResult};
use crate::assignment::Assignment;
use crate::trial::error::{TrialError, pin};
use crate::trial::load_report::DriverProgress;
use crate::trial::load_threads::LoadThreads;
use crate::trial::subscriber_driver::Subscribe;
use crate::trial::subscriber_driver::SubscriberDriver;

/// How often it checks its progress, and reports a change.
const LOOK: Duration = Duration::from_millis(10);
/// It writes something at least this often.
const PROGRESS_NS: u64 = 1_000_000_000;

/// Why a load worker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunWorkerError {
    /// It read something that is no command, or none that may come now.
    #[error("a load worker expects bring, connect, open and finish, in lines of JSON, not {0:?}")]
    NotACommand(String),
    /// Its input has ended.
    #[error("nobody awaits the result")]
    Abandoned,
    /// There is no such technique.
    #[error("there is no technique {0}")]
    NoTechnique(String),
    /// Its output was closed.
    #[error("write the result")]
    Write(#[source] io::Error),
}

/// Runs a part of a trial's subscribers. `commands` are the lines of its standard input, `output` is its standard output; the
/// caller ends the process when the input ends. `subscribe` finds a technique by its slug. Errors of the subscribers are
/// reported on `output`.
/// Fails when a command cannot be read, or the output is closed.
pub fn run_load_worker(
    commands: &Receiver<String>,
    output: &mut dyn Write,
    subscribe: impl FnOnce(&str) -> Option<Subscribe>,
) -> Result<(), RunWorkerError> {
    let LoadCommand::Bring { spec, worker } =
        parse_command(&commands.recv().map_err(|_| RunWorkerError::Abandoned)?)?
    else {
        return Err(RunWorkerError::NotACommand("nothing to bring".to_owned()));
    };
    let technique = spec.technique.clone();
    let subscribe = subscribe(&technique).ok_or(RunWorkerError::NoTechnique(technique))?;
    let last = match start(&spec, worker, subscribe) {
        Ok(mut load) => {
            follow(&load, commands, output)?;
            finish(&mut load)
        }
        Err(error) => failed(&error),
    };
    write(output, &last)
}

fn start(spec: &TrialSpec, worker: u32, subscribe: Subscribe) -> Result<LoadThreads, TrialError> {
    os::raise_open_files().map_err(TrialError::OpenFiles)?;
    pin(&spec.load_cores)?;
    let assignment = Assignment::of_trial(spec);
    let threads = assignment.threads_of_worker(worker, spec.settings.processes.load);
    LoadThreads::start(spec, assignment, threads, subscribe, Vec::new())
}

/// Follows commands until it shall finish, or must.
fn follow(
    load: &LoadThreads,
    commands: &Receiver<String>,
    output: &mut dyn Write,
) -> Result<(), RunWorkerError> {
    let (mut reported, mut reported_ns) = (DriverProgress::default(), 0);
    while !load.has_given_up() {
        let progress = load.progress();
        if progress != reported || os::now_ns() - reported_ns >= PROGRESS_NS {
            write(output, &WorkerMessage::Progress(progress.clone()))?;
            (reported, reported_ns) = (progress, os::now_ns());
        }
        let line = match commands.recv_timeout(LOOK) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Err(RunWorkerError::Abandoned),
        };
        match parse_command(&line)? {
            LoadCommand::Connect => load.connect(),
            LoadCommand::Open(timing) => load.open(timing),
            LoadCommand::Finish => break,
            LoadCommand::Bring { .. } => return Err(RunWorkerError::NotACommand(line)),
        }
    }
    Ok(())
}

fn finish(load: &mut LoadThreads) -> WorkerMessage {
    match load.finish() {
        Ok(reports) => {
            let DriverProgress { reconnects, last_error, .. } = load.progress();
            WorkerMessage::Result(WorkerResult { reports, reconnects, last_error })
        }
        Err(error) => failed(&error),
    }
}

/// With its causes, since only text gets across.
fn failed(error: &TrialError) -> WorkerMessage {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    WorkerMessage::Failed { side: error.side(), reason }
}

fn parse_command(line: &str) -> Result<LoadCommand, RunWorkerError> {
    serde_json::from_str(line).map_err(|_| RunWorkerError::NotACommand(line.trim_end().to_owned()))
}

fn write(output: &mut dyn Write, message: &WorkerMessage) -> Result<(), RunWorkerError> {
    let written = serde_json::to_writer(&mut *output, message).map_err(io::Error::from);
    written
        .and_then(|()| output.write_all(b"\n"))
        .and_then(|()| output.flush())
        .map_err(RunWorkerError::Write)
}
