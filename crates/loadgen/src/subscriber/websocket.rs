//! WebSocket: a handshake on HTTP/1.1 (RFC 6455) or HTTP/2 (RFC 8441), then frames both ways, compressed (RFC 7692) if
//! the settings say so.
//!
//! - `handshake`: what is asked for, and what the server's answer must be
//! - `plain`, `frame`: frames without extensions
//! - `fallback`: what tungstenite says of frames that are not a message each
//! - `deflated`: compressed frames, by the codec of [`protocol::deflate`]

mod deflated;
mod frame;
pub(super) mod handshake;
mod plain;
mod tungstenite_fallback;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use model::settings::HttpVersion;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{SubscribeError, target_adapter};
use crate::session::Session;
use crate::transport::Stream;

use deflated::Deflated;
use handshake::Opened;
use plain::Plain;

pub use plain::Socket;

/// How long a close may take, the server's own included.
pub(super) const CLOSING: Duration = Duration::from_millis(500);
/// A normal close (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;
/// The server goes away, which is no error of this subscriber's.
const AWAY: u16 = 1001;

/// Reads frames until the server closes or the session is stopped, which closes with 1000.
///
/// # Errors
///
/// When the server cannot be reached, refuses the handshake, does not agree to what it was asked for, closes with an
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
///
/// # Errors
///
/// When the server cannot be reached or refuses, or the settings ask for compression.
pub async fn connect(session: &Session) -> Result<Socket<Stream>, SubscribeError> {
    let opened = handshake::upgrade(session, &target(session)).await?;
    match opened.agreement {
        None => Ok(Socket::new(opened.stream, opened.read)),
        Some(_) => Err(SubscribeError::Extensions("permessage-deflate".into())),
    }
}

fn target(session: &Session) -> String {
    target_adapter::target(session.subscription(), protocol::paths::WEBSOCKET, session.resume())
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
    let frames = session.settings().websocket.frames;
    match agreement {
        None => run(session, Plain::new(Socket::new(stream, read), frames)).await,
        Some(agreement) => run(session, Deflated::new(stream, &read, frames, agreement)).await,
    }
}

/// A socket behind its handshake, whichever library makes its frames.
trait Frames {
    /// What carries the frames.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Waits for messages, and hands on all that are whole with one read of the stream. False at the connection's end.
    /// Pings and closes are answered on the way. Cancel-safe.
    async fn read(&mut self, take: impl FnMut(&[u8])) -> Result<bool, SubscribeError>;

    /// Sends a message.
    async fn send(&mut self, message: Bytes) -> Result<(), SubscribeError>;

    /// Says that nothing follows, with the code for a normal end.
    async fn close(&mut self) -> Result<(), SubscribeError>;

    /// What carries the frames, for its end.
    fn into_stream(self) -> Self::Stream;
}

/// A server that does not answer a close frame in time is left; the trial is over.
async fn run(session: &Session, mut socket: impl Frames) -> Result<(), SubscribeError> {
    let ended = talk(session, &mut socket).await;
    let closing = async {
        if ended.is_ok() && session.is_stopped() {
            part(&mut socket).await?;
        }
        Ok::<_, SubscribeError>(end(socket.into_stream()).await?)
    };
    let _ = timeout(CLOSING, closing).await;
    ended
}

/// Takes and sends messages until the server closes, the session is stopped, or something goes wrong.
async fn talk(session: &Session, socket: &mut impl Frames) -> Result<(), SubscribeError> {
    session.connected();
    let stopped = session.stopped();
    tokio::pin!(stopped);
    let take = |message: &[u8]| {
        session.received(message);
        session.response(1);
    };
    loop {
        tokio::select! {
            goes_on = socket.read(take) => if !goes_on? {
                return Ok(());
            },
            message = session.outgoing() => socket.send(message).await?,
            () = &mut stopped => return Ok(()),
        }
    }
}

/// Closes, and waits for the server's answer.
async fn part(socket: &mut impl Frames) -> Result<(), SubscribeError> {
    socket.close().await?;
    while socket.read(|_| {}).await? {}
    Ok(())
}

/// Says that nothing more comes, and takes what still does, so that the connection is not reset.
pub(super) async fn end(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Whether a close frame says that something went wrong, reported in its words.
pub(super) fn dismissal(code: u16, reason: &str) -> Result<(), SubscribeError> {
    match code {
        NORMAL | AWAY => Ok(()),
        _ => Err(SubscribeError::dismissed(format!("{reason} ({code})").as_bytes())),
    }
}
