//! A WebSocket's stream under the library: events go out between the library's frames, and it ends with the server. Where
//! its session was begun in the client's place, what the library says first is replaced ([`library`](crate::library)).
//!
//! The reading task writes the events ([`event_injector`](crate::event_injector)), so that one wake-up is enough for it. A session that never
//! joined is not among those that are closed; its input ends once all others are closed.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use protocol::websocket;
use server_kit::http::ReclaimOnDrop;
use server_kit::{Stop, Stopper};
use socketioxide::TransportType;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::event_injector::RUN_BYTES;
use crate::session::{InUse, Session};

/// The library's answer to the probe.
pub(crate) const UPGRADED: &[u8] = b"\x81\x063probe";

pub(crate) struct SplicedStream {
    stream: ReclaimOnDrop,
    session: Session,
    /// To say that the probe is answered: that is the first that is written.
    probe: Option<Stopper>,
    _in_use: InUse,
    /// Goes out in place of the library's first frame.
    first: Option<Bytes>,
    /// Events that are not written yet.
    events: Bytes,
    /// Whether all events that were written have left the layers below.
    flushed: bool,
    /// Bytes that the library has offered and that were not taken: it is within a frame until there are none.
    offered: usize,
    /// Whether events wait for that.
    held_up: bool,
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl SplicedStream {
    pub(crate) fn new(
        stream: ReclaimOnDrop,
        session: Session,
        probe: Option<Stopper>,
        first: Option<Bytes>,
        closed: Stop,
    ) -> Self {
        let closed = Box::pin(async move { closed.requested().await });
        Self {
            stream,
            _in_use: session.begin_use(),
            session,
            probe,
            first,
            events: Bytes::new(),
            flushed: true,
            offered: 0,
            held_up: false,
            closed,
        }
    }

    /// Writes events for as long as there are any. What it ends with is waiting: for more of them, for the stream, or for
    /// the library to end its frame.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Infallible>> {
        loop {
            ready!(self.poll_written(cx))?;
            self.held_up = self.offered > 0;
            if self.held_up {
                return Poll::Pending;
            }
            let injector = self.session.injector();
            self.events = ready!(injector.poll_frames(TransportType::Websocket, RUN_BYTES, cx));
        }
    }

    /// Ready once the events that were taken from the hub are written.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.events.is_empty() {
            self.flushed = false;
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.events))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.events.advance(written);
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// The library offers these bytes, of which the first were offered before.
    fn note(&mut self, offered: &[u8]) {
        // It offers whole frames only, and what was not taken again.
        self.session.injector().note(websocket::messages(&offered[self.offered.min(offered.len())..]));
        self.offered = offered.len();
    }

    /// So many bytes of the library's were taken.
    fn took(&mut self, bytes: usize, cx: &Context<'_>) {
        if let Some(answered) = self.probe.take() {
            answered.stop();
        }
        self.offered -= bytes;
        if self.held_up && self.offered == 0 {
            // The reader, which writes the events.
            cx.waker().wake_by_ref();
        }
    }
}

impl AsyncRead for SplicedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = self.poll_events(cx) {
            return Poll::Ready(Err(error));
        }
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            // Nothing read: the end.
            Poll::Pending => self.closed.as_mut().poll(cx).map(Ok),
            read => read,
        }
    }
}

impl AsyncWrite for SplicedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while let Some(first) = &mut this.first {
            if first.is_empty() {
                this.first = None;
                // It is alone in the library's first write.
                return Poll::Ready(Ok(UPGRADED.len().min(buf.len())));
            }
            let written = ready!(Pin::new(&mut this.stream).poll_write(cx, first))?;
            first.advance(written);
        }
        ready!(this.poll_written(cx))?;
        this.note(buf);
        let taken = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.took(taken, cx);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
