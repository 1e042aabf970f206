//! A trial: connect → warm-up → window → drain → close, from a [`TrialSpec`] to a [`TrialOutcome`].
//!
//! The thread that runs it only waits and reads counters; load threads receive, the publisher keeps the schedule.
//! Everything is bounded in time: connecting by [`CONNECT_LIMIT`], the phases by the settings, closing by seconds.

mod audience;
mod connected;
mod edge;
mod error;
mod load;
mod load_thread;
mod outcome;
mod running;
mod stall;
mod subscription;
mod trouble;
mod warnings;

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use schema::settings::Settings;
use schema::trial::{TrialOutcome, TrialSpec};
use tokio::sync::mpsc;

pub use self::audience::{Audience, AudienceError, Uncounted};
use self::connected::Connected;
use self::edge::{Held, ServerReading, Watched};
pub use self::error::TrialError;
use self::load::Load;
pub use self::load_thread::LoadReport;
pub use self::stall::release_server;
use crate::os;
use crate::payload::{PayloadError, PayloadSource};
use crate::roster::Roster;
use crate::seed::{self, Purpose};
use crate::session::Session;
use crate::subscriber::SubscribeError;
use crate::timing::Timing;

/// The client half of a technique: runs until the session is stopped or the connection ends.
pub type Subscribe = fn(Session) -> LocalBoxFuture<'static, Result<(), SubscribeError>>;

/// By the subscriber's number: yields the intended send time, ns of `CLOCK_MONOTONIC`, of each message as it is due.
pub type Outgoing = Vec<mpsc::UnboundedReceiver<u64>>;

/// Subscribers that were brought, or why they could not be.
pub type Gathered = Result<Box<dyn Audience>, TrialError>;

/// Within this time every subscriber must be connected.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// From the last connection to the schedule's begin.
const LEAD_NS: u64 = 20_000_000;
/// How often the waiting thread looks whether something went wrong. It runs on the load generator's cores.
const LOOK_NS: u64 = 10_000_000;

/// Runs one trial against the server that `spec` names. The calling thread stays on the load generator's cores.
///
/// # Errors
///
/// When the trial did not run to its end: the server is gone or refuses, the subscribers cannot connect, the settings
/// cannot be met. Missing events are no error; they are counted.
pub fn run(spec: &TrialSpec, subscribe: Subscribe) -> Result<TrialOutcome, TrialError> {
    run_with(spec, |spec, roster, outgoing| {
        Ok(Box::new(Load::of(spec, roster, subscribe, outgoing)?) as Box<dyn Audience>)
    })
}

/// The same with subscribers that `gather` brings once this thread is on the load generator's cores. They are told who
/// reads which channel, and get by their numbers what tells each when to send; nothing if nobody sends.
///
/// # Errors
///
/// Like [`run`].
pub fn run_with(
    spec: &TrialSpec,
    gather: impl FnOnce(&TrialSpec, Roster, Outgoing) -> Gathered,
) -> Result<TrialOutcome, TrialError> {
    check_payloads(&spec.settings)?;
    os::pin(&spec.load_cores).map_err(|source| TrialError::Pin { cores: spec.load_cores.clone(), source })?;
    let server = Watched::of(spec);
    server.check()?;
    let prepared = Connected::prepare(spec, gather)?;
    let before_connections = settled(server)?;
    let connected = prepared.connect()?;
    let held = Held { before_connections, with_connections: settled(server)? };
    let mut running = connected.start(Timing::new(os::now_ns() + LEAD_NS, &spec.settings.phases))?;
    let edges = running.pass_window()?;
    running.drain()?;
    running.close(&held, &edges)
}

/// What the server has cost, a moment later: it may still be about to accept, or to close, what is connected or closed on
/// our side.
fn settled(server: Watched) -> Result<ServerReading, TrialError> {
    os::sleep_until_ns(os::now_ns() + LEAD_NS);
    ServerReading::of(server)
}

/// Before any thread of a trial is started, so that an impossible payload has one message.
fn check_payloads(settings: &Settings) -> Result<(), PayloadError> {
    let uplink_bytes = settings.uplink.as_ref().map(|uplink| uplink.payload_bytes);
    for bytes in uplink_bytes.into_iter().chain([settings.events.payload_bytes]) {
        PayloadSource::new(settings.events.payload, bytes, seed::rng(0, Purpose::EventPayload, 0))?;
    }
    Ok(())
}
