//! One session: events down and messages up, in one task.

use std::convert::Infallible;

use bytes::Bytes;
use server_kit::heartbeat::Heartbeat;
use server_kit::hub::Dismissed;
use server_kit::settings::Frames;
use server_kit::stream::Stream;
use server_kit::{Event, Hub, Settings, Stop, Subscription, tls};
use wire::deflate::Agreement;

use crate::farewell::{self, End};
use crate::socket::{Deflated, Plain, Socket};

/// Events are taken from the hub up to this many bytes at a time.
const BATCH_BYTES: usize = 64 * 1024;

pub(crate) struct Session {
    hub: Hub,
    channel: u32,
    subscription: Subscription,
    frames: Frames,
    message_bytes: usize,
    heartbeat: Heartbeat,
    dismissed: Dismissed,
}

impl Session {
    pub(crate) fn new(hub: Hub, channel: u32, subscription: Subscription, settings: &Settings) -> Self {
        let heartbeat = Heartbeat::new(settings.heartbeat);
        let (frames, message_bytes) = (settings.frames, settings.limits.message_bytes);
        let dismissed = hub.dismissed();
        Self { hub, channel, subscription, frames, message_bytes, heartbeat, dismissed }
    }

    /// Runs the session to its end, compressed if that was agreed on. `read` was read from the stream behind the
    /// handshake.
    pub(crate) async fn run(self, stream: Stream, read: Bytes, agreement: Option<Agreement>, stop: Stop) {
        let (frames, limit) = (self.frames, self.message_bytes);
        match agreement {
            None => self.run_on(Plain::new(stream, read, frames, limit).await, &stop).await,
            Some(agreement) => {
                self.run_on(Deflated::new(stream, &read, frames, limit, agreement), &stop).await;
            }
        }
    }

    async fn run_on(mut self, mut socket: impl Socket, stop: &Stop) {
        let Err(end) = self.talk(&mut socket, stop).await;
        tls::count_broken(&self.hub, &end);
        farewell::say(socket, end).await;
    }

    async fn talk(&mut self, socket: &mut impl Socket, stop: &Stop) -> Result<Infallible, End> {
        if let Some(greeting) = self.subscription.greeting() {
            socket.feed(greeting).await?;
            socket.flush().await?;
        }
        let mut events = Vec::new();
        let stopped = stop.requested();
        let mut dismissed = self.dismissed.clone();
        let dismissed = dismissed.heard();
        tokio::pin!(stopped, dismissed);
        loop {
            // By turns: events that never end must hold up neither what the client sends nor the stop.
            tokio::select! {
                () = self.subscription.ready() => self.deliver(socket, &mut events).await?,
                message = socket.next() => self.hub.uplink(self.channel, &message?)?,
                () = self.heartbeat.due() => socket.ping().await?,
                () = &mut stopped => return Err(End::Stopped),
                dismissal = &mut dismissed => return Err(End::Dismissed(dismissal)),
            }
        }
    }

    /// Sends all events that are there, and flushes once.
    async fn deliver(&mut self, socket: &mut impl Socket, events: &mut Vec<Event>) -> Result<(), End> {
        self.subscription.pending(events, BATCH_BYTES)?;
        for event in events.drain(..) {
            socket.feed(event.encoded).await?;
        }
        socket.flush().await?;
        self.heartbeat.sent();
        Ok(())
    }
}
