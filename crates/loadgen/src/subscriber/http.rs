//! What the HTTP techniques share: connections, requests, answers, and posting the subscriber's own messages.

use std::convert::Infallible;
use std::future::pending;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::SubscribeError;
use crate::headers::Exchange;
use crate::session::Session;
use crate::tap::Protocol;

/// How much of an unexpected answer's body is told.
const TOLD_BYTES: usize = 200;

/// One HTTP/1.1 connection.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Opens a connection of `session`'s.
    pub(super) async fn open(session: &Session) -> Result<Self, SubscribeError> {
        let stream = session.connect(Protocol::Http).await;
        let stream =
            stream.map_err(|source| SubscribeError::Connect { address: session.address(), source })?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender. What goes wrong on it comes back from the exchange.
        tokio::task::spawn_local(async { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Sends a request and returns the answer's head.
    pub(super) async fn exchange(
        &mut self,
        session: &Session,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SubscribeError> {
        self.sender.ready().await?;
        session.request();
        Ok(self.sender.send_request(request).await?)
    }
}

/// The connection for the next request: the one that is there, or a new one where connections are not kept.
pub(super) struct Keeper {
    kept: Option<Connection>,
}

impl Keeper {
    /// No connection yet.
    pub(super) fn new() -> Self {
        Self { kept: None }
    }

    /// Sends a request on the kept connection, or on one of its own if the settings say so.
    pub(super) async fn exchange(
        &mut self,
        session: &Session,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SubscribeError> {
        if !session.settings().http.keep_alive {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            self.kept = None;
        }
        let connection = match &mut self.kept {
            Some(connection) => connection,
            none => none.insert(Connection::open(session).await?),
        };
        connection.exchange(session, request).await
    }
}

/// A request without a body for `path` with the session's resume query.
pub(super) fn get(
    session: &Session,
    path: &str,
    headers: &HeaderMap,
) -> Result<Request<Full<Bytes>>, SubscribeError> {
    request(session, Method::GET, path, headers, Bytes::new())
}

fn request(
    session: &Session,
    method: Method,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, SubscribeError> {
    let uri = format!("{path}?{}", session.resume());
    let mut request = Request::builder().method(method).uri(uri).body(Full::new(body))?;
    *request.headers_mut() = headers.clone();
    Ok(request)
}

/// Posts the subscriber's own messages on a connection of their own, one after another. Never ends well: either there
/// is nothing to send for ever, or it fails.
pub(super) async fn post_outgoing(session: &Session) -> Result<Infallible, SubscribeError> {
    if session.settings().uplink.is_none() {
        return pending().await;
    }
    let mut keeper = Keeper::new();
    loop {
        let message = session.outgoing().await;
        let headers = session.request_headers(Exchange::Post);
        let request = request(session, Method::POST, wire::paths::MESSAGES, headers, message)?;
        let answer = keeper.exchange(session, request).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => drain(answer.into_body()).await?,
            _ => return Err(unexpected(answer).await),
        }
    }
}

/// Reads a body to its end, so that the connection can be used again.
async fn drain(mut body: Incoming) -> Result<(), SubscribeError> {
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

/// The error that an answer with an unexpected status is.
pub(super) async fn unexpected(answer: Response<Incoming>) -> SubscribeError {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), TOLD_BYTES).collect().await;
    let bytes = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let text = String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned();
    SubscribeError::Status { status, text }
}
