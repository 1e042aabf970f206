//! A connection of HTTP/2 (RFC 9113): by ALPN over TLS, with prior knowledge without.
//!
//! A request is a task of its own, as hyper has it, and ends with its connection. A header list over
//! [`Limits::header_bytes`] is answered 431 by h2, or with GOAWAY (`ENHANCE_YOUR_CALM`) if it comes in too many pieces.
//! A client that reads, but opens no window for a stream (RFC 9113 §5.2), keeps it, and of its events what
//! `SEND_BUFFER` holds; its cursor into the hub costs nothing.

mod activity;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::endpoint::{After, Connection, Endpoint, Site, Upgrade};
use super::reclaim_on_drop::ReclaimOnDrop;
use crate::Hub;
use crate::listener::{self, Admission};
use crate::settings::Limits;
use crate::stream::{self, Stream};
use activity::{Activity, Held, Open};

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
    let (lent, returned) = ReclaimOnDrop::new(stream, read, &site.hub);
    let activity = Arc::new(Activity::default());
    let admitted = matches!(admission, Admission::Admitted(_));
    // An error of the client's protocol has been answered by h2, and one of TLS was counted where it was read.
    let _ = drive(site, lent, &activity, admitted).await;
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
