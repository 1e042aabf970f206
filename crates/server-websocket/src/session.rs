//! One session: events down and messages up, in one task; and how it is closed.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use protocol::deflate::Agreement;
use protocol::websocket::Kind;
use server_kit::heartbeat::Heartbeat;
use server_kit::hub::CloseListener;
use server_kit::settings::{Frames, Implementation};
use server_kit::stream::{self, Stream};
use server_kit::wake_gated::WakeGated;
use server_kit::{Hub, Settings, Stop, Subscription};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::close_reason::{End, shortened};
use crate::library::Library;
use crate::socket::{Deflated, Plain, Socket};

/// After so many runs of events, everything else has its turn.
const RUNS_IN_A_ROW: u32 = 16;
/// How long a client may take to read its close frame.
const LONGEST: Duration = Duration::from_secs(1);
/// How long the client's own close frame is awaited.
const ANSWER: Duration = Duration::from_millis(500);
/// Where what the client sends cannot be read any more, it has answered once it was silent for so long.
const SILENCE: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 4 * 1024;

pub(crate) struct Session {
    hub: Hub,
    channel: u32,
    subscription: Subscription,
    kind: Kind,
    message_bytes: usize,
    run_bytes: usize,
    implementation: Implementation,
    heartbeat: Heartbeat,
    close_listener: CloseListener,
}

impl Session {
    pub(crate) fn new(hub: Hub, channel: u32, subscription: Subscription, settings: &Settings) -> Self {
        let heartbeat = Heartbeat::new(settings.heartbeat);
        let (kind, message_bytes) = (kind(settings.frames), settings.limits.message_bytes);
        let close_listener = hub.close_listener();
        let (run_bytes, implementation) = (settings.run_bytes(), settings.implementation);
        Self {
            hub,
            channel,
            subscription,
            kind,
            message_bytes,
            run_bytes,
            implementation,
            heartbeat,
            close_listener,
        }
    }

    /// Runs the session to its end, compressed if that was agreed on. `read` was read from the stream behind the
    /// handshake; what there is of it is copied, so that HTTP's buffer can go.
    pub(crate) fn run(
        self,
        stream: Stream,
        read: &[u8],
        agreement: Option<Agreement>,
        stop: Stop,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (kind, limit) = (self.kind, self.message_bytes);
        // Each boxed by itself, so that a plain session takes no room for a compressed one.
        match (agreement, self.implementation) {
            (None, Implementation::Lean) => Box::pin(self.run_on(Plain::new(stream, read, limit), stop)),
            (None, Implementation::Library) => {
                let read = read.to_vec();
                Box::pin(async move {
                    let socket = Library::new(stream, read, kind, limit).await;
                    self.run_on(socket, stop).await;
                })
            }
            (Some(agreement), _) => {
                Box::pin(self.run_on(Deflated::new(stream, read, kind, limit, agreement), stop))
            }
        }
    }

    async fn run_on(mut self, mut socket: impl Socket, stop: Stop) {
        let Err(end) = self.talk(&mut socket, &stop).await;
        self.hub.reject_broken_tls(&end);
        // Boxed, so that its buffers take no room before.
        Box::pin(close(socket, end)).await;
    }

    async fn talk(&mut self, socket: &mut impl Socket, stop: &Stop) -> Result<Infallible, End> {
        if let Some(greeting) = self.subscription.greeting() {
            socket.send(greeting).await?;
        }
        // Two locks less for each event.
        let mut ended = WakeGated::new(ended(stop, self.close_listener.clone()));
        let mut runs = 0;
        loop {
            // Events first, since they are what wakes a session; but events that never end must hold up neither what the
            // client sends nor the stop.
            let events_first = runs < RUNS_IN_A_ROW;
            runs = if events_first { runs + 1 } else { 0 };
            tokio::select! {
                biased;
                run = self.subscription.next_run(self.run_bytes), if events_first => {
                    socket.send(run?.bytes).await?;
                    self.heartbeat.sent();
                }
                end = &mut ended => return Err(end),
                () = self.heartbeat.due() => socket.ping().await?,
                message = socket.next() => self.hub.uplink(self.channel, &message?)?,
                () = std::future::ready(()), if !events_first => {}
            }
        }
    }
}

/// Resolves once the server has the session end.
async fn ended(stop: &Stop, mut close_listener: CloseListener) -> End {
    tokio::select! {
        () = stop.requested() => End::Stopped,
        close = close_listener.recv() => End::SessionClose(close),
    }
}

fn kind(frames: Frames) -> Kind {
    match frames {
        Frames::Text => Kind::Text,
        Frames::Binary => Kind::Binary,
    }
}

/// Sends the close frame, if possible, and closes. Whether or not the client took it, the connection is over.
///
/// The libraries report an error and leave the closing to their caller. A socket that is dropped then, with input
/// unread, is reset before the client has read the close frame; so the frame is sent, the client's own awaited, the write
/// side shut down, and the input drained for a while.
async fn close(mut socket: impl Socket, end: End) {
    match (end.code(), &end) {
        (Some(code), _) => {
            let sent = timeout(LONGEST, socket.close(code, shortened(end.reason()))).await;
            if matches!(sent, Ok(Ok(()))) {
                return await_close(socket, &end).await;
            }
        }
        // The answer to the client's close is queued; if it cannot be sent, the client is gone.
        (None, End::Closed) => _ = timeout(LONGEST, socket.flush()).await,
        (None, _) => return stream::end(socket.into_stream()).await,
    }
    stream::close(socket.into_stream()).await;
}

/// Ends the connection once the client has closed, too (RFC 6455 §7.1.1). Firefox, which finds the connection ended before
/// it has answered, shows the code, but calls the end unclean.
async fn await_close(mut socket: impl Socket, end: &End) {
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
