//! Pages as the audience of a trial: a thread on which the browser is driven, from its start to its end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use loadgen::assignment::Assignment;
use loadgen::os;
use loadgen::stop::{self, Stop, Stopper};
use loadgen::timing::Timing;
use loadgen::trial::{Audience, Gathered, LoadReport, Outgoing, TrialError};
use model::trial::TrialSpec;
use tokio::sync::watch;

use super::conversation::Page;
use super::error::PagesError;
use super::found::Found;

/// What the trial's thread and the browser's tell each other.
#[derive(Debug)]
struct Shared {
    prepared: AtomicBool,
    connected: AtomicU64,
    delivered: AtomicU64,
    /// What the browser is doing, as the end of a sentence.
    step: Mutex<&'static str>,
}

/// Pages of a browser that subscribe. Dropping it ends the browser.
#[derive(Debug)]
pub(crate) struct Pages {
    shared: Arc<Shared>,
    go: watch::Sender<bool>,
    timing: watch::Sender<Option<Timing>>,
    stopper: Stopper,
    thread: Option<JoinHandle<Result<Found, PagesError>>>,
    reconnects: u64,
    trouble: Option<String>,
}

/// Starts the browser of this kind, whose pages subscribe in the trial. They have the send times already, so the queues that
/// tell each are not needed.
///
/// # Errors
///
/// When no thread can be had. That the browser cannot be started is told later.
pub(crate) fn gather(
    kind: browser::BrowserKind,
    spec: &TrialSpec,
    assignment: Assignment,
    _: Outgoing,
) -> Gathered {
    let shared = Arc::new(Shared {
        prepared: AtomicBool::new(false),
        connected: AtomicU64::new(0),
        delivered: AtomicU64::new(0),
        step: Mutex::new("the browser has not started"),
    });
    let (go, may_go) = watch::channel(false);
    let (timing, told_timing) = watch::channel(None);
    let (stopper, stop) = stop::channel();
    let driver = Driver {
        kind,
        spec: spec.clone(),
        assignment,
        shared: Arc::clone(&shared),
        go: may_go,
        timing: told_timing,
        stop,
    };
    let thread = thread::Builder::new().name("browser".to_owned()).spawn(move || driver.run());
    let thread = Some(thread.map_err(TrialError::Thread)?);
    Ok(Box::new(Pages { shared, go, timing, stopper, thread, reconnects: 0, trouble: None }))
}

impl Audience for Pages {
    fn prepared(&self) -> (u64, u64) {
        (u64::from(self.shared.prepared.load(Ordering::Relaxed)), 1)
    }

    fn connect(&self) {
        self.go.send_replace(true);
    }

    fn connected(&self) -> u64 {
        self.shared.connected.load(Ordering::Relaxed)
    }

    fn open(&self, timing: Timing) {
        self.timing.send_replace(Some(timing));
    }

    fn delivered(&self) -> u64 {
        self.shared.delivered.load(Ordering::Relaxed)
    }

    fn reconnects(&self) -> u64 {
        self.reconnects
    }

    fn trouble(&self) -> Option<String> {
        match &self.trouble {
            Some(trouble) => Some(format!("the last error was: {trouble}")),
            None if self.thread.is_some() => {
                Some((*self.shared.step.lock().unwrap_or_else(PoisonError::into_inner)).to_owned())
            }
            None => None,
        }
    }

    fn is_hopeless(&self) -> bool {
        false
    }

    fn has_given_up(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        self.stopper.stop();
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        let found = thread.join().unwrap_or(Err(PagesError::Panicked));
        let found = found.map_err(|error| TrialError::Audience(Box::new(error)))?;
        (self.reconnects, self.trouble) = (found.reconnects, found.trouble);
        Ok(vec![found.uncounted.into()])
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // The trial has failed already; what the page says does not matter any more.
        let _ = self.finish();
    }
}

/// The browser's thread.
struct Driver {
    kind: browser::BrowserKind,
    spec: TrialSpec,
    assignment: Assignment,
    shared: Arc<Shared>,
    go: watch::Receiver<bool>,
    timing: watch::Receiver<Option<Timing>>,
    stop: Stop,
}

impl Driver {
    fn run(self) -> Result<Found, PagesError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(PagesError::Thread)?.block_on(async {
            tokio::select! {
                found = self.converse() => found,
                () = self.abandoned() => Err(PagesError::Abandoned),
            }
        })
    }

    async fn converse(&self) -> Result<Found, PagesError> {
        self.step("the browser is still starting");
        let mut page = Page::open(self.kind, &self.spec).await?;
        self.step("the page is still comparing clocks");
        let clock = page.clock().await?;
        self.shared.prepared.store(true, Ordering::Relaxed);
        told(&self.go, |go| *go).await;
        self.step("the page is still connecting");
        let set_ups = page.connect(&self.spec, self.assignment).await?;
        self.shared.connected.store(set_ups.len() as u64, Ordering::Relaxed);
        let Some(timing) = told(&self.timing, Option::is_some).await else {
            return Err(PagesError::Abandoned);
        };
        let delivered = page.run(&self.spec, self.assignment, timing, &clock).await?;
        self.shared.delivered.store(delivered, Ordering::Relaxed);
        self.stop.requested().await;
        let (subscribers, later) = page.finish().await?;
        let found = Found::of(&subscribers, &set_ups, timing, &clock.until(&later));
        page.close().await?;
        found
    }

    /// Resolves when the trial is stopped before its window has ended. Later, the page ends in its own bounded time.
    async fn abandoned(&self) {
        self.stop.requested().await;
        let is_over = self.timing.borrow().is_some_and(|timing| os::now_ns() >= timing.window_end_ns);
        if is_over {
            std::future::pending::<()>().await;
        }
    }

    fn step(&self, step: &'static str) {
        *self.shared.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }
}

/// What is told once it is as `wanted`.
async fn told<T: Copy>(by: &watch::Receiver<T>, wanted: fn(&T) -> bool) -> T {
    match by.clone().wait_for(wanted).await.map(|value| *value) {
        Ok(value) => value,
        // Whoever would have told it has abandoned the trial; the stop signal follows.
        Err(_) => std::future::pending().await,
    }
}
