//! Closes a session.
//!
//! The libraries report an error and leave the closing to their caller. A socket that is dropped then, with input
//! unread, is reset before the client has read the close frame; so the frame is sent, the client's own awaited, the write
//! side shut down, and the input drained for a while.

use std::time::Duration;

use server_kit::stream;
use server_kit::stream::Stream;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::close_reason::{End, shortened};
use crate::socket::Socket;

/// How long a client may take to read its close frame.
const LONGEST: Duration = Duration::from_secs(1);
/// How long the client's own close frame is awaited.
const ANSWER: Duration = Duration::from_millis(500);
/// Where what the client sends cannot be read any more, it has answered once it was silent for so long.
const SILENCE: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 4 * 1024;

/// Sends the close frame, if possible, and closes. Whether or not it took it, the connection is over.
pub(crate) async fn say(mut socket: impl Socket, end: End) {
    match (end.code(), &end) {
        (Some(code), _) => {
            let sent = timeout(LONGEST, socket.close(code, shortened(end.reason()))).await;
            if matches!(sent, Ok(Ok(()))) {
                return part(socket, &end).await;
            }
        }
        // The answer to the client's close is queued; if it cannot be sent, there is nobody to tell.
        (None, End::Closed) => _ = timeout(LONGEST, socket.flush()).await,
        (None, _) => return stream::end(socket.into_stream()).await,
    }
    stream::close(socket.into_stream()).await;
}

/// Ends the connection once the client has closed, too (RFC 6455 §7.1.1). Firefox, which finds the connection ended before
/// it has answered, shows the code, but calls the end unclean.
async fn part(mut socket: impl Socket, end: &End) {
    if end.is_readable() {
        let answered = async { while socket.next().await.is_ok() {} };
        // However the wait ends, the connection does now.
        let _ = timeout(ANSWER, answered).await;
        return stream::close(socket.into_stream()).await;
    }
    let mut stream = socket.into_stream();
    let _ = timeout(ANSWER, silence(&mut stream)).await;
    stream::close(stream).await;
}

async fn silence(stream: &mut Stream) {
    let mut read = [0; READ_BYTES];
    while let Ok(Ok(1..)) = timeout(SILENCE, stream.read(&mut read)).await {}
}
