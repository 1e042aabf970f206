//! A connection of HTTP/1.1 (RFC 9112).

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
pub(super) use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;

use super::endpoint::{After, Connection, Endpoint, Site};
use super::reclaim_on_drop::PrefixedStream;
use crate::listener::Admission;
use crate::settings::Limits;
use crate::stream::{self, Stream};

/// hyper accepts no smaller buffer.
const SMALLEST_BUFFER: usize = 8 * 1024;
/// Empty SETTINGS, and a GOAWAY of stream 0 with `HTTP_1_1_REQUIRED` (RFC 9113 §3.4, §6.8, §7): the answer to HTTP/2.
const GO_AWAY: &[u8] =
    b"\0\0\0\x04\0\0\0\0\0\0\0\x23\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0dthis server speaks HTTP/1.1";

pub(super) fn builder(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    // The time-out for a head begins when the connection falls idle, so it is the idle time-out as well.
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(SMALLEST_BUFFER));
    http
}

pub(super) async fn connection<E: Endpoint>(
    site: Arc<Site<E, Builder>>,
    stream: Stream,
    admission: Admission,
) {
    rest(site, stream, Bytes::new(), admission).await;
}

/// A connection of which these bytes were read already.
pub(super) async fn rest<E: Endpoint>(
    site: Arc<Site<E, Builder>>,
    stream: Stream,
    read: Bytes,
    admission: Admission,
) {
    let connection = Arc::new(Connection::default());
    let stream = PrefixedStream::new(stream, read);
    // In a box of its own, which goes with HTTP: an upgraded connection is no larger than it has to be.
    let (read, stream, ended) = Box::pin(speak(&site, &connection, stream, &admission)).await;
    match connection.take() {
        After::Upgrade(session) if ended.is_ok() => session(stream, read).await,
        After::Drain => stream::close(stream).await,
        // An error may have left input unread, behind an answer with the reason.
        _ if ended.is_err() => give_up(&site, stream, ended).await,
        After::Close | After::Upgrade(_) => stream::end(stream).await,
    }
    drop(admission);
}

/// Returns the stream, open still, and what was read of it behind the last request.
async fn speak<E: Endpoint>(
    site: &Arc<Site<E, Builder>>,
    connection: &Arc<Connection>,
    stream: PrefixedStream,
    admission: &Admission,
) -> (Bytes, Stream, hyper::Result<()>) {
    let admitted = matches!(admission, Admission::Admitted(_));
    let service = service_fn(|request| {
        let (site, connection) = (site.clone(), connection.clone());
        // Boxed since hyper gives the stream back only where the answer may be moved.
        Box::pin(async move { Ok::<_, Infallible>(site.respond(request, &connection, admitted).await) })
    });
    let mut http = site.http.serve_connection(TokioIo::new(stream), service);
    // The stop goes first, so that the last answer can say that the connection closes.
    let ended = tokio::select! {
        biased;
        () = site.stop.requested() => None,
        ended = poll_fn(|cx| http.poll_without_shutdown(cx)) => Some(ended),
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut http).graceful_shutdown();
            poll_fn(|cx| http.poll_without_shutdown(cx)).await
        }
    };
    let parts = http.into_parts();
    let (stream, read) = parts.io.into_inner().into_parts(parts.read_buf);
    (read, stream, ended)
}

async fn give_up<E: Endpoint>(site: &Site<E, Builder>, mut stream: Stream, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        site.hub.reject_broken_tls(&error);
        if error.is_parse_version_h2() {
            site.hub.reject(&"a client speaks HTTP/2, and this server HTTP/1.1");
            // The client may be gone.
            let _ = stream.write_all(GO_AWAY).await;
        }
    }
    stream::close(stream).await;
}
