//! The opening handshake: an upgrade on HTTP/1.1 (RFC 6455 §4.1), an extended CONNECT on HTTP/2 (RFC 8441 §5); on
//! either, what is agreed on about compression (RFC 7692 §7.1).

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode, Version, http};
use hyper_util::rt::TokioIo;
use model::settings::Compression;
use protocol::deflate::{Agreement, OFFER};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::{Response, generate_key, generate_request};

use crate::byte_accounting::Protocol;
use crate::handshake::{check, check_subprotocol, take_answer};
use crate::http_client::unexpected;
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::session::recorded_heads::HeadKind;
use crate::subscriber::SubscribeError;
use crate::transport::{Http2, Stream};

/// A stream on which the server speaks WebSocket.
pub(in crate::subscriber) struct Opened<S> {
    pub(in crate::subscriber) stream: S,
    /// What was read of the stream after the server's response.
    pub(in crate::subscriber) read: Bytes,
    /// How both sides compress; none if they do not.
    pub(in crate::subscriber) agreement: Option<Agreement>,
}

/// Opens a connection and asks for the upgrade at `target`, a path with its query.
pub(in crate::subscriber) async fn upgrade(
    session: &Session,
    target: &str,
) -> Result<Opened<Stream>, SubscribeError> {
    let mut stream = session.connect(Protocol::Http).await?;
    let uri = format!("ws://{}{target}", session.address());
    let mut request = Request::builder().uri(uri).body(())?;
    *request.headers_mut() = fields(session);
    // A new one for each connection (RFC 6455 §4.1), so it is not part of the profile.
    let key = HeaderValue::try_from(generate_key()).map_err(http::Error::from)?;
    request.headers_mut().insert(SEC_WEBSOCKET_KEY, key);
    session.request();
    let (head, key) = generate_request(request.clone())?;
    let (answer, read) = exchange(&mut stream, &head).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(SubscribeError::status(answer.status(), answer.headers(), &read));
    }
    check(answer.headers(), &key)?;
    check_subprotocol(request.headers(), answer.headers())?;
    let agreement = agreed(session, answer.headers())?;
    if let Some(subscription) = session.subscription() {
        session.resume_fields().take_answer(&subscription.resumes, answer.headers());
    }
    session.record_head(HeadKind::WebSocket, &request, &answer);
    Ok(Opened { stream, read, agreement })
}

/// Asks for a stream of this connection.
pub(super) async fn extended_connect(
    session: &Session,
    connection: &Http2,
) -> Result<Opened<TokioIo<Upgraded>>, SubscribeError> {
    connection.extended_connect().await?;
    let uri = format!("{}{}?{}", session.origin(), protocol::paths::WEBSOCKET, session.resume());
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(uri)
        .version(Version::HTTP_2)
        .extension(hyper::ext::Protocol::from_static("websocket"))
        .body(())?;
    *request.headers_mut() = fields(session);
    session.request();
    let answer = connection.exchange(request.clone().map(|()| Full::default())).await?;
    if answer.status() != StatusCode::OK {
        return Err(unexpected(answer).await);
    }
    check_subprotocol(request.headers(), answer.headers())?;
    let agreement = agreed(session, answer.headers())?;
    session.record_head(HeadKind::WebSocket, &request, &answer);
    let stream = TokioIo::new(hyper::upgrade::on(answer).await?);
    Ok(Opened { stream, read: Bytes::new(), agreement })
}

/// The profile's fields, and what is asked for beside them.
fn fields(session: &Session) -> HeaderMap {
    let mut fields = session.request_headers(RequestKind::WebSocket).clone();
    match session.settings().transport.compression {
        Compression::Deflate => {
            fields.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(OFFER));
        }
        // Our own servers do not compress then, whatever a browser offers; others would.
        Compression::None if session.subscription().is_some() => {
            fields.remove(SEC_WEBSOCKET_EXTENSIONS);
        }
        Compression::None => {}
    }
    if let Some(subscription) = session.subscription() {
        session.resume_fields().ask(&subscription.resumes, &mut fields);
    }
    fields
}

/// Sends a request, and returns the response's head and what was read after it.
async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> Result<(Response, Bytes), SubscribeError> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut read = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(Error::Protocol(ProtocolError::HandshakeIncomplete).into());
        }
        if let Some(answer) = take_answer(&mut read)? {
            return Ok((answer, read.freeze()));
        }
    }
}

/// What the server agreed to, which must be what it was asked for.
fn agreed(session: &Session, headers: &HeaderMap) -> Result<Option<Agreement>, SubscribeError> {
    let answer = headers.get(SEC_WEBSOCKET_EXTENSIONS);
    let answer = answer.map(|answer| String::from_utf8_lossy(answer.as_bytes()));
    match (session.settings().transport.compression, answer) {
        (Compression::Deflate, answer) => Ok(Some(Agreement::of_answer(answer.as_deref())?)),
        (Compression::None, None) => Ok(None),
        (Compression::None, Some(answer)) => Err(SubscribeError::Extensions(answer.into_owned())),
    }
}
