//! The state that all parts of a demo share: the values of the controls, and the servers. Each part reads the controls when they matter: the
//! publisher waits for changes, the relays check them for each piece that they forward.
//!
//! Each technique has a server, and a relay with a port of its own and its counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use model::byte_account::Account;
use serde::Serialize;
use server_kit::settings::Limits;
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;

use crate::registry::Technique;

/// The current values of the controls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct ControlValues {
    pub rate_per_s: f64,
    pub payload_bytes: u32,
    /// Added in each direction between a server and the page, in ms.
    pub delay_ms: u32,
    /// The end of the latest stall, ns of `CLOCK_MONOTONIC`; 0 before the first.
    #[serde(skip)]
    pub stalled_until_ns: u64,
    /// The start of the latest stall.
    #[serde(skip)]
    pub stalled_from_ns: u64,
    /// The publisher must stop.
    #[serde(skip)]
    pub is_over: bool,
}

/// What all parts of a demo share.
pub(super) struct DemoState {
    pub(super) servers: Vec<Arc<DemoServer>>,
    /// The start, ns of `CLOCK_MONOTONIC`: the page's milliseconds count from here.
    pub(super) begun_ns: u64,
    values: Mutex<ControlValues>,
    changed: Condvar,
    /// Events published so far.
    pub(super) published: AtomicU64,
    /// Pages that follow the figures.
    pub(super) viewers: AtomicU64,
}

impl DemoState {
    pub(super) fn new(servers: Vec<Arc<DemoServer>>) -> Self {
        let values = ControlValues { rate_per_s: 5.0, payload_bytes: 100, ..ControlValues::default() };
        Self {
            servers,
            begun_ns: os::now_ns(),
            values: Mutex::new(values),
            changed: Condvar::new(),
            published: AtomicU64::new(0),
            viewers: AtomicU64::new(0),
        }
    }

    pub(super) fn values(&self) -> ControlValues {
        *self.lock()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut ControlValues)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for the values to differ from `known`, but no longer than `limit`.
    pub(super) fn wait(&self, known: &ControlValues, limit: Duration) {
        let waiting = |values: &mut ControlValues| values == known;
        // The caller reads the values again in any case.
        let _ = self.changed.wait_timeout_while(self.lock(), limit, waiting);
    }

    fn lock(&self) -> MutexGuard<'_, ControlValues> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events that are kept for a page that polls rarely: over a minute at the highest rate.
const REPLAY_EVENTS: usize = 16_384;
/// Connections of a server: a page opens up to six, and there may be a few pages.
const CONNECTIONS: usize = 256;

pub(super) struct DemoServer {
    pub(super) technique: &'static Technique,
    /// The relay's port, which the page connects to.
    pub(super) port: u16,
    pub(super) hub: Hub,
    connections: AtomicU64,
    counts: Mutex<RelayCounts>,
}

/// What the relay has carried so far, counted at the page's side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RelayCounts {
    pub(super) account: Account,
    pub(super) requests: u64,
}

/// An open connection, counted until this is dropped.
pub(super) struct OpenConnection<'a>(&'a DemoServer);

impl DemoServer {
    /// A server whose relay is at `port`, and its work until `stop`.
    pub(super) fn new(
        technique: &'static Technique,
        port: u16,
        listener: TcpListener,
        stop: Stop,
    ) -> (Self, BoxFuture<'static, anyhow::Result<()>>) {
        let settings = settings();
        let hub = Hub::new((technique.encode)(&settings), &settings);
        let serving = (technique.serve)(listener, hub.clone(), settings, stop);
        let serving =
            async move { serving.await.with_context(|| format!("serve {}", technique.label)) }.boxed();
        let (connections, counts) = (AtomicU64::new(0), Mutex::new(RelayCounts::default()));
        (Self { technique, port, hub, connections, counts }, serving)
    }

    pub(super) fn connect(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> RelayCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut RelayCounts)) {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A greeting sets the page's cursor; the page comes from another origin than the servers.
fn settings() -> Settings {
    let limits =
        Limits { replay_events: REPLAY_EVENTS, connections: CONNECTIONS, channels: 1, ..Limits::default() };
    Settings {
        limits,
        greeting: true,
        cross_origin: true,
        hold: Duration::from_secs(25),
        ..Settings::default()
    }
}
