//! What server and library share of an Engine.IO session: how far its packets have left the library's buffer, and who
//! has joined by it.
//!
//! The library's buffer of a session can be asked whether it has room, and not be waited for. A [`Session`] stands for
//! it: whoever empties the buffer, a poll's answer or a flush of the WebSocket, says so, and [`Room`] gives out so many
//! places between two such signs. A sign may come late, by one round of places, hence the buffer never holds more than
//! three rounds of events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use server_kit::{Event, Subscription};
use socketioxide::socket::Sid;
use tokio::sync::Notify;

/// Events that go into the buffer before it must have been empty once.
const ROUND: u32 = 64;

/// One Engine.IO session. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
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
    seen: u64,
    left: u32,
}

impl Room {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, seen: 0, left: ROUND }
    }

    /// Takes a place for an event; waits until there is one.
    pub(crate) async fn take(&mut self) {
        loop {
            let emptied = self.session.0.emptied.load(Ordering::Acquire);
            if emptied != self.seen {
                (self.seen, self.left) = (emptied, ROUND);
            }
            if let Some(left) = self.left.checked_sub(1) {
                self.left = left;
                return;
            }
            self.session.moved().await;
        }
    }
}

/// The sessions that have joined, by their id. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<Sid, Session>>>);

impl Sessions {
    pub(crate) fn insert(&self, id: Sid, session: Session) {
        lock(&self.0).insert(id, session);
    }

    pub(crate) fn remove(&self, id: Sid) {
        lock(&self.0).remove(&id);
    }

    pub(crate) fn find(&self, id: Sid) -> Option<Session> {
        lock(&self.0).get(&id).cloned()
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
