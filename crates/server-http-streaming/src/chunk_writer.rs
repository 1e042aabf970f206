//! A stream on HTTP/1.1 as it is nearly always: chunks, written to the connection itself.
//!
//! It reads the hub only when the connection has taken what was there before, so that a slow client's cursor falls behind, and its
//! memory stays what it is.

use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use server_kit::heartbeat::Heartbeat;
use server_kit::http::{Head, Next, Peer};
use server_kit::{Lagged, Run, Subscription};

use crate::format::{Format, RUN_BYTES, RUNS_IN_A_ROW};

/// Takes a subscription's events to a connection.
pub(crate) struct ChunkWriter<'a, F> {
    peer: &'a mut Peer,
    subscription: Subscription,
    heartbeat: Heartbeat,
    /// Without a pause.
    runs: u32,
    format: PhantomData<F>,
}

/// What a stream waits for.
enum Due {
    Run(Run),
    Lagged(Lagged),
    Stop,
    Heartbeat,
    Gone(io::Result<()>),
}

impl<'a, F: Format> ChunkWriter<'a, F> {
    pub(crate) fn new(peer: &'a mut Peer, subscription: Subscription, heartbeat: Duration) -> Self {
        let heartbeat = Heartbeat::new(heartbeat);
        Self { peer, subscription, heartbeat, runs: 0, format: PhantomData }
    }

    /// The head, `preamble`, the greeting if there is one, then events until the server stops or the client goes.
    pub(crate) async fn run(mut self, head: &Head, preamble: Option<Bytes>) -> io::Result<Next> {
        let first: Vec<_> = preamble.into_iter().chain(self.subscription.greeting()).collect();
        self.peer.begin(head, &first).await?;
        drop(first);
        loop {
            match poll_fn(|cx| self.poll_due(cx)).await {
                Due::Run(run) => {
                    self.peer.chunk(&run.bytes).await?;
                    self.heartbeat.sent();
                }
                Due::Heartbeat => self.peer.chunk(F::HEARTBEAT).await?,
                Due::Lagged(lagged) => {
                    self.peer.chunk(&F::too_slow(lagged)).await?;
                    return self.peer.end(Next::Request).await;
                }
                Due::Stop => return self.peer.end(Next::Close).await,
                Due::Gone(gone) => return gone.map(|()| Next::Close),
            }
        }
    }

    /// Events first: a stop ends the stream behind them, unless they do not end, and a client that has gone is found out by them, too.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        if self.runs == RUNS_IN_A_ROW {
            self.runs = 0;
            if self.peer.poll_stop(cx).is_ready() {
                return Poll::Ready(Due::Stop);
            }
        }
        if let Poll::Ready(read) = self.subscription.poll_run(cx, RUN_BYTES) {
            self.runs += 1;
            return Poll::Ready(read.map_or_else(Due::Lagged, Due::Run));
        }
        self.runs = 0;
        if self.peer.poll_stop(cx).is_ready() {
            return Poll::Ready(Due::Stop);
        }
        if self.heartbeat.poll_due(cx).is_ready() {
            return Poll::Ready(Due::Heartbeat);
        }
        self.peer.poll_gone(cx).map(Due::Gone)
    }
}
