//! The feed: the Unix socket by which the application hands over its events, and takes the subscribers' messages.
//!
//! Frames both ways, each a channel and a message ([`wire::frame`]), or the word that ends the sessions. Several may be connected; all may publish. What
//! subscribers send to the application goes to the connection that was made first and is still open. It never holds
//! the server up: what does not fit its queue is dropped and counted by the hub.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::frame::{DISMISSAL, Decoder, FEED_HEAD_LEN, Oversize, decode_dismissal, decode_feed};

use crate::hub::{DismissError, Dismissal, PublishError};
use crate::{Hub, Stop};

/// Messages to the application that may wait for it.
const QUEUE: usize = 4_096;
const CONNECTIONS: usize = 64;
const READ_BYTES: usize = 16 * 1024;
/// Queued frames are written together up to this many bytes.
const WRITE_BYTES: usize = 16 * 1024;
/// After a failed accept: time for a descriptor to come free.
const PAUSE: Duration = Duration::from_millis(10);
const MOST_FAILURES: u32 = 1_000;

/// Serves until `stop`.
///
/// # Errors
///
/// When accepting fails a thousand times in a row. A connection that sends rubbish is closed, which is no error here.
pub async fn serve(listener: UnixListener, hub: Hub, stop: Stop) -> io::Result<()> {
    // Dropped on the way out, which ends the connections.
    let mut connections = JoinSet::new();
    tokio::select! {
        accepted = accept_all(&listener, &hub, &mut connections) => accepted,
        () = stop.requested() => Ok(()),
    }
}

async fn accept_all(
    listener: &UnixListener,
    hub: &Hub,
    connections: &mut JoinSet<Result<(), FeedError>>,
) -> io::Result<()> {
    let mut failures = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failures = 0;
                while connections.try_join_next().is_some() {}
                if connections.len() < CONNECTIONS {
                    connections.spawn(connection(stream, hub.clone()));
                }
            }
            Err(error) if failures == MOST_FAILURES => return Err(error),
            Err(_) => {
                failures += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Oversize(#[from] Oversize),
    #[error("a feed frame is too short to name its channel")]
    Short,
    #[error("a dismissal holds no code or reason")]
    NoDismissal,
    #[error(transparent)]
    Dismiss(#[from] DismissError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

async fn connection(mut stream: UnixStream, hub: Hub) -> Result<(), FeedError> {
    let from_subscribers = hub.application(QUEUE);
    let (reader, writer) = stream.split();
    tokio::select! {
        published = publish_all(reader, &hub) => published,
        written = write_all(writer, from_subscribers) => written,
    }
}

async fn publish_all(mut reader: impl AsyncRead + Unpin, hub: &Hub) -> Result<(), FeedError> {
    let mut decoder = Decoder::new(FEED_HEAD_LEN + hub.message_bytes());
    loop {
        decoder.buffer().reserve(READ_BYTES);
        if reader.read_buf(decoder.buffer()).await? == 0 {
            return Ok(());
        }
        while let Some(body) = decoder.next_body()? {
            match decode_feed(body).ok_or(FeedError::Short)? {
                (DISMISSAL, word) => dismiss(&word, hub)?,
                (channel, message) => _ = hub.publish(channel, BytesMut::from(&message[..]))?,
            }
        }
    }
}

fn dismiss(word: &[u8], hub: &Hub) -> Result<(), FeedError> {
    let (code, reason) = decode_dismissal(word).ok_or(FeedError::NoDismissal)?;
    Ok(hub.dismiss(Dismissal { code, reason: reason.to_owned() })?)
}

async fn write_all(
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::Receiver<BytesMut>,
) -> Result<(), FeedError> {
    while let Some(mut frame) = frames.recv().await {
        while frame.len() < WRITE_BYTES
            && let Ok(next) = frames.try_recv()
        {
            frame.extend_from_slice(&next);
        }
        writer.write_all(&frame).await?;
    }
    Ok(())
}
