//! Engine.IO as an endpoint of our HTTP servers: polls, posts, and the WebSocket handshake, each bounded as everywhere.
//!
//! The library answers; what it cannot know is done here: how long a body may take, that a connection is closed so
//! that its last bytes are read, and that a server that stops keeps no client waiting. Polls, the first of a session, and
//! those that nearly all requests are, do not pass through hyper.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::service::NotFoundService;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, UPGRADE};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use server_kit::http::{
    Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Reach, ReclaimOnDrop, Rejection,
};
use server_kit::settings::Limits;
use server_kit::stream::{self, Stream};
use server_kit::{Hub, Stop, Stopper};
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use tokio::time::timeout;

use crate::event_injector;
use crate::library::{self, Asking, Host, Library};
use crate::session::{Session, Sessions, Upgrade};
use crate::spliced_stream::SplicedStream;

/// Engine.IO's close packet.
const CLOSE: &[u8] = b"1";

/// A library of Engine.IO behind our HTTP.
pub(crate) struct Engine<L> {
    pub(crate) host: Arc<Host<L>>,
    hub: Hub,
    /// How long a body may take.
    idle: Duration,
    /// The most that the library takes in a body.
    max_payload: usize,
    stop: Stop,
    /// Given once the library has closed its sessions.
    closed: Stop,
    /// What the head of a poll's answer always is.
    head: Head,
}

impl<L: Library> Engine<L> {
    /// This library on this path; it takes `max_payload` in a body at most. The engine stops once the library has closed its
    /// sessions, which `closed` says.
    pub(crate) fn new(
        library: L,
        path: &'static str,
        max_payload: usize,
        hub: &Hub,
        limits: &Limits,
        (stop, closed): (&Stop, &Stop),
    ) -> Self {
        Self {
            host: Arc::new(Host { library, path, sessions: Sessions::new(limits.connections) }),
            hub: hub.clone(),
            idle: limits.idle,
            max_payload,
            stop: stop.clone(),
            closed: closed.clone(),
            head: Head::new(&event_injector::packets(Bytes::new())),
        }
    }

    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Full<Bytes>>, Rejection> {
        if value_of(request.uri(), "transport") == Some("websocket") {
            return Ok(self.upgrade(request, connection).await?.map(Full::new));
        }
        match *request.method() {
            Method::GET => self.poll(request).await,
            _ => self.post(request).await,
        }
        .map(|answer| in_our_words(answer).map(Full::new))
    }

    /// Without a session's id, it begins one.
    async fn poll(&self, request: Request<Incoming>) -> Result<Response<Bytes>, Rejection> {
        if value_of(request.uri(), "sid").is_none() {
            let session = self.host.sessions.polled().ok_or(Rejection::Unavailable)?;
            return Ok(self.host.begin(request, &session).await.0);
        }
        let id = session_of(request.uri());
        Ok(self.held(id, request).await)
    }

    async fn plain_poll(&self, parsed: PollKind) -> Response<Bytes> {
        match parsed {
            PollKind::Begin(session) => self.host.begin(self.host.first_poll(), &session).await.0,
            PollKind::Poll(id) => self.held(Some(id), self.host.poll(id)).await,
        }
    }

    /// The answer to a poll of a session, once there is something.
    async fn held<B: Asking>(&self, id: Option<Sid>, request: Request<B>) -> Response<Bytes> {
        let session = id.and_then(|id| self.host.sessions.find(id));
        let _in_use = session.as_ref().map(Session::begin_use);
        if let Some(session) = &session {
            session.hold_poll().await;
        }
        let answer = self.host.library.answer(request);
        tokio::select! {
            biased;
            answer = event_injector::poll_answer(answer, session.as_ref().map(Session::injector)) => in_our_words(answer),
            // A session that never joined is not among those that are closed.
            () = self.closed.requested() => event_injector::packets(Bytes::from_static(CLOSE)),
        }
    }

    async fn post(&self, request: Request<Incoming>) -> Result<Response<Bytes>, Rejection> {
        let limit = self.max_payload;
        let answered = timeout(self.idle, self.host.library.answer(request)).await;
        let answer = answered.map_err(|_| Rejection::TimedOut)?;
        match answer.status() {
            // What is left of the body is read then, so that the answer arrives.
            StatusCode::PAYLOAD_TOO_LARGE => Err(Rejection::BodyTooLarge { limit }),
            _ => Ok(answer),
        }
    }

    /// The library's own way to the stream, hyper's upgrade, is not taken: it has one more layer than the WebSocket
    /// server's, and the stream would be dropped unread.
    async fn upgrade(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Bytes>, Rejection> {
        if request.version() == Version::HTTP_2 {
            return Err(Rejection::BadRequest("WebSocket is spoken here on HTTP/1.1 only".to_owned()));
        }
        // The library looks at nothing but the key.
        if !request.headers().get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
        {
            return Err(Rejection::NotWebSocket);
        }
        let (id, handshake) = (session_of(request.uri()), again(&request));
        let polled = id.map(|id| (id, self.host.sessions.find(id)));
        if let Some((id, None)) = polled {
            return Ok(self.host.unknown(id).await);
        }
        let answer = self.host.library.answer(request).await;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.take(connection, polled.and_then(|(id, session)| Some((id, session?))), handshake);
        }
        Ok(answer)
    }

    /// Takes the stream behind the answer; by it, `polled` is upgraded.
    fn take(&self, connection: &Connection, polled: Option<(Sid, Session)>, handshake: Request<()>) {
        let begun = match polled {
            Some((id, session)) => match session.begin_upgrade() {
                Some((upgrade, probe)) => Begun::ByPolls { id, session, upgrade, probe },
                // The session has its WebSocket already; as the reference does.
                None => return connection.upgrade(|stream, _| stream::close(stream)),
            },
            None => Begun::Not,
        };
        let taking = Taking { host: self.host.clone(), hub: self.hub.clone(), closed: self.closed.clone() };
        connection.upgrade(move |stream, read| taking.run(stream, read, begun, handshake));
    }
}

impl Endpoint for Engine<SocketIoService<NotFoundService>> {
    const PATH: &'static str = protocol::paths::SOCKETIO;
    const REACH: Reach = Reach::Below;
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        self.answer(request, connection).await
    }
}

/// A poll without more to it, which is answered without hyper.
pub(crate) enum PollKind {
    /// It begins a session.
    Begin(Session),
    /// It asks for what a session holds.
    Poll(Sid),
}

impl FastPath for Engine<SocketIoService<NotFoundService>> {
    type Parsed = PollKind;

    /// None if the request is another, is rejected, or names a session that is not there.
    fn parse(&self, plain: &PlainRequest<'_>) -> Option<PollKind> {
        let is = |key, value| value_in(plain.query(), key) == Some(value);
        if !is("EIO", "4") || !is("transport", "polling") {
            return None;
        }
        let Some(id) = value_in(plain.query(), "sid") else {
            return self.host.sessions.polled().map(PollKind::Begin);
        };
        let id = id.parse().ok()?;
        self.host.sessions.find(id).is_some().then_some(PollKind::Poll(id))
    }

    /// Answers, once there is something, unless the client has gone meanwhile.
    async fn respond(&self, parsed: PollKind, peer: &mut Peer) -> io::Result<Next> {
        let mut answer = pin!(self.plain_poll(parsed));
        let answer = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(Some(answer))),
            Poll::Pending => peer.poll_gone(cx).map_ok(|()| None),
        });
        let Some(answer) = answer.await? else { return Ok(Next::Close) };
        let next = if self.stop.is_requested() { Next::Close } else { Next::Request };
        match answer.status() {
            StatusCode::OK => peer.answer_before(&self.head, answer.body(), next).await,
            _ => peer.answer_before(&Head::new(&without_length(&answer)), answer.body(), next).await,
        }
    }
}

/// How far the session on a stream is.
enum Begun {
    Not,
    ByPolls { id: Sid, session: Session, upgrade: Upgrade, probe: Stopper },
}

/// What a stream needs to be given to the library.
struct Taking<L> {
    host: Arc<Host<L>>,
    hub: Hub,
    closed: Stop,
}

impl<L: Library> Taking<L> {
    /// Returns once the session on the stream is over.
    async fn run(self, stream: Stream, read: Bytes, begun: Begun, mut handshake: Request<()>) {
        let (id, session, first, read, upgrade) = match begun {
            Begun::ByPolls { id, session, upgrade, probe } => {
                (id, session, None, read, Some((upgrade, probe)))
            }
            Begun::Not => {
                let Some((id, session, open)) = self.host.begin_upgraded().await else { return };
                name(&mut handshake, id);
                (id, session, Some(open), [library::UPGRADE, &read].concat().into(), None)
            }
        };
        let (upgrade, probe) = upgrade.unzip();
        let (stream, returned) = ReclaimOnDrop::new(stream, read, &self.hub);
        self.host.library.take(SplicedStream::new(stream, session, probe, first, self.closed), handshake);
        if let Ok(stream) = returned.await {
            stream::close(stream).await;
        }
        // Half upgraded, it would neither be polled nor closed: the library minds only behind hyper's upgrade.
        self.host.end_polling(id).await;
        drop(upgrade);
    }
}

/// The request once more, for the library to take the stream by.
pub(crate) fn again(request: &Request<Incoming>) -> Request<()> {
    let mut handshake = Request::new(());
    *handshake.uri_mut() = request.uri().clone();
    *handshake.headers_mut() = request.headers().clone();
    handshake
}

/// Has the handshake ask for the session of this id.
fn name(handshake: &mut Request<()>, id: Sid) {
    let target = format!("{}&sid={id}", handshake.uri());
    *handshake.uri_mut() = target.parse().expect("an id is made of what a query may hold");
}

/// Answers that say yes have the same header fields in the same order, from either code path.
fn in_our_words(answer: Response<Bytes>) -> Response<Bytes> {
    match answer.status() {
        StatusCode::OK => event_injector::packets(answer.into_body()),
        _ => answer,
    }
}

fn session_of(uri: &Uri) -> Option<Sid> {
    value_of(uri, "sid")?.parse().ok()
}

fn value_of<'a>(uri: &'a Uri, key: &str) -> Option<&'a str> {
    value_in(uri.query().unwrap_or_default(), key)
}

/// The value of a query's key.
fn value_in<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The code that writes the head adds the length.
fn without_length(answer: &Response<Bytes>) -> Response<()> {
    let mut head = answer.clone().map(|_| ());
    head.headers_mut().remove(CONTENT_LENGTH);
    head
}
