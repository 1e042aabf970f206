//! The publisher: a thread that keeps the schedule and never waits for a server.
//!
//! An event is picked up when it is due. It is handed over when the server has room for it, or has answered the one before.
//! Between the two it waits in the publisher, so a stopped server delays the hand-over and not the schedule. The same thread
//! signals the subscribers when to send, and reads what the server hands back to the application.

mod caller;
pub mod command_pipe;
pub mod feed_connection;
mod link;
pub mod post_connection;
mod post_response;
mod published;
mod replayable_feed;
mod send_loop;
pub mod socket_connection;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use model::settings::Settings;
use protocol::message::TEXT_STAMP_LEN;

pub use caller::{Caller, PublisherError};
pub use link::{Feeds, Link};
pub use published::{Calls, Progress, Published};
pub use replayable_feed::{ReplayableFeed, Successor};
use send_loop::SendLoop;
pub use send_loop::{PublisherSpec, events_schedule, uplink_schedule};

/// The longest message that `settings` let the publisher send.
pub fn message_bytes(settings: &Settings) -> usize {
    settings.events.payload_bytes as usize + TEXT_STAMP_LEN
}

/// The longest message that `settings` let come back on the feed.
pub fn uplink_message_bytes(settings: &Settings) -> usize {
    settings.uplink.as_ref().map_or(0, |uplink| uplink.payload_bytes as usize) + TEXT_STAMP_LEN
}

/// A running publisher. Dropping it ends it.
#[derive(Debug)]
pub struct Publisher {
    stop: Arc<AtomicBool>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<Result<Published, PublisherError>>>,
}

impl Publisher {
    /// Starts the thread; it keeps to the cores of the one that calls this.
    /// Fails when the payload cannot be made, or the thread or its timer cannot be had.
    pub fn start(spec: PublisherSpec) -> Result<Self, PublisherError> {
        let (stop, progress) = (Arc::new(AtomicBool::new(false)), Arc::new(Progress::default()));
        let send_loop = SendLoop::new(spec)?;
        let (stopped, reported) = (Arc::clone(&stop), Arc::clone(&progress));
        let run = move || {
            // Without it the kernel may add 50 µs, which the schedule's lag would show.
            let _ = os::precise_timers();
            send_loop.run(&stopped, &reported)
        };
        let thread = thread::Builder::new().name("publisher".to_owned()).spawn(run);
        let thread = Some(thread.map_err(PublisherError::Clock)?);
        Ok(Self { stop, progress, thread })
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Whether it failed; [`finish`](Self::finish) returns the error.
    pub fn has_given_up(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it, even if not everything was handed over.
    /// Fails when it has failed, or was finished already.
    pub fn finish(&mut self) -> Result<Published, PublisherError> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().ok_or(PublisherError::Panicked)?;
        thread.join().map_err(|_| PublisherError::Panicked)?
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
