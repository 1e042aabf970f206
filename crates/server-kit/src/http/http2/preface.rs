//! The first that an HTTP/2 client says (RFC 9113 §3.4), and the answer to one that says something else.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt as _;

use crate::Hub;
use crate::stream::Stream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Why HTTP/2 does not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The client does not speak it.
    #[error("this server speaks HTTP/2, and nothing else")]
    Version,
    /// TLS, and the client did not ask for `h2` by ALPN (RFC 9113 §3.2).
    #[error("this server speaks HTTP/2, which a client has to ask for by ALPN")]
    NoAlpn,
    /// The connection ended, or TLS is broken.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Returns what was read, which begins with the preface. Takes as long as the client does.
pub(super) async fn read(stream: &mut Stream) -> Result<Bytes, Error> {
    if matches!(stream, Stream::Tls(_)) && stream.protocol().is_none() {
        return Err(Error::NoAlpn);
    }
    let mut read = BytesMut::new();
    while read.len() < PREFACE.len() {
        if stream.read_into(&mut read).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let len = read.len().min(PREFACE.len());
        if read[..len] != PREFACE[..len] {
            return Err(Error::Version);
        }
    }
    Ok(read.freeze())
}

/// Counts the connection, and tells the client in HTTP/1.1, which it most likely speaks.
pub(super) async fn reject(hub: &Hub, stream: &mut Stream, error: &Error) {
    if let Error::Io(error) = error {
        return hub.reject_broken_tls(error);
    }
    hub.reject(error);
    let text = error.to_string();
    let answer = format!(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}\n",
        text.len() + 1
    );
    // The client may be gone; TLS may hold it back until it is flushed by the end.
    let _ = stream.write_all(answer.as_bytes()).await;
}
