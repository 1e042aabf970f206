//! A channel: the replay window and the wakers of those who wait for more.
//!
//! The lock is held for a few moves of pointers, never across a wake-up or an await.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::BytesMut;
use wire::message::{MAX_SEQ, set_seq};

use super::{Encode, Event, PublishError};

#[derive(Default)]
pub(super) struct Channel {
    log: Mutex<Log>,
}

impl Channel {
    /// Nothing under the lock can leave it half changed, so a panic elsewhere does not spoil it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(
        &self,
        message: BytesMut,
        encode: Encode,
        capacity: usize,
    ) -> Result<u64, PublishError> {
        let (seq, woken) = {
            let mut log = self.lock();
            let seq = log.append(message, encode, capacity)?;
            (seq, log.waiting.take_all())
        };
        woken.into_iter().for_each(Waker::wake);
        Ok(seq)
    }
}

/// The newest events of a channel, and who waits for the next.
#[derive(Default)]
pub(super) struct Log {
    head: u64,
    events: VecDeque<Event>,
    pub(super) waiting: Waiting,
}

impl Log {
    /// Sequence number of the newest event; 0 when there has been none.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// The sequence number before the oldest event that is retained.
    pub(super) fn floor(&self) -> u64 {
        self.head - self.events.len() as u64
    }

    /// The events after `position`, which lies between floor and head.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = &Event> {
        self.events.range((position - self.floor()) as usize..)
    }

    fn append(
        &mut self,
        mut message: BytesMut,
        encode: Encode,
        capacity: usize,
    ) -> Result<u64, PublishError> {
        if self.head >= MAX_SEQ {
            return Err(PublishError::Exhausted);
        }
        let seq = self.head + 1;
        set_seq(&mut message, seq)?;
        if self.events.len() == capacity {
            self.events.pop_front();
        }
        let message = message.freeze();
        let encoded = encode(seq, &message);
        self.events.push_back(Event { seq, message, encoded });
        self.head = seq;
        Ok(seq)
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

    /// Has the slot's subscription woken at the next event.
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
        self.slots.iter_mut().filter_map(Option::take).collect()
    }
}
