//! How many requests a connection has under way, and since when it has none.
//!
//! The idle timer is not moved at every request: it fires, sees whether there was one since, and sleeps for the rest.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What goes on on a connection.
pub(super) struct Activity {
    open: AtomicUsize,
    quiet_since: Mutex<Instant>,
    ended: Notify,
}

impl Default for Activity {
    fn default() -> Self {
        Self { open: AtomicUsize::new(0), quiet_since: Mutex::new(Instant::now()), ended: Notify::new() }
    }
}

impl Activity {
    /// Nothing more shall go on.
    pub(super) fn end(&self) {
        self.ended.notify_one();
    }

    /// Resolves at the [end](Self::end), or once no request was under way for so long.
    pub(super) async fn over(&self, idle: Duration) {
        tokio::select! {
            () = self.ended.notified() => {}
            () = self.idle(idle) => {}
        }
    }

    async fn idle(&self, limit: Duration) {
        let mut deadline = self.quiet_since() + limit;
        loop {
            sleep_until(deadline).await;
            let now = Instant::now();
            let quiet = self.open.load(Ordering::Acquire) == 0;
            deadline = if quiet { self.quiet_since() } else { now } + limit;
            if deadline <= now {
                return;
            }
        }
    }

    fn quiet_since(&self) -> Instant {
        *self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, for as long as this lives.
pub(super) struct Open(Arc<Activity>);

impl Open {
    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        activity.open.fetch_add(1, Ordering::Relaxed);
        Self(activity.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.load(Ordering::Relaxed) == 1 {
            *self.0.quiet_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

/// A response's body, whose request is under way until it ends.
pub(super) struct Held<B> {
    body: B,
    _open: Option<Open>,
}

impl<B> Held<B> {
    pub(super) fn new(body: B, open: Option<Open>) -> Self {
        Self { body, _open: open }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
