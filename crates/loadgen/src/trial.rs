//! A trial: connect → warm-up → window → drain → close, from a [`TrialSpec`] to a [`TrialOutcome`].
//!
//! The thread that runs it only waits and reads counters; load threads receive, the publisher keeps the schedule.
//! A process has a limited number of descriptors, so the load threads may be spread over several ([`run_in_parts`]), and so
//! may the server.
//! Everything is bounded in time: connecting by [`connect_limit`], the phases by the settings, closing by [`close_limit`].

mod audience;
mod connected;
mod edge;
mod error;
mod load;
mod load_thread;
mod outcome;
mod parts;
mod restart;
mod running;
mod stall;
mod subscription;
mod trouble;
mod unreadable;
mod warnings;

use std::process::Command;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use model::settings::Settings;
use model::trial::{TrialOutcome, TrialSpec};
use tokio::sync::mpsc;

pub use self::audience::{Audience, AudienceError, Uncounted};
use self::connected::Connected;
use self::edge::{Held, Rest, Watched};
pub use self::error::TrialError;
use self::load::Load;
pub use self::load_thread::LoadReport;
use self::parts::Parts;
pub use self::parts::{PartError, PartFault, run_part};
pub use self::stall::release_server;
use crate::assignment::Assignment;
use crate::payload::{PayloadError, PayloadSource};
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

/// Within this time, and a little more for each of them, every subscriber must be connected.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The little more: a TLS handshake takes both sides about 1 ms each, and they may share a core.
const CONNECT_LIMIT_EACH: Duration = Duration::from_millis(5);
/// Sessions that have not ended this long after the end, and a little more for each of them, are cut off.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
const CLOSE_LIMIT_EACH: Duration = Duration::from_micros(200);

/// From the last connection to the schedule's start.
const LEAD_NS: u64 = 20_000_000;
/// A server may still be about to accept the last connections; what each of them may take.
const SETTLE_EACH_NS: u64 = 10_000;
/// How often the waiting thread looks whether something went wrong. It runs on the load generator's cores.
const LOOK_NS: u64 = 10_000_000;

/// Runs one trial against the server that `spec` names. The calling thread stays on the load generator's cores.
///
/// # Errors
///
/// When the trial did not run to its end: the server is gone or refuses, the subscribers cannot connect, the settings
/// cannot be met. Missing events are no error; they are counted.
pub fn run(spec: &TrialSpec, subscribe: Subscribe) -> Result<TrialOutcome, TrialError> {
    run_with(spec, |spec, assignment, outgoing| {
        let threads = 0..assignment.threads();
        Ok(Box::new(Load::of(spec, assignment, threads, subscribe, outgoing)?) as Box<dyn Audience>)
    })
}

/// The same with the subscribers in processes of their own, as many as the settings say. Each is a child of `command`, is
/// told on its standard input and answers on its standard output, as [`run_part`] does.
///
/// # Errors
///
/// Like [`run`], and when one of the processes ends or hangs.
pub fn run_in_parts(spec: &TrialSpec, command: impl FnMut() -> Command) -> Result<TrialOutcome, TrialError> {
    run_with(spec, |spec, _, _| Ok(Box::new(Parts::start(spec, command)?) as Box<dyn Audience>))
}

/// How long all subscribers of a trial with these settings may take to connect.
pub fn connect_limit(settings: &Settings) -> Duration {
    CONNECT_LIMIT + CONNECT_LIMIT_EACH * settings.subscribers.count
}

/// How long they may take to end.
pub fn close_limit(settings: &Settings) -> Duration {
    CLOSE_LIMIT + CLOSE_LIMIT_EACH * settings.subscribers.count
}

/// The same with subscribers that `gather` brings once this thread is on the load generator's cores. They are told who
/// reads which channel, and get by their numbers what tells each when to send; nothing if nobody sends.
///
/// # Errors
///
/// Like [`run`].
pub fn run_with(
    spec: &TrialSpec,
    gather: impl FnOnce(&TrialSpec, Assignment, Outgoing) -> Gathered,
) -> Result<TrialOutcome, TrialError> {
    check_payloads(&spec.settings)?;
    os::raise_open_files().map_err(TrialError::OpenFiles)?;
    os::pin(&spec.load_cores).map_err(|source| TrialError::Pin { cores: spec.load_cores.clone(), source })?;
    let server = Watched::of(spec);
    server.check()?;
    let prepared = Connected::prepare(spec, gather)?;
    let before_connections = settled(server, 0)?;
    let connected = prepared.connect()?;
    let subscribers = u64::from(spec.settings.subscribers.count);
    let held = Held { before_connections, with_connections: settled(server, subscribers)? };
    let mut running = connected.start(Timing::new(os::now_ns() + LEAD_NS, &spec.settings.phases))?;
    let edges = running.pass_window()?;
    running.drain()?;
    running.close(&held, &edges)
}

/// What is held, a moment later: the server may still be about to accept, or to close, what is connected or closed on our
/// side.
fn settled(server: Watched<'_>, subscribers: u64) -> Result<Rest, TrialError> {
    os::sleep_until_ns(os::now_ns() + LEAD_NS + SETTLE_EACH_NS * subscribers);
    Rest::now(server)
}

/// Before any thread of a trial is started, so that an impossible payload has one message.
fn check_payloads(settings: &Settings) -> Result<(), PayloadError> {
    let uplink_bytes = settings.uplink.as_ref().map(|uplink| uplink.payload_bytes);
    for bytes in uplink_bytes.into_iter().chain([settings.events.payload_bytes]) {
        PayloadSource::new(settings.events.payload, bytes, seed::rng(0, Purpose::EventPayload, 0))?;
    }
    Ok(())
}
