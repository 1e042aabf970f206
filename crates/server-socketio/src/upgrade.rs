//! Upgrades under way: a poll that comes meanwhile is held for a moment.
//!
//! The library answers it at once that there is nothing, and the client asks again. By the reference, it may be held for
//! 100 ms, and a client that has said all that it takes to upgrade finds its polls rejected. What was said before the poll
//! is read by another task, which may not have come so far.

use std::time::Duration;

use server_kit::{Stop, Stopper, lifetime};
use socketioxide::socket::Sid;
use tokio::time::{sleep, timeout};

use crate::session::ById;

/// As long as the reference holds such a poll (`engine.io` 6.6.12, `lib/socket.ts`).
const LONGEST: Duration = Duration::from_millis(100);
/// What the library may take from its answer to the probe to a packet that has come already.
const MOMENT: Duration = Duration::from_millis(5);

/// The upgrades of an engine. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Upgrades(ById<Stop>);

/// An upgrade, and the session on its stream, until this is dropped.
pub(crate) struct Upgrade {
    id: Sid,
    upgrades: Upgrades,
}

impl Upgrades {
    /// Notes that the session is upgraded. The probe is answered once the other half says so. None if it was noted
    /// before.
    pub(crate) fn begin(&self, id: Sid) -> Option<(Upgrade, Stopper)> {
        let (answered, probe) = lifetime::channel();
        self.0.insert(id, probe).then(|| (Upgrade { id, upgrades: self.clone() }, answered))
    }

    /// Holds a poll of a session that is being upgraded.
    pub(crate) async fn hold(&self, id: Sid) {
        if let Some(probe) = self.0.find(id)
            && timeout(LONGEST, probe.requested()).await.is_ok()
        {
            sleep(MOMENT).await;
        }
    }
}

impl Drop for Upgrade {
    fn drop(&mut self) {
        self.upgrades.0.remove(self.id);
    }
}
