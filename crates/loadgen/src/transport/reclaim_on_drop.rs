//! A stream that hyper uses, and that returns to its owner when hyper drops it.
//!
//! hyper drops a connection where it stands; with unread input, that would send a reset and hide what the kernel had
//! carried. So the lender of the stream ends it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, oneshot};

use super::Stream;

/// A stream that returns to its owner when this is dropped.
#[derive(Debug)]
pub(crate) struct ReclaimOnDrop {
    /// Always there until this is dropped.
    stream: Option<Stream>,
    back: Option<oneshot::Sender<Stream>>,
    read: Option<Rc<Notify>>,
}

impl ReclaimOnDrop {
    /// Lends `stream`; the receiver gets it back.
    pub(crate) fn new(stream: Stream) -> (Self, oneshot::Receiver<Stream>) {
        let (back, returned) = oneshot::channel();
        (Self { stream: Some(stream), back: Some(back), read: None }, returned)
    }

    /// Calls `read` after each read.
    pub(crate) fn notifying(mut self, read: &Rc<Notify>) -> Self {
        self.read = Some(Rc::clone(read));
        self
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for ReclaimOnDrop {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // If the receiver is gone, the trial is over and the stream just ends.
            drop(back.send(stream));
        }
    }
}

impl AsyncRead for ReclaimOnDrop {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.stream()?.poll_read(cx, buf))?;
        if let Some(read) = &self.read {
            read.notify_one();
        }
        Poll::Ready(Ok(()))
    }
}

forward_writes!(ReclaimOnDrop, this => this.stream()?, this.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored));
