//! The connection loop of the HTTP servers: limits, idle time-out, graceful stop, `POST /messages`.
//!
//! hyper's HTTP/1.1 connection per accepted socket, with nothing in between. A technique is an [`Endpoint`]: one path,
//! and what it answers there.

mod answer;
mod messages;
mod refusal;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::listener::{self, Admission};
use crate::settings::Limits;
use crate::stream::Stream;
use crate::{Hub, Settings, Stop, linger};

pub use answer::{NO_STORE, answer, no_content, resume};
pub use refusal::Refusal;

/// hyper refuses to be told a smaller buffer.
const SMALLEST_BUFFER: usize = 8 * 1024;

/// What a technique answers on its path.
pub trait Endpoint: Send + Sync + 'static {
    /// The path; `GET` is its only method.
    const PATH: &'static str;
    /// The body of its answers. Each data frame is one chunk, unless the size is known in advance.
    type Body: Body<Data = Bytes, Error = Infallible> + Send + 'static;

    /// Answers a request. Dropped when the client goes away meanwhile.
    fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> impl Future<Output = Result<Response<Self::Body>, Refusal>> + Send;
}

/// What a connection does with its stream and the bytes already read, once HTTP has let go of them.
type Upgrade = Box<dyn FnOnce(Stream, Bytes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The connection that a request came on.
#[derive(Default)]
pub struct Connection {
    after: Mutex<After>,
}

#[derive(Default)]
enum After {
    #[default]
    Close,
    Linger,
    Upgrade(Upgrade),
}

impl Connection {
    /// What the connection's task shall do after the `101` answer is sent.
    pub fn upgrade<F, Fut>(&self, session: F)
    where
        F: FnOnce(Stream, Bytes) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.set(After::Upgrade(Box::new(|stream, read| Box::pin(session(stream, read)))));
    }

    fn set(&self, after: After) {
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = after;
    }

    fn take(&self) -> After {
        std::mem::take(&mut *self.after.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves until `stop`: open requests are answered by their endpoint, which hears the stop itself, and connections
/// closed; all that is bounded by [`listener::GRACE`].
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
    let limits = settings.limits.clone();
    let site = Arc::new(Site { endpoint, hub, http: builder(&limits), limits, stop: stop.clone() });
    let serve = |stream, admission| connection(site.clone(), stream, admission);
    listener::accept(listener, &site.limits, &stop, serve).await
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    // The time-out for a head begins when the connection falls idle, so it is the idle time-out as well.
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(SMALLEST_BUFFER));
    http
}

struct Site<E> {
    endpoint: E,
    hub: Hub,
    http: http1::Builder,
    limits: Limits,
    stop: Stop,
}

type Reply<B> = Response<Either<Full<Bytes>, B>>;

async fn connection<E: Endpoint>(site: Arc<Site<E>>, stream: Stream, admission: Admission) {
    let connection = Arc::new(Connection::default());
    let (read, stream, ended) = speak_http(&site, &connection, stream, &admission).await;
    match connection.take() {
        After::Upgrade(session) if ended.is_ok() => session(stream, read).await,
        After::Linger => linger::close(stream).await,
        // An error may have left input unread, behind an answer that tells why.
        _ if ended.is_err() => linger::close(stream).await,
        After::Close | After::Upgrade(_) => drop(stream),
    }
    drop(admission);
}

/// Returns the socket, open still, and what was read of it behind the last request.
async fn speak_http<E: Endpoint>(
    site: &Arc<Site<E>>,
    connection: &Arc<Connection>,
    stream: Stream,
    admission: &Admission,
) -> (Bytes, Stream, hyper::Result<()>) {
    let admitted = matches!(admission, Admission::Admitted(_));
    let service = service_fn(|request| {
        let (site, connection) = (site.clone(), connection.clone());
        // Boxed since hyper gives the socket back only where the answer may be moved.
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
    (parts.read_buf, parts.io.into_inner(), ended)
}

impl<E: Endpoint> Site<E> {
    async fn respond(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        admitted: bool,
    ) -> Reply<E::Body> {
        let answered =
            if admitted { self.route(request, connection).await } else { Err(Refusal::Unavailable) };
        answered.unwrap_or_else(|refusal| {
            if refusal.closes() {
                connection.set(After::Linger);
            }
            refusal.to_response().map(Either::Left)
        })
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Reply<E::Body>, Refusal> {
        match (request.uri().path(), request.method()) {
            (path, &Method::GET) if path == E::PATH => {
                Ok(self.endpoint.answer(request, connection).await?.map(Either::Right))
            }
            (path, _) if path == E::PATH => Err(Refusal::MethodNotAllowed { allow: "GET" }),
            (wire::paths::MESSAGES, &Method::POST) => {
                Ok(messages::post(request, &self.hub, &self.limits).await?.map(Either::Left))
            }
            (wire::paths::MESSAGES, _) => Err(Refusal::MethodNotAllowed { allow: "POST" }),
            _ => Err(Refusal::NotFound),
        }
    }
}
