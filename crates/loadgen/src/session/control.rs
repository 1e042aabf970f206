//! What servers of others send beside messages: welcomes, pings, acknowledgements. Counted, and the first few kept.

use std::cell::RefCell;

/// How many are kept.
const KEPT: usize = 5;
/// How much of each.
const KEPT_BYTES: usize = 200;

/// The first control messages of a load thread.
#[derive(Debug, Default)]
pub(crate) struct ControlTraffic(RefCell<Vec<String>>);

impl ControlTraffic {
    pub(crate) fn note(&self, bytes: &[u8]) {
        let mut kept = self.0.borrow_mut();
        if kept.len() >= KEPT {
            return;
        }
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT_BYTES)]).into_owned();
        if !kept.contains(&text) {
            kept.push(text);
        }
    }

    pub(crate) fn first(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// Adds what another thread kept.
pub(crate) fn merge(kept: &mut Vec<String>, more: Vec<String>) {
    for text in more {
        if kept.len() < KEPT && !kept.contains(&text) {
            kept.push(text);
        }
    }
}
