//! Who subscribes in a trial: our own load threads, in this process or in several, or subscribers that somebody else brings,
//! such as pages of a browser.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hdrhistogram::Histogram;
use model::trial::ClientClock;
use protocol::message::MessageError;

use super::TrialError;
use super::load_thread::LoadReport;
use crate::recorder::{Counters, Recorder};
use crate::server_restart::ServerRestart;
use crate::set_up::SetUps;
use crate::timing::Timing;
use crate::worker_context::Snapshot;

/// Subscribers of a trial. None of these waits but [`finish`](Self::finish), and dropping it ends it.
pub trait Audience: fmt::Debug {
    /// How many parts of it could connect now, of so many in all.
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
    /// What its subscribers share of a restart that is to come; none where none is, or nobody brings such subscribers.
    fn server_restart(&self) -> Option<Arc<ServerRestart>> {
        None
    }
    /// How many connections broke and were made again.
    fn reconnects(&self) -> u64;
    /// The last thing that went wrong with a connection, as the end of a sentence.
    fn trouble(&self) -> Option<String>;
    /// Whether somebody will never be connected.
    fn is_hopeless(&self) -> bool;
    /// Whether it had to give up; [`finish`](Self::finish) tells why.
    fn has_given_up(&self) -> bool;
    /// Ends every subscriber, in seconds at most, and tells what they found.
    ///
    /// # Errors
    ///
    /// When it had to give up.
    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError>;
}

/// What subscribers found that bring no byte counter: the bytes are 0, and mean nothing.
#[derive(Debug)]
pub struct Uncounted {
    /// What was counted by the window's start, and by its end.
    pub edges: [Counters; 2],
    /// What was recorded in the whole trial.
    pub recorder: Recorder,
    /// From a subscriber's start until it was connected, ns: one value each.
    pub set_ups: Histogram<u64>,
    /// Why the first unreadable message was none.
    pub unreadable: Option<MessageError>,
    /// Their clock.
    pub clock: ClientClock,
}

impl From<Uncounted> for LoadReport {
    fn from(found: Uncounted) -> Self {
        let snapshot = |counters| Snapshot { counters, ..Snapshot::default() };
        let total = snapshot(found.recorder.counters);
        Self {
            edges: found.edges.map(snapshot),
            total,
            recorder: found.recorder,
            set_ups: SetUps { elapsed: found.set_ups, ..SetUps::new() },
            unreadable: found.unreadable,
            clock: Some(found.clock),
            ..Self::default()
        }
    }
}

/// Why subscribers that somebody else brought had to give up.
pub type AudienceError = Box<dyn Error + Send + Sync>;
