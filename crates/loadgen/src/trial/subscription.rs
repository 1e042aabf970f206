//! Keeps one subscriber subscribed until the trial ends: a connection that breaks is made again.

use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::LocalBoxFuture;
use hyper::StatusCode;

use crate::faults::Ended;
use crate::session::Session;
use crate::subscriber::SubscribeError;

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
        let result = subscribe(session.clone()).await;
        if session.is_stopped() {
            return;
        }
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
            () = tokio::time::sleep(pauses.next(ended == Ended::Failed)) => {}
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

    /// Counts a connection that broke.
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

    /// How many connections broke.
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
