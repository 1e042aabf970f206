//! All load threads of a process.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use model::trial::{ServerSpec, TrialSpec};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::TrialError;
use super::load_report::{DriverProgress, LoadReport};
use super::load_thread::{LoadThread, SharedState, Subscriber};
use super::subscriber_driver::{ConnectionErrors, Subscribe};
use super::subscriber_driver::{Outgoing, SubscriberDriver};
use crate::assignment::Assignment;
use crate::faults::ServerRestart;
use crate::schedule::Timing;
use crate::session::WorkerSpec;
use crate::transport::{Trust, TrustError};

/// Running load threads. Dropping them ends them.
#[derive(Debug)]
pub(super) struct LoadThreads {
    threads: Vec<JoinHandle<Result<LoadReport, TrialError>>>,
    shared: Arc<SharedState>,
    connected: Arc<AtomicU64>,
    delivered: Vec<Arc<AtomicU64>>,
}

impl LoadThreads {
    /// Starts these of the assignment's load threads, each on a core, by turns; they prepare to connect. `outgoing` is empty
    /// when no subscriber sends.
    pub(super) fn start(
        spec: &TrialSpec,
        assignment: Assignment,
        threads: Range<u32>,
        subscribe: Subscribe,
        outgoing: Outgoing,
    ) -> Result<Self, TrialError> {
        let settings = Arc::new(spec.settings.clone());
        let servers: Vec<_> = spec
            .servers()
            .map(|server| Ok((server.address, trust(spec, server)?)))
            .collect::<Result<_, TrustError>>()?;
        let restart = settings.restart.as_ref();
        let shared = Arc::new(SharedState {
            all_threads: assignment.threads(),
            subscribe,
            subscription: spec.target.as_ref().map(|target| target.subscription.clone()),
            server_restart: restart
                .map(|restart| Arc::new(ServerRestart::new(restart.backoff, assignment.channels()))),
            stop: CancellationToken::new(),
            prepared: AtomicU64::new(0),
            go: watch::Sender::new(false),
            timing: watch::Sender::new(None),
            errors: ConnectionErrors::default(),
            settings: Arc::clone(&settings),
        });
        let mut load = Self { threads: Vec::new(), shared, connected: Arc::default(), delivered: Vec::new() };
        let mut outgoing = outgoing.into_iter();
        for index in threads {
            let subscribers = assignment.of_thread(index).map(|index| Subscriber {
                index,
                channel: assignment.channel_of(index),
                server: assignment.server_of(index) as usize,
                outgoing: outgoing.next(),
            });
            let stop = load.shared.stop.child_token();
            let worker = |(address, trust): &(_, Option<Trust>)| WorkerSpec {
                address: *address,
                trust: trust.clone(),
                settings: Arc::clone(&settings),
                seed: spec.seed,
                index,
                stop: stop.clone(),
                connected: Arc::clone(&load.connected),
            };
            let thread = LoadThread {
                shared: Arc::clone(&load.shared),
                workers: servers.iter().map(worker).collect(),
                core: spec.load_cores.iter().copied().cycle().nth(index as usize),
                subscribers: subscribers.collect(),
                delivered: Arc::default(),
            };
            load.delivered.push(Arc::clone(&thread.delivered));
            let started = thread::Builder::new().name(format!("load-{index}")).spawn(move || thread.run());
            load.threads.push(started.map_err(TrialError::Thread)?);
        }
        Ok(load)
    }
}

impl SubscriberDriver for LoadThreads {
    fn progress(&self) -> DriverProgress {
        let Self { shared, threads, connected, delivered } = self;
        DriverProgress {
            prepared: shared.prepared.load(Ordering::Relaxed),
            threads: threads.len() as u64,
            connected: connected.load(Ordering::Relaxed),
            delivered: delivered.iter().map(|delivered| delivered.load(Ordering::Relaxed)).sum(),
            reconnects: shared.errors.reconnects(),
            last_error: shared.errors.last(),
            is_hopeless: shared.errors.is_hopeless(),
        }
    }

    fn connect(&self) {
        self.shared.go.send_replace(true);
    }

    fn open(&self, timing: Timing) {
        self.shared.timing.send_replace(Some(timing));
    }

    fn server_restart(&self) -> Option<Arc<ServerRestart>> {
        self.shared.server_restart.clone()
    }

    fn has_given_up(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        self.shared.stop.cancel();
        let reports = self.threads.drain(..).map(|thread| thread.join().map_err(|_| TrialError::Panicked)?);
        // All are joined, even after one that failed.
        let reports: Vec<_> = reports.collect();
        reports.into_iter().collect()
    }
}

impl Drop for LoadThreads {
    fn drop(&mut self) {
        // The trial has failed already; what the threads report does not matter any more.
        let _ = self.finish();
    }
}

/// What to trust, where TLS is spoken: with a target as its file says, else as the settings do.
fn trust(spec: &TrialSpec, server: &ServerSpec) -> Result<Option<Trust>, TrustError> {
    let trust = || Trust::from_base64(server.certificate.as_ref().ok_or(TrustError::Missing)?);
    match &spec.target {
        Some(target) => target.tls.as_ref().map(Trust::of_target).transpose(),
        None => spec.settings.transport.tls.then(trust).transpose(),
    }
}
