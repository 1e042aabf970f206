//! All load threads of a trial.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use schema::settings::Settings;
use tokio::sync::{mpsc, watch};

use super::load_thread::{LoadReport, LoadThread, Subscriber};
use super::trouble::Trouble;
use super::{Subscribe, TrialError};
use crate::roster::Roster;
use crate::shard::ShardSpec;
use crate::stop::{self, Stop, Stopper};
use crate::timing::Timing;
use crate::transport::Trust;

/// What the load threads are told.
#[derive(Debug)]
pub(super) struct LoadSpec {
    pub(super) address: SocketAddr,
    pub(super) trust: Option<Trust>,
    pub(super) settings: Arc<Settings>,
    pub(super) seed: u64,
    pub(super) cores: Vec<u32>,
    pub(super) roster: Roster,
    pub(super) subscribe: Subscribe,
    /// By the subscriber's number; empty when nobody sends.
    pub(super) outgoing: Vec<mpsc::UnboundedReceiver<u64>>,
}

/// Running load threads. Dropping them ends them.
#[derive(Debug)]
pub(super) struct Load {
    threads: Vec<JoinHandle<Result<LoadReport, TrialError>>>,
    stopper: Stopper,
    timing: watch::Sender<Option<Timing>>,
    prepared: Arc<AtomicU64>,
    go: watch::Sender<bool>,
    connected: Arc<AtomicU64>,
    delivered: Vec<Arc<AtomicU64>>,
    trouble: Arc<Trouble>,
}

impl Load {
    /// Starts a thread for each core, at least one, which prepare to connect.
    pub(super) fn start(spec: LoadSpec) -> Result<Self, TrialError> {
        let (stopper, stop) = stop::channel();
        let (timing, told) = watch::channel(None);
        let mut load = Self {
            threads: Vec::new(),
            stopper,
            timing,
            prepared: Arc::default(),
            go: watch::Sender::new(false),
            connected: Arc::default(),
            delivered: Vec::new(),
            trouble: Arc::default(),
        };
        let mut outgoing = spec.outgoing.into_iter();
        for index in 0..spec.roster.threads() {
            let subscribers = spec.roster.of_thread(index).map(|index| Subscriber {
                index,
                channel: spec.roster.channel_of(index),
                outgoing: outgoing.next(),
            });
            let shard = ShardSpec {
                address: spec.address,
                trust: spec.trust.clone(),
                settings: Arc::clone(&spec.settings),
                seed: spec.seed,
                index,
                stop: Stop::clone(&stop),
                connected: Arc::clone(&load.connected),
            };
            load.spawn(LoadThread {
                shard,
                core: spec.cores.get(index as usize).copied(),
                subscribers: subscribers.collect(),
                subscribe: spec.subscribe,
                prepared: Arc::clone(&load.prepared),
                go: load.go.subscribe(),
                timing: told.clone(),
                delivered: Arc::default(),
                trouble: Arc::clone(&load.trouble),
            })?;
        }
        Ok(load)
    }

    fn spawn(&mut self, thread: LoadThread) -> Result<(), TrialError> {
        self.delivered.push(Arc::clone(&thread.delivered));
        let name = format!("load-{}", thread.shard.index);
        let started = thread::Builder::new().name(name).spawn(move || thread.run());
        self.threads.push(started.map_err(TrialError::Thread)?);
        Ok(())
    }

    /// How many threads have what their subscribers need in order to connect, or cannot have it.
    pub(super) fn prepared(&self) -> u64 {
        self.prepared.load(Ordering::Relaxed)
    }

    /// Lets the subscribers connect.
    pub(super) fn connect(&self) {
        self.go.send_replace(true);
    }

    /// How many subscribers are connected.
    pub(super) fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    /// Events of the window that were delivered; 0 before the window's end.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered.iter().map(|delivered| delivered.load(Ordering::Relaxed)).sum()
    }

    /// What went wrong with connections.
    pub(super) fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Whether a thread had to give up; [`finish`](Self::finish) tells why.
    pub(super) fn has_given_up(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Fixes the phases.
    pub(super) fn open(&self, timing: Timing) {
        self.timing.send_replace(Some(timing));
    }

    /// Ends every session, closes every connection.
    pub(super) fn finish(&mut self) -> Result<Vec<LoadReport>, TrialError> {
        self.stopper.stop();
        let reports = self.threads.drain(..).map(|thread| thread.join().map_err(|_| TrialError::Panicked)?);
        // All are joined, also behind one that failed.
        let reports: Vec<_> = reports.collect();
        reports.into_iter().collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // The trial has failed already; what the threads say does not matter any more.
        let _ = self.finish();
    }
}
