//! A connection whose bytes are counted, plain or under TLS.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::either::Either;

use super::Socket;
use crate::byte_accounting::{CountingStream, CountingTlsStream};

/// How long an end may take, the server's own included.
const CLOSING: Duration = Duration::from_millis(500);
/// What still comes is read in pieces of this size.
const LAST_BYTES: usize = 4 * 1024;

/// A connection of a subscriber's: bare TCP, or TLS 1.3 over TCP. Bare TCP is the measured baseline: no pointer more.
pub type Stream = Either<CountingStream<Socket>, Box<CountingTlsStream<Socket>>>;

/// Ends the connection so that byte accounting sees all that the kernel carried: says that nothing more comes
/// (`close_notify` under TLS, then FIN), and reads what the server still sends to its end. Bounded by 500 ms; a
/// server that has not ended by then is left.
pub async fn close(mut stream: Stream) {
    let end = async {
        // A connection that broke has nothing more to say.
        let _ = stream.shutdown().await;
        let mut room = [0; LAST_BYTES];
        while matches!(stream.read(&mut room).await, Ok(1..)) {}
    };
    let _ = tokio::time::timeout(CLOSING, end).await;
}
