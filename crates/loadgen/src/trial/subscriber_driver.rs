//! Drives the subscribers of a trial: our own load threads, in this process or in several, or subscribers of another crate, such as
//! pages of a browser. Keeps each of ours subscribed until the trial ends, for as long as its limits allow.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use hyper::StatusCode;
use model::settings::{Client, Settings};
use tokio::sync::mpsc;

use super::error::TrialError;
use super::load_report::{DriverProgress, LoadReport};
use crate::faults::{Ended, ServerRestart};
use crate::schedule::Timing;
use crate::session::Session;
use crate::subscriber::SubscribeError;

/// By the subscriber's number: yields the intended send time, ns of `CLOCK_MONOTONIC`, of each message as it is due.
pub type Outgoing = Vec<mpsc::UnboundedReceiver<u64>>;

/// The started subscribers, or why they could not be started.
pub type Gathered = Result<Box<dyn SubscriberDriver>, TrialError>;

/// The subscribers of a trial. No method waits but [`finish`](Self::finish), and dropping it ends it.
pub trait SubscriberDriver: fmt::Debug {
    /// How far they are.
    fn progress(&self) -> DriverProgress;
    /// Lets the subscribers connect.
    fn connect(&self);
    /// Fixes the phases.
    fn open(&self, timing: Timing);
    /// Other processes of the load generator, by their numbers: their CPU time is its own.
    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }
    /// What its subscribers share of a restart that is to come; none without a restart, or where they do not support one.
    fn server_restart(&self) -> Option<Arc<ServerRestart>> {
        None
    }
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

/// The client half of a technique: runs until the session is stopped or the connection ends.
pub type Subscribe = fn(Session) -> LocalBoxFuture<'static, Result<(), SubscribeError>>;

/// If a server can be reached and a subscriber still fails to connect this many times in a row, it is not the server that the
/// trial needs: it speaks something else, or is not trusted.
const TRIES: u32 = 5;

/// Subscribes again and again until the session is stopped, or the server has cut off a slow consumer.
pub(super) async fn keep(session: Session, subscribe: Subscribe, errors: &ConnectionErrors) {
    let mut pauses = session.pauses();
    let mut tries = 0;
    loop {
        let before = session.received_up_to();
        let result = subscribe(session.clone()).await;
        if session.is_stopped() {
            return;
        }
        if matches!(result, Err(SubscribeError::MediaType(_))) {
            // A browser gives up, too: the connection failed for good (WHATWG HTML §9.2.3).
            take_in(&session, &result, errors);
            return errors.give_up();
        }
        // A server of others that closes each connection at once would else be asked without end.
        let is_fruitless = session.subscription().is_some() && session.received_up_to() == before;
        let was_reached = !matches!(result, Err(SubscribeError::Connect(..)));
        let ended = session.ended(was_reached);
        if session.is_cut_off() {
            return;
        }
        take_in(&session, &result, errors);
        if was_reached {
            errors.count_reconnect();
            tries += 1;
            if tries >= TRIES && !session.is_connected() {
                errors.give_up();
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pauses.next(ended == Ended::Failed || is_fruitless)) => {}
            () = session.stopped() => return,
        }
    }
}

/// Remembers what went wrong, and where the subscriber goes on.
fn take_in(session: &Session, result: &Result<(), SubscribeError>, errors: &ConnectionErrors) {
    match result {
        Ok(()) => errors.note_end(),
        // A server restart causes many, all alike.
        Err(SubscribeError::Connect(..)) if session.awaits_successor() => {}
        Err(error) => errors.note(error),
    }
    if matches!(result, Err(SubscribeError::SessionClosed(_) | SubscribeError::Status(StatusCode::GONE, _))) {
        session.session_closed();
    }
}

/// What went wrong with connections, for all load threads together. Touched only when something does.
#[derive(Debug, Default)]
pub(super) struct ConnectionErrors {
    reconnects: AtomicU64,
    hopeless: AtomicBool,
    last: Mutex<Option<String>>,
}

impl ConnectionErrors {
    /// Remembers why a subscription ended, with its causes.
    pub(super) fn note(&self, error: &dyn Error) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.remember(text);
    }

    /// Remembers that the server ended a subscription without a reason.
    pub(super) fn note_end(&self) {
        self.remember("the server ended the connection".to_owned());
    }

    pub(super) fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a subscriber will never be connected.
    pub(super) fn give_up(&self) {
        self.hopeless.store(true, Ordering::Relaxed);
    }

    /// Whether a subscriber will never be connected.
    pub(super) fn is_hopeless(&self) -> bool {
        self.hopeless.load(Ordering::Relaxed)
    }

    pub(super) fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// The last thing that went wrong, as the end of a sentence; none when nothing did.
    pub(super) fn last(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        last.as_ref().map(|text| format!("the last error was: {text}"))
    }

    fn remember(&self, text: String) {
        *self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_reported_with_its_causes() {
        let errors = ConnectionErrors::default();
        assert_eq!(errors.last(), None);
        let source = std::io::Error::other("no route");
        errors.note(&SubscribeError::Connect(([127, 0, 0, 1], 9).into(), source));
        assert_eq!(errors.last().unwrap(), "the last error was: connect to 127.0.0.1:9: no route");
    }
}
