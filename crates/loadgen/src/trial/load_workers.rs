//! Load processes that each bring a part of the subscribers, as one audience.
//!
//! A process has a limited number of descriptors, and each subscriber takes one. What a part is told goes to its standard
//! input, what it has to say comes from its standard output, in lines of JSON ([`lines`]). A part ends with its input; one that
//! says nothing for a while has hung, and is killed.

mod messages;
mod process;
mod worker;

use std::process::Command;
use std::time::Duration;

use model::trial::TrialSpec;

use super::error::TrialError;
use super::limits::close_limit;
use super::load_report::LoadReport;
use super::subscriber_driver::SubscriberDriver;
use crate::timing::Timing;
use messages::{LoadCommand, WorkerProgress, WorkerResult};
use process::WorkerProcess;

pub use messages::LoadWorkerError;
pub use worker::{RunWorkerError, run_load_worker};

/// What parts may take to end beyond their subscribers: to write down what they found, on one core by turns.
const HAND_IN: Duration = Duration::from_secs(10);

/// Load processes that subscribe. Dropping it kills them.
#[derive(Debug)]
pub(super) struct LoadWorkers {
    parts: Vec<WorkerProcess>,
    finish_limit: Duration,
    reconnects: u64,
    last_error: Option<String>,
}

impl LoadWorkers {
    /// Starts as many as the settings of `spec` say; they prepare to connect.
    pub(super) fn start(spec: &TrialSpec, mut command: impl FnMut() -> Command) -> Result<Self, TrialError> {
        let processes = spec.settings.processes.load.max(1);
        let started = (0..processes).map(|worker| {
            let order = LoadCommand::Bring { spec: Box::new(spec.clone()), worker };
            WorkerProcess::start(command(), &order)
                .map_err(|source| TrialError::LoadWorker { worker, source })
        });
        Ok(Self {
            parts: started.collect::<Result<_, _>>()?,
            finish_limit: close_limit(&spec.settings) + HAND_IN,
            reconnects: 0,
            last_error: None,
        })
    }

    fn tell(&self, order: &LoadCommand) {
        for part in &self.parts {
            // One that does not listen has ended, which is noticed by itself.
            let _ = part.tell(order);
        }
    }

    fn sum(&self, of: fn(&WorkerProgress) -> u64) -> u64 {
        self.parts.iter().map(|part| of(&part.state())).sum()
    }

    fn take_in(&mut self, found: WorkerResult) -> Vec<LoadReport> {
        self.reconnects += found.reconnects;
        self.last_error = found.last_error.or(self.last_error.take());
        found.reports
    }
}

impl SubscriberDriver for LoadWorkers {
    fn prepared(&self) -> (u64, u64) {
        // A part that has not said anything yet is as good as one thread that is not prepared.
        (self.sum(|state| state.prepared), self.sum(|state| state.threads.max(1)))
    }

    fn connect(&self) {
        self.tell(&LoadCommand::Connect);
    }

    fn connected(&self) -> u64 {
        self.sum(|state| state.connected)
    }

    fn open(&self, timing: Timing) {
        self.tell(&LoadCommand::Open(timing));
    }

    fn delivered(&self) -> u64 {
        self.sum(|state| state.delivered)
    }

    fn processes(&self) -> Vec<u32> {
        self.parts.iter().map(WorkerProcess::pid).collect()
    }

    fn reconnects(&self) -> u64 {
        self.reconnects + self.sum(|state| state.reconnects)
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.clone().or_else(|| self.parts.iter().find_map(|part| part.state().last_error))
    }

    fn is_hopeless(&self) -> bool {
        self.parts.iter().any(|part| part.state().is_hopeless)
    }

    fn has_given_up(&self) -> bool {
        self.parts.iter().any(WorkerProcess::has_given_up)
    }

    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        let limit_ns = os::now_ns() + self.finish_limit.as_nanos() as u64;
        // Nobody waits for one that has hung. Later, silence means nothing: they have enough to do.
        let limits = self.parts.iter().map(|part| if part.has_given_up() { 0 } else { limit_ns });
        let limits: Vec<u64> = limits.collect();
        self.tell(&LoadCommand::Finish);
        let (mut reports, mut failed) = (Vec::new(), None);
        // All are ended, also behind one that failed.
        for (worker, (process, limit_ns)) in
            (0..).zip(std::mem::take(&mut self.parts).into_iter().zip(limits))
        {
            match process.end(limit_ns) {
                Ok(found) => reports.extend(self.take_in(found)),
                Err(source) => failed = failed.or(Some(TrialError::LoadWorker { worker, source })),
            }
        }
        failed.map_or(Ok(reports), Err)
    }
}
