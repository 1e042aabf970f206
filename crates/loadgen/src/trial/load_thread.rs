//! A load thread: one core, one single-threaded runtime, its share of the subscribers. It reads its own counters at
//! the window's edges, so that nobody else ever touches them.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schema::settings::Settings;
use schema::target::Subscription;
use schema::trial::{ClientClock, Flight, RecordedHead};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio::time::Instant;
use wire::message::MessageError;

use super::trouble::Trouble;
use super::{Subscribe, TrialError, subscription};
use crate::os;
use crate::recorder::Recorder;
use crate::set_up::SetUps;
use crate::shard::{Shard, ShardSpec, Snapshot};
use crate::timing::Timing;

/// Subscribers of a thread that connect at the same time. A listener's queue is finite; who does not fit it is tried
/// again by the kernel after a whole second.
const CONNECTING: u64 = 64;
/// As many where set-ups are measured, so that none waits for another's, and where TLS sessions are resumed: a ticket
/// serves once, and the next ones come with the connection.
const ONE_AFTER_ANOTHER: u64 = 1;
/// How often it looks whether there is room for the next one.
const CONNECT_LOOK: Duration = Duration::from_millis(1);
/// How often the delivered events are told after the window.
const TELL: Duration = Duration::from_millis(5);
/// Sessions that have not ended this long after the stop are cut off.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
/// Their connections, after that.
const LAST_LIMIT: Duration = Duration::from_secs(1);

/// A subscriber to be.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) index: u32,
    pub(super) channel: u32,
    pub(super) outgoing: Option<mpsc::UnboundedReceiver<u64>>,
}

/// What a load thread is told.
#[derive(Debug)]
pub(super) struct LoadThread {
    pub(super) shard: ShardSpec,
    /// Its core; none leaves it where it is.
    pub(super) core: Option<u32>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) subscribe: Subscribe,
    /// How a server that somebody else wrote is subscribed to.
    pub(super) subscription: Option<Subscription>,
    /// Told once its subscribers could connect.
    pub(super) prepared: Arc<AtomicU64>,
    /// Whether they may.
    pub(super) go: watch::Receiver<bool>,
    /// The trial's phases, once they are fixed.
    pub(super) timing: watch::Receiver<Option<Timing>>,
    /// Told from the window's end on: what this thread's subscribers were delivered.
    pub(super) delivered: Arc<AtomicU64>,
    pub(super) trouble: Arc<Trouble>,
}

/// What a load thread found, or a part of another [`Audience`](super::Audience).
#[derive(Debug)]
pub struct LoadReport {
    /// At the window's begin and end.
    pub(super) edges: [Snapshot; 2],
    /// After the last connection was closed.
    pub(super) total: Snapshot,
    /// What was recorded.
    pub(super) recorder: Recorder,
    /// What it took until the subscribers were connected.
    pub(super) set_ups: SetUps,
    /// What requests and answers said: one of each kind of exchange.
    pub(super) heads: Vec<RecordedHead>,
    /// Every flight at the sockets, if the trial is traced; times are those of `CLOCK_MONOTONIC`.
    pub(super) trace: Vec<Flight>,
    /// Why the first unreadable message was none.
    pub(super) unreadable: Option<MessageError>,
    /// Its clock, if it is not `CLOCK_MONOTONIC` itself.
    pub(super) clock: Option<ClientClock>,
}

impl LoadThread {
    /// Runs until the shard is stopped.
    pub(super) fn run(mut self) -> Result<LoadReport, TrialError> {
        let cores = self.core.as_slice();
        os::pin(cores).map_err(|source| TrialError::Pin { cores: cores.to_vec(), source })?;
        let runtime = runtime().map_err(TrialError::Thread)?;
        let shard = Shard::at_target(self.shard.clone(), self.subscription.take())?;
        let local = LocalSet::new();
        let edges = local.block_on(&runtime, self.drive(&shard))?;
        // Whatever task of a technique is left ends here, and closes its connection.
        drop(local);
        Ok(LoadReport {
            edges,
            total: shard.snapshot(),
            recorder: shard.take_recorder(),
            set_ups: shard.take_set_ups(),
            heads: shard.heads(),
            trace: shard.take_trace(),
            unreadable: shard.unreadable(),
            clock: None,
        })
    }

    async fn drive(&mut self, shard: &Rc<Shard>) -> Result<[Snapshot; 2], TrialError> {
        let mut sessions = JoinSet::new();
        let stop = shard.stop();
        let measured = async {
            self.prepare(shard).await;
            self.connect(shard, &mut sessions).await;
            self.measure(shard).await
        };
        let edges = tokio::select! {
            edges = measured => edges,
            // Only a trial that is abandoned is stopped before its window has passed.
            () = stop.requested() => [Snapshot::default(); 2],
        };
        stop.requested().await;
        close(sessions).await?;
        // A connection that a server does not end is cut off.
        let _ = tokio::time::timeout(LAST_LIMIT, shard.all_closed()).await;
        Ok(edges)
    }

    /// What is needed before the first connection is nobody's set-up.
    async fn prepare(&mut self, shard: &Shard) {
        // What goes wrong here goes wrong again, and is told, when a session connects.
        let _ = shard.prime().await;
        self.prepared.fetch_add(1, Ordering::Relaxed);
        told(&mut self.go, |go| *go).await;
    }

    async fn connect(&mut self, shard: &Rc<Shard>, sessions: &mut JoinSet<()>) {
        let one_after_another = shard.resumes() || measures_set_ups(&self.shard.settings);
        let at_a_time = if one_after_another { ONE_AFTER_ANOTHER } else { CONNECTING };
        for (started, subscriber) in (0..).zip(std::mem::take(&mut self.subscribers)) {
            while started >= shard.connected() + at_a_time {
                tokio::time::sleep(CONNECT_LOOK).await;
            }
            let Subscriber { index, channel, outgoing } = subscriber;
            let session = shard.session(index, channel, outgoing);
            let (subscribe, trouble) = (self.subscribe, Arc::clone(&self.trouble));
            sessions.spawn_local(async move { subscription::keep(session, subscribe, &trouble).await });
        }
    }

    /// Reads the counters at both edges, then tells what was delivered until it is cut off.
    async fn measure(&mut self, shard: &Rc<Shard>) -> [Snapshot; 2] {
        let Some(timing) = told(&mut self.timing, Option::is_some).await else {
            return [Snapshot::default(); 2];
        };
        shard.open(timing.window());
        sleep_until(timing.window_start_ns).await;
        let first = shard.snapshot();
        sleep_until(timing.window_end_ns).await;
        let edges = [first, shard.snapshot()];
        tokio::task::spawn_local(tell(Rc::clone(shard), Arc::clone(&self.delivered)));
        edges
    }
}

/// Greetings tell when a set-up has ended, and an added delay tells its round trips.
fn measures_set_ups(settings: &Settings) -> bool {
    settings.greeting && settings.subscribers.added_delay_ns > 0
}

/// What is told once it is as `wanted`.
async fn told<T: Copy>(by: &mut watch::Receiver<T>, wanted: fn(&T) -> bool) -> T {
    match by.wait_for(wanted).await.map(|value| *value) {
        Ok(value) => value,
        // Whoever would have told it has abandoned the trial; the stop signal follows.
        Err(_) => std::future::pending().await,
    }
}

async fn tell(shard: Rc<Shard>, delivered: Arc<AtomicU64>) {
    loop {
        delivered.store(shard.recorder().counters.delivered, Ordering::Relaxed);
        tokio::time::sleep(TELL).await;
    }
}

/// Waits for the sessions to end.
async fn close(mut sessions: JoinSet<()>) -> Result<(), TrialError> {
    let all = async {
        while let Some(ended) = sessions.join_next().await {
            if ended.as_ref().is_err_and(JoinError::is_panic) {
                return Err(TrialError::Panicked);
            }
        }
        Ok(())
    };
    // Whoever has not ended by then is cut off as the set is dropped.
    tokio::time::timeout(CLOSE_LIMIT, all).await.unwrap_or(Ok(()))
}

async fn sleep_until(deadline_ns: u64) {
    let left_ns = deadline_ns.saturating_sub(os::now_ns());
    tokio::time::sleep_until(Instant::now() + Duration::from_nanos(left_ns)).await;
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
