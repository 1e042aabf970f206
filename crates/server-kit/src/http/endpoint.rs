//! A technique's endpoint, and how a request gets to it.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::ext::Protocol;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
use hyper::{Method, Request, Response};

use super::connection::Connection;
use super::response::Rejection;
use super::{messages, pages};
use crate::pages::Pages;
use crate::settings::Limits;
use crate::{Hub, Settings, Stop};

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

/// What all connections share; `H` is hyper's builder of the version.
pub(super) struct Site<E, H> {
    pub(super) endpoint: E,
    pub(super) hub: Hub,
    pub(super) http: H,
    pub(super) limits: Limits,
    pub(super) pages: Option<Arc<Pages>>,
    pub(super) cross_origin: bool,
    pub(super) stop: Stop,
}

pub(super) type Reply<B> = Response<Either<Full<Bytes>, B>>;

impl<E: Endpoint, H> Site<E, H> {
    pub(super) fn new(endpoint: E, hub: Hub, http: H, settings: &Settings, stop: Stop) -> Self {
        let (limits, pages) = (settings.limits.clone(), settings.pages.clone());
        Self { endpoint, hub, http, limits, pages, cross_origin: settings.cross_origin, stop }
    }

    pub(super) async fn respond(
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
        if let Some(page) =
            pages.and_then(|pages| pages::answer(pages, request.method(), request.uri().path()))
        {
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
