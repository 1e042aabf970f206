//! WebSocket: a handshake on HTTP/1.1 (RFC 6455) or HTTP/2 (RFC 8441), then frames both ways, compressed (RFC 7692) if
//! the settings say so.
//!
//! - `frame_socket`: messages over a stream, whichever library makes their frames; how a connection ends
//! - `handshake`: what is asked for, and what the server's answer must be
//! - `plain`, `frame`: frames without extensions
//! - `tungstenite_fallback`: tungstenite reads the frames that are not a message each
//! - `deflated`: compressed frames, by the codec of [`protocol::deflate`]

mod deflated;
pub(super) mod frame;
pub(super) mod handshake;
mod plain;
mod tungstenite_fallback;

use model::settings::{self, HttpVersion};
use protocol::deflate::Kind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::SubscribeError;
use crate::script::Script;
use crate::session::Session;
use crate::session::target_adapter;
use crate::transport::Stream;

use deflated::Deflated;
use frame::{CLOSE_LIMIT, FrameSocket, end};
use handshake::Opened;

pub use plain::Socket;

/// Reads frames until the server closes or the session is stopped, which closes with 1000.
/// Fails when the server cannot be reached, refuses the handshake, does not agree to what it was asked for, closes with an
/// error's code, or sends what cannot be read.
pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
    match session.settings().transport.http {
        HttpVersion::Http1 => speak(&session, handshake::upgrade(&session, &target(&session))).await,
        HttpVersion::Http2 => {
            let connection = tokio::select! {
                connection = session.http2() => connection?,
                () = session.stopped() => return Ok(()),
            };
            // Held as long as its stream is spoken on.
            speak(&session, handshake::extended_connect(&session, &connection)).await
        }
    }
}

/// Opens a connection and asks for the upgrade, without extensions.
/// Fails when the server cannot be reached or refuses, or the settings ask for compression.
pub async fn connect(session: &Session) -> Result<Socket<Stream>, SubscribeError> {
    let opened = handshake::upgrade(session, &target(session)).await?;
    match opened.agreement {
        None => Ok(Socket::new(opened.stream, opened.read)),
        Some(_) => Err(SubscribeError::Extensions("permessage-deflate".into())),
    }
}

fn target(session: &Session) -> String {
    let path = target_adapter::target(session.subscription(), protocol::paths::WEBSOCKET, session.resume());
    path.replace("{subscriber}", &session.index().to_string())
}

async fn speak<S>(
    session: &Session,
    opening: impl Future<Output = Result<Opened<S>, SubscribeError>>,
) -> Result<(), SubscribeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Opened { stream, read, agreement } = tokio::select! {
        opened = opening => opened?,
        () = session.stopped() => return Ok(()),
    };
    match agreement {
        None => run(session, Socket::new(stream, read)).await,
        Some(agreement) => run(session, Deflated::new(stream, &read, agreement)).await,
    }
}

/// A server that does not answer a close frame in time is left; the trial is over.
async fn run(session: &Session, mut socket: impl FrameSocket) -> Result<(), SubscribeError> {
    let ended = match session.script() {
        None => talk(session, &mut socket).await,
        Some(script) => talk_by_script(session, &mut socket, script).await,
    };
    let closing = async {
        if ended.is_ok() && session.is_stopped() {
            close_gracefully(&mut socket).await?;
        }
        Ok::<_, SubscribeError>(end(socket.into_stream()).await?)
    };
    let _ = timeout(CLOSE_LIMIT, closing).await;
    ended
}

/// Takes and sends messages until the server closes, the session is stopped, or something goes wrong.
async fn talk(session: &Session, socket: &mut impl FrameSocket) -> Result<(), SubscribeError> {
    session.connected();
    let kind = match session.settings().websocket.frames {
        settings::Frames::Text => Kind::Text,
        settings::Frames::Binary => Kind::Binary,
    };
    let stopped = session.stopped();
    tokio::pin!(stopped);
    let take = |message: &[u8]| session.response(session.received(message));
    loop {
        tokio::select! {
            goes_on = socket.read(take) => if !goes_on? {
                return Ok(());
            },
            message = session.outgoing() => socket.send(kind, &message).await?,
            () = &mut stopped => return Ok(()),
        }
    }
}

/// The same with a server of others that wants more than the handshake, or answers to what it sends.
async fn talk_by_script(
    session: &Session,
    socket: &mut impl FrameSocket,
    mut script: Script,
) -> Result<(), SubscribeError> {
    let stopped = session.stopped();
    tokio::pin!(stopped);
    loop {
        for (kind, frame) in script.due() {
            socket.send(kind, &frame).await?;
        }
        let is_open = script.is_open();
        if is_open {
            session.connected();
        }
        let take = |message: &[u8]| {
            session.response(session.received(message));
            script.take(message);
        };
        let goes_on = tokio::select! {
            goes_on = socket.read(take) => goes_on?,
            message = session.outgoing(), if is_open => {
                script.send(&message);
                continue;
            }
            () = &mut stopped => return Ok(()),
        };
        if !goes_on {
            let awaited = script.awaited();
            return awaited.map_or(Ok(()), |awaited| Err(SubscribeError::NotOpened(awaited)));
        }
    }
}

/// Closes, and waits for the server's answer.
async fn close_gracefully(socket: &mut impl FrameSocket) -> Result<(), SubscribeError> {
    socket.close().await?;
    while socket.read(|_| {}).await? {}
    Ok(())
}
