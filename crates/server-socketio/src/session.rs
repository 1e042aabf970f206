//! What server and library share of an Engine.IO session: the events of who has joined by it, and whether anybody still
//! polls it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use socketioxide::socket::Sid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::event_injector::EventInjector;

/// One Engine.IO session. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
    injector: EventInjector,
    attended: AtomicUsize,
    silent: AtomicBool,
    listed: OnceLock<Listed>,
    /// Of those that [`Sessions`] has.
    _place: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// The way of its events.
    pub(crate) fn injector(&self) -> &EventInjector {
        &self.0.injector
    }
}

/// A poll that is held, or the session's WebSocket, until it is dropped.
pub(crate) struct Attendance(Session);

impl Session {
    pub(crate) fn attend(&self) -> Attendance {
        self.0.attended.fetch_add(1, Ordering::AcqRel);
        Attendance(self.clone())
    }

    /// Whether nobody has attended since this was asked before.
    fn is_silent(&self) -> bool {
        self.0.attended.load(Ordering::Acquire) == 0 && self.0.silent.swap(true, Ordering::AcqRel)
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.silent.store(false, Ordering::Release);
        shared.attended.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The sessions that there are, each until the library drops it. Clones share them.
#[derive(Clone)]
pub(crate) struct Sessions {
    live: Live,
    places: Arc<Semaphore>,
}

type Live = Arc<Mutex<HashMap<Sid, Weak<Shared>>>>;

/// An entry in [`Sessions`], until it is dropped.
struct Listed {
    id: Sid,
    live: Live,
}

impl Sessions {
    /// So many sessions may be polled at a time: they belong to no connection that would be counted.
    pub(crate) fn new(polled: usize) -> Self {
        let places = Semaphore::new(polled.min(Semaphore::MAX_PERMITS));
        Self { live: Live::default(), places: Arc::new(places) }
    }

    /// A session that begins by a poll; none when there are as many as may be. It keeps its place when it is upgraded.
    pub(crate) fn polled(&self) -> Option<Session> {
        let place = self.places.clone().try_acquire_owned().ok();
        place.map(|place| Session(Arc::new(Shared { _place: Some(place), ..Shared::default() })))
    }

    pub(crate) fn insert(&self, id: Sid, session: &Session) {
        lock(&self.live).insert(id, Arc::downgrade(&session.0));
        session.0.listed.get_or_init(|| Listed { id, live: self.live.clone() });
    }

    pub(crate) fn find(&self, id: Sid) -> Option<Session> {
        lock(&self.live).get(&id)?.upgrade().map(Session)
    }

    /// The sessions that nobody has polled since this was asked before.
    pub(crate) fn silent(&self) -> Vec<Sid> {
        let live: Vec<_> = lock(&self.live).iter().map(|(id, session)| (*id, session.clone())).collect();
        let sessions = live.into_iter().filter_map(|(id, session)| Some((id, Session(session.upgrade()?))));
        sessions.filter(|(_, session)| session.is_silent()).map(|(id, _)| id).collect()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.live).remove(&self.id);
    }
}

/// What is known of sessions, by their id. Clones share it.
pub(crate) struct ById<T>(Arc<Mutex<HashMap<Sid, T>>>);

impl<T: Clone> ById<T> {
    /// Whether nothing was known.
    pub(crate) fn insert(&self, id: Sid, known: T) -> bool {
        match lock(&self.0).entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(known);
                true
            }
        }
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
