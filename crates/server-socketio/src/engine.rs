//! Engine.IO as an endpoint of our HTTP servers: polls, posts, and the WebSocket handshake, each bounded as everywhere.
//!
//! The library answers; what it cannot know is done here: how long a body may take, that a connection is closed so
//! that its last bytes are read, and that nobody is kept waiting by a server that stops.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use server_kit::http::{Connection, Lent, Refusal};
use server_kit::{Hub, Stop, linger};
use socketioxide::socket::Sid;
use tokio::time::timeout;

use crate::library::Library;
use crate::session::{Session, Sessions};
use crate::watched::{Owner, Watched};

/// Engine.IO's close packet.
const CLOSE: &[u8] = b"1";
/// Its noop packet: what a poll is answered that takes nothing out of the buffer.
const NOOP: &[u8] = b"6";

/// A library of Engine.IO behind our HTTP.
pub(crate) struct Engine<L> {
    pub(crate) library: L,
    pub(crate) sessions: Sessions,
    pub(crate) hub: Hub,
    /// How long a body may take.
    pub(crate) idle: Duration,
    /// The most that the library takes or gives in a body, unless a single packet is longer.
    pub(crate) max_payload: usize,
    /// Given once the library has closed its sessions.
    pub(crate) closed: Stop,
}

impl<L: Library> Engine<L> {
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        if value_of(request.uri(), "transport") == Some("websocket") {
            return self.upgrade(request, connection).await;
        }
        match *request.method() {
            Method::GET => Ok(self.poll(request).await),
            _ => self.post(request).await,
        }
    }

    /// Without a session's id, it begins one.
    async fn poll(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let id = session_of(request.uri());
        if id.is_none() {
            request.extensions_mut().insert(Session::default());
        }
        let answer = tokio::select! {
            biased;
            answer = self.library.answer(request) => answer,
            // A session that never joined is not known to those who close.
            () = self.closed.requested() => goodbye(),
        };
        // Joined while the poll was held, maybe.
        if let Some(session) = id.and_then(|id| self.sessions.find(id))
            && self.has_emptied(answer.body())
        {
            session.emptied();
        }
        answer
    }

    /// Whether the library's buffer of the session is empty, since the next packet would have found room. There is
    /// room for the longest in half of a body.
    fn has_emptied(&self, body: &Full<Bytes>) -> bool {
        let len = body.size_hint().lower() as usize;
        len > NOOP.len() && len <= self.max_payload / 2
    }

    async fn post(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Refusal> {
        let limit = self.max_payload;
        let answered = timeout(self.idle, self.library.answer(request)).await;
        let answer = answered.map_err(|_| Refusal::TimedOut)?;
        match answer.status() {
            // What is left of the body is read then, so that the answer arrives.
            StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal::BodyTooLarge { limit }),
            _ => Ok(answer),
        }
    }

    /// The library's own way to the stream, hyper's upgrade, is not taken: it has one more layer than the WebSocket
    /// server's, and the stream would be dropped unread.
    async fn upgrade(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        if request.version() != Version::HTTP_11 {
            return Err(Refusal::BadRequest("WebSocket is spoken here on HTTP/1.1 only".to_owned()));
        }
        let (owner, handshake) = self.handshake(&request);
        let answer = self.library.answer(request).await;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (library, hub) = (self.library.clone(), self.hub.clone());
            connection.upgrade(move |stream, read| async move {
                let (lent, returned) = Lent::new(stream, read, &hub);
                library.take(Watched::new(lent, owner), handshake);
                if let Ok(stream) = returned.await {
                    linger::close(stream).await;
                }
            });
        }
        Ok(answer)
    }

    /// The request again, for the library to take the stream by, and whose stream it will be.
    fn handshake(&self, request: &Request<Incoming>) -> (Owner, Request<()>) {
        let mut handshake = Request::new(());
        *handshake.uri_mut() = request.uri().clone();
        *handshake.headers_mut() = request.headers().clone();
        let owner = match session_of(request.uri()) {
            Some(id) => Owner::Of(id, self.sessions.clone()),
            None => {
                let session = Session::default();
                handshake.extensions_mut().insert(session.clone());
                Owner::Known(session)
            }
        };
        (owner, handshake)
    }
}

/// The answer to a poll that is held when the server stops.
fn goodbye() -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(CLOSE));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    answer
}

fn session_of(uri: &Uri) -> Option<Sid> {
    value_of(uri, "sid")?.parse().ok()
}

fn value_of<'a>(uri: &'a Uri, key: &str) -> Option<&'a str> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}
