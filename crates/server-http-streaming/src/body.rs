//! The body of a response that never ends, for hyper: on HTTP/2, compressed, or to a request that is not plain.
//!
//! It reads the hub only when the connection asks for more, so that nothing is buffered ahead of the socket: a slow
//! client's cursor falls behind, and its memory stays what it is.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use server_kit::heartbeat::Heartbeat;
use server_kit::{Stop, Subscription};

use crate::format::{Format, RUN_BYTES, RUNS_IN_A_ROW};

/// The events of a subscription; those that are there together are a data frame.
pub(crate) struct Events<F> {
    /// What goes before the first event, in order.
    first: VecDeque<Bytes>,
    subscription: Option<Subscription>,
    heartbeat: Heartbeat,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Without a pause.
    runs: u32,
    format: PhantomData<F>,
}

impl<F: Format> Events<F> {
    /// `preamble`, the greeting if there is one, then events until `stop`.
    pub(crate) fn new(
        preamble: Option<Bytes>,
        mut subscription: Subscription,
        heartbeat: Duration,
        stop: Stop,
    ) -> Self {
        let first = preamble.into_iter().chain(subscription.greeting()).collect();
        Self {
            first,
            subscription: Some(subscription),
            heartbeat: Heartbeat::new(heartbeat),
            stopped: Box::pin(async move { stop.requested().await }),
            runs: 0,
            format: PhantomData,
        }
    }

    /// The next bytes for the socket; none at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.pop_front() {
            return Poll::Ready(Some(first));
        }
        if self.runs == RUNS_IN_A_ROW {
            self.runs = 0;
            self.look_for_stop(cx);
        }
        let Some(subscription) = &mut self.subscription else { return Poll::Ready(None) };
        match subscription.poll_run(cx, RUN_BYTES) {
            Poll::Ready(Ok(run)) => {
                self.heartbeat.sent();
                self.runs += 1;
                Poll::Ready(Some(run.bytes))
            }
            Poll::Ready(Err(lagged)) => {
                self.subscription = None;
                Poll::Ready(Some(F::too_slow(lagged)))
            }
            Poll::Pending => self.poll_quiet(cx),
        }
    }

    /// There is no event: it may be the end, or time for a sign of life.
    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.runs = 0;
        self.look_for_stop(cx);
        if self.subscription.is_none() {
            return Poll::Ready(None);
        }
        self.heartbeat.poll_due(cx).map(|()| Some(Bytes::from_static(F::HEARTBEAT)))
    }

    /// At a stop, the stream ends.
    fn look_for_stop(&mut self, cx: &mut Context<'_>) {
        if self.stopped.as_mut().poll(cx).is_ready() {
            self.subscription = None;
        }
    }
}

impl<F: Format> Body for Events<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
