//! What the HTTP techniques share: connections, requests that repeat, and posting the subscriber's own messages.
//!
//! - `fast_path`, `response_head`: exchanges on HTTP/1.1 whose responses are ordinary; hyper takes over the others
//! - `request_template`: requests that repeat
//! - `target_uplink`: how a subscriber sends to a server of others

pub mod content;
mod fast_path;
mod request_template;
mod response_head;
mod target_uplink;

use std::convert::Infallible;
use std::future::pending;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::settings::HttpVersion;
use model::target::{PublishRequest, Send};
use protocol::Resume;

use crate::byte_accounting::Protocol;
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::session::recorded_heads::HeadKind;
use crate::subscriber::{REPORTED_BYTES, SubscribeError};
use crate::transport::{Http2, ReclaimOnDrop};
use fast_path::HyperHandoff;
use target_uplink::TargetPost;

pub(crate) use fast_path::FastPath;
pub use request_template::RequestTemplate;
pub(crate) use request_template::{RequestBase, write_head};
pub(crate) use response_head::ResponseHead;
pub(crate) use response_head::digits;

/// A connection of the trial's HTTP version, held: the last to drop one that is shared ends it.
pub struct Connection(Sender);

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(Http2),
}

impl Connection {
    /// Opens a connection of `session`'s; on HTTP/2, the one that is there already may serve.
    /// Fails when the server cannot be reached, or does not speak that version.
    pub async fn open(session: &Session) -> Result<Self, SubscribeError> {
        match session.settings().transport.http {
            HttpVersion::Http1 => Self::http1(session).await,
            HttpVersion::Http2 => Ok(Self(Sender::Http2(session.http2().await?))),
        }
    }

    async fn open_for_one(session: &Session) -> Result<Self, SubscribeError> {
        match session.settings().transport.http {
            HttpVersion::Http1 => Self::http1(session).await,
            HttpVersion::Http2 => Ok(Self(Sender::Http2(session.new_http2().await?))),
        }
    }

    async fn http1(session: &Session) -> Result<Self, SubscribeError> {
        let stream = ReclaimOnDrop::closing(session.connect(Protocol::Http).await?);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what goes wrong on it comes back from the exchange. A task of its own costs no more
        // than polling it here: 8.9 to 9.0 µs of CPU a request either way, the lowest of nine runs each.
        tokio::task::spawn_local(async { drop(connection.await) });
        Ok(Self(Sender::Http1(sender)))
    }

    /// Sends a request and returns the answer's head.
    /// Fails when the connection breaks.
    pub async fn exchange(
        &mut self,
        session: &Session,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SubscribeError> {
        match &mut self.0 {
            Sender::Http1(sender) => {
                sender.ready().await?;
                session.request();
                Ok(sender.send_request(request).await?)
            }
            Sender::Http2(connection) => {
                session.request();
                connection.exchange(request).await
            }
        }
    }

    fn is_closed(&self) -> bool {
        match &self.0 {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(connection) => connection.is_closed(),
        }
    }
}

/// The connection for the next request: the one that is there, or a new one where connections are not kept.
pub(crate) struct KeptConnection {
    kept: Option<Connection>,
}

impl KeptConnection {
    pub(crate) fn new() -> Self {
        Self { kept: None }
    }

    /// Opens the connection before its first request, if it is one that is kept.
    pub(crate) async fn open(&mut self, session: &Session) -> Result<(), SubscribeError> {
        if session.settings().http.keep_alive {
            self.kept = Some(Connection::open(session).await?);
        }
        Ok(())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.kept.as_ref().is_some_and(|connection| !connection.is_closed())
    }

    /// Keeps the connection of an exchange that hyper takes up, and returns the head of its answer.
    pub(crate) async fn take_up(
        &mut self,
        exchange: HyperHandoff,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SubscribeError> {
        let mut sender = exchange.hyper().await?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        self.kept = Some(Connection(Sender::Http1(sender)));
        Ok(answer)
    }

    /// Sends a request on the kept connection, or on one of its own if the settings say so.
    pub(crate) async fn exchange(
        &mut self,
        session: &Session,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SubscribeError> {
        if !session.settings().http.keep_alive {
            self.kept = None;
            let connection = self.kept.insert(Connection::open_for_one(session).await?);
            return connection.exchange(session, request).await;
        }
        // The server may have closed a connection that lay idle.
        self.kept.take_if(|connection| connection.is_closed());
        let connection = match &mut self.kept {
            Some(connection) => connection,
            none => none.insert(Connection::open(session).await?),
        };
        connection.exchange(session, request).await
    }
}

/// Reads with `read` and posts the subscriber's own messages beside it, until either fails, `read` ends or the session
/// is stopped.
///
/// # Errors
///
/// The first of either.
pub async fn two_way(
    session: &Session,
    read: impl Future<Output = Result<(), SubscribeError>>,
) -> Result<(), SubscribeError> {
    tokio::select! {
        result = read => result,
        Err(error) = post_outgoing(session) => Err(error),
        () = session.stopped() => Ok(()),
    }
}

/// Posts the subscriber's own messages one after another, on HTTP/1.1 on a connection of their own, which is opened at
/// once, so that the first message does not pay for it; on HTTP/2 beside what is read. Never ends well: either there is nothing to send for ever, or it fails.
async fn post_outgoing(session: &Session) -> Result<Infallible, SubscribeError> {
    if session.settings().uplink.is_none() {
        return pending().await;
    }
    if let Some(Send::Request(publish)) = session.subscription().and_then(|target| target.send.as_ref()) {
        return post_to_target(session, publish).await;
    }
    let mut kept = KeptConnection::new();
    kept.open(session).await?;
    let mut template =
        RequestTemplate::new(session, Method::POST, protocol::paths::MESSAGES, RequestKind::Post);
    let to = Resume { channel: session.resume().channel, ..Resume::default() };
    loop {
        let request = template.request(to, session.outgoing().await)?;
        let head = session.wants_head(HeadKind::Post).then(|| head_of(&request));
        let answer = kept.exchange(session, request).await?;
        if let Some(head) = head {
            session.record_head(HeadKind::Post, &head, &answer);
        }
        match answer.status() {
            StatusCode::NO_CONTENT => {}
            _ => return Err(unexpected(answer).await),
        }
    }
}

/// The same by the request that publishes to a server of others.
async fn post_to_target(session: &Session, publish: &PublishRequest) -> Result<Infallible, SubscribeError> {
    let post = TargetPost::new(session, publish)?;
    let mut kept = KeptConnection::new();
    kept.open(session).await?;
    loop {
        let request = post.request(session, &session.outgoing().await);
        let (head, body) = kept.exchange(session, request).await?.into_parts();
        post.check(&head, &body.collect().await?.to_bytes())?;
    }
}

/// A request without its body.
pub fn head_of<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    head.headers_mut().clone_from(request.headers());
    head
}

/// The error that an answer with an unexpected status is.
pub async fn unexpected(answer: Response<Incoming>) -> SubscribeError {
    let (head, mut body) = answer.into_parts();
    let mut reported = Vec::new();
    while reported.len() < REPORTED_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        reported.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    SubscribeError::status(head.status, &head.headers, &reported)
}
