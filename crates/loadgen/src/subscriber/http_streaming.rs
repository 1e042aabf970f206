//! HTTP streaming: one response that never ends (RFC 9112 §7.1), as NDJSON or as Server-Sent Events.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, StatusCode};
use model::target::Connected;

use super::SubscribeError;
use crate::http_client::content::ContentDecoder;
use crate::http_client::{self, Connection, KeptConnection, RequestTemplate};
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::session::recorded_heads::HeadKind;

/// Reads newline-delimited JSON, as a client does with `fetch`, until the stream ends or the session is stopped.
/// Fails when the server cannot be reached or closes the session of a slow consumer.
pub async fn ndjson(session: Session) -> Result<(), SubscribeError> {
    let messages = Messages::Lines(protocol::lines::Decoder::default());
    subscribe(&session, RequestKind::Stream, messages).await
}

/// Reads Server-Sent Events, as `EventSource` does, until the stream ends or the session is stopped.
/// Fails when the server cannot be reached.
pub async fn sse(session: Session) -> Result<(), SubscribeError> {
    let messages = Messages::Events(protocol::sse::Decoder::resuming(session.resume_fields().event()));
    subscribe(&session, RequestKind::EventSource, messages).await
}

async fn subscribe(session: &Session, kind: RequestKind, messages: Messages) -> Result<(), SubscribeError> {
    if session.settings().turn.is_none() {
        return http_client::two_way(session, read(session, kind, messages)).await;
    }
    tokio::select! {
        result = converse(session, kind, messages) => result,
        () = session.stopped() => Ok(()),
    }
}

/// Reads the messages of a stream, by its format.
enum Messages {
    Lines(protocol::lines::Decoder),
    Events(protocol::sse::Decoder),
}

impl Messages {
    fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Lines(lines) => lines.push(bytes),
            Self::Events(events) => events.push(bytes),
        }
    }

    /// Hands on every line or event that is complete by now.
    fn drain(&mut self, take: impl FnMut(&[u8]) -> Result<(), SubscribeError>) -> Result<(), SubscribeError> {
        match self {
            Self::Lines(lines) => lines.drain(take)?,
            Self::Events(events) => events.drain(take)?,
        };
        Ok(())
    }

    /// Whether the stream is between two messages.
    fn is_between(&self) -> bool {
        match self {
            Self::Lines(lines) => lines.pending() == 0,
            Self::Events(events) => events.is_between_events(),
        }
    }

    /// The id to resume from; none where messages have no ids.
    fn last_id(&self) -> Option<&str> {
        match self {
            Self::Lines(_) => None,
            Self::Events(events) => Some(events.last_event_id()),
        }
    }
}

async fn read(session: &Session, kind: RequestKind, mut messages: Messages) -> Result<(), SubscribeError> {
    // Without the sender, the connection would end while the response is read.
    let (_connection, answer) = open(session, kind).await?;
    session.connected();
    read_body(session, answer, &mut messages).await
}

/// Posts the subscriber's own messages as a page does with `fetch`, each answered by the stream of the events that it causes, one
/// behind another on a connection that is kept, unless the settings say otherwise.
async fn converse(
    session: &Session,
    kind: RequestKind,
    mut messages: Messages,
) -> Result<(), SubscribeError> {
    let mut template =
        RequestTemplate::new(session, Method::POST, protocol::paths::STREAM, RequestKind::Post);
    let mut kept = KeptConnection::new();
    kept.open(session).await?;
    session.connected();
    loop {
        let message = session.outgoing().await;
        let request = template.request(session.resume(), message)?;
        let answer = checked(kept.exchange(session, request).await?, kind).await?;
        read_body(session, answer, &mut messages).await?;
    }
}

async fn read_body(
    session: &Session,
    answer: Response<Incoming>,
    messages: &mut Messages,
) -> Result<(), SubscribeError> {
    let mut content = ContentDecoder::of(&answer)?;
    let mut body = answer.into_body();
    let mut events = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        events += content.push(&data, |text| {
            messages.push(text);
            deliver_all(session, messages)
        })?;
        // hyper hands on what there is of a chunk; servers end theirs with a message. A heartbeat is no empty answer.
        if events > 0 && messages.is_between() {
            session.response(std::mem::take(&mut events));
        }
    }
    Ok(())
}

async fn open(
    session: &Session,
    kind: RequestKind,
) -> Result<(Connection, Response<Incoming>), SubscribeError> {
    let mut template = RequestTemplate::new(session, Method::GET, protocol::paths::STREAM, kind);
    let mut connection = Connection::open(session).await?;
    let mut request = template.request(session.resume(), Bytes::new())?;
    if let Some(subscription) = session.subscription() {
        session.resume_fields().ask(&subscription.resumes, request.headers_mut());
        if subscription.connected == Connected::RequestSent {
            session.connected();
        }
    }
    let head = session.wants_head(HeadKind::Stream).then(|| http_client::head_of(&request));
    let answer = checked(connection.exchange(session, request).await?, kind).await?;
    if let Some(subscription) = session.subscription() {
        session.resume_fields().take_answer(&subscription.resumes, answer.headers());
    }
    if let Some(head) = head {
        session.record_head(HeadKind::Stream, &head, &answer);
    }
    Ok((connection, answer))
}

/// The answer, if it is a stream of this kind.
async fn checked(
    answer: Response<Incoming>,
    kind: RequestKind,
) -> Result<Response<Incoming>, SubscribeError> {
    if answer.status() != StatusCode::OK {
        return Err(http_client::unexpected(answer).await);
    }
    if kind == RequestKind::EventSource {
        check_media_type(&answer)?;
    }
    Ok(answer)
}

/// A browser takes nothing else for an event stream (WHATWG HTML §9.2.3); parameters may follow the type.
fn check_media_type(answer: &Response<Incoming>) -> Result<(), SubscribeError> {
    let field = answer.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = field.as_deref().and_then(|field| field.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(protocol::sse::MEDIA_TYPE) {
        return Ok(());
    }
    Err(SubscribeError::MediaType(field.map_or_else(|| "none".to_owned(), Cow::into_owned)))
}

/// Hands on every message that is whole, and returns how many there were.
fn deliver_all(session: &Session, messages: &mut Messages) -> Result<usize, SubscribeError> {
    let mut events = 0;
    messages.drain(|message| {
        events += deliver(session, message)?;
        Ok(())
    })?;
    // A block without data has no event, and its id counts all the same.
    if let Some(id) = messages.last_id()
        && session.subscription().is_some()
    {
        session.resume_fields().take_event(id);
    }
    Ok(events)
}

/// A line of our own servers that is no message gives the reason why the server closes the session.
fn deliver(session: &Session, message: &[u8]) -> Result<usize, SubscribeError> {
    if session.subscription().is_none() && !message.starts_with(b"[") {
        return Err(SubscribeError::session_closed(message));
    }
    Ok(session.received(message))
}
