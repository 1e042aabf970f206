//! Load workers: processes that each run a part of the subscribers, as one driver.
//!
//! A process has a limited number of descriptors, and each subscriber takes one. A worker reads commands from its standard
//! input and writes messages to its standard output, in lines of JSON ([`process`]). It ends with its input; one that writes
//! nothing for a while hangs, and is killed.

mod process;
mod worker;

use std::process::Command;
use std::time::Duration;

use model::trial::TrialSpec;

use super::error::TrialError;
use super::load_report::{DriverProgress, LoadReport};
use super::subscriber_driver::SubscriberDriver;
use super::subscriber_driver::close_limit;
use crate::schedule::Timing;
use process::{LoadCommand, WorkerProcess, WorkerResult};

pub use process::LoadWorkerError;
pub use worker::{RunWorkerError, run_load_worker};

/// Time for workers to write their results after their subscribers have ended, on one core by turns.
const RESULT_LIMIT: Duration = Duration::from_secs(10);

/// Load processes that subscribe. Dropping it kills them.
#[derive(Debug)]
pub(super) struct LoadWorkers {
    workers: Vec<WorkerProcess>,
    finish_limit: Duration,
    reconnects: u64,
    last_error: Option<String>,
}

impl LoadWorkers {
    /// Starts as many as in the settings of `spec`; they prepare to connect.
    pub(super) fn start(spec: &TrialSpec, mut command: impl FnMut() -> Command) -> Result<Self, TrialError> {
        let processes = spec.settings.processes.load.max(1);
        let started = (0..processes).map(|worker| {
            let bring = LoadCommand::Bring { spec: Box::new(spec.clone()), worker };
            WorkerProcess::start(command(), &bring).map_err(|source| TrialError::LoadWorker(worker, source))
        });
        Ok(Self {
            workers: started.collect::<Result<_, _>>()?,
            finish_limit: close_limit(&spec.settings) + RESULT_LIMIT,
            reconnects: 0,
            last_error: None,
        })
    }

    fn send(&self, command: &LoadCommand) {
        for worker in &self.workers {
            // One that does not read has ended, which is noticed elsewhere.
            let _ = worker.send(command);
        }
    }

    fn take_in(&mut self, result: WorkerResult) -> Vec<LoadReport> {
        self.reconnects += result.reconnects;
        self.last_error = result.last_error.or(self.last_error.take());
        result.reports
    }
}

impl SubscriberDriver for LoadWorkers {
    fn progress(&self) -> DriverProgress {
        let mut sum = DriverProgress {
            reconnects: self.reconnects,
            last_error: self.last_error.clone(),
            ..DriverProgress::default()
        };
        for progress in self.workers.iter().map(WorkerProcess::progress) {
            sum.prepared += progress.prepared;
            // A worker that has not reported yet counts as one thread that is not prepared.
            sum.threads += progress.threads.max(1);
            sum.connected += progress.connected;
            sum.delivered += progress.delivered;
            sum.reconnects += progress.reconnects;
            sum.last_error = sum.last_error.or(progress.last_error);
            sum.is_hopeless |= progress.is_hopeless;
        }
        sum
    }

    fn connect(&self) {
        self.send(&LoadCommand::Connect);
    }

    fn open(&self, timing: Timing) {
        self.send(&LoadCommand::Open(timing));
    }

    fn processes(&self) -> Vec<u32> {
        self.workers.iter().map(WorkerProcess::pid).collect()
    }

    fn has_given_up(&self) -> bool {
        self.workers.iter().any(WorkerProcess::has_given_up)
    }

    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        let limit_ns = os::now_ns() + self.finish_limit.as_nanos() as u64;
        // One that hangs is not waited for. From here on silence means nothing: they have enough to do.
        let limits = self.workers.iter().map(|worker| if worker.has_given_up() { 0 } else { limit_ns });
        let limits: Vec<u64> = limits.collect();
        self.send(&LoadCommand::Finish);
        let (mut reports, mut failed) = (Vec::new(), None);
        // All are ended, even after one that failed.
        for (worker, (process, limit_ns)) in
            (0..).zip(std::mem::take(&mut self.workers).into_iter().zip(limits))
        {
            match process.end(limit_ns) {
                Ok(result) => reports.extend(self.take_in(result)),
                Err(source) => failed = failed.or(Some(TrialError::LoadWorker(worker, source))),
            }
        }
        failed.map_or(Ok(reports), Err)
    }
}
