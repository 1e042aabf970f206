//! `pushbench demo`: one live feed by every technique of the web side by side, and the page that shows it.
//!
//! One process. Each technique's server listens on a port of its own, behind a relay that counts bytes, adds the delay and
//! holds everything during a stall. One publisher sends the same events to all servers by an open-loop schedule. The page
//! subscribes like any browser; its own origin serves only its files, the clock, the controls and the figures.
//!
//! # Layout
//!
//! - [`state`]: what all parts share: the values of the controls, and the lanes, each a technique's server
//! - [`control_request`]: a control's request, checked
//! - [`publisher`]: the events, and when they are due
//! - [`relay`]: what lies between a lane's server and the page
//! - [`site`]: the page's own origin, with the figures of all lanes

mod control_request;
mod publisher;
mod relay;
mod site;
mod state;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use server_kit::{Stop, Stopper};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::registry;
use publisher::Publisher;
use relay::Relay;
use state::DemoState;
use state::Lane;

/// A demo that listens, and is not served yet.
pub(crate) struct Demo {
    state: Arc<DemoState>,
    listener: TcpListener,
    servers: JoinSet<anyhow::Result<()>>,
    stopper: Stopper,
    stop: Stop,
}

impl Demo {
    /// Binds the page's port to `listen`, and a free port of the same address for each lane. Fails if a port cannot be bound.
    pub(crate) async fn bind(listen: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("listen on {listen}; name another port with --listen, or 0 for a free one")
        })?;
        let (stopper, stop) = server_kit::lifetime::channel();
        let (mut servers, mut lanes, mut relays) = (JoinSet::new(), Vec::new(), Vec::new());
        for technique in registry::TECHNIQUES.iter().filter(|technique| technique.page_client.is_some()) {
            // Only the relay connects to the server.
            let inner = free_port(IpAddr::from([127, 0, 0, 1]), technique.label).await?;
            let outer = free_port(listen.ip(), technique.label).await?;
            let server = inner.local_addr()?;
            let (lane, serving) = Lane::new(technique, outer.local_addr()?.port(), inner, stop.clone());
            servers.spawn(serving);
            lanes.push(Arc::new(lane));
            relays.push(Relay { listener: outer, server });
        }
        let state = Arc::new(DemoState::new(lanes));
        for (lane, relay) in state.lanes.iter().zip(relays) {
            let (state, lane, stop) = (state.clone(), lane.clone(), stop.clone());
            servers.spawn(async move {
                relay.serve(&state, &lane, stop).await.context("accept a page's connections to a relay")
            });
        }
        Ok(Self { state, listener, servers, stopper, stop })
    }

    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("find the address that this listens on")
    }

    /// Serves until `end`, then stops everything. Fails if a server fails meanwhile.
    pub(crate) async fn serve(self, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { state, listener, mut servers, stopper, stop } = self;
        let publisher = Publisher::start(state.clone())?;
        servers.spawn(async move {
            site::serve(listener, state, stop).await.context("accept a page's connections")
        });
        let served = tokio::select! {
            () = end => Ok(()),
            failed = first_failure(&mut servers) => failed,
        };
        stopper.stop();
        publisher.stop();
        let stopped = first_failure(&mut servers).await;
        served.and(stopped)
    }
}

async fn free_port(address: IpAddr, label: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::new(address, 0)).await;
    listener.with_context(|| format!("find a port for {label}"))
}

/// The first error, or nothing once all have ended.
async fn first_failure(servers: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = servers.join_next().await {
        ended.context("a server of the demo panicked")??;
    }
    Ok(())
}
