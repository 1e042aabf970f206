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
use socketioxide::socket::Sid;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::begin::UPGRADED;
use crate::session::{Session, Sessions};

/// Whose stream it is.
pub(crate) enum Owner {
    /// A session that began on it.
    Known(Session),
    /// A session that began by polling, and may not have joined yet. The probe's answer is the first that is written.
    Of(Sid, Sessions, Option<Stopper>),
}

pub(crate) struct Watched {
    stream: Lent,
    owner: Owner,
    /// Goes out in place of the library's first frame.
    first: Option<Bytes>,
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Watched {
    pub(crate) fn new(stream: Lent, owner: Owner, first: Option<Bytes>, closed: Stop) -> Self {
        Self { stream, owner, first, closed: Box::pin(async move { closed.requested().await }) }
    }

    /// So many bytes of the library's were taken.
    fn took(&mut self, bytes: usize) {
        if let Owner::Of(id, sessions, probe) = &mut self.owner {
            if let Some(answered) = probe.take() {
                answered.stop();
            }
            if let Some(session) = sessions.find(*id) {
                self.owner = Owner::Known(session);
            }
        }
        if let Owner::Known(session) = &self.owner {
            session.left(bytes as u64);
        }
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
