//! A load thread: one core, one single-threaded runtime, its share of the subscribers, with a worker for each server process.
//! It reads its own counters at the window's edges, so that no other thread ever touches them.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::settings::Settings;
use model::target::Subscription;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::{TrialError, pin};
use super::load_report::LoadReport;
use super::subscriber_driver::{ConnectionErrors, Subscribe, close_limit, keep};
use crate::faults::ServerRestart;
use crate::schedule::Timing;
use crate::session::{Session, Snapshot, WorkerContext, WorkerSpec};

/// Subscribers of a thread that connect at the same time, at most.
const CONNECTING: u64 = 64;
/// As many where set-ups are measured, so that none waits for another's, and where TLS sessions are resumed: a ticket
/// serves once, and the next ones come with the connection.
const ONE_AFTER_ANOTHER: u64 = 1;
/// Subscribers of all threads together that connect at the same time for each server process. A listener's queue is finite;
/// the kernel retries a connection that does not fit only after a second.
const CONNECTING_AT_A_SERVER: u64 = 256;
/// How often it looks whether there is room for the next one.
const CONNECT_LOOK: Duration = Duration::from_millis(1);
/// How often the delivered events are reported after the window.
const REPORT: Duration = Duration::from_millis(5);
/// Connections that a server has not closed so long after the last session's end are cut off.
const LAST_LIMIT: Duration = Duration::from_secs(1);

/// A subscriber that is still to connect.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) index: u32,
    pub(super) channel: u32,
    pub(super) server: usize,
    pub(super) outgoing: Option<mpsc::UnboundedReceiver<u64>>,
}

#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) settings: Arc<Settings>,
    /// How many threads there are in all load processes.
    pub(super) all_threads: u32,
    pub(super) subscribe: Subscribe,
    /// How to subscribe at a target, which is no server of ours.
    pub(super) subscription: Option<Subscription>,
    pub(super) server_restart: Option<Arc<ServerRestart>>,
    pub(super) stop: CancellationToken,
    /// Counts the threads whose subscribers could connect.
    pub(super) prepared: AtomicU64,
    /// Whether they may.
    pub(super) go: watch::Sender<bool>,
    /// The trial's phases, once they are fixed.
    pub(super) timing: watch::Sender<Option<Timing>>,
    pub(super) errors: ConnectionErrors,
}

#[derive(Debug)]
pub(super) struct LoadThread {
    pub(super) shared: Arc<SharedState>,
    /// By the server process.
    pub(super) workers: Vec<WorkerSpec>,
    /// Its core; none leaves it where it is.
    pub(super) core: Option<u32>,
    pub(super) subscribers: Vec<Subscriber>,
    /// From the window's end on: events that this thread's subscribers received.
    pub(super) delivered: Arc<AtomicU64>,
}

impl LoadThread {
    /// Runs until it is stopped.
    pub(super) fn run(mut self) -> Result<LoadReport, TrialError> {
        pin(self.core.as_slice())?;
        let runtime = runtime().map_err(TrialError::Thread)?;
        let subscription = &self.shared.subscription;
        let workers = self.workers.drain(..).map(|spec| WorkerContext::at_target(spec, subscription.clone()));
        let workers: Vec<_> = workers.collect::<Result<_, _>>()?;
        for (worker, server_restart) in workers.iter().zip(self.shared.server_restart.iter().cycle()) {
            WorkerContext::expect(worker, Arc::clone(server_restart));
        }
        let local = LocalSet::new();
        let edges = local.block_on(&runtime, self.drive(&workers))?;
        // Tasks of a technique that are left end here, and close their connections.
        drop(local);
        Ok(LoadReport::of(edges, &workers))
    }

    async fn drive(&mut self, workers: &[Rc<WorkerContext>]) -> Result<[Snapshot; 2], TrialError> {
        let mut sessions = JoinSet::new();
        let shared = Arc::clone(&self.shared);
        let measured = async {
            self.prepare(workers).await;
            self.connect(workers, &mut sessions).await;
            self.measure(workers).await
        };
        let edges = tokio::select! {
            edges = measured => edges,
            () = abandoned(&shared) => [Snapshot::default(); 2],
        };
        shared.stop.cancelled().await;
        close(sessions, close_limit(&shared.settings)).await?;
        // A connection that a server does not end is cut off.
        let all_closed = futures_util::future::join_all(workers.iter().map(|worker| worker.all_closed()));
        let _ = tokio::time::timeout(LAST_LIMIT, all_closed).await;
        Ok(edges)
    }

    /// Fetches what is needed before the first connection, which belongs to no subscriber's set-up.
    async fn prepare(&self, workers: &[Rc<WorkerContext>]) {
        for worker in workers {
            // An error here comes again when a session connects, and is reported then.
            let _ = worker.prime().await;
        }
        self.shared.prepared.fetch_add(1, Ordering::Relaxed);
        wait_for(&self.shared.go, |go| *go).await;
    }

    async fn connect(&mut self, workers: &[Rc<WorkerContext>], sessions: &mut JoinSet<()>) {
        let at_a_time = self.at_a_time(workers);
        for (started, subscriber) in (0..).zip(std::mem::take(&mut self.subscribers)) {
            while started >= connected(workers) + at_a_time {
                tokio::time::sleep(CONNECT_LOOK).await;
            }
            let Subscriber { index, channel, server, outgoing } = subscriber;
            let session = Session::new(&workers[server], index, channel, outgoing);
            let shared = Arc::clone(&self.shared);
            sessions.spawn_local(async move { keep(session, shared.subscribe, &shared.errors).await });
        }
    }

    /// How many subscribers of this thread connect at the same time.
    fn at_a_time(&self, workers: &[Rc<WorkerContext>]) -> u64 {
        if workers.iter().any(|worker| worker.resumes()) || measures_set_ups(&self.shared.settings) {
            return ONE_AFTER_ANOTHER;
        }
        let room = CONNECTING_AT_A_SERVER * workers.len() as u64;
        (room / u64::from(self.shared.all_threads.max(1))).clamp(1, CONNECTING)
    }

    /// Reads the counters at both edges, then reports what was delivered until it is dropped.
    async fn measure(&self, workers: &[Rc<WorkerContext>]) -> [Snapshot; 2] {
        let Some(timing) = wait_for(&self.shared.timing, Option::is_some).await else {
            return [Snapshot::default(); 2];
        };
        for worker in workers {
            worker.open(timing.window());
        }
        sleep_until(timing.window_start_ns).await;
        let first = read(workers);
        sleep_until(timing.window_end_ns).await;
        let edges = [first, read(workers)];
        tokio::task::spawn_local(report(workers.to_vec(), Arc::clone(&self.delivered)));
        edges
    }
}

/// Resolves when a trial is stopped before its window has passed. Where nothing is awaited after the window, it is stopped at
/// its very end, when the counters are still to be read.
async fn abandoned(shared: &SharedState) {
    shared.stop.cancelled().await;
    let has_passed = shared.timing.borrow().is_some_and(|timing| timing.window_end_ns <= os::now_ns());
    if has_passed {
        std::future::pending::<()>().await;
    }
}

fn read(workers: &[Rc<WorkerContext>]) -> Snapshot {
    let mut sum = Snapshot::default();
    for worker in workers {
        sum += worker.snapshot();
    }
    sum
}

fn connected(workers: &[Rc<WorkerContext>]) -> u64 {
    workers.iter().map(|worker| worker.connected()).sum()
}

/// Greetings mark the end of a set-up, and an added delay shows its round trips.
fn measures_set_ups(settings: &Settings) -> bool {
    settings.greeting && settings.subscribers.added_delay_ns > 0
}

/// The value, once it is as `wanted`.
async fn wait_for<T: Copy>(sender: &watch::Sender<T>, wanted: fn(&T) -> bool) -> T {
    match sender.subscribe().wait_for(wanted).await.map(|value| *value) {
        Ok(value) => value,
        // The sender is gone, and with it the trial.
        Err(_) => std::future::pending().await,
    }
}

async fn report(workers: Vec<Rc<WorkerContext>>, delivered: Arc<AtomicU64>) {
    loop {
        let all = workers.iter().map(|worker| worker.recorder().counters.delivered).sum();
        delivered.store(all, Ordering::Relaxed);
        tokio::time::sleep(REPORT).await;
    }
}

/// Waits for the sessions to end, at most for so long.
async fn close(mut sessions: JoinSet<()>, limit: Duration) -> Result<(), TrialError> {
    let all = async {
        while let Some(ended) = sessions.join_next().await {
            if ended.as_ref().is_err_and(JoinError::is_panic) {
                return Err(TrialError::Panicked);
            }
        }
        Ok(())
    };
    // Sessions that have not ended by then are cut off as the set is dropped.
    tokio::time::timeout(limit, all).await.unwrap_or(Ok(()))
}

async fn sleep_until(deadline_ns: u64) {
    let left_ns = deadline_ns.saturating_sub(os::now_ns());
    tokio::time::sleep_until(Instant::now() + Duration::from_nanos(left_ns)).await;
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
