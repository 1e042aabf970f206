//! The publisher: a thread of its own that keeps the schedule and waits for nobody.
//!
//! When an event is due it is picked up; when the server has room for it, or has answered the one before, it is handed over. Between the two it waits in the
//! publisher, so a stopped server delays the hand-over and not the schedule. The same thread tells the subscribers
//! when to send, and takes in what the server hands back to the application.

mod feeds;
mod link;
mod work;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use hdrhistogram::Histogram;
use model::settings::Settings;
use protocol::message::{MessageError, TEXT_STAMP_LEN};
use tokio::sync::mpsc;

pub use self::feeds::Feeds;
pub use self::link::{Link, Numbering};
use self::work::Work;
pub use self::work::{events_schedule, uplink_schedule};
use crate::assignment::Assignment;
use crate::feed_link::FeedError;
use crate::histogram;
use crate::payload::PayloadError;
use crate::post_link::PostError;
use crate::timing::Timing;

/// What a publisher is told.
#[derive(Debug)]
pub struct PublisherSpec {
    /// The connection to the server.
    pub link: Link,
    /// The trial's settings.
    pub settings: Arc<Settings>,
    /// The trial's seed.
    pub seed: u64,
    /// When to begin and to end.
    pub timing: Timing,
    /// Who reads which channel.
    pub assignment: Assignment,
    /// To each subscriber's session, by its number: when to send. Empty when nobody sends.
    pub outgoing: Vec<mpsc::UnboundedSender<u64>>,
}

/// What a publisher did. Only what was intended in the window.
#[derive(Debug)]
pub struct Published {
    /// Events that the server took.
    pub handed_over: u64,
    /// Deliveries that must come of the schedule: events, and subscribers' messages to their channel, × members.
    pub expected: u64,
    /// Messages that the subscribers were told to send.
    pub uplink_due: u64,
    /// Messages that the server handed back to the application.
    pub uplink_received: u64,
    /// Pick-up − intended send time, ns.
    pub schedule_lag: Histogram<u64>,
    /// Receive − intended send time of what came back to the application, ns.
    pub uplink: Histogram<u64>,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            handed_over: 0,
            expected: 0,
            uplink_due: 0,
            uplink_received: 0,
            schedule_lag: histogram::empty(),
            uplink: histogram::empty(),
        }
    }
}

/// Why a publisher had to give up.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// Its payload cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The server is gone, or not what it should be.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The server is gone, does not take an event, or speaks something else.
    #[error(transparent)]
    Post(#[from] PostError),
    /// What came back on the feed is not a message.
    #[error("the server handed back something else than a message")]
    NotAMessage(#[from] MessageError),
    /// The thread cannot be started, or the clock cannot be waited for.
    #[error("the publisher cannot keep its schedule")]
    Clock(#[source] io::Error),
    /// The thread panicked.
    #[error("the publisher's thread panicked")]
    Panicked,
}

/// How far a running publisher has come; counts as in [`Published`].
#[derive(Debug, Default)]
pub struct Progress {
    expected: AtomicU64,
    uplink_due: AtomicU64,
    uplink_received: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// Deliveries that must come, once the schedule has ended; none before.
    pub fn expected(&self) -> Option<u64> {
        self.ended.load(Ordering::Acquire).then(|| self.expected.load(Ordering::Relaxed))
    }

    /// Messages on their way to the application, were they all to reach it.
    pub fn uplink_outstanding(&self) -> u64 {
        let received = self.uplink_received.load(Ordering::Relaxed);
        self.uplink_due.load(Ordering::Relaxed).saturating_sub(received)
    }

    fn tell(&self, found: &Published, ended: bool) {
        self.expected.store(found.expected, Ordering::Relaxed);
        self.uplink_due.store(found.uplink_due, Ordering::Relaxed);
        self.uplink_received.store(found.uplink_received, Ordering::Relaxed);
        self.ended.store(ended, Ordering::Release);
    }
}

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
    ///
    /// # Errors
    ///
    /// When the payload cannot be made, or the thread or its timer cannot be had.
    pub fn start(spec: PublisherSpec) -> Result<Self, PublisherError> {
        let (stop, progress) = (Arc::new(AtomicBool::new(false)), Arc::new(Progress::default()));
        let work = Work::new(spec)?;
        let (stopped, told) = (Arc::clone(&stop), Arc::clone(&progress));
        let run = move || {
            // Without it the kernel may add 50 µs, which the schedule's lag would show.
            let _ = os::precise_timers();
            work.run(&stopped, &told)
        };
        let thread = thread::Builder::new().name("publisher".to_owned()).spawn(run);
        let thread = Some(thread.map_err(PublisherError::Clock)?);
        Ok(Self { stop, progress, thread })
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Whether it had to give up; [`finish`](Self::finish) tells why.
    pub fn has_given_up(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it, also when not all was handed over.
    ///
    /// # Errors
    ///
    /// When it had to give up before, or was finished already.
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
