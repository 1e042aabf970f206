//! One session: events down and messages up, in one task.

use std::convert::Infallible;
use std::pin::Pin;

use protocol::deflate::Agreement;
use protocol::websocket::Kind;
use server_kit::heartbeat::Heartbeat;
use server_kit::hub::CloseListener;
use server_kit::settings::Frames;
use server_kit::stream::Stream;
use server_kit::wake_gated::WakeGated;
use server_kit::{Hub, Settings, Stop, Subscription};

use crate::close_reason::End;
use crate::closing;
use crate::socket::{Deflated, Plain, Socket};

/// Events are taken from the hub up to this many bytes at a time.
const RUN_BYTES: usize = 64 * 1024;
/// After so many runs of events, everything else has its turn.
const RUNS_IN_A_ROW: u32 = 16;

pub(crate) struct Session {
    hub: Hub,
    channel: u32,
    subscription: Subscription,
    kind: Kind,
    message_bytes: usize,
    heartbeat: Heartbeat,
    close_listener: CloseListener,
}

impl Session {
    pub(crate) fn new(hub: Hub, channel: u32, subscription: Subscription, settings: &Settings) -> Self {
        let heartbeat = Heartbeat::new(settings.heartbeat);
        let (kind, message_bytes) = (kind(settings.frames), settings.limits.message_bytes);
        let close_listener = hub.close_listener();
        Self { hub, channel, subscription, kind, message_bytes, heartbeat, close_listener }
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
        match agreement {
            None => Box::pin(self.run_on(Plain::new(stream, read, limit), stop)),
            Some(agreement) => {
                Box::pin(self.run_on(Deflated::new(stream, read, kind, limit, agreement), stop))
            }
        }
    }

    async fn run_on(mut self, mut socket: impl Socket, stop: Stop) {
        let Err(end) = self.talk(&mut socket, &stop).await;
        self.hub.reject_broken_tls(&end);
        // Boxed, so that its buffers take no room before.
        Box::pin(closing::say(socket, end)).await;
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
                run = self.subscription.next_run(RUN_BYTES), if events_first => {
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
