//! All load threads of a process.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use model::settings::Settings;
use model::trial::{ServerSpec, TrialSpec};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::TrialError;
use super::load_report::LoadReport;
use super::load_thread::{LoadThread, Subscriber};
use super::subscriber_driver::{Outgoing, SubscriberDriver};
use super::subscription::{ConnectionErrors, Subscribe};
use crate::assignment::Assignment;
use crate::faults::ServerRestart;
use crate::schedule::Timing;
use crate::session::WorkerSpec;
use crate::transport::{Trust, TrustError};

/// Running load threads. Dropping them ends them.
#[derive(Debug)]
pub(super) struct LoadThreads {
    threads: Vec<JoinHandle<Result<LoadReport, TrialError>>>,
    stop: CancellationToken,
    timing: watch::Sender<Option<Timing>>,
    prepared: Arc<AtomicU64>,
    go: watch::Sender<bool>,
    connected: Arc<AtomicU64>,
    delivered: Vec<Arc<AtomicU64>>,
    errors: Arc<ConnectionErrors>,
    server_restart: Option<Arc<ServerRestart>>,
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
            .map(|server| Ok((server.address, trust(server, &settings)?)))
            .collect::<Result<_, TrustError>>()?;
        let (timing, phases) = watch::channel(None);
        let mut load = Self {
            threads: Vec::new(),
            stop: CancellationToken::new(),
            timing,
            prepared: Arc::default(),
            go: watch::Sender::new(false),
            connected: Arc::default(),
            delivered: Vec::new(),
            errors: Arc::default(),
            server_restart: settings
                .restart
                .as_ref()
                .map(|restart| Arc::new(ServerRestart::new(restart.backoff, assignment.channels()))),
        };
        let mut outgoing = outgoing.into_iter();
        for index in threads {
            let subscribers = assignment.of_thread(index).map(|index| Subscriber {
                index,
                channel: assignment.channel_of(index),
                server: assignment.server_of(index) as usize,
                outgoing: outgoing.next(),
            });
            let stop = load.stop.child_token();
            let worker = |(address, trust): &(_, Option<Trust>)| WorkerSpec {
                address: *address,
                trust: trust.clone(),
                settings: Arc::clone(&settings),
                seed: spec.seed,
                index,
                stop: stop.clone(),
                connected: Arc::clone(&load.connected),
            };
            load.spawn(LoadThread {
                workers: servers.iter().map(worker).collect(),
                stop: stop.clone(),
                core: spec.load_cores.iter().copied().cycle().nth(index as usize),
                all_threads: assignment.threads(),
                index,
                subscribers: subscribers.collect(),
                subscribe,
                subscription: spec.target.as_ref().map(|target| target.subscription.clone()),
                prepared: Arc::clone(&load.prepared),
                go: load.go.subscribe(),
                timing: phases.clone(),
                delivered: Arc::default(),
                errors: Arc::clone(&load.errors),
                server_restart: load.server_restart.clone(),
                settings: Arc::clone(&settings),
            })?;
        }
        Ok(load)
    }

    fn spawn(&mut self, thread: LoadThread) -> Result<(), TrialError> {
        self.delivered.push(Arc::clone(&thread.delivered));
        let name = format!("load-{}", thread.index);
        let started = thread::Builder::new().name(name).spawn(move || thread.run());
        self.threads.push(started.map_err(TrialError::Thread)?);
        Ok(())
    }
}

impl SubscriberDriver for LoadThreads {
    fn prepared(&self) -> (u64, u64) {
        (self.prepared.load(Ordering::Relaxed), self.threads.len() as u64)
    }

    fn connect(&self) {
        self.go.send_replace(true);
    }

    fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    fn open(&self, timing: Timing) {
        self.timing.send_replace(Some(timing));
    }

    fn delivered(&self) -> u64 {
        self.delivered.iter().map(|delivered| delivered.load(Ordering::Relaxed)).sum()
    }

    fn server_restart(&self) -> Option<Arc<ServerRestart>> {
        self.server_restart.clone()
    }

    fn reconnects(&self) -> u64 {
        self.errors.reconnects()
    }

    fn last_error(&self) -> Option<String> {
        self.errors.last()
    }

    fn is_hopeless(&self) -> bool {
        self.errors.is_hopeless()
    }

    fn has_given_up(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        self.stop.cancel();
        let reports = self.threads.drain(..).map(|thread| thread.join().map_err(|_| TrialError::Panicked)?);
        // All are joined, even after one that failed.
        let reports: Vec<_> = reports.collect();
        reports.into_iter().collect()
    }
}

impl Drop for LoadThreads {
    fn drop(&mut self) {
        // The trial has failed already; what the threads say does not matter any more.
        let _ = self.finish();
    }
}

/// The certificate to trust, where the settings ask for TLS.
fn trust(server: &ServerSpec, settings: &Settings) -> Result<Option<Trust>, TrustError> {
    let trust = || Trust::from_base64(server.certificate.as_ref().ok_or(TrustError::Missing)?);
    settings.transport.tls.then(trust).transpose()
}
