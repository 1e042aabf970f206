//! A server that violates the protocol: after a correct handshake and a cue, it sends the bytes of a case, or goes away.

use std::io;
use std::time::Duration;

use model::close_case::CloseFrame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::cases::Disconnect;
use super::recording_server;

/// A close frame's first byte: FIN and opcode 8.
pub(super) const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;
/// How long the client may take to respond.
const LONGEST: Duration = Duration::from_secs(4);

/// Resolves once the client has seen its socket open.
pub(super) type Cue = oneshot::Receiver<()>;

/// Sends these bytes, and returns the close frame that the client sends in response, if any.
pub(super) async fn send(listener: TcpListener, cue: Cue, bytes: &[u8]) -> io::Result<Option<CloseFrame>> {
    let mut stream = accept(&listener, cue).await?;
    stream.write_all(bytes).await?;
    // A client that only disconnects or resets the connection sends none.
    let received = timeout(LONGEST, read_close(&mut stream)).await.ok().and_then(Result::ok).flatten();
    // Fails if the client has disconnected first.
    let _ = stream.shutdown().await;
    Ok(received)
}

/// Disconnects without a close frame.
pub(super) async fn disconnect(
    listener: TcpListener,
    cue: Cue,
    how: Disconnect,
) -> io::Result<Option<CloseFrame>> {
    let stream = accept(&listener, cue).await?;
    if how == Disconnect::Reset {
        stream.set_zero_linger()?;
    }
    Ok(None)
}

/// A close frame's body, unmasked: nothing, or a code and a reason (RFC 6455 §5.5.1).
pub(super) fn close_frame(body: &[u8]) -> CloseFrame {
    let parts = body.split_first_chunk();
    CloseFrame {
        code: parts.map(|(code, _)| u16::from_be_bytes(*code)),
        reason: parts.map(|(_, reason)| String::from_utf8_lossy(reason).into_owned()).unwrap_or_default(),
    }
}

/// Waits for the cue after the handshake: Firefox reports no `open` of a socket that ends at the moment it opens.
async fn accept(listener: &TcpListener, cue: Cue) -> io::Result<TcpStream> {
    let (mut stream, _) = listener.accept().await?;
    let head = recording_server::read_head(&mut stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let response = recording_server::switching(&head).ok_or(io::ErrorKind::InvalidData)?;
    stream.write_all(response.as_bytes()).await?;
    // An error means that the client is gone.
    let _ = cue.await;
    Ok(stream)
}

/// The client's close frame; it sends nothing else that is longer than 125 bytes.
async fn read_close(stream: &mut TcpStream) -> io::Result<Option<CloseFrame>> {
    loop {
        let mut head = [0; 6];
        stream.read_exact(&mut head).await?;
        let [first, len, mask @ ..] = head;
        if len & MASKED == 0 || len & !MASKED > 125 {
            return Ok(None);
        }
        let mut body = vec![0; usize::from(len & !MASKED)];
        stream.read_exact(&mut body).await?;
        if first == CLOSE {
            body.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            return Ok(Some(close_frame(&body)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_close_frame_has_no_code() {
        assert_eq!(close_frame(b""), CloseFrame { code: None, reason: String::new() });
        assert_eq!(close_frame(b"\x03\xe8bye"), CloseFrame { code: Some(1000), reason: "bye".to_owned() });
    }
}
