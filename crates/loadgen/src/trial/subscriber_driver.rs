//! Drives the subscribers of a trial: our own load threads, in this process or in several, or subscribers of another crate,
//! such as pages of a browser.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::settings::{Client, Settings};
use tokio::sync::mpsc;

use super::error::TrialError;
use super::load_report::LoadReport;
use crate::faults::ServerRestart;
use crate::schedule::Timing;

/// By the subscriber's number: yields the intended send time, ns of `CLOCK_MONOTONIC`, of each message as it is due.
pub type Outgoing = Vec<mpsc::UnboundedReceiver<u64>>;

/// The started subscribers, or why they could not be started.
pub type Gathered = Result<Box<dyn SubscriberDriver>, TrialError>;

/// The subscribers of a trial. No method waits but [`finish`](Self::finish), and dropping it ends it.
pub trait SubscriberDriver: fmt::Debug {
    /// How many threads could connect now, and how many there are.
    fn prepared(&self) -> (u64, u64);
    /// Lets the subscribers connect.
    fn connect(&self);
    /// How many subscribers are connected.
    fn connected(&self) -> u64;
    /// Fixes the phases.
    fn open(&self, timing: Timing);
    /// Events of the window that were delivered; may be 0 until the window has ended.
    fn delivered(&self) -> u64;
    /// Other processes of the load generator, by their numbers: their CPU time is its own.
    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }
    /// What its subscribers share of a restart that is to come; none without a restart, or where they do not support one.
    fn server_restart(&self) -> Option<Arc<ServerRestart>> {
        None
    }
    /// How many connections broke and were made again.
    fn reconnects(&self) -> u64;
    /// The last error of a connection, as the end of a sentence.
    fn last_error(&self) -> Option<String>;
    /// Whether a subscriber will never be connected.
    fn is_hopeless(&self) -> bool;
    /// Whether it failed; [`finish`](Self::finish) returns the error.
    fn has_given_up(&self) -> bool;
    /// Ends every subscriber, in seconds at most, and returns what they found.
    /// Fails when it failed.
    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError>;
}

/// Within this time, and a little more for each of them, every subscriber must be connected.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// The little more: a TLS handshake takes both sides about 1 ms each, and they may share a core.
const CONNECT_LIMIT_EACH: Duration = Duration::from_millis(5);
/// What a browser may take to start before that.
const BROWSER_START: Duration = Duration::from_secs(30);
/// Sessions that have not ended this long after the end, and a little more for each of them, are cut off.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
const CLOSE_LIMIT_EACH: Duration = Duration::from_micros(200);

/// How often the waiting thread looks whether something went wrong. It runs on the load generator's cores.
pub(super) const LOOK_NS: u64 = 10_000_000;

/// How long all subscribers of a trial with these settings may take to connect.
pub fn connect_limit(settings: &Settings) -> Duration {
    let start = if settings.client == Client::Native { Duration::ZERO } else { BROWSER_START };
    start + CONNECT_LIMIT + CONNECT_LIMIT_EACH * settings.subscribers.count
}

/// How long they may take to end.
pub fn close_limit(settings: &Settings) -> Duration {
    CLOSE_LIMIT + CLOSE_LIMIT_EACH * settings.subscribers.count
}
