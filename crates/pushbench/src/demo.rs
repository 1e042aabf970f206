//! `pushbench demo`: one live feed by every technique of the web side by side, and the page that shows it.
//!
//! One process. Each technique's server listens on a port of its own, behind a relay that counts bytes, adds the delay and
//! holds everything during a stall. One publisher sends the same events to all servers by an open-loop schedule. The page
//! subscribes like any browser; its own origin serves only its files, the clock, the controls and the figures.

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
use state::{DemoServer, DemoState};

/// A demo that listens, and is not served yet.
pub(crate) struct Demo {
    state: Arc<DemoState>,
    listener: TcpListener,
    tasks: JoinSet<anyhow::Result<()>>,
    stopper: Stopper,
    stop: Stop,
}

impl Demo {
    /// Binds the page's port to `listen`, and a free port of the same address for each technique. Fails if a port cannot be bound.
    pub(crate) async fn bind(listen: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("listen on {listen}; name another port with --listen, or 0 for a free one")
        })?;
        let (stopper, stop) = server_kit::lifetime::channel();
        let (mut tasks, mut servers, mut relays) = (JoinSet::new(), Vec::new(), Vec::new());
        for technique in registry::TECHNIQUES.iter().filter(|technique| technique.page_client.is_some()) {
            // Only the relay connects to the server.
            let inner = free_port(IpAddr::from([127, 0, 0, 1]), technique.label).await?;
            let outer = free_port(listen.ip(), technique.label).await?;
            let server = inner.local_addr()?;
            let (demo_server, serving) =
                DemoServer::new(technique, outer.local_addr()?.port(), inner, stop.clone());
            tasks.spawn(serving);
            servers.push(Arc::new(demo_server));
            relays.push(Relay { listener: outer, server });
        }
        let state = Arc::new(DemoState::new(servers));
        for (server, relay) in state.servers.iter().zip(relays) {
            let (state, server, stop) = (state.clone(), server.clone(), stop.clone());
            tasks.spawn(async move {
                relay.serve(&state, &server, stop).await.context("accept a page's connections to a relay")
            });
        }
        Ok(Self { state, listener, tasks, stopper, stop })
    }

    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("find the address that this listens on")
    }

    /// Serves until `end`, then stops everything. Fails if a server fails meanwhile.
    pub(crate) async fn serve(self, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { state, listener, mut tasks, stopper, stop } = self;
        let publisher = Publisher::start(state.clone())?;
        tasks.spawn(async move {
            site::serve(listener, state, stop).await.context("accept a page's connections")
        });
        let served = tokio::select! {
            () = end => Ok(()),
            failed = first_failure(&mut tasks) => failed,
        };
        stopper.stop();
        publisher.stop();
        let stopped = first_failure(&mut tasks).await;
        served.and(stopped)
    }
}

async fn free_port(address: IpAddr, label: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::new(address, 0)).await;
    listener.with_context(|| format!("find a port for {label}"))
}

/// The first error, or nothing once all have ended.
async fn first_failure(tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.context("a server of the demo panicked")??;
    }
    Ok(())
}
