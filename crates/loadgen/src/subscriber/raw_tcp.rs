//! Raw TCP: length-prefixed frames on a bare socket, the baseline.

use protocol::frame::{self, Decoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{MESSAGE_LIMIT, SubscribeError};
use crate::byte_accounting::Protocol;
use crate::session::Session;
use crate::transport::{self, Stream};

/// Room for a read; by itself, a buffer grows by 64 bytes a read.
const READ_BYTES: usize = 4 * 1024;

/// Reads frames until the server closes or the session is stopped.
/// Fails when the server cannot be reached, closes the session, or sends no frames.
pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
    let mut stream = tokio::select! {
        stream = open(&session) => stream?,
        () = session.stopped() => return Ok(()),
    };
    session.connected();
    let ended = run(&session, &mut stream).await;
    transport::close(stream).await;
    ended
}

async fn open(session: &Session) -> Result<Stream, SubscribeError> {
    let mut stream = session.connect(Protocol::RawTcp).await?;
    send(&mut stream, session.resume().to_string().as_bytes()).await?;
    Ok(stream)
}

async fn run(session: &Session, stream: &mut Stream) -> Result<(), SubscribeError> {
    let mut frames = Decoder::new(MESSAGE_LIMIT);
    let stopped = session.stopped();
    tokio::pin!(stopped);
    loop {
        frames.buffer().reserve(READ_BYTES);
        tokio::select! {
            read = stream.read_buf(frames.buffer()) => {
                if read? == 0 {
                    return Ok(());
                }
                frames.drain(|body| deliver(session, body))?;
            }
            message = session.outgoing() => send(stream, &message).await?,
            () = &mut stopped => return Ok(()),
        }
    }
}

async fn send(stream: &mut Stream, body: &[u8]) -> Result<(), SubscribeError> {
    stream.write_all(&frame::encode(body)).await?;
    // TLS may hold back what the socket has no room for.
    Ok(stream.flush().await?)
}

/// A frame that is no message gives the reason why the server closes the session.
fn deliver(session: &Session, body: &[u8]) -> Result<(), SubscribeError> {
    if !body.starts_with(b"[") {
        return Err(SubscribeError::session_closed(body));
    }
    session.received(body);
    session.response(1);
    Ok(())
}
