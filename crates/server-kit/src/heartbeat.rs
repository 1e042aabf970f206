//! When a quiet connection is due for a sign of life.
//!
//! The timer is not moved at every event, which would cost a visit to the timer wheel each: it fires at the old
//! deadline, sees that there was an event since, and goes to sleep for the rest.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Reports when nothing was sent for so long.
#[derive(Debug)]
pub struct Heartbeat(Option<Timer>);

#[derive(Debug)]
struct Timer {
    after: Duration,
    last_sent: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Heartbeat {
    /// A heartbeat after so much silence; never if `after` is zero. Silence begins now.
    pub fn new(after: Duration) -> Self {
        Self((!after.is_zero()).then(|| {
            let last_sent = Instant::now();
            Timer { after, last_sent, sleep: Box::pin(sleep_until(last_sent + after)) }
        }))
    }

    /// Something was sent: silence begins again.
    pub fn sent(&mut self) {
        if let Some(timer) = &mut self.0 {
            timer.last_sent = Instant::now();
        }
    }

    /// Ready when the silence has lasted so long; a new one begins then. Pends for ever if there is no heartbeat.
    pub fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timer) = &mut self.0 else { return Poll::Pending };
        while timer.sleep.as_mut().poll(cx).is_ready() {
            let deadline = timer.last_sent + timer.after;
            let now = Instant::now();
            if deadline <= now {
                timer.last_sent = now;
                timer.sleep.as_mut().reset(now + timer.after);
                return Poll::Ready(());
            }
            timer.sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// As [`poll_due`](Self::poll_due). Cancel-safe.
    pub async fn due(&mut self) {
        poll_fn(|cx| self.poll_due(cx)).await;
    }
}
