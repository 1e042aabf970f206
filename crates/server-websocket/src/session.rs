//! One session: events down and messages up, in one task.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use server_kit::heartbeat::Heartbeat;
use server_kit::settings::Frames;
use server_kit::stream::Stream;
use server_kit::{Event, Hub, Settings, Stop, Subscription};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::farewell::{self, End};

/// The default of 128 KiB is filled with zeros at every read: 7.4 µs of CPU a message instead of 4.4.
const READ_BUFFER: usize = 4 * 1024;
/// Frames that wait are written together up to this many bytes; the flush behind them writes the rest.
const WRITE_BUFFER: usize = 16 * 1024;
/// Events are taken from the hub up to this many bytes at a time.
const BATCH_BYTES: usize = 64 * 1024;

type Socket = WebSocketStream<Stream>;

pub(crate) struct Session {
    hub: Hub,
    channel: u32,
    subscription: Subscription,
    opcode: OpCode,
    heartbeat: Heartbeat,
    config: WebSocketConfig,
}

impl Session {
    pub(crate) fn new(hub: Hub, channel: u32, subscription: Subscription, settings: &Settings) -> Self {
        let opcode = OpCode::Data(match settings.frames {
            Frames::Text => Data::Text,
            Frames::Binary => Data::Binary,
        });
        let heartbeat = Heartbeat::new(settings.heartbeat);
        let config = config(settings.limits.message_bytes);
        Self { hub, channel, subscription, opcode, heartbeat, config }
    }

    /// Runs the session to its end. `read` was read from the socket behind the handshake.
    pub(crate) async fn run(mut self, stream: Stream, read: Bytes, stop: Stop) {
        let mut socket =
            WebSocketStream::from_partially_read(stream, read.into(), Role::Server, Some(self.config)).await;
        let Err(end) = self.talk(&mut socket, &stop).await;
        farewell::say(socket, end).await;
    }

    async fn talk(&mut self, socket: &mut Socket, stop: &Stop) -> Result<Infallible, End> {
        if let Some(greeting) = self.subscription.greeting() {
            socket.send(self.frame(greeting)).await?;
        }
        let mut events = Vec::new();
        let stopped = stop.requested();
        tokio::pin!(stopped);
        loop {
            // By turns: events that never end must hold up neither what the client sends nor the stop.
            tokio::select! {
                () = self.subscription.ready() => self.deliver(socket, &mut events).await?,
                message = socket.next() => self.take(message.ok_or(End::Gone)??)?,
                () = self.heartbeat.due() => socket.send(Message::Ping(Bytes::new())).await?,
                () = &mut stopped => return Err(End::Stopped),
            }
        }
    }

    /// Sends all events that are there, and flushes once.
    async fn deliver(&mut self, socket: &mut Socket, events: &mut Vec<Event>) -> Result<(), End> {
        self.subscription.pending(events, BATCH_BYTES)?;
        for event in events.drain(..) {
            socket.feed(self.frame(event.encoded)).await?;
        }
        socket.flush().await?;
        self.heartbeat.sent();
        Ok(())
    }

    /// A whole frame, since a text message would be checked to be UTF-8 for each subscriber; the hub has seen to that.
    fn frame(&self, message: Bytes) -> Message {
        Message::Frame(Frame::message(message, self.opcode, true))
    }

    fn take(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Text(text) => Ok(self.hub.uplink(self.channel, text.as_bytes())?),
            Message::Binary(bytes) => Ok(self.hub.uplink(self.channel, &bytes)?),
            Message::Close(_) => Err(End::Closed),
            // A ping is answered by the layer below, at its next read.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }
}

fn config(message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes))
}
