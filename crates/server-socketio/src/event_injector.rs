//! Events on their way past the library: from the hub into a poll's answer, or between two frames of a session's
//! WebSocket.
//!
//! Given to the library, each event would be encoded for each subscriber again and go through a buffer and another task.
//! Here it stays in the hub, encoded once, until it is written: nothing of it is buffered for a session, and nothing can
//! be lost when the session goes over from polls to a WebSocket.
//!
//! Events come behind the CONNECT by which a client learns that it has joined. The library writes that, so what it
//! writes is looked at.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use protocol::engine_io::SEPARATOR;
use protocol::socket_io::DISMISSED;
use protocol::websocket;
use server_kit::{Lagged, Subscription};
use socketioxide::TransportType;
use socketioxide::socket::Socket;

/// Events are taken from the hub up to this many bytes at a time.
pub(crate) const RUN_BYTES: usize = 64 * 1024;
/// A CONNECT of the main namespace, that says yes.
const CONNECT: &[u8] = b"40{";
/// The packet by which a poll is let go when its session goes over to a WebSocket: events go there from then on.
const NOOP: &[u8] = b"6";

/// A cursor in a channel, and the events that are there already.
pub(crate) struct EventSource {
    pub(crate) subscription: Subscription,
    pub(crate) first: Option<Bytes>,
}

/// The events of one session.
#[derive(Default)]
pub(crate) struct EventInjector(Mutex<State>);

#[derive(Default)]
struct State {
    /// Of a client that the library has not let in.
    admitted: Option<EventSource>,
    joined: Option<Joined>,
    /// How often the client has joined, and how often the answer was sent.
    joins: u64,
    answered: u64,
    /// The WebSocket's reader, if it waits for the client to join or for the answer to be sent.
    waiting: Option<Waker>,
}

struct Joined {
    source: EventSource,
    /// The session is in the socket's keeping.
    socket: Weak<Socket>,
}

impl EventInjector {
    /// Keeps a source until the client has joined.
    pub(crate) fn admit(&self, source: EventSource) {
        self.lock().admitted = Some(source);
    }

    /// The kept source, for events that the library sends.
    pub(crate) fn take_admitted(&self) -> Option<EventSource> {
        self.lock().admitted.take()
    }

    /// The client has joined, by this socket; the CONNECT that says so is in the library's buffer.
    pub(crate) fn join(&self, socket: &Arc<Socket>) {
        let mut state = self.lock();
        let source = state.admitted.take();
        state.joined = source.map(|source| Joined { source, socket: Arc::downgrade(socket) });
        state.joins += 1;
        state.wake();
    }

    /// The client has left.
    pub(crate) fn leave(&self) {
        self.lock().joined = None;
    }

    /// The library writes these packets.
    pub(crate) fn note<'a>(&self, packets: impl Iterator<Item = &'a [u8]>) {
        let answered = packets.filter(|packet| packet.starts_with(CONNECT)).count() as u64;
        if answered > 0 {
            let mut state = self.lock();
            state.answered += answered;
            state.wake();
        }
    }

    /// Events that are there, up to `most` bytes but one at least, if this is the transport that carries
    /// them. To be asked by polls only after the library has been; by a WebSocket it says itself what must come before.
    ///
    /// A subscriber that has fallen behind is disconnected.
    pub(crate) fn poll_frames(&self, by: TransportType, most: usize, cx: &Context<'_>) -> Poll<Bytes> {
        let mut state = self.lock();
        match state.poll_frames(by, most, cx) {
            Poll::Ready(Ok(frames)) => Poll::Ready(frames),
            Poll::Ready(Err(lagged)) => {
                let socket = state.joined.take().and_then(|joined| joined.socket.upgrade());
                state.wait(by, cx);
                // It comes back here by the client's leave.
                drop(state);
                if let Some(socket) = socket {
                    disconnect(socket, &lagged);
                }
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Nothing under the lock can leave it half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll_frames(
        &mut self,
        by: TransportType,
        most: usize,
        cx: &Context<'_>,
    ) -> Poll<Result<Bytes, Lagged>> {
        let is_answered = by == TransportType::Polling || self.answered >= self.joins;
        match &mut self.joined {
            Some(joined) if is_answered && joined.transport() == Some(by) => joined.source.poll(most, cx),
            _ => {
                self.wait(by, cx);
                Poll::Pending
            }
        }
    }

    /// A poll is woken by the library's CONNECT.
    fn wait(&mut self, by: TransportType, cx: &Context<'_>) {
        if by == TransportType::Websocket {
            self.waiting = Some(cx.waker().clone());
        }
    }

    fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}

impl Joined {
    fn transport(&self) -> Option<TransportType> {
        Some(self.socket.upgrade()?.transport_type())
    }
}

impl EventSource {
    /// The next event, where the hub gives one at a time.
    pub(crate) async fn next(&mut self) -> Result<Bytes, Lagged> {
        poll_fn(|cx| self.poll(1, cx)).await
    }

    fn poll(&mut self, most: usize, cx: &Context<'_>) -> Poll<Result<Bytes, Lagged>> {
        match self.subscription.greeting().or_else(|| self.first.take()) {
            Some(first) => Poll::Ready(Ok(first)),
            None => self.subscription.poll_run(cx, most).map_ok(|run| run.bytes),
        }
    }
}

/// Sends a subscriber the reason, and disconnects it.
pub(crate) fn disconnect(socket: Arc<Socket>, reason: &impl ToString) {
    // If its buffer is full, it has not taken anything for long; nor does it now.
    let _ = socket.emit(DISMISSED, &reason.to_string());
    let _ = socket.disconnect();
}

/// The answer to a poll, by what comes first: the library's answer, with the events that are there, or events alone. Where these come first, the
/// library is not asked any longer, which loses nothing: while it waits, it has taken nothing.
pub(crate) async fn poll_answer(
    library: impl Future<Output = Response<Bytes>>,
    injector: Option<&EventInjector>,
) -> Response<Bytes> {
    let mut library = pin!(library);
    let Some(injector) = injector else { return library.await };
    poll_fn(|cx| {
        let mut events = BytesMut::new();
        let mut answered = library.as_mut().poll(cx);
        if answered.is_pending() {
            add_events(&mut events, injector, cx);
            if events.is_empty() {
                return Poll::Pending;
            }
            // Another thread may just have let the client join: the library's CONNECT goes before the events.
            answered = library.as_mut().poll(cx);
        }
        Poll::Ready(match answered {
            Poll::Ready(answer) => {
                injector.note(answer.body().split(|&byte| byte == SEPARATOR));
                if is_followed(&answer) {
                    add_events(&mut events, injector, cx);
                }
                with_events(answer, &events)
            }
            Poll::Pending => packets(events.freeze()),
        })
    })
    .await
}

/// The answer that brings these packets.
pub(crate) fn packets(body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    let text = HeaderValue::from_static("text/plain; charset=UTF-8");
    answer.headers_mut().insert(CONTENT_TYPE, text);
    answer
}

/// Whether the session goes on being polled.
fn is_followed(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::OK && !answer.body().is_empty() && answer.body() != NOOP
}

/// Appends the events that are there, as packets.
fn add_events(body: &mut BytesMut, injector: &EventInjector, cx: &Context<'_>) {
    while body.len() < RUN_BYTES
        && let Poll::Ready(frames) = injector.poll_frames(TransportType::Polling, RUN_BYTES - body.len(), cx)
    {
        body.reserve(frames.len());
        for packet in websocket::messages(&frames) {
            if !body.is_empty() {
                body.put_u8(SEPARATOR);
            }
            body.put_slice(packet);
        }
    }
}

fn with_events(answer: Response<Bytes>, events: &[u8]) -> Response<Bytes> {
    match answer.status() {
        StatusCode::OK if !events.is_empty() => {
            packets([answer.body(), &[SEPARATOR][..], events].concat().into())
        }
        _ => answer,
    }
}
