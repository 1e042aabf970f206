//! A subscription: a cursor into a channel's replay window.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use wire::Start;

use super::channel::{Channel, Log};
use super::{Event, Shared};
use crate::settings::LagPolicy;

/// The subscriber was too slow, or away for too long: events after its position are no longer retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too slow, missed {missed}")]
pub struct Lagged {
    /// How many events it missed.
    pub missed: u64,
}

impl Lagged {
    /// What a subscriber is told as its last message, where the technique has no better way to say it.
    pub fn to_json(self) -> String {
        format!(r#"{{"error":"too slow","missed":{}}}"#, self.missed)
    }
}

/// One subscriber's place in a channel.
pub struct Subscription {
    shared: Arc<Shared>,
    channel: Arc<Channel>,
    position: u64,
    greeting: Option<Bytes>,
    slot: Option<usize>,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, channel: Arc<Channel>, start: Start) -> Self {
        let (head, floor) = {
            let log = channel.lock();
            (log.head(), log.floor())
        };
        let (position, greeting) = match start {
            Start::Fresh => (head, shared.greeting(head)),
            Start::After(0) => (floor, None),
            // A number from before a restart of the server may lie beyond the head.
            Start::After(seq) => (seq.min(head), None),
        };
        Self { shared, channel, position, greeting, slot: None }
    }

    /// The encoded greeting, once, if the subscriber is fresh and greetings are on.
    pub fn greeting(&mut self) -> Option<Bytes> {
        self.greeting.take()
    }

    /// The sequence number of the last event that was read, or skipped.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The sequence number of the channel's newest event; 0 when there has been none.
    pub fn head(&self) -> u64 {
        self.channel.lock().head()
    }

    /// The next event, if it is there. Never waits.
    ///
    /// # Errors
    ///
    /// [`Lagged`] when it is no longer retained and the policy is to disconnect.
    pub fn try_next(&mut self) -> Result<Option<Event>, Lagged> {
        let channel = self.channel.clone();
        self.read(&channel.lock())
    }

    /// The next event, as soon as it is there. Cancel-safe: what was not returned is not read.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Self::try_next).
    pub async fn next(&mut self) -> Result<Event, Lagged> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for a body or a stream; the task is woken once an event is there.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Self::try_next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Lagged>> {
        let channel = self.channel.clone();
        let mut log = channel.lock();
        match self.read(&log).transpose() {
            Some(event) => Poll::Ready(event),
            None => self.wait(&mut log, cx),
        }
    }

    /// Resolves once there is something to read, be it that events were missed. Cancel-safe, reads nothing.
    pub async fn ready(&mut self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    /// As [`ready`](Self::ready).
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let channel = self.channel.clone();
        let mut log = channel.lock();
        if log.head() > self.position { Poll::Ready(()) } else { self.wait(&mut log, cx) }
    }

    /// Appends the events that are there, up to `max_bytes` of encoded bytes, but one at least.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Self::try_next); nothing is appended then.
    pub fn pending(&mut self, events: &mut Vec<Event>, max_bytes: usize) -> Result<(), Lagged> {
        let channel = self.channel.clone();
        let log = channel.lock();
        self.catch_up(&log)?;
        let mut bytes = 0;
        for event in log.after(self.position) {
            if bytes > 0 && bytes + event.encoded.len() > max_bytes {
                break;
            }
            bytes += event.encoded.len();
            self.position = event.seq;
            events.push(event.clone());
        }
        Ok(())
    }

    fn read(&mut self, log: &Log) -> Result<Option<Event>, Lagged> {
        self.catch_up(log)?;
        let event = log.after(self.position).next().cloned();
        if let Some(event) = &event {
            self.position = event.seq;
        }
        Ok(event)
    }

    /// Leaves the position inside the window, or says that it is not.
    fn catch_up(&mut self, log: &Log) -> Result<(), Lagged> {
        let missed = log.floor().saturating_sub(self.position);
        match self.shared.lag_policy {
            _ if missed == 0 => Ok(()),
            LagPolicy::Disconnect => Err(Lagged { missed }),
            LagPolicy::Skip => {
                self.shared.skipped.fetch_add(missed, Ordering::Relaxed);
                self.position = log.floor();
                Ok(())
            }
        }
    }

    fn wait<T>(&mut self, log: &mut Log, cx: &Context<'_>) -> Poll<T> {
        let slot = *self.slot.get_or_insert_with(|| log.waiting.claim());
        log.waiting.set(slot, cx.waker());
        Poll::Pending
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.channel.lock().waiting.release(slot);
        }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("position", &self.position).finish_non_exhaustive()
    }
}
