//! What went wrong with connections, for all load threads together. Touched only when something does.

use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts and remembers.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    reconnects: AtomicU64,
    hopeless: AtomicBool,
    last: Mutex<Option<String>>,
}

impl Trouble {
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

    /// Says that a subscriber will never be connected.
    pub(super) fn give_up(&self) {
        self.hopeless.store(true, Ordering::Relaxed);
    }

    /// Whether somebody will never be connected.
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
    use crate::subscriber::SubscribeError;

    #[test]
    fn the_last_error_is_told_with_its_causes() {
        let trouble = Trouble::default();
        assert_eq!(trouble.last(), None);
        let source = std::io::Error::other("no route");
        trouble.note(&SubscribeError::Connect { address: ([127, 0, 0, 1], 9).into(), source });
        assert_eq!(trouble.last().unwrap(), "the last error was: connect to 127.0.0.1:9: no route");
    }
}
