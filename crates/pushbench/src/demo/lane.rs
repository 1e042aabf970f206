//! A lane: one technique's server on a port of its own, and what has crossed its relay.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use model::byte_account::Account;
use server_kit::settings::Limits;
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::relay::Relay;
use crate::registry::Technique;

/// Events that are kept for a lane that polls seldom: over a minute at the highest rate.
const REPLAY_EVENTS: usize = 16_384;
/// Connections of a lane: a page has up to six, and there may be a few pages.
const CONNECTIONS: usize = 256;

/// One technique.
pub(super) struct Lane {
    pub(super) technique: &'static Technique,
    /// Where the page finds it: the relay's port.
    pub(super) port: u16,
    pub(super) hub: Hub,
    connections: AtomicU64,
    counts: Mutex<Counts>,
}

/// What has crossed the relay so far, as the page's side saw it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) account: Account,
    pub(super) requests: u64,
}

/// An open connection, for as long as it lives.
pub(super) struct Open<'a>(&'a Lane);

/// Starts the technique's server among `servers`, and binds its relay.
///
/// # Errors
///
/// When a port cannot be had.
pub(super) async fn open(
    technique: &'static Technique,
    address: IpAddr,
    servers: &mut JoinSet<anyhow::Result<()>>,
    stop: Stop,
) -> anyhow::Result<(Arc<Lane>, Relay)> {
    let port = |address| async move {
        let listener = TcpListener::bind(SocketAddr::new(address, 0)).await;
        listener.with_context(|| format!("find a port for {}", technique.label))
    };
    // The server itself is for its relay only.
    let (behind, before) = (port(IpAddr::from([127, 0, 0, 1])).await?, port(address).await?);
    let (server, front) = (behind.local_addr()?, before.local_addr()?);
    let settings = settings();
    let hub = Hub::new((technique.encode)(&settings), &settings);
    let serving = (technique.serve)(behind, hub.clone(), settings, stop);
    servers.spawn(async move { serving.await.with_context(|| format!("serve {}", technique.label)) });
    let lane = Lane {
        technique,
        port: front.port(),
        hub,
        connections: AtomicU64::new(0),
        counts: Mutex::new(Counts::default()),
    };
    Ok((Arc::new(lane), Relay::new(before, server)))
}

/// A greeting tells a page where it begins; a page comes from another origin than its lanes.
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

impl Lane {
    /// Counts a connection as open until what is returned is dropped.
    pub(super) fn connect(&self) -> Open<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
