//! The connection loop of the HTTP servers: limits, idle time-out, graceful stop, `POST /messages`.
//!
//! hyper's connection per accepted stream, of the one version that [`Settings::transport`] names, with nothing in
//! between. A technique is an [`Endpoint`]: one path, or all below it, and what it answers there, in whichever version. One that
//! is [`FastPath`] answers plain requests on HTTP/1.1 by itself, and all others by hyper.
//!
//! # Layout
//!
//! - `http1`, `http2`: a connection of that version, from its first byte to its last
//! - `connection`: what an answer can ask of its connection
//! - `fast_path`: what nearly all requests are, without hyper
//! - `lent`: a connection's stream in a library's hands, and back
//! - `rewound`: a stream some bytes of which were read already
//! - `answer`, `rejection`: heads that say yes and no
//! - `messages`: `POST /messages`

mod answer;
mod connection;
mod fast_path;
mod http1;
mod http2;
mod messages;
mod prefixed_stream;
mod reclaim_on_drop;
mod rejection;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::ext::Protocol;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
use hyper::{Method, Request, Response};
use tokio::net::TcpListener;

use crate::listener::{self, Admission, Door};
use crate::pages::Pages;
use crate::settings::{HttpVersion, Limits};
use crate::stream::Stream;
use crate::{Hub, Settings, Stop, tls};

pub use answer::{NO_STORE, answer, no_content, resume};
pub use connection::Connection;
pub use fast_path::{FastPath, Head, Next, Peer, PlainRequest};
pub use reclaim_on_drop::ReclaimOnDrop;
pub use rejection::Rejection;

/// What a technique answers on its path.
pub trait Endpoint: Send + Sync + 'static {
    /// The path.
    const PATH: &'static str;
    /// What the endpoint answers by this path.
    const REACH: Reach = Reach::Path;
    /// The protocol of an extended CONNECT (RFC 8441) on this path that [`answer`](Self::answer) is asked about, too.
    const PROTOCOL: Option<&'static str> = None;
    /// The body of its answers. Each data frame is one chunk on HTTP/1.1, unless the size is known in advance, and
    /// one DATA frame on HTTP/2, as far as the peer's `SETTINGS_MAX_FRAME_SIZE` and windows allow.
    type Body: Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static;

    /// Answers a request. Dropped when the client goes away meanwhile.
    fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> impl Future<Output = Result<Response<Self::Body>, Rejection>> + Send;
}

/// What an endpoint answers. The rest is answered for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Its path, by `GET`.
    Path,
    /// Its path, which ends with a slash, and all below it, by every method: it has to refuse what it does not know.
    /// How long a body may take, and how large it may be, is its own to bound, too.
    Below,
}

impl Reach {
    fn covers(self, own: &str, asked: &str) -> bool {
        match self {
            Self::Path => asked == own,
            Self::Below => asked.starts_with(own),
        }
    }
}

/// Serves until `stop`: open requests are answered by their endpoint, which hears the stop itself, and connections
/// closed; all that is bounded by [`listener::GRACE`].
///
/// A client that speaks the other version of HTTP gets an error in its own version, and is counted ([`Hub::rejected`]).
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve<E: Endpoint>(
    listener: TcpListener,
    hub: Hub,
    settings: &Settings,
    stop: Stop,
    endpoint: E,
) -> io::Result<()> {
    match settings.transport.http {
        HttpVersion::Http1 => on_http1(listener, hub, settings, stop, endpoint, http1::connection).await,
        HttpVersion::Http2 => {
            let (door, stopped) = (Door::new(settings, &hub, Some(tls::HTTP_2)), stop.clone());
            let http = http2::builder(&settings.limits);
            let site = Arc::new(Site::new(endpoint, hub, http, settings, stop));
            let serve = move |stream, admission| http2::connection(site.clone(), stream, admission);
            listener::accept(listener, door, &stopped, serve).await
        }
    }
}

/// As [`serve`], and what the endpoint answers by itself does not pass through hyper.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_fast<E: FastPath>(
    listener: TcpListener,
    hub: Hub,
    settings: &Settings,
    stop: Stop,
    endpoint: E,
) -> io::Result<()> {
    // The header field for other origins is added to hyper's answers only.
    if settings.transport.http == HttpVersion::Http1 && !settings.cross_origin {
        on_http1(listener, hub, settings, stop, endpoint, fast_path::connection).await
    } else {
        serve(listener, hub, settings, stop, endpoint).await
    }
}

async fn on_http1<E, Fut>(
    listener: TcpListener,
    hub: Hub,
    settings: &Settings,
    stop: Stop,
    endpoint: E,
    connection: fn(Arc<Site<E, http1::Builder>>, Stream, Admission) -> Fut,
) -> io::Result<()>
where
    E: Endpoint,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (door, stopped) = (Door::new(settings, &hub, Some(tls::HTTP_1)), stop.clone());
    let http = http1::builder(&settings.limits);
    let site = Arc::new(Site::new(endpoint, hub, http, settings, stop));
    let serve = move |stream, admission| connection(site.clone(), stream, admission);
    listener::accept(listener, door, &stopped, serve).await
}

/// What all connections share; `H` is hyper's builder of the version.
struct Site<E, H> {
    endpoint: E,
    hub: Hub,
    http: H,
    limits: Limits,
    pages: Option<Arc<Pages>>,
    cross_origin: bool,
    stop: Stop,
}

type Reply<B> = Response<Either<Full<Bytes>, B>>;

impl<E: Endpoint, H> Site<E, H> {
    fn new(endpoint: E, hub: Hub, http: H, settings: &Settings, stop: Stop) -> Self {
        let (limits, pages) = (settings.limits.clone(), settings.pages.clone());
        Self { endpoint, hub, http, limits, pages, cross_origin: settings.cross_origin, stop }
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        admitted: bool,
    ) -> Reply<E::Body> {
        let version = request.version();
        let answered =
            if admitted { self.route(request, connection).await } else { Err(Rejection::Unavailable) };
        let mut reply = answered.unwrap_or_else(|rejection| {
            if rejection.closes() {
                connection.linger();
            }
            rejection.to_response(version).map(Either::Left)
        });
        if self.cross_origin {
            reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        reply
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Reply<E::Body>, Rejection> {
        let pages = self.pages.as_ref();
        if let Some(page) = pages.and_then(|pages| pages.answer(request.method(), request.uri().path())) {
            return Ok(page?.map(Either::Left));
        }
        match (request.uri().path(), request.method()) {
            (path, method) if E::REACH.covers(E::PATH, path) => {
                check::<E>(method, &request)?;
                Ok(self.endpoint.answer(request, connection).await?.map(Either::Right))
            }
            (protocol::paths::MESSAGES, &Method::POST) => {
                Ok(messages::post(request, &self.hub, &self.limits).await?.map(Either::Left))
            }
            (protocol::paths::MESSAGES, _) => Err(Rejection::MethodNotAllowed { allow: "POST" }),
            _ => Err(Rejection::NotFound),
        }
    }
}

/// Whether the endpoint is asked about what its path is asked for.
fn check<E: Endpoint>(method: &Method, request: &Request<Incoming>) -> Result<(), Rejection> {
    match (method, E::REACH) {
        (&Method::CONNECT, _) => {
            let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
            let spoken = protocol.is_some() && protocol == E::PROTOCOL;
            if spoken { Ok(()) } else { Err(Rejection::NoSuchProtocol) }
        }
        (&Method::GET, _) | (_, Reach::Below) => Ok(()),
        (_, Reach::Path) => Err(Rejection::MethodNotAllowed { allow: "GET" }),
    }
}
