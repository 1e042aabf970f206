//! The raw TCP server: length-prefixed frames on a bare socket. Not a web technique but the baseline that every figure
//! is a multiple of.
//!
//! A client's first frame is the query text of [`protocol::Resume`]; every further one is a message of its own. The server
//! sends events, a frame each. A subscriber that fell out of the replay window, or a client that is not understood, is
//! notified in a last frame, `{"error":"too slow","missed":7}` or `{"error":"…"}`.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use protocol::Resume;
use protocol::frame::{Decoder, Oversize};
use server_kit::hub::{PublishError, UnknownChannel};
use server_kit::listener::{self, Acceptor, Admission};
use server_kit::stream::{self, Stream};
use server_kit::{Hub, Lagged, Run, Settings, Stop};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Events that are there together are written together, up to about so many bytes.
const RUN_BYTES: usize = 64 * 1024;

/// The message as a frame.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    protocol::frame::encode(message)
}

/// Serves until `stop`. A connection over the limit is closed at once.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let acceptor = Acceptor::new(&settings, &hub, None);
    let (site, idle) = ((hub, stop.clone()), settings.limits.idle);
    let connection = move |stream, admission| connection(stream, admission, site.clone(), idle);
    listener::accept(listener, acceptor, &stop, connection).await
}

async fn connection(stream: Stream, admission: Admission, (hub, stop): (Hub, Stop), idle: Duration) {
    match admission {
        Admission::Admitted(_place) => Session::new(stream, hub).run(idle, &stop).await,
        Admission::Full(_) => stream::end(stream).await,
    }
}

/// One connection: hello, then events down and messages up, in one task.
struct Session {
    stream: Stream,
    hub: Hub,
    decoder: Decoder,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client closed")]
    Closed,
    #[error("the server stops")]
    Stopped,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Lagged(#[from] Lagged),
    #[error("no hello came in time")]
    NoHello,
    #[error("the hello is not a query of channel and after")]
    Hello,
    #[error(transparent)]
    Oversize(#[from] Oversize),
    #[error(transparent)]
    Channel(#[from] UnknownChannel),
    #[error(transparent)]
    Message(#[from] PublishError),
}

impl Session {
    fn new(stream: Stream, hub: Hub) -> Self {
        let decoder = Decoder::new(hub.message_bytes());
        Self { stream, hub, decoder }
    }

    async fn run(mut self, idle: Duration, stop: &Stop) {
        let Err(end) = self.talk(idle, stop).await;
        if let End::Io(error) = &end {
            self.hub.reject_broken_tls(error);
        }
        match end.last_frame() {
            None => stream::end(self.stream).await,
            Some(reason) => {
                if self.stream.write_all(&reason).await.is_ok() {
                    stream::close(self.stream).await;
                }
            }
        }
    }

    async fn talk(&mut self, idle: Duration, stop: &Stop) -> Result<Infallible, End> {
        let resume = tokio::select! {
            hello = timeout(idle, self.hello()) => hello.map_err(|_| End::NoHello)??,
            () = stop.requested() => return Err(End::Stopped),
        };
        let mut subscription = self.hub.subscribe(resume)?;
        if let Some(greeting) = subscription.greeting() {
            self.stream.write_all(&greeting).await?;
            self.stream.flush().await?;
        }
        self.take_messages(resume.channel)?;
        let stopped = stop.requested();
        tokio::pin!(stopped);
        loop {
            // By turns: events that never end must hold up neither what the client sends nor the stop.
            tokio::select! {
                run = subscription.next_run(RUN_BYTES) => self.deliver(run?).await?,
                read = self.read() => {
                    read?;
                    self.take_messages(resume.channel)?;
                }
                () = &mut stopped => return Err(End::Stopped),
            }
        }
    }

    async fn hello(&mut self) -> Result<Resume, End> {
        loop {
            if let Some(body) = self.decoder.next_body()? {
                let query = std::str::from_utf8(&body).map_err(|_| End::Hello)?;
                return Resume::from_query(query).map_err(|_| End::Hello);
            }
            self.read().await?;
        }
    }

    /// Sends events that are there together; one call to the system where the socket takes it.
    async fn deliver(&mut self, run: Run) -> Result<(), End> {
        self.stream.write_all(&run.bytes).await?;
        // TLS may hold back the end of what it took; a socket has nothing to flush.
        Ok(self.stream.flush().await?)
    }

    /// Cancel-safe.
    async fn read(&mut self) -> Result<(), End> {
        match self.stream.read_into(self.decoder.buffer()).await? {
            0 => Err(End::Closed),
            _ => Ok(()),
        }
    }

    fn take_messages(&mut self, channel: u32) -> Result<(), End> {
        while let Some(message) = self.decoder.next_body()? {
            self.hub.uplink(channel, &message)?;
        }
        Ok(())
    }
}

impl End {
    /// The error to the client, if it can be sent.
    fn last_frame(&self) -> Option<Bytes> {
        let text = match self {
            Self::Closed | Self::Io(_) | Self::Stopped => return None,
            Self::Lagged(lagged) => lagged.to_json(),
            // None of the texts holds anything that the client sent, so nothing needs escaping.
            other => format!(r#"{{"error":"{other}"}}"#),
        };
        Some(protocol::frame::encode(text.as_bytes()))
    }
}
