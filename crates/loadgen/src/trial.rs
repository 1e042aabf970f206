//! A trial: connect → warm-up → window → drain → close, from a [`TrialSpec`] to a [`TrialOutcome`].
//!
//! The thread that runs it only waits and reads counters; load threads receive, the publisher keeps the schedule.
//! A process has a limited number of descriptors, so the load threads may be spread over several ([`run_with_load_workers`]), and so
//! may the server.
//! Everything is bounded in time: connecting by [`connect_limit`], the phases by the settings, closing by [`close_limit`].

mod delivery_fault;
mod error;
mod load_report;
mod load_thread;
mod load_threads;
mod load_workers;
mod outcome;
mod phases;
mod restart;
mod subscriber_driver;
mod warnings;
mod window_sample;

use std::process::Command;

use model::settings::Settings;
use model::trial::{TrialOutcome, TrialSpec};

pub use delivery_fault::DeliveryFault;
pub use error::{DriverError, TrialError};
pub use load_report::{DriverProgress, LoadReport, Uncounted};
use load_threads::LoadThreads;
use load_workers::LoadWorkers;
pub use load_workers::{LoadWorkerError, RunWorkerError, run_load_worker};
use phases::Connected;
pub use subscriber_driver::{
    CONNECT_LIMIT, Gathered, Outgoing, Subscribe, SubscriberDriver, close_limit, connect_limit,
};
use window_sample::{HeldResources, IdleResources, Watched};

use crate::assignment::Assignment;
use crate::schedule::Timing;
use crate::schedule::payload::{PayloadError, PayloadSource};
use crate::schedule::{self, Purpose};

/// From the last connection to the schedule's start.
const LEAD_NS: u64 = 20_000_000;
/// A server may still be about to accept the last connections; what each of them may take.
const SETTLE_EACH_NS: u64 = 10_000;
/// Runs one trial against the server that `spec` names. The calling thread stays on the load generator's cores.
/// Fails when the trial did not run to its end: the server is gone or rejects connections, the subscribers cannot connect, or the
/// settings cannot be met. Lost events are no error; they are counted.
pub fn run(spec: &TrialSpec, subscribe: Subscribe) -> Result<TrialOutcome, TrialError> {
    run_with(spec, |spec, assignment, outgoing| {
        let threads = 0..assignment.threads();
        Ok(Box::new(LoadThreads::start(spec, assignment, threads, subscribe, outgoing)?)
            as Box<dyn SubscriberDriver>)
    })
}

/// The same with the subscribers in processes of their own, as many as in the settings. Each is a child of `command`, which
/// reads its standard input and answers on its standard output, as [`run_load_worker`] does.
/// Fails as [`run`] does, and when one of the processes ends or hangs.
pub fn run_with_load_workers(
    spec: &TrialSpec,
    command: impl FnMut() -> Command,
) -> Result<TrialOutcome, TrialError> {
    run_with(spec, |spec, _, _| Ok(Box::new(LoadWorkers::start(spec, command)?) as Box<dyn SubscriberDriver>))
}

/// The same with subscribers that `gather` brings once this thread is on the load generator's cores. They get the
/// assignment, and by their numbers the queues of send times; none if no subscriber sends.
/// Fails as [`run`] does.
pub fn run_with(
    spec: &TrialSpec,
    gather: impl FnOnce(&TrialSpec, Assignment, Outgoing) -> Gathered,
) -> Result<TrialOutcome, TrialError> {
    check_payloads(&spec.settings)?;
    os::raise_open_files().map_err(TrialError::OpenFiles)?;
    error::pin(&spec.load_cores)?;
    let server = Watched::of(spec);
    server.check()?;
    let prepared = Connected::prepare(spec, gather)?;
    let before_connections = settled(server, 0)?;
    let connected = prepared.connect()?;
    let subscribers = u64::from(spec.settings.subscribers.count);
    let held = HeldResources { before_connections, with_connections: settled(server, subscribers)? };
    let mut running = connected.start(Timing::new(os::now_ns() + LEAD_NS, &spec.settings.phases))?;
    let edges = running.pass_window()?;
    running.drain()?;
    running.close(&held, &edges)
}

/// What is held a moment later: the server may still have to accept or to close connections.
fn settled(server: Watched<'_>, subscribers: u64) -> Result<IdleResources, TrialError> {
    os::sleep_until_ns(os::now_ns() + LEAD_NS + SETTLE_EACH_NS * subscribers);
    IdleResources::now(server)
}

/// Before any thread of a trial is started, so that an impossible payload has one message.
fn check_payloads(settings: &Settings) -> Result<(), PayloadError> {
    let uplink_bytes = settings.uplink.as_ref().map(|uplink| uplink.payload_bytes);
    for bytes in uplink_bytes.into_iter().chain([settings.events.payload_bytes]) {
        PayloadSource::new(settings.events.payload, bytes, schedule::rng(0, Purpose::EventPayload, 0))?;
    }
    Ok(())
}
