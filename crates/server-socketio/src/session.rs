//! What server and library share of an Engine.IO session: how far its packets have left the library's buffer, and who
//! has joined by it.
//!
//! The library's buffer of a session can be asked whether it has room, and not be waited for. A [`Session`] stands for
//! it: a poll's answer says how many events it took, a flush of the WebSocket that it left none, and [`Room`] gives out
//! a round of places for events that have not been taken. A flush may be noticed late, by one round, hence the buffer
//! never holds more than three rounds of events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use server_kit::{Event, Subscription};
use socketioxide::socket::Sid;
use tokio::sync::Notify;

/// Events that go into the buffer before any must have been taken.
const ROUND: u64 = 64;

/// One Engine.IO session. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taken: AtomicU64,
    emptied: AtomicU64,
    moved: Notify,
    joined: Mutex<Option<Joined>>,
}

/// A place in a channel, and the events that are there already.
pub(crate) struct Joined {
    pub(crate) subscription: Subscription,
    pub(crate) events: Vec<Event>,
}

impl Session {
    /// So many events of the buffer are on their way.
    pub(crate) fn taken(&self, events: u64) {
        self.0.taken.fetch_add(events, Ordering::Release);
        self.0.moved.notify_one();
    }

    /// All that was in the buffer is on its way.
    pub(crate) fn emptied(&self) {
        self.0.emptied.fetch_add(1, Ordering::Release);
        self.0.moved.notify_one();
    }

    /// Resolves at the next such sign; at once if there was one since the last wait.
    pub(crate) async fn moved(&self) {
        self.0.moved.notified().await;
    }

    /// Keeps a place until the client knows that it has joined.
    pub(crate) fn keep(&self, joined: Joined) {
        *lock(&self.0.joined) = Some(joined);
    }

    /// The place that was kept.
    pub(crate) fn take(&self) -> Option<Joined> {
        lock(&self.0.joined).take()
    }
}

/// Room in a session's buffer.
pub(crate) struct Room {
    session: Session,
    taken: u64,
    emptied: u64,
    left: u64,
}

impl Room {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, taken: 0, emptied: 0, left: ROUND }
    }

    /// Takes a place for an event; waits until there is one.
    pub(crate) async fn take(&mut self) {
        loop {
            self.look();
            if let Some(left) = self.left.checked_sub(1) {
                self.left = left;
                return;
            }
            self.session.moved().await;
        }
    }

    fn look(&mut self) {
        let taken = self.session.0.taken.load(Ordering::Acquire);
        let emptied = self.session.0.emptied.load(Ordering::Acquire);
        self.left = if emptied == self.emptied { self.left + (taken - self.taken) } else { ROUND };
        (self.taken, self.emptied) = (taken, emptied);
    }
}

/// The sessions that have joined.
pub(crate) type Sessions = ById<Session>;

/// What is known of sessions, by their id. Clones share it.
pub(crate) struct ById<T>(Arc<Mutex<HashMap<Sid, T>>>);

impl<T: Clone> ById<T> {
    pub(crate) fn insert(&self, id: Sid, known: T) {
        lock(&self.0).insert(id, known);
    }

    pub(crate) fn remove(&self, id: Sid) {
        lock(&self.0).remove(&id);
    }

    pub(crate) fn find(&self, id: Sid) -> Option<T> {
        lock(&self.0).get(&id).cloned()
    }
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for ById<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Nothing under these locks can leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_given(room: &mut Room) -> bool {
        pin!(room.take()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn as_many_places_are_given_as_events_were_taken() {
        let session = Session::default();
        let mut room = Room::new(session.clone());
        while is_given(&mut room) {}
        session.taken(7);
        session.taken(2);
        assert_eq!((0..1000).take_while(|_| is_given(&mut room)).count(), 9);
    }

    #[test]
    fn a_round_of_places_is_given_each_time_that_the_buffer_was_emptied() {
        let session = Session::default();
        let mut room = Room::new(session.clone());
        for _ in 0..3 {
            assert_eq!((0..1000).take_while(|_| is_given(&mut room)).count(), ROUND as usize);
            session.emptied();
        }
    }

    #[tokio::test]
    async fn who_waits_for_a_place_gets_it_once_the_buffer_is_emptied() {
        let session = Session::default();
        let mut room = Room::new(session.clone());
        while is_given(&mut room) {}
        let waiting = tokio::spawn(async move { room.take().await });
        session.emptied();
        waiting.await.expect("a place");
    }
}
