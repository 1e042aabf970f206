//! `pushbench demo`: one live feed by every web technique side by side, and the page that shows it.
//!
//! One process. Each technique's server listens on a port of its own, behind a relay that counts its bytes, adds the
//! delay and holds everything during a stall. One publisher hands the same events to all of them by an open-loop schedule;
//! the page reads them as a browser does, and asks here for nothing but itself, the clock and the figures.
//!
//! # Layout
//!
//! - [`board`]: what the page's controls set; who wants to know reads it there
//! - [`wish`]: what a control asks for, checked
//! - [`publisher`], [`pacer`]: the events, and when they are due
//! - [`lane`], [`relay`]: a technique's server, and what stands between it and the page
//! - [`statistics`]: the figures of all lanes
//! - [`site`], [`files`]: the page's own origin

mod board;
mod files;
mod lane;
mod pacer;
mod publisher;
mod relay;
mod site;
mod statistics;
mod wish;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use server_kit::{Stop, Stopper};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::registry;
use board::Board;
use lane::Lane;
use publisher::Publisher;

/// What all parts of a demo share.
struct Stage {
    board: Board,
    lanes: Vec<Arc<Lane>>,
    /// When it began, ns of `CLOCK_MONOTONIC`: the page counts its milliseconds from here.
    begun_ns: u64,
}

/// A demo that listens, and is not served yet.
pub(crate) struct Demo {
    stage: Arc<Stage>,
    listener: TcpListener,
    servers: JoinSet<anyhow::Result<()>>,
    stopper: Stopper,
    stop: Stop,
}

impl Demo {
    /// Binds the page's port to `listen`, and a free port of the same address for each lane.
    ///
    /// # Errors
    ///
    /// When a port cannot be had.
    pub(crate) async fn bind(listen: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("listen on {listen}; name another port with --listen, or 0 for a free one")
        })?;
        let (stopper, stop) = server_kit::lifetime::channel();
        let (mut servers, mut lanes) = (JoinSet::new(), Vec::new());
        let mut relays = Vec::new();
        for technique in registry::TECHNIQUES.iter().filter(|technique| !technique.baseline) {
            let (lane, relay) = lane::open(technique, listen.ip(), &mut servers, stop.clone()).await?;
            lanes.push(lane);
            relays.push(relay);
        }
        let stage = Arc::new(Stage { board: Board::default(), lanes, begun_ns: loadgen::os::now_ns() });
        for (lane, relay) in stage.lanes.iter().zip(relays) {
            let (stage, lane, stop) = (stage.clone(), lane.clone(), stop.clone());
            servers.spawn(async move { relay.serve(&stage, &lane, stop).await });
        }
        Ok(Self { stage, listener, servers, stopper, stop })
    }

    /// Where the page is.
    ///
    /// # Errors
    ///
    /// When the listener does not know.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("find the own address")
    }

    /// Serves until `end`, then stops everything.
    ///
    /// # Errors
    ///
    /// When a server fails meanwhile.
    pub(crate) async fn serve(self, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { stage, listener, mut servers, stopper, stop } = self;
        let publisher = Publisher::start(stage.clone())?;
        servers.spawn(site::serve(listener, stage, stop));
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

/// The first error, or nothing once all have ended.
async fn first_failure(servers: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = servers.join_next().await {
        ended.context("a server of the demo broke off")??;
    }
    Ok(())
}
