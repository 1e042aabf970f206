//! Closes a connection so that its last bytes are read.
//!
//! A socket that is closed while input is unread is reset, and the peer may lose what was sent last: the reason
//! why. So the write side is shut down first (with TLS's `close_notify`, RFC 8446 §6.1, where there is TLS), and the
//! input is drained for a bounded time (RFC 9112 §9.6).

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::stream::Stream;

const LONGEST: Duration = Duration::from_secs(1);
const MOST_BYTES: u64 = 16 << 20;

/// Ends a connection on which nothing is left to be said. A socket that is closed tells so itself; TLS has to.
pub async fn end(stream: Stream) {
    match stream {
        Stream::Plain(socket) => drop(socket),
        layered => close(layered).await,
    }
}

/// Shuts down the write side, then reads and drops what still comes: until the peer closes, for a second, or 16 MiB.
pub async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MOST_BYTES), &mut tokio::io::sink()).await
    };
    // However the wait ends, the connection is dropped now.
    let _ = timeout(LONGEST, drain).await;
}
