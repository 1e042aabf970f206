//! HTTP streaming: one response that never ends (RFC 9112 §7.1), as NDJSON or as Server-Sent Events.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderMap;

use super::SubscribeError;
use super::http::{self, Connection};
use crate::headers::Exchange;
use crate::session::Session;

/// Newline-delimited JSON, as a client reads it with `fetch`.
pub mod ndjson {
    use super::{Exchange, Session, SubscribeError, run};

    /// Reads the stream until it ends or the session is stopped.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or dismisses the subscriber.
    pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
        run(session, Exchange::Stream, wire::lines::Decoder::default()).await
    }
}

/// Server-Sent Events, as `EventSource` reads them.
pub mod sse {
    use super::{Exchange, Session, SubscribeError, run};

    /// Reads the stream until it ends or the session is stopped.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached.
    pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
        run(session, Exchange::EventSource, wire::sse::Decoder::default()).await
    }
}

/// How the messages stand in the stream.
trait Messages {
    /// Takes in the next bytes of the stream.
    fn push(&mut self, bytes: &[u8]);
    /// The next message that is whole by now.
    fn next_message(&mut self) -> Option<Bytes>;
}

impl Messages for wire::lines::Decoder {
    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn next_message(&mut self) -> Option<Bytes> {
        self.next()
    }
}

impl Messages for wire::sse::Decoder {
    fn push(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn next_message(&mut self) -> Option<Bytes> {
        self.next().map(|event| event.data)
    }
}

async fn run(session: Session, exchange: Exchange, messages: impl Messages) -> Result<(), SubscribeError> {
    tokio::select! {
        result = read(&session, session.request_headers(exchange), messages) => result,
        Err(error) = http::post_outgoing(&session) => Err(error),
        () = session.stopped() => Ok(()),
    }
}

async fn read(
    session: &Session,
    headers: &HeaderMap,
    mut messages: impl Messages,
) -> Result<(), SubscribeError> {
    let mut body = open(session, headers).await?;
    session.connected();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        messages.push(&data);
        let mut events = 0;
        while let Some(message) = messages.next_message() {
            deliver(session, &message)?;
            events += 1;
        }
        if events > 0 {
            session.response(events);
        }
    }
    Ok(())
}

async fn open(session: &Session, headers: &HeaderMap) -> Result<Incoming, SubscribeError> {
    let request = http::get(session, wire::paths::STREAM, headers)?;
    let answer = Connection::open(session).await?.exchange(session, request).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        _ => Err(http::unexpected(answer).await),
    }
}

/// A line that is no message is the server's last word.
fn deliver(session: &Session, message: &[u8]) -> Result<(), SubscribeError> {
    if message.starts_with(b"[") {
        session.received(message);
        return Ok(());
    }
    Err(SubscribeError::Dismissed(String::from_utf8_lossy(message).into_owned()))
}
