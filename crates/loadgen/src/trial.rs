//! A trial: connect → warm-up → window → drain → close, from a [`TrialSpec`] to a [`TrialOutcome`].
//!
//! The thread that runs it only waits and reads counters; load threads receive, the publisher keeps the schedule.
//! Everything is bounded in time: connecting by [`CONNECT_LIMIT`], the phases by the settings, closing by seconds.

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

use self::connected::Connected;
use self::edge::{Held, ServerReading};
pub use self::error::TrialError;
pub use self::stall::release_server;
use crate::os;
use crate::payload::{PayloadError, PayloadSource};
use crate::seed::{self, Purpose};
use crate::session::Session;
use crate::subscriber::SubscribeError;
use crate::timing::Timing;

/// The client half of a technique: runs until the session is stopped or the connection ends.
pub type Subscribe = fn(Session) -> LocalBoxFuture<'static, Result<(), SubscribeError>>;

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
    check_payloads(&spec.settings)?;
    os::pin(&spec.load_cores).map_err(|source| TrialError::Pin { cores: spec.load_cores.clone(), source })?;
    if os::has_ended(spec.server_pid) {
        return Err(TrialError::ServerEnded { pid: spec.server_pid });
    }
    let prepared = Connected::prepare(spec, subscribe)?;
    let before_connections = settled(spec.server_pid)?;
    let connected = prepared.connect()?;
    let held = Held { before_connections, with_connections: settled(spec.server_pid)? };
    let mut running = connected.start(Timing::new(os::now_ns() + LEAD_NS, &spec.settings.phases))?;
    let edges = running.pass_window()?;
    running.drain()?;
    running.close(&held, &edges)
}

/// What the server has cost, a moment later: it may still be about to accept, or to close, what is connected or closed on
/// our side.
fn settled(server_pid: u32) -> Result<ServerReading, TrialError> {
    os::sleep_until_ns(os::now_ns() + LEAD_NS);
    ServerReading::of(server_pid)
}

/// Before any thread of a trial is started, so that an impossible payload has one message.
fn check_payloads(settings: &Settings) -> Result<(), PayloadError> {
    let uplink_bytes = settings.uplink.as_ref().map(|uplink| uplink.payload_bytes);
    for bytes in uplink_bytes.into_iter().chain([settings.events.payload_bytes]) {
        PayloadSource::new(settings.events.payload, bytes, seed::rng(0, Purpose::EventPayload, 0))?;
    }
    Ok(())
}
