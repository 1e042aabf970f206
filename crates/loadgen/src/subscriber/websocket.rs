//! WebSocket (RFC 6455): an HTTP upgrade, then frames both ways.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::header::{HeaderValue, SEC_WEBSOCKET_KEY};
use hyper::http::Request;
use schema::settings::Frames;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{MESSAGE_LIMIT, SubscribeError};
use crate::headers::Exchange;
use crate::session::Session;
use crate::tap::{Protocol, Tapped};

/// A subscriber's socket.
pub type Socket = WebSocketStream<Tapped<TcpStream>>;

/// tungstenite fills this with zeros on every read, so its default of 128 KiB costs more than the read itself:
/// 7.4 µs of CPU for a 125-byte echo against 4.4 µs.
const READ_BUFFER: usize = 4096;
/// How long a close may take, the server's own included.
const CLOSING: Duration = Duration::from_millis(500);

/// Reads frames until the server closes or the session is stopped, which closes with 1000.
///
/// # Errors
///
/// When the server cannot be reached, refuses the handshake, or closes with an error's code.
pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
    let mut socket = tokio::select! {
        socket = connect(&session) => socket?,
        () = session.stopped() => return Ok(()),
    };
    session.connected();
    let stopped = session.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            message = socket.next() => match message {
                None => return Ok(()),
                Some(message) => deliver(&session, message?)?,
            },
            message = session.outgoing() => socket.send(data(&session, message)?).await?,
            () = &mut stopped => break,
        }
    }
    // A server that does not answer in time is left; the trial is over.
    let _ = tokio::time::timeout(CLOSING, close(&mut socket)).await;
    Ok(())
}

/// Opens a connection and asks for the upgrade.
///
/// # Errors
///
/// When the server cannot be reached or refuses.
pub async fn connect(session: &Session) -> Result<Socket, SubscribeError> {
    let stream = session.connect(Protocol::Http).await;
    let stream = stream.map_err(|source| SubscribeError::Connect { address: session.address(), source })?;
    let uri = format!("ws://{}{}?{}", session.address(), wire::paths::WEBSOCKET, session.resume());
    let mut request = Request::builder().uri(uri).body(())?;
    *request.headers_mut() = session.request_headers(Exchange::WebSocket).clone();
    // A new one for each connection (RFC 6455 §4.1), so it is not part of the profile.
    let key = HeaderValue::try_from(generate_key()).map_err(hyper::http::Error::from)?;
    request.headers_mut().insert(SEC_WEBSOCKET_KEY, key);
    session.request();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT));
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    Ok(socket)
}

fn deliver(session: &Session, message: Message) -> Result<(), SubscribeError> {
    match message {
        Message::Text(text) => session.received(text.as_bytes()),
        Message::Binary(bytes) => session.received(&bytes),
        Message::Close(Some(frame)) if !matches!(frame.code, CloseCode::Normal | CloseCode::Away) => {
            return Err(SubscribeError::dismissed(frame.to_string().as_bytes()));
        }
        // tungstenite answers pings and closes by itself.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => return Ok(()),
    }
    session.response(1);
    Ok(())
}

fn data(session: &Session, message: Bytes) -> Result<Message, SubscribeError> {
    Ok(match session.settings().websocket.frames {
        Frames::Text => {
            Message::Text(Utf8Bytes::try_from(message).map_err(|error| Error::Utf8(error.to_string()))?)
        }
        Frames::Binary => Message::Binary(message),
    })
}

/// Closes with 1000, and waits for the server's answer so that it is not reset.
async fn close(socket: &mut Socket) -> Result<(), Error> {
    let farewell = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
    socket.close(Some(farewell)).await?;
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}
