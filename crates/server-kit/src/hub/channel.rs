//! A channel: its replay window, how far that is released, and the wakers of the subscribers that wait for more.
//!
//! The lock is held while a message is encoded and laid behind the others, and while what a subscriber has pending is sliced, or
//! copied once for all that have the same: 64 KiB at most. Never across a wake-up or an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::BytesMut;
use protocol::message::{MAX_SEQ, set_seq};
use tokio::time::{Instant, sleep_until};

use super::log::Log;
use super::shared::{Encode, PublishError, Shared};

#[derive(Default)]
pub(super) struct Channel {
    state: Mutex<State>,
}

impl Channel {
    /// Nothing under the lock can leave it half changed, so a panic elsewhere does not spoil it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(self: &Arc<Self>, message: BytesMut, shared: &Shared) -> Result<u64, PublishError> {
        let (seq, next) = {
            let mut state = self.lock();
            let seq = state.append(message, shared.encode, shared.replay_events)?;
            (seq, state.after_append(shared.coalescing, shared.replay_events))
        };
        match next {
            Next::Wake(woken) => woken.into_iter().for_each(Waker::wake),
            Next::Release => {
                let window_end = Instant::now() + shared.coalescing;
                tokio::spawn(self.clone().release_at(window_end, seq));
            }
            Next::Hold => {}
        }
        Ok(seq)
    }

    /// Releases what is held since `first`, unless that has been done meanwhile.
    async fn release_at(self: Arc<Self>, window_end: Instant, first: u64) {
        sleep_until(window_end).await;
        let woken = {
            let mut state = self.lock();
            if state.released >= first { Vec::new() } else { state.release() }
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

/// What is to be done about an event that was appended.
enum Next {
    /// It is released: the subscribers that waited are woken.
    Wake(Vec<Waker>),
    /// It is the first one that is held: it is released once the coalescing window is over.
    Release,
    /// It is released together with those that are held already.
    Hold,
}

/// The newest events of a channel, and the subscribers that wait for the next.
#[derive(Default)]
pub(super) struct State {
    pub(super) log: Log,
    /// Events up to this one may be read; those behind it are held, to be read together.
    pub(super) released: u64,
    pub(super) waiting: Waiting,
}

impl State {
    fn append(
        &mut self,
        mut message: BytesMut,
        encode: Encode,
        capacity: usize,
    ) -> Result<u64, PublishError> {
        let seq = self.log.head() + 1;
        if seq > MAX_SEQ {
            return Err(PublishError::Exhausted);
        }
        set_seq(&mut message, seq)?;
        self.log.append(encode(seq, &message.freeze()), capacity);
        Ok(seq)
    }

    fn after_append(&mut self, window: Duration, capacity: usize) -> Next {
        match self.log.head() - self.released {
            // What is held must not fall out of the replay window before a subscriber could read it.
            held if window.is_zero() || held >= capacity as u64 => Next::Wake(self.release()),
            1 => Next::Release,
            _ => Next::Hold,
        }
    }

    fn release(&mut self) -> Vec<Waker> {
        self.released = self.log.head();
        self.waiting.take_all()
    }
}

/// One slot for each subscription that has ever waited, for as long as it lives.
#[derive(Default)]
pub(super) struct Waiting {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Waiting {
    /// A slot for a subscription that waits for the first time.
    pub(super) fn claim(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        })
    }

    /// Has the slot's subscription woken at the next release.
    pub(super) fn set(&mut self, slot: usize, waker: &Waker) {
        match &mut self.slots[slot] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// Gives a slot back.
    pub(super) fn release(&mut self, slot: usize) {
        self.slots[slot] = None;
        self.free.push(slot);
    }

    pub(super) fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    fn take_all(&mut self) -> Vec<Waker> {
        let mut woken = Vec::with_capacity(self.slots.len());
        woken.extend(self.slots.iter_mut().filter_map(Option::take));
        woken
    }
}
