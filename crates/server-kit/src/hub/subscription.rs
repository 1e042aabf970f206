//! A subscription: a cursor into a channel's replay window.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use protocol::Start;

use super::channel::{Channel, State};
use super::log::Run;
use super::shared::Shared;
use crate::settings::LagPolicy;

/// The subscriber was too slow, or away for too long: events after its position are no longer retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too slow, missed {missed}")]
pub struct Lagged {
    /// How many events it missed.
    pub missed: u64,
}

impl Lagged {
    /// The last message to a subscriber, where the technique has no better way to report it.
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
        let (head, trimmed) = {
            let state = channel.lock();
            (state.log.head(), state.log.trimmed())
        };
        let (position, greeting) = match start {
            Start::Fresh => (head, shared.greeting(head)),
            Start::After(0) => (trimmed, None),
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

    /// All events that are there, as they go on the wire, up to `max_bytes`, but one at least; over 64 KiB, up to where the hub's
    /// memory parts. The rest is there for the next call. None if there is nothing. Never waits.
    ///
    /// # Errors
    ///
    /// [`Lagged`] when they are no longer retained and the policy is to disconnect.
    pub fn run(&mut self, max_bytes: usize) -> Result<Option<Run>, Lagged> {
        let Self { shared, channel, position, .. } = self;
        read(&mut channel.lock(), shared, position, max_bytes)
    }

    /// As [`run`](Self::run), as soon as there is something. Cancel-safe: what was not returned is not read.
    /// Fails as [`run`](Self::run).
    pub async fn next_run(&mut self, max_bytes: usize) -> Result<Run, Lagged> {
        poll_fn(|cx| self.poll_run(cx, max_bytes)).await
    }

    /// As [`next_run`](Self::next_run), for a body or a stream; the task is woken once something is there.
    /// Fails as [`run`](Self::run).
    pub fn poll_run(&mut self, cx: &Context<'_>, max_bytes: usize) -> Poll<Result<Run, Lagged>> {
        let Self { shared, channel, position, slot, .. } = self;
        let mut state = channel.lock();
        match read(&mut state, shared, position, max_bytes).transpose() {
            Some(run) => Poll::Ready(run),
            None => wait(&mut state, slot, cx),
        }
    }

    /// Resolves once there is something to read, be it that events were missed. Cancel-safe, reads nothing.
    pub async fn ready(&mut self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    pub fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Self { channel, position, slot, .. } = self;
        let mut state = channel.lock();
        if state.released > *position { Poll::Ready(()) } else { wait(&mut state, slot, cx) }
    }
}

/// Reads what is there behind the position, and moves it.
fn read(
    state: &mut State,
    shared: &Shared,
    position: &mut u64,
    max_bytes: usize,
) -> Result<Option<Run>, Lagged> {
    catch_up(state, shared, position)?;
    if state.released <= *position {
        return Ok(None);
    }
    let run = state.log.run(*position, state.released, max_bytes);
    *position = run.last;
    Ok(Some(run))
}

/// Leaves the position inside the window, or says that it is not.
fn catch_up(state: &State, shared: &Shared, position: &mut u64) -> Result<(), Lagged> {
    let missed = state.log.trimmed().saturating_sub(*position);
    match shared.lag_policy {
        _ if missed == 0 => Ok(()),
        LagPolicy::Disconnect => Err(Lagged { missed }),
        LagPolicy::Skip => {
            shared.skipped.fetch_add(missed, Ordering::Relaxed);
            *position = state.log.trimmed();
            Ok(())
        }
    }
}

fn wait<T>(state: &mut State, slot: &mut Option<usize>, cx: &Context<'_>) -> Poll<T> {
    let slot = *slot.get_or_insert_with(|| state.waiting.claim());
    state.waiting.set(slot, cx.waker());
    Poll::Pending
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
