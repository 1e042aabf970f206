//! The feed: the Unix socket by which the application hands over its events, and takes the subscribers' messages.
//!
//! Frames both ways, each a channel and a message ([`protocol::frame`]), or the frame that ends the sessions. Several may be connected; all may publish. What
//! subscribers send to the application goes to the connection that was made first and is still open. It never holds
//! the server up: what does not fit its queue is dropped and counted by the hub.

use std::io;

use bytes::BytesMut;
use protocol::frame::{
    DISMISSAL, Decoder, FEED_HEAD_LEN, LOG, Oversize, decode_dismissal, decode_feed, encode_listening,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::hub::{PublishError, SessionClose, SessionCloseError};
use crate::listener::accept_each;
use crate::{Hub, Stop};

/// Messages to the application that may wait for it.
const QUEUE: usize = 4_096;
const CONNECTIONS: usize = 64;
const READ_BYTES: usize = 16 * 1024;
/// Queued frames are written together up to this many bytes.
const WRITE_BYTES: usize = 16 * 1024;

/// Serves until `stop`.
/// Fails when accepting fails a thousand times in a row. A connection that sends what is no frame is closed, which is no error here.
pub async fn serve(listener: UnixListener, hub: Hub, stop: Stop) -> io::Result<()> {
    serve_behind(None, listener, hub, stop).await
}

/// The same, with the connection of an application that has given its log.
/// Fails as [`serve`].
pub async fn serve_behind(
    log: Option<GivenLog>,
    listener: UnixListener,
    hub: Hub,
    stop: Stop,
) -> io::Result<()> {
    // Dropped on the way out, which ends the connections.
    let mut connections = JoinSet::new();
    if let Some(GivenLog { stream, decoder }) = log {
        connections.spawn(connection(stream, decoder, hub.clone()));
    }
    accept_each(
        || listener.accept(),
        &stop,
        &mut connections,
        |(stream, _), connections| {
            if connections.len() < CONNECTIONS {
                connections.spawn(connection(stream, decoder(&hub), hub.clone()));
            }
        },
    )
    .await
}

/// The connection of an application that has given its log, and may go on publishing.
#[derive(Debug)]
pub struct GivenLog {
    stream: UnixStream,
    decoder: Decoder,
}

impl GivenLog {
    /// Says to the application that the server listens, since this time of `CLOCK_MONOTONIC`.
    /// Fails when the application is gone.
    pub async fn send_listening(&mut self, since_ns: u64) -> io::Result<()> {
        self.stream.write_all(&encode_listening(since_ns)).await
    }
}

/// Waits for an application, and publishes what it sends until it says that this was its log.
/// Fails when it goes before it has said so, or sends what is no frame.
pub async fn take_log(listener: &UnixListener, hub: &Hub) -> io::Result<GivenLog> {
    let (mut stream, _) = listener.accept().await?;
    let mut decoder = decoder(hub);
    match publish_all(&mut stream, &mut decoder, hub).await.map_err(io::Error::other)? {
        Ending::Log => Ok(GivenLog { stream, decoder }),
        Ending::End => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the application went before it had given its log",
        )),
    }
}

/// What came behind the messages.
enum Ending {
    /// The frame that says that they were the whole log.
    Log,
    /// The connection's end.
    End,
}

fn decoder(hub: &Hub) -> Decoder {
    Decoder::new(FEED_HEAD_LEN + hub.message_bytes())
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Oversize(#[from] Oversize),
    #[error("a feed frame is too short to name its channel")]
    Short,
    #[error("a frame that ends the sessions holds no code or reason")]
    NoClose,
    #[error(transparent)]
    Close(#[from] SessionCloseError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

async fn connection(mut stream: UnixStream, mut decoder: Decoder, hub: Hub) -> Result<(), FeedError> {
    let from_subscribers = hub.application(QUEUE);
    let (mut reader, writer) = stream.split();
    let published = async {
        // To a server that listens already, a log's end says nothing.
        while let Ending::Log = publish_all(&mut reader, &mut decoder, &hub).await? {}
        Ok(())
    };
    tokio::select! {
        published = published => published,
        written = write_all(writer, from_subscribers) => written,
    }
}

async fn publish_all(
    reader: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
    hub: &Hub,
) -> Result<Ending, FeedError> {
    loop {
        while let Some(body) = decoder.next_body()? {
            match decode_feed(body).ok_or(FeedError::Short)? {
                (DISMISSAL, body) => close_sessions(&body, hub)?,
                (LOG, _) => return Ok(Ending::Log),
                (channel, message) => _ = hub.publish(channel, BytesMut::from(&message[..]))?,
            }
        }
        decoder.buffer().reserve(READ_BYTES);
        if reader.read_buf(decoder.buffer()).await? == 0 {
            return Ok(Ending::End);
        }
    }
}

fn close_sessions(body: &[u8], hub: &Hub) -> Result<(), FeedError> {
    let (code, reason) = decode_dismissal(body).ok_or(FeedError::NoClose)?;
    Ok(hub.close_sessions(SessionClose { code, reason: reason.to_owned() })?)
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
