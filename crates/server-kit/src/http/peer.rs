//! A connection's stream, and what may end a wait on it.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use hyper::Version;
use tokio::io::AsyncWriteExt as _;

use super::response::{Head, Length, Rejection};
use crate::Stop;
use crate::heartbeat::Heartbeat;
use crate::settings::Limits;
use crate::stream::Stream;

/// Up to so many bytes, parts are put together for one plain write; a vectored one costs more than the copy.
const COPY_BYTES: usize = 16 * 1024;

/// What follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another request may.
    Request,
    /// The connection is closed.
    Close,
}

/// A connection in an endpoint's hands, for one answer.
pub struct Peer {
    stream: Stream,
    /// What came behind the last head.
    read: BytesMut,
    /// So much of it is kept while a request is held.
    most: usize,
    /// Never polled again once it was ready: the connection closes then.
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Since the last answer.
    idle: Heartbeat,
    /// Of held requests; the same one for all, since its timer is not moved each time.
    hold: Option<Heartbeat>,
}

impl Peer {
    pub(super) fn new(stream: Stream, stop: &Stop, limits: &Limits) -> Self {
        let stop = stop.clone();
        let stop = Box::pin(async move { stop.requested().await });
        let (read, most, idle) = (BytesMut::new(), limits.header_bytes, Heartbeat::new(limits.idle));
        Self { stream, read, most, stop, idle, hold: None }
    }

    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        (self.stream, self.read.freeze())
    }

    pub(super) fn read(&self) -> &[u8] {
        &self.read
    }

    /// Drops so many of the bytes that were read, and the buffer with the last of them.
    pub(super) fn consume(&mut self, len: usize) {
        self.read.advance(len);
        if self.read.is_empty() {
            self.read = BytesMut::new();
        }
    }

    /// Waits for more of a request. None comes any more where the client has closed, has said nothing for too long, or the server
    /// stops.
    pub(super) async fn more(&mut self) -> io::Result<Next> {
        poll_fn(|cx| {
            if self.poll_stop(cx).is_ready() {
                return Poll::Ready(Ok(Next::Close));
            }
            if let Poll::Ready(read) = self.stream.poll_read_into(cx, &mut self.read) {
                return Poll::Ready(read.map(|len| if len == 0 { Next::Close } else { Next::Request }));
            }
            self.idle.poll_due(cx).map(|()| Ok(Next::Close))
        })
        .await
    }

    /// Answers with this body.
    /// Fails as every write does: the connection's.
    pub async fn answer(&mut self, head: &Head, body: &[u8]) -> io::Result<Next> {
        self.answer_before(head, body, Next::Request).await
    }

    /// Answers with this body, and says if that is the last answer.
    /// Fails as [`answer`](Self::answer).
    pub async fn answer_before(&mut self, head: &Head, body: &[u8], next: Next) -> io::Result<Next> {
        let head = head.complete(Length::Bytes(body.len()), next == Next::Close);
        self.send(&[&head, body]).await?;
        self.idle.sent();
        Ok(next)
    }

    /// Answers without a body, and says if that is the last answer.
    /// Fails as [`answer`](Self::answer).
    pub async fn answer_nothing(&mut self, head: &Head, next: Next) -> io::Result<Next> {
        let head = head.complete(Length::NoBody, next == Next::Close);
        self.send(&[&head]).await?;
        self.idle.sent();
        Ok(next)
    }

    /// Rejects the request; only for what does not close the connection.
    /// Fails as [`answer`](Self::answer).
    pub async fn reject(&mut self, rejection: &Rejection) -> io::Result<Next> {
        let head = Head::new(&rejection.to_response(Version::HTTP_11));
        self.answer(&head, format!("{rejection}\n").as_bytes()).await
    }

    /// Begins an answer whose body are chunks, the first ones of which are there already.
    /// Fails as [`answer`](Self::answer).
    pub async fn begin(&mut self, head: &Head, first: &[Bytes]) -> io::Result<()> {
        let mut head = head.complete(Length::Chunked, false);
        for data in first {
            write!(head, "{:X}\r\n", data.len()).expect("memory takes everything");
            head.extend_from_slice(data);
            head.extend_from_slice(b"\r\n");
        }
        self.send(&[&head]).await
    }

    /// Sends a chunk (RFC 9112 §7.1).
    /// Fails as [`answer`](Self::answer).
    pub async fn chunk(&mut self, data: &[u8]) -> io::Result<()> {
        let mut size = [0; 18];
        self.send(&[chunk_size(data.len(), &mut size), data, b"\r\n"]).await
    }

    /// Sends the chunk that ends the answer.
    /// Fails as [`answer`](Self::answer).
    pub async fn end(&mut self, next: Next) -> io::Result<Next> {
        self.send(&[b"0\r\n\r\n"]).await?;
        self.idle.sent();
        Ok(next)
    }

    /// A request is held from now on, for so long.
    pub fn hold(&mut self, longest: Duration) {
        self.hold.get_or_insert_with(|| Heartbeat::new(longest)).sent();
    }

    /// Ready once a request was held for as long as [`hold`](Self::hold) says.
    pub fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.hold.as_mut().map_or(Poll::Pending, |hold| hold.poll_due(cx))
    }

    /// Ready once the server stops. Not to be polled again: the connection is to be closed.
    pub fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stop.as_mut().poll(cx)
    }

    /// Ready once the client has closed. What it sends meanwhile is kept for later, up to about
    /// [`Limits::header_bytes`]; then it is not looked at.
    /// Fails as [`answer`](Self::answer).
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.read.len() < self.most {
            if ready!(self.stream.poll_read_into(cx, &mut self.read))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    async fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        if parts.iter().map(|part| part.len()).sum::<usize>() <= COPY_BYTES {
            self.stream.write_all(&parts.concat()).await?;
        } else {
            let mut slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            self.send_slices(&mut slices).await?;
        }
        // TLS may hold back the end of what it took; a socket has nothing to flush.
        self.stream.flush().await
    }

    async fn send_slices(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.stream.write_vectored(slices).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => IoSlice::advance_slices(&mut slices, written),
            }
        }
        Ok(())
    }
}

/// A chunk's size in hex digits, and the line's end.
fn chunk_size(len: usize, line: &mut [u8; 18]) -> &[u8] {
    let mut rest = &mut line[..];
    write!(rest, "{len:X}\r\n").expect("16 digits fit");
    let unused = rest.len();
    &line[..18 - unused]
}
