//! A relay between the page and a lane's server: it counts, delays, and during a stall holds what it carries.
//!
//! Bytes are counted where the page is: when they are taken from it, and when they are given to it.

mod direction;
mod meter;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use server_kit::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Stage;
use super::lane::Lane;
use direction::carry;
use meter::Meter;

/// Connections at a time; further ones wait until one ends.
const CONNECTIONS: usize = 256;
/// After a failed accept: time for a descriptor to come free.
const PAUSE: Duration = Duration::from_millis(10);

/// A relay that listens.
pub(super) struct Relay {
    listener: TcpListener,
    server: SocketAddr,
}

impl Relay {
    pub(super) fn new(listener: TcpListener, server: SocketAddr) -> Self {
        Self { listener, server }
    }

    /// Carries connections until `stop`, which cuts them.
    ///
    /// # Errors
    ///
    /// Never: a connection that fails is that connection's end.
    pub(super) async fn serve(self, stage: &Arc<Stage>, lane: &Arc<Lane>, stop: Stop) -> anyhow::Result<()> {
        // Dropped on the way out, which ends the connections.
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.accept_all(stage, lane, &mut connections) => {}
            () = stop.requested() => {}
        }
        Ok(())
    }

    async fn accept_all(&self, stage: &Arc<Stage>, lane: &Arc<Lane>, connections: &mut JoinSet<()>) {
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS {
                connections.join_next().await;
            }
            match self.listener.accept().await {
                Ok((near, _)) => {
                    connections.spawn(connection(near, self.server, stage.clone(), lane.clone()));
                }
                // A peer that gave up, or no descriptor free: the next may fare better.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

async fn connection(near: TcpStream, server: SocketAddr, stage: Arc<Stage>, lane: Arc<Lane>) {
    let Ok(far) = TcpStream::connect(server).await else { return };
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let _open = lane.connect();
    let meter = Meter::new(&lane);
    let ((from_page, to_page), (from_server, to_server)) = (near.into_split(), far.into_split());
    let board = &stage.board;
    tokio::join!(
        carry(from_page, to_server, board, |bytes| meter.up(bytes), |_| {}),
        carry(from_server, to_page, board, |_| {}, |bytes| meter.down(bytes)),
    );
}
