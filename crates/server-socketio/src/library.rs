//! The library's services, as much of them as is needed: they answer requests, and take streams; and how a session begins
//! without a ping, as the protocol has it (Engine.IO 4, "Heartbeat": the first comes after `pingInterval`).
//!
//! The library sends one at once (engineioxide #437). So a session is always begun by a poll, whose answer has not left
//! when the ping is fetched and answered in the client's place; the next comes in time. A session by WebSocket is
//! then upgraded in the client's place, too: its stream seems to begin with what a client says for that, and the
//! library's answer to the probe is where the open packet goes.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::{EngineIoService, NotFoundService};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use protocol::websocket::{self, Kind};
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::session::{Session, Sessions};

/// A client's frames `2probe` and `5`, under a mask of zeros.
pub(crate) const UPGRADE: &[u8] = b"\x81\x86\0\0\0\x002probe\x81\x81\0\0\0\x005";

/// A request's body.
pub(crate) trait Asking: Body<Data = Bytes, Error: Debug> + Debug + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Debug> + Debug + Send + Unpin + 'static> Asking for B {}

/// A service of engineioxide or socketioxide.
pub(crate) trait Library: Clone + Send + Sync + 'static {
    /// Answers a request. A WebSocket handshake it only says yes to.
    fn answer<B: Asking>(&self, request: Request<B>) -> impl Future<Output = Response<Bytes>> + Send;

    /// Takes the stream behind a WebSocket handshake, in tasks of its own.
    fn take<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S, handshake: Request<()>);
}

macro_rules! library {
    ($service:ty $(, $handler:ident)?) => {
        impl$(<$handler: EngineIoHandler>)? Library for $service {
            async fn answer<B: Asking>(&self, request: Request<B>) -> Response<Bytes> {
                let Ok(answer) = self.call(request).await;
                whole(answer).await
            }

            fn take<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S, handshake: Request<()>) {
                // Rejected by a query that was not rejected before, which cannot be.
                drop(self.call((stream, handshake)));
            }
        }
    };
}

library!(SocketIoService<NotFoundService>);
library!(EngineIoService<H>, H);

/// Its bodies are empty, or one frame.
async fn whole<B: Body<Data = Bytes, Error = Infallible> + Unpin>(answer: Response<B>) -> Response<Bytes> {
    let (parts, mut body) = answer.into_parts();
    let Ok(data) = body.frame().await.transpose();
    let data = data.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    Response::from_parts(parts, data)
}

/// The internal side of a library: sessions of this path, and how they begin.
pub(crate) struct Host<L> {
    pub(crate) library: L,
    /// With a slash at its end.
    pub(crate) path: &'static str,
    pub(crate) sessions: Sessions,
}

impl<L: Library> Host<L> {
    /// Lets the library begin a session by this poll; its answer, and the session's id if it began.
    pub(crate) async fn begin<B: Asking>(
        &self,
        mut poll: Request<B>,
        session: &Session,
    ) -> (Response<Bytes>, Option<Sid>) {
        poll.extensions_mut().insert(session.clone());
        let answer = self.library.answer(poll).await;
        let id = (answer.status() == StatusCode::OK).then(|| id(answer.body())).flatten();
        if let Some(id) = id {
            self.sessions.insert(id, session);
            self.library.answer(self.poll(id)).await;
            self.library.answer(self.request(Method::POST, &format!("&sid={id}"), "3")).await;
        }
        (answer, id)
    }

    /// Begins a session for a client that has asked by WebSocket: the frame with its open packet.
    pub(crate) async fn begin_upgraded(&self) -> Option<(Sid, Session, Bytes)> {
        let session = Session::default();
        let (answer, id) = self.begin(self.first_poll(), &session).await;
        let open = str::from_utf8(answer.body()).ok()?.replace(r#"["websocket"]"#, "[]");
        Some((id?, session, websocket::encode(Kind::Text, open.as_bytes())))
    }

    /// A poll that begins a session.
    pub(crate) fn first_poll(&self) -> Request<Full<Bytes>> {
        self.request(Method::GET, "", "")
    }

    /// A poll of a session.
    pub(crate) fn poll(&self, id: Sid) -> Request<Full<Bytes>> {
        self.request(Method::GET, &format!("&sid={id}"), "")
    }

    /// What the library answers to a session that it does not know.
    pub(crate) async fn unknown(&self, id: Sid) -> Response<Bytes> {
        self.library.answer(self.poll(id)).await
    }

    /// Ends sessions that were not polled for so long, or for twice as long at most.
    pub(crate) async fn end_idle(&self, after: Duration) {
        loop {
            sleep(after).await;
            for id in self.sessions.idle() {
                self.end_polling(id).await;
            }
        }
    }

    /// Ends a session that is still polled, as if its client had said so. Others are left alone.
    pub(crate) async fn end_polling(&self, id: Sid) {
        self.library.answer(self.request(Method::POST, &format!("&sid={id}"), "1")).await;
    }

    fn request(&self, method: Method, query: &str, body: &'static str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = method;
        let target = format!("{}?EIO=4&transport=polling{query}", self.path);
        *request.uri_mut() = target.parse().expect("an id is made of what a query may hold");
        request
    }
}

/// The id in an open packet.
fn id(open: &Bytes) -> Option<Sid> {
    let (_, rest) = str::from_utf8(open).ok()?.split_once(r#""sid":""#)?;
    rest.split('"').next()?.parse().ok()
}
