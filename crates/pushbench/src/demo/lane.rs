//! A lane: one technique's server on a port of its own, and the counts of its relay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use model::byte_account::Account;
use server_kit::settings::Limits;
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;

use crate::registry::Technique;

/// Events that are kept for a lane that polls rarely: over a minute at the highest rate.
const REPLAY_EVENTS: usize = 16_384;
/// Connections of a lane: a page opens up to six, and there may be a few pages.
const CONNECTIONS: usize = 256;

/// One technique.
pub(super) struct Lane {
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
pub(super) struct OpenConnection<'a>(&'a Lane);

impl Lane {
    /// A lane at `port`, and its server, to be run until `stop`.
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

    /// Counts a connection.
    pub(super) fn connect(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
    }

    /// Open connections.
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

/// A greeting sets the page's cursor; the page comes from another origin than its lanes.
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
