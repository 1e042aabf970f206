//! The events of a subscription: written to the connection as chunks, as nearly always on HTTP/1.1, or as a body for
//! hyper, on HTTP/2, compressed, or to a request that is not plain.
//!
//! The hub is read only when the connection can take more, so that nothing is buffered ahead of the socket: a slow client's
//! cursor falls behind, and its memory stays what it is.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use protocol::Resume;
use server_kit::heartbeat::Heartbeat;
use server_kit::http::{Head, Next, Peer};
use server_kit::{Lagged, Run, Settings, Stop, Subscription};

/// After so many runs of events without a pause, a stream looks for the stop: events that never end must not hold it up.
const RUNS_IN_A_ROW: u32 = 16;

/// What differs between the servers, beside the events.
pub(crate) trait Format: Unpin + Send + Sync + 'static {
    const MEDIA_TYPE: &'static str;
    /// What a client ignores.
    const HEARTBEAT: &'static [u8];

    /// What goes before the greeting.
    fn preamble(settings: &Settings) -> Option<Bytes>;

    /// Where a client begins whose query says this; none where the value of a header field, found by its name, cannot
    /// be understood.
    fn resume<'a>(query: Resume, header: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Resume>;

    /// The last message to a subscriber that fell out of the replay window.
    fn too_slow(lagged: Lagged) -> Bytes;
}

pub(crate) struct Events<F> {
    /// What goes before the first event, in order.
    first: VecDeque<Bytes>,
    subscription: Subscription,
    heartbeat: Heartbeat,
    run_bytes: usize,
    /// The number of the last event.
    last: u64,
    /// Without a pause.
    runs: u32,
    format: PhantomData<F>,
}

/// What comes next on a stream.
enum Due {
    Run(Run),
    Lagged(Lagged),
    Stop,
    Heartbeat,
}

impl<F: Format> Events<F> {
    /// The format's preamble, the greeting if there is one, then events, to the end of the turn if they are an answer.
    pub(crate) fn new(mut subscription: Subscription, settings: &Settings, is_answer: bool) -> Self {
        let first = F::preamble(settings).into_iter().chain(subscription.greeting()).collect();
        let next_multiple = |events: u64| (subscription.position() / events + 1) * events;
        let last = settings.turn_events.filter(|_| is_answer).map_or(u64::MAX, next_multiple);
        let (heartbeat, run_bytes) = (Heartbeat::new(settings.heartbeat), settings.run_bytes());
        Self { first, subscription, heartbeat, run_bytes, last, runs: 0, format: PhantomData }
    }

    /// Events first: a stop ends the stream behind them, unless they do not end.
    fn poll_due(
        &mut self,
        cx: &mut Context<'_>,
        mut poll_stop: impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<Due> {
        if self.runs == RUNS_IN_A_ROW {
            self.runs = 0;
            if poll_stop(cx).is_ready() {
                return Poll::Ready(Due::Stop);
            }
        }
        if let Poll::Ready(read) = self.subscription.poll_run(cx, self.run_bytes) {
            self.runs += 1;
            return Poll::Ready(read.map_or_else(Due::Lagged, Due::Run));
        }
        self.runs = 0;
        if poll_stop(cx).is_ready() {
            return Poll::Ready(Due::Stop);
        }
        self.heartbeat.poll_due(cx).map(|()| Due::Heartbeat)
    }

    /// Answers with this head and all events, until the server stops or the client goes, which its events find out, too.
    pub(crate) async fn write_to(mut self, peer: &mut Peer, head: &Head) -> io::Result<Next> {
        peer.begin(head, std::mem::take(&mut self.first).make_contiguous()).await?;
        loop {
            let due = poll_fn(|cx| match self.poll_due(cx, |cx| peer.poll_stop(cx)) {
                Poll::Ready(due) => Poll::Ready(Ok(due)),
                Poll::Pending => peer.poll_gone(cx).map(Err),
            });
            match due.await {
                Ok(Due::Run(run)) => {
                    peer.chunk(&run.bytes).await?;
                    self.heartbeat.sent();
                    if run.last >= self.last {
                        return peer.end(Next::Request).await;
                    }
                }
                Ok(Due::Heartbeat) => peer.chunk(F::HEARTBEAT).await?,
                Ok(Due::Lagged(lagged)) => {
                    peer.chunk(&F::too_slow(lagged)).await?;
                    return peer.end(Next::Request).await;
                }
                Ok(Due::Stop) => return peer.end(Next::Close).await,
                Err(gone) => return gone.map(|()| Next::Close),
            }
        }
    }
}

/// Events as a body; those that are there together are a data frame.
pub(crate) struct EventBody<F> {
    /// None at the end.
    events: Option<Events<F>>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<F: Format> EventBody<F> {
    /// The body, which a stop ends.
    pub(crate) fn new(events: Events<F>, stop: Stop) -> Self {
        Self { events: Some(events), stopped: Box::pin(async move { stop.requested().await }) }
    }

    /// The next bytes for the socket; none at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        if let Some(first) = events.first.pop_front() {
            return Poll::Ready(Some(first));
        }
        let stopped = &mut self.stopped;
        Poll::Ready(match ready!(events.poll_due(cx, |cx| stopped.as_mut().poll(cx))) {
            Due::Run(run) => {
                events.heartbeat.sent();
                if run.last >= events.last {
                    self.events = None;
                }
                Some(run.bytes)
            }
            Due::Heartbeat => Some(Bytes::from_static(F::HEARTBEAT)),
            Due::Lagged(lagged) => {
                self.events = None;
                Some(F::too_slow(lagged))
            }
            Due::Stop => {
                self.events = None;
                None
            }
        })
    }
}

impl<F: Format> Body for EventBody<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
