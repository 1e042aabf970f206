//! Connections that were rejected: how many, and why the last one.

use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub(super) struct Rejections(Mutex<Option<(u64, String)>>);

impl Rejections {
    pub(super) fn add(&self, reason: String) {
        let mut total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = total.as_ref().map_or(0, |(count, _)| *count);
        *total = Some((before + 1, reason));
    }

    pub(super) fn total(&self) -> Option<(u64, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
