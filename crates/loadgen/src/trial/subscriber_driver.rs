//! Who subscribes in a trial: our own load threads, in this process or in several, or subscribers that somebody else brings,
//! such as pages of a browser.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::TrialError;
use super::load_report::LoadReport;
use crate::faults::ServerRestart;
use crate::timing::Timing;

/// By the subscriber's number: yields the intended send time, ns of `CLOCK_MONOTONIC`, of each message as it is due.
pub type Outgoing = Vec<mpsc::UnboundedReceiver<u64>>;

/// Subscribers that were brought, or why they could not be.
pub type Gathered = Result<Box<dyn SubscriberDriver>, TrialError>;

/// Subscribers of a trial. None of these waits but [`finish`](Self::finish), and dropping it ends it.
pub trait SubscriberDriver: fmt::Debug {
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
    fn last_error(&self) -> Option<String>;
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
