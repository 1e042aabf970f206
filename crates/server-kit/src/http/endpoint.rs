//! A technique's endpoint, how a request gets to it, and what an answer can ask of its connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::ext::Protocol;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
use hyper::{Method, Request, Response};
use tokio::time::timeout;

use super::pages;
use super::response::{Rejection, no_content, resume};
use crate::hub::PublishError;
use crate::settings::{Limits, Pages};
use crate::stream::Stream;
use crate::{Hub, Settings, Stop};

/// What a technique answers on its path.
pub trait Endpoint: Send + Sync + 'static {
    const PATH: &'static str;
    /// What the endpoint answers by this path.
    const REACH: Reach = Reach::Path;
    /// The protocol of an extended CONNECT (RFC 8441) on this path that [`answer`](Self::answer) is asked about, too.
    const PROTOCOL: Option<&'static str> = None;
    /// Whether it answers a `POST`, too, whose body is a client's own message.
    const TAKES_MESSAGES: bool = false;
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
    /// Its path, which ends with a slash, and all below it, by every method: it has to reject what it does not know.
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
                connection.drain();
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
                Ok(post(request, &self.hub, &self.limits).await?.map(Either::Left))
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
        (&Method::POST, _) if E::TAKES_MESSAGES => Ok(()),
        (_, Reach::Path) => Err(Rejection::MethodNotAllowed { allow: "GET" }),
    }
}

/// Answers `POST /messages?channel=N`: a client's own message.
async fn post(
    request: Request<Incoming>,
    hub: &Hub,
    limits: &Limits,
) -> Result<Response<Full<Bytes>>, Rejection> {
    take_message(request, hub, limits).await?;
    Ok(no_content())
}

/// Takes the client's own message that is this request's body.
///
/// # Errors
///
/// The [`Rejection`] of a body that does not come, is too long, or is no message.
pub async fn take_message(request: Request<Incoming>, hub: &Hub, limits: &Limits) -> Result<(), Rejection> {
    let channel = resume(&request)?.channel;
    let body = read_body(request.into_body(), limits).await?;
    hub.uplink(channel, &body).map_err(|error| match error {
        PublishError::UnknownChannel(_) => Rejection::NoSuchChannel(error.to_string()),
        PublishError::TooLong { limit, .. } => Rejection::BodyTooLarge { limit },
        other => Rejection::BadRequest(other.to_string()),
    })
}

async fn read_body(body: Incoming, limits: &Limits) -> Result<Bytes, Rejection> {
    let limit = limits.body_bytes;
    if body.size_hint().lower() > limit as u64 {
        return Err(Rejection::BodyTooLarge { limit });
    }
    let whole = timeout(limits.idle, Limited::new(body, limit).collect()).await;
    match whole.map_err(|_| Rejection::TimedOut)? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Rejection::BodyTooLarge { limit }),
        Err(error) => Err(Rejection::BadRequest(error.to_string())),
    }
}

/// What a connection does with its stream and the bytes already read, once HTTP has let go of them.
pub(super) type Upgrade = Box<dyn FnOnce(Stream, Bytes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The connection that a request came on; on HTTP/2, the request's stream of it.
#[derive(Default)]
pub struct Connection {
    after: Mutex<After>,
}

#[derive(Default)]
pub(super) enum After {
    #[default]
    Close,
    /// Its input is drained, since it may still come.
    Drain,
    Upgrade(Upgrade),
}

impl Connection {
    /// What shall be done after the answer is sent that says yes: `101` to an upgrade (RFC 9110 §7.8), with the
    /// connection's stream; `200` to an extended CONNECT (RFC 8441), with the request's own.
    pub fn upgrade<F, Fut>(&self, session: F)
    where
        F: FnOnce(Stream, Bytes) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.set(After::Upgrade(Box::new(|stream, read| Box::pin(session(stream, read)))));
    }

    pub(super) fn drain(&self) {
        self.set(After::Drain);
    }

    pub(super) fn take(&self) -> After {
        std::mem::take(&mut *self.after.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, after: After) {
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = after;
    }
}
