//! The way to the application: bounded, and never waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

#[derive(Default)]
pub(super) struct UplinkQueue {
    receivers: Mutex<Vec<mpsc::Sender<BytesMut>>>,
    dropped: AtomicU64,
}

impl UplinkQueue {
    pub(super) fn receiver(&self, capacity: usize) -> mpsc::Receiver<BytesMut> {
        let (sender, receiver) = mpsc::channel(capacity);
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Gives the frame to the oldest receiver, or drops and counts it.
    pub(super) fn hand_over(&self, frame: BytesMut) {
        let mut receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.retain(|receiver| !receiver.is_closed());
        let sent = match receivers.first() {
            Some(oldest) => oldest.try_send(frame),
            None => Err(TrySendError::Closed(frame)),
        };
        if sent.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
