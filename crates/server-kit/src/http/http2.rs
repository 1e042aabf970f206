//! A connection of HTTP/2 (RFC 9113): by ALPN over TLS, with prior knowledge without.
//!
//! A request is a task of its own, as hyper has it, and ends with its connection. A header list over
//! [`Limits::header_bytes`] is answered 431 by h2, or with GOAWAY (`ENHANCE_YOUR_CALM`) if it comes in too many pieces.
//! A client that reads, but opens no window for a stream (RFC 9113 §5.2), keeps it, and of its events what
//! `SEND_BUFFER` holds; its cursor into the hub costs nothing.

mod activity;
mod preface;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::timeout;

use super::connection::{After, Connection, Upgrade};
use super::endpoint::{Endpoint, Site};
use super::reclaim_on_drop::ReclaimOnDrop;
use crate::graceful_close;
use crate::listener::{self, Admission};
use crate::settings::Limits;
use crate::stream::Stream;
use activity::{Activity, Held, Open};

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
        begun = timeout(site.limits.idle, preface::read(&mut stream)) => begun,
        () = site.stop.requested() => return graceful_close::close(stream).await,
    };
    let stream = match begun {
        Ok(Ok(read)) => speak(&site, stream, read, &admission).await,
        Ok(Err(error)) => {
            preface::reject(&site.hub, &mut stream, &error).await;
            Some(stream)
        }
        Err(_said_nothing) => Some(stream),
    };
    if let Some(stream) = stream {
        graceful_close::close(stream).await;
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
