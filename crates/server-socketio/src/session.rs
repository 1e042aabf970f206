//! What server and library share of an Engine.IO session: the events of a client that has joined by it, whether it is still
//! polled, and whether it is being upgraded to a WebSocket.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use server_kit::{Stop, Stopper, lifetime};
use socketioxide::socket::Sid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::event_injector::EventInjector;

/// As long as the reference holds a poll during an upgrade (`engine.io` 6.6.12, `lib/socket.ts`).
const LONGEST_HOLD: Duration = Duration::from_millis(100);
/// What the library may take from its answer to the probe to a packet that has come already.
const MOMENT: Duration = Duration::from_millis(5);

/// One Engine.IO session. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
    injector: EventInjector,
    uses: AtomicUsize,
    idle: AtomicBool,
    listed: OnceLock<Listed>,
    /// Of an upgrade that is under way, or over: resolves once the probe is answered.
    probe: Mutex<Option<Stop>>,
    /// Of those that [`Sessions`] has.
    _place: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// The way of its events.
    pub(crate) fn injector(&self) -> &EventInjector {
        &self.0.injector
    }

    pub(crate) fn begin_use(&self) -> InUse {
        self.0.uses.fetch_add(1, Ordering::AcqRel);
        InUse(self.clone())
    }

    /// Whether it was not in use since this was asked before.
    fn is_idle(&self) -> bool {
        self.0.uses.load(Ordering::Acquire) == 0 && self.0.idle.swap(true, Ordering::AcqRel)
    }

    /// Notes that the session is upgraded, until the first half is dropped. The probe is answered once the other half says
    /// so. None if it was noted before.
    pub(crate) fn begin_upgrade(&self) -> Option<(Upgrade, Stopper)> {
        let mut probe = lock(&self.0.probe);
        if probe.is_some() {
            return None;
        }
        let (answered, answer) = lifetime::channel();
        *probe = Some(answer);
        Some((Upgrade(self.clone()), answered))
    }

    /// Holds a poll for a moment if the session is being upgraded.
    ///
    /// The library answers it at once that there is nothing, and the client asks again. By the reference, it may be held
    /// for 100 ms, and a client that has said all that it takes to upgrade finds its polls rejected. What was said before
    /// the poll is read by another task, which may not have come so far.
    pub(crate) async fn hold_poll(&self) {
        let probe = lock(&self.0.probe).clone();
        if let Some(probe) = probe
            && timeout(LONGEST_HOLD, probe.requested()).await.is_ok()
        {
            sleep(MOMENT).await;
        }
    }
}

/// A poll that is held, or the session's WebSocket, until it is dropped.
pub(crate) struct InUse(Session);

impl Drop for InUse {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.idle.store(false, Ordering::Release);
        shared.uses.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An upgrade, and the session on its stream, until this is dropped.
pub(crate) struct Upgrade(Session);

impl Drop for Upgrade {
    fn drop(&mut self) {
        *lock(&self.0.0.probe) = None;
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

    /// The sessions that were not polled since this was asked before.
    pub(crate) fn idle(&self) -> Vec<Sid> {
        let live: Vec<_> = lock(&self.live).iter().map(|(id, session)| (*id, session.clone())).collect();
        let sessions = live.into_iter().filter_map(|(id, session)| Some((id, Session(session.upgrade()?))));
        sessions.filter(|(_, session)| session.is_idle()).map(|(id, _)| id).collect()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.live).remove(&self.id);
    }
}

/// Nothing under these locks can leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
