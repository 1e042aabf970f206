//! A connection of HTTP/2 (RFC 9113): by ALPN over TLS, with prior knowledge without.
//!
//! A request is a task of its own, as hyper has it, and ends with its connection. A header list over
//! [`Limits::header_bytes`] is answered 431 by h2, or with GOAWAY (`ENHANCE_YOUR_CALM`) if it comes in too many pieces.
//! A client that reads, but opens no window for a stream (RFC 9113 §5.2), keeps it, and of its events what
//! `SEND_BUFFER` holds; its cursor into the hub costs nothing.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::endpoint::{After, Connection, Endpoint, Site, Upgrade};
use super::reclaim_on_drop::ReclaimOnDrop;
use crate::Hub;
use crate::listener::{self, Admission};
use crate::settings::Limits;
use crate::stream::{self, Stream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) type Builder = http2::Builder<TokioExecutor>;

/// How long a client may take to agree that a connection is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// What of a response may wait for the socket, so that a slow client's cursor falls behind and not its memory grows.
const SEND_BUFFER: usize = 64 * 1024;

pub(super) fn builder(limits: &Limits) -> Builder {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .max_send_buf_size(SEND_BUFFER)
        .enable_connect_protocol();
    http
}

pub(super) async fn connection<E: Endpoint>(
    site: Arc<Site<E, Builder>>,
    mut stream: Stream,
    admission: Admission,
) {
    let begun = tokio::select! {
        begun = timeout(site.limits.idle, read_preface(&mut stream)) => begun,
        () = site.stop.requested() => return stream::close(stream).await,
    };
    let stream = match begun {
        Ok(Ok(read)) => speak(&site, stream, read, &admission).await,
        Ok(Err(error)) => {
            reject_version(&site.hub, &mut stream, &error).await;
            Some(stream)
        }
        Err(_said_nothing) => Some(stream),
    };
    if let Some(stream) = stream {
        stream::close(stream).await;
    }
    drop(admission);
}

/// Returns the stream, shut down already, unless hyper lost it.
async fn speak<E: Endpoint>(
    site: &Arc<Site<E, Builder>>,
    stream: Stream,
    read: Bytes,
    admission: &Admission,
) -> Option<Stream> {
    let (stream, returned) = ReclaimOnDrop::new(stream, read, &site.hub);
    let activity = Arc::new(Activity::default());
    let admitted = matches!(admission, Admission::Admitted(_));
    // An error of the client's protocol has been answered by h2, and one of TLS was counted where it was read.
    let _ = drive(site, stream, &activity, admitted).await;
    returned.await.ok()
}

async fn drive<E: Endpoint>(
    site: &Arc<Site<E, Builder>>,
    stream: ReclaimOnDrop,
    activity: &Arc<Activity>,
    admitted: bool,
) -> hyper::Result<()> {
    let service = service_fn(|request| respond(site.clone(), activity.clone(), request, admitted));
    let mut http = pin!(site.http.serve_connection(TokioIo::new(stream), service));
    let close_timeout = tokio::select! {
        biased;
        ended = &mut http => return ended,
        () = site.stop.requested() => listener::GRACE,
        () = activity.over(site.limits.idle) => CLOSE_TIMEOUT,
    };
    http.as_mut().graceful_shutdown();
    // A client that does not close in time is cut off.
    timeout(close_timeout, http).await.unwrap_or(Ok(()))
}

async fn respond<E: Endpoint>(
    site: Arc<Site<E, Builder>>,
    activity: Arc<Activity>,
    mut request: Request<Incoming>,
    admitted: bool,
) -> Result<Response<Held<Either<Full<Bytes>, E::Body>>>, Infallible> {
    let open = Open::new(&activity);
    let upgrade = (request.method() == Method::CONNECT).then(|| hyper::upgrade::on(&mut request));
    let connection = Connection::default();
    let response = site.respond(request, &connection, admitted).await;
    if !admitted {
        activity.end();
    }
    Ok(match (connection.take(), upgrade) {
        (After::Upgrade(session), Some(upgrade)) => {
            tokio::spawn(run(session, upgrade, open));
            response.map(|body| Held::new(body, None))
        }
        _ => response.map(|body| Held::new(body, Some(open))),
    })
}

/// Runs a session on the request's stream; not at all if the answer said no.
async fn run(session: Upgrade, upgrade: OnUpgrade, open: Open) {
    if let Ok(upgraded) = upgrade.await {
        session(Stream::Http2(TokioIo::new(upgraded)), Bytes::new()).await;
    }
    drop(open);
}

/// Why HTTP/2 does not begin.
#[derive(Debug, thiserror::Error)]
enum NotHttp2 {
    /// The client does not speak it.
    #[error("this server speaks HTTP/2, and nothing else")]
    Version,
    /// TLS, and the client did not ask for `h2` by ALPN (RFC 9113 §3.2).
    #[error("this server speaks HTTP/2, which a client has to ask for by ALPN")]
    NoAlpn,
    /// The connection ended, or TLS is broken.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Returns what was read, which begins with the preface (RFC 9113 §3.4). Takes as long as the client does.
async fn read_preface(stream: &mut Stream) -> Result<Bytes, NotHttp2> {
    if matches!(stream, Stream::Tls(_)) && stream.protocol().is_none() {
        return Err(NotHttp2::NoAlpn);
    }
    let mut read = BytesMut::new();
    while read.len() < PREFACE.len() {
        if stream.read_into(&mut read).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let len = read.len().min(PREFACE.len());
        if read[..len] != PREFACE[..len] {
            return Err(NotHttp2::Version);
        }
    }
    Ok(read.freeze())
}

/// Counts the connection, and answers in HTTP/1.1, which the client most likely speaks.
async fn reject_version(hub: &Hub, stream: &mut Stream, error: &NotHttp2) {
    if let NotHttp2::Io(error) = error {
        return hub.reject_broken_tls(error);
    }
    hub.reject(error);
    let text = error.to_string();
    let answer = format!(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}\n",
        text.len() + 1
    );
    // The client may be gone; TLS may hold it back until it is flushed by the end.
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// What goes on on a connection: how many requests are under way, and since when there is none.
///
/// The idle timer is not moved at every request: it fires, sees whether there was one since, and sleeps for the rest.
struct Activity {
    open: AtomicUsize,
    quiet_since: Mutex<Instant>,
    ended: Notify,
}

impl Default for Activity {
    fn default() -> Self {
        Self { open: AtomicUsize::new(0), quiet_since: Mutex::new(Instant::now()), ended: Notify::new() }
    }
}

impl Activity {
    /// Nothing more shall go on.
    fn end(&self) {
        self.ended.notify_one();
    }

    /// Resolves at the [end](Self::end), or once no request was under way for so long.
    async fn over(&self, idle: Duration) {
        tokio::select! {
            () = self.ended.notified() => {}
            () = self.idle(idle) => {}
        }
    }

    async fn idle(&self, limit: Duration) {
        let mut deadline = self.quiet_since() + limit;
        loop {
            sleep_until(deadline).await;
            let now = Instant::now();
            let quiet = self.open.load(Ordering::Acquire) == 0;
            deadline = if quiet { self.quiet_since() } else { now } + limit;
            if deadline <= now {
                return;
            }
        }
    }

    fn quiet_since(&self) -> Instant {
        *self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, for as long as this lives.
struct Open(Arc<Activity>);

impl Open {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.open.fetch_add(1, Ordering::Relaxed);
        Self(activity.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.load(Ordering::Relaxed) == 1 {
            *self.0.quiet_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

/// A response's body, whose request is under way until it ends.
struct Held<B> {
    body: B,
    _open: Option<Open>,
}

impl<B> Held<B> {
    fn new(body: B, open: Option<Open>) -> Self {
        Self { body, _open: open }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
