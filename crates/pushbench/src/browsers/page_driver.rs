//! The thread that drives a browser whose pages are the subscribers of a trial.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use loadgen::assignment::Assignment;
use loadgen::schedule::Timing;
use loadgen::trial::{DriverProgress, Gathered, LoadReport, Outgoing, SubscriberDriver, TrialError};
use model::trial::TrialSpec;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::page::{EXCHANGES, Page};
use super::page_result::{PageError, PageResult};

/// The browser thread's progress, which the trial's thread reads.
#[derive(Debug)]
struct Progress {
    prepared: AtomicBool,
    connected: AtomicU64,
    delivered: AtomicU64,
    /// What the browser is doing, as a clause.
    step: Mutex<&'static str>,
}

/// The trial's handle of the browser thread. Dropping it ends the browser.
#[derive(Debug)]
pub(crate) struct PageDriver {
    progress: Arc<Progress>,
    go: watch::Sender<bool>,
    timing: watch::Sender<Option<Timing>>,
    /// None once it is stopped.
    stopper: Option<DropGuard>,
    thread: Option<JoinHandle<Result<PageResult, PageError>>>,
    reconnects: u64,
    last_error: Option<String>,
}

/// Starts the browser whose pages are the trial's subscribers. The pages know their send times, so they need no queue of
/// them. Fails if no thread can be started; errors of the browser are reported later.
pub(crate) fn drive(
    kind: browser::BrowserKind,
    spec: &TrialSpec,
    assignment: Assignment,
    _: Outgoing,
) -> Gathered {
    let progress = Arc::new(Progress {
        prepared: AtomicBool::new(false),
        connected: AtomicU64::new(0),
        delivered: AtomicU64::new(0),
        step: Mutex::new("the browser has not started"),
    });
    let (go, may_go) = watch::channel(false);
    let (timing, known_timing) = watch::channel(None);
    let stop = CancellationToken::new();
    let driver = BrowserThread {
        kind,
        spec: spec.clone(),
        assignment,
        progress: Arc::clone(&progress),
        go: may_go,
        timing: known_timing,
        stop: stop.clone(),
    };
    let thread = thread::Builder::new().name("browser".to_owned()).spawn(move || driver.run());
    let thread = Some(thread.map_err(TrialError::Thread)?);
    Ok(Box::new(PageDriver {
        progress,
        go,
        timing,
        stopper: Some(stop.drop_guard()),
        thread,
        reconnects: 0,
        last_error: None,
    }))
}

impl SubscriberDriver for PageDriver {
    fn progress(&self) -> DriverProgress {
        let step = || (*self.progress.step.lock().unwrap_or_else(PoisonError::into_inner)).to_owned();
        let last_error = self.last_error.as_ref().map(|error| format!("the last error was: {error}"));
        DriverProgress {
            prepared: u64::from(self.progress.prepared.load(Ordering::Relaxed)),
            threads: 1,
            connected: self.progress.connected.load(Ordering::Relaxed),
            delivered: self.progress.delivered.load(Ordering::Relaxed),
            reconnects: self.reconnects,
            last_error: last_error.or_else(|| self.thread.is_some().then(step)),
            is_hopeless: false,
        }
    }

    fn connect(&self) {
        self.go.send_replace(true);
    }

    fn open(&self, timing: Timing) {
        self.timing.send_replace(Some(timing));
    }

    fn has_given_up(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        drop(self.stopper.take());
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        let result = thread.join().unwrap_or(Err(PageError::Panicked));
        let result = result.map_err(|error| TrialError::Driver(Box::new(error)))?;
        (self.reconnects, self.last_error) = (result.reconnects, result.last_error);
        Ok(vec![result.uncounted.into()])
    }
}

impl Drop for PageDriver {
    fn drop(&mut self) {
        // The trial has failed already, so the page's results no longer matter.
        let _ = self.finish();
    }
}

/// The browser's thread.
struct BrowserThread {
    kind: browser::BrowserKind,
    spec: TrialSpec,
    assignment: Assignment,
    progress: Arc<Progress>,
    go: watch::Receiver<bool>,
    timing: watch::Receiver<Option<Timing>>,
    stop: CancellationToken,
}

impl BrowserThread {
    fn run(self) -> Result<PageResult, PageError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(PageError::Thread)?.block_on(async {
            tokio::select! {
                result = self.subscribe() => result,
                () = self.abandoned() => Err(PageError::Abandoned),
            }
        })
    }

    async fn subscribe(&self) -> Result<PageResult, PageError> {
        self.step("the browser is still starting");
        let mut page = Page::open(self.kind, &self.spec).await?;
        self.step("the page is still comparing clocks");
        let clock = page.clock(EXCHANGES[0]).await?;
        self.progress.prepared.store(true, Ordering::Relaxed);
        reached(&self.go, |go| *go).await;
        self.step("the page is still connecting");
        let set_ups = page.connect(&self.spec, self.assignment).await?;
        self.progress.connected.store(set_ups.len() as u64, Ordering::Relaxed);
        let Some(timing) = reached(&self.timing, Option::is_some).await else {
            return Err(PageError::Abandoned);
        };
        let delivered = page.run(&self.spec, self.assignment, timing, &clock).await?;
        self.progress.delivered.store(delivered, Ordering::Relaxed);
        self.stop.cancelled().await;
        let subscribers = page.finish().await?;
        let later = page.clock(EXCHANGES[1]).await?;
        let result = PageResult::new(&subscribers, &set_ups, timing, &clock.until(&later));
        page.close().await?;
        result
    }

    /// Resolves if the trial stops before its window has ended. Afterwards, the page itself ends in bounded time.
    async fn abandoned(&self) {
        self.stop.cancelled().await;
        let is_over = self.timing.borrow().is_some_and(|timing| os::now_ns() >= timing.window_end_ns);
        if is_over {
            std::future::pending::<()>().await;
        }
    }

    fn step(&self, step: &'static str) {
        *self.progress.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }
}

/// Waits for a value that is `wanted`, and returns it.
async fn reached<T: Copy>(receiver: &watch::Receiver<T>, wanted: fn(&T) -> bool) -> T {
    match receiver.clone().wait_for(wanted).await.map(|value| *value) {
        Ok(value) => value,
        // The trial's thread has abandoned the trial; the stop signal follows.
        Err(_) => std::future::pending().await,
    }
}
