//! The load process itself: brings its part of the subscribers, does as it is told, and says how far it is.

use std::error::Error;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use model::trial::TrialSpec;

use super::messages::{LoadCommand, WorkerMessage, WorkerProgress, WorkerResult};
use crate::assignment::Assignment;
use crate::trial::error::TrialError;
use crate::trial::load_threads::LoadThreads;
use crate::trial::subscriber_driver::SubscriberDriver;
use crate::trial::subscription::Subscribe;

/// How often it looks how far it is, and says so if that has changed.
const LOOK: Duration = Duration::from_millis(10);
/// So often it says something in any case.
const SIGN_OF_LIFE_NS: u64 = 1_000_000_000;

/// Why a process cannot bring its part of the subscribers.
#[derive(Debug, thiserror::Error)]
pub enum RunWorkerError {
    /// It was told something that is no order, or none that may come now.
    #[error("a part is told to bring subscribers, connect, open and finish, in lines of JSON, not {0:?}")]
    NotAnOrder(String),
    /// Nobody gives orders any more.
    #[error("nobody awaits what was found")]
    Abandoned,
    /// There is no such technique.
    #[error("there is no technique {0}")]
    NoTechnique(String),
    /// Nobody listens.
    #[error("tell what was found")]
    Unheard(#[source] io::Error),
}

/// Brings a part of a trial's subscribers. `orders` are the lines of its standard input, `output` is its standard output;
/// whoever calls this ends the process when the input ends. `subscribe` knows the techniques by their slugs. What went wrong
/// with the subscribers is told on `output`.
///
/// # Errors
///
/// When the orders are none, or nobody listens.
pub fn run_load_worker(
    orders: &Receiver<String>,
    output: &mut dyn Write,
    subscribe: impl FnOnce(&str) -> Option<Subscribe>,
) -> Result<(), RunWorkerError> {
    let LoadCommand::Bring { spec, worker } = order(&orders.recv().map_err(|_| RunWorkerError::Abandoned)?)?
    else {
        return Err(RunWorkerError::NotAnOrder("nothing to bring".to_owned()));
    };
    let technique = spec.technique.clone();
    let subscribe = subscribe(&technique).ok_or(RunWorkerError::NoTechnique(technique))?;
    let last = match brought(&spec, worker, subscribe) {
        Ok(mut load) => {
            follow(&load, orders, output)?;
            found(&mut load)
        }
        Err(error) => failed(&error),
    };
    say(output, &last)
}

fn brought(spec: &TrialSpec, worker: u32, subscribe: Subscribe) -> Result<LoadThreads, TrialError> {
    os::raise_open_files().map_err(TrialError::OpenFiles)?;
    let cores = &spec.load_cores;
    os::pin(cores).map_err(|source| TrialError::Pin { cores: cores.clone(), source })?;
    let assignment = Assignment::of_trial(spec);
    let threads = assignment.threads_of_worker(worker, spec.settings.processes.load);
    LoadThreads::of(spec, assignment, threads, subscribe, Vec::new())
}

/// Does as it is told until it shall finish, or must.
fn follow(
    load: &LoadThreads,
    orders: &Receiver<String>,
    output: &mut dyn Write,
) -> Result<(), RunWorkerError> {
    let (mut said, mut said_ns) = (WorkerProgress::default(), 0);
    while !load.has_given_up() {
        let state = state(load);
        if state != said || os::now_ns() - said_ns >= SIGN_OF_LIFE_NS {
            say(output, &WorkerMessage::WorkerProgress(state.clone()))?;
            (said, said_ns) = (state, os::now_ns());
        }
        let line = match orders.recv_timeout(LOOK) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Err(RunWorkerError::Abandoned),
        };
        match order(&line)? {
            LoadCommand::Connect => load.connect(),
            LoadCommand::Open(timing) => load.open(timing),
            LoadCommand::Finish => break,
            LoadCommand::Bring { .. } => return Err(RunWorkerError::NotAnOrder(line)),
        }
    }
    Ok(())
}

fn state(load: &LoadThreads) -> WorkerProgress {
    let (prepared, threads) = load.prepared();
    WorkerProgress {
        prepared,
        threads,
        connected: load.connected(),
        delivered: load.delivered(),
        reconnects: load.reconnects(),
        last_error: load.last_error(),
        is_hopeless: load.is_hopeless(),
    }
}

fn found(load: &mut LoadThreads) -> WorkerMessage {
    match load.finish() {
        Ok(reports) => WorkerMessage::WorkerResult(WorkerResult {
            reports,
            reconnects: load.reconnects(),
            last_error: load.last_error(),
        }),
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

fn order(line: &str) -> Result<LoadCommand, RunWorkerError> {
    serde_json::from_str(line).map_err(|_| RunWorkerError::NotAnOrder(line.trim_end().to_owned()))
}

fn say(output: &mut dyn Write, word: &WorkerMessage) -> Result<(), RunWorkerError> {
    let written = serde_json::to_writer(&mut *output, word).map_err(io::Error::from);
    written
        .and_then(|()| output.write_all(b"\n"))
        .and_then(|()| output.flush())
        .map_err(RunWorkerError::Unheard)
}
