//! A WebSocket's stream that says how many of the library's bytes it has taken, and ends with the server. Where its
//! session was begun in the client's place, what the library says first is replaced ([`begin`](crate::begin)).
//!
//! That the library flushes says nothing: it does so before each frame, too, once the stream was full. A session that
//! never joined is not known to those who close; its input ends once all others are closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use server_kit::http::Lent;
use server_kit::{Stop, Stopper};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::begin::UPGRADED;
use crate::session::{Attendance, Session};

pub(crate) struct Watched {
    stream: Lent,
    session: Session,
    /// To say that the probe is answered: that is the first that is written.
    probe: Option<Stopper>,
    _attendance: Attendance,
    /// Goes out in place of the library's first frame.
    first: Option<Bytes>,
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Watched {
    pub(crate) fn new(
        stream: Lent,
        session: Session,
        probe: Option<Stopper>,
        first: Option<Bytes>,
        closed: Stop,
    ) -> Self {
        let closed = Box::pin(async move { closed.requested().await });
        Self { stream, _attendance: session.attend(), session, probe, first, closed }
    }

    /// So many bytes of the library's were taken.
    fn took(&mut self, bytes: usize) {
        if let Some(answered) = self.probe.take() {
            answered.stop();
        }
        self.session.left(bytes as u64);
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            // Nothing read: the end.
            Poll::Pending => self.closed.as_mut().poll(cx).map(Ok),
            read => read,
        }
    }
}

impl AsyncWrite for Watched {
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
        let taken = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.took(taken);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
