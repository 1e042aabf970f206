//! A subscriber: a client that has joined the main namespace. Events down, messages up.
//!
//! Its place in the channel is taken before it is told that it has joined, and its handlers are in place by then: what
//! it sends at once is heard, and an event that is published at once is sent.

use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use server_kit::hub::{PublishError, UnknownChannel};
use server_kit::{Event, Hub, Lagged, Subscription};
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{ConnectHandler, DisconnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide::{SendError, SocketError};
use tokio::task::AbortHandle;
use wire::Resume;
use wire::socket_io::{self, Argument, Auth, AuthError, DISMISSED, Kind, MESSAGE, Packet};

use crate::event::Encoded;
use crate::room::{Room, frame_len};
use crate::session::{Joined, Session};

/// Events are taken from the hub up to this many bytes at a time.
const BATCH_BYTES: usize = 64 * 1024;
/// What stands round a message in a packet; the first digit is Engine.IO's.
const AROUND: usize = 1 + socket_io::BEFORE_MESSAGE.len() + socket_io::BEHIND_MESSAGE.len();

/// Lets clients join.
#[derive(Clone)]
pub(crate) struct Join {
    pub(crate) hub: Hub,
}

/// Why a client may not join; the message of its CONNECT_ERROR.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Channel(#[from] UnknownChannel),
    #[error(transparent)]
    Lagged(#[from] Lagged),
}

impl Join {
    fn admit(&self, socket: &Socket, auth: Option<&Value>) -> Result<(), Refused> {
        let auth = auth.and_then(Value::as_str).map_or(&[][..], |auth| auth.as_bytes());
        let resume = Resume::from(Auth::decode(auth)?);
        let (mut subscription, mut events) = (self.hub.subscribe(resume)?, Vec::new());
        subscription.pending(&mut events, BATCH_BYTES)?;
        session(socket).keep(Joined { subscription, events });
        socket.on(MESSAGE, Uplink { hub: self.hub.clone(), channel: resume.channel });
        Ok(())
    }

    /// As much as a poll's answer holds elsewhere, or here.
    fn room(&self, session: &Session) -> Room {
        Room::new(session.clone(), BATCH_BYTES.min(self.hub.message_bytes()))
    }
}

impl ConnectHandler<LocalAdapter, Join> for Join {
    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket>,
        auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>> {
        let admitted = self.admit(&socket, auth.as_ref()).map_err(|refused| Box::new(refused) as _);
        Box::pin(std::future::ready(admitted))
    }

    /// The CONNECT that says so is in the buffer.
    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let session = session(&socket);
        let Some(joined) = session.take() else { return };
        let pump = Pump { socket: socket.clone(), room: self.room(&session), session };
        let mut pump = Box::pin(pump.run(joined));
        // What is there already can be fetched together with the answer to the join.
        if pump.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        let leave = Leave { pump: tokio::spawn(pump).abort_handle() };
        socket.on_disconnect(leave.clone());
        // The session may have ended meanwhile, and nobody have been told.
        if !socket.connected() {
            leave.pump.abort();
        }
    }
}

/// The session that was made at the handshake.
fn session(socket: &Socket) -> Session {
    socket.req_parts().extensions.get().cloned().unwrap_or_default()
}

/// What is left to do once a client has gone.
#[derive(Clone)]
struct Leave {
    pump: AbortHandle,
}

impl DisconnectHandler<LocalAdapter, Leave> for Leave {
    fn call_with_defer(&self, socket: Arc<Socket>, _: DisconnectReason, defer: fn(Arc<Socket>)) {
        self.pump.abort();
        defer(socket);
    }
}

/// Takes a subscriber's events from the hub to the library. Aborted when it goes.
struct Pump {
    socket: Arc<Socket>,
    session: Session,
    room: Room,
}

/// Why no more events are sent.
enum End {
    Gone,
    Lagged(Lagged),
}

impl From<Lagged> for End {
    fn from(lagged: Lagged) -> Self {
        Self::Lagged(lagged)
    }
}

impl Pump {
    async fn run(mut self, joined: Joined) {
        if let Err(End::Lagged(lagged)) = self.deliver(joined.subscription, joined.events).await {
            dismiss(self.socket, &lagged);
        }
    }

    async fn deliver(&mut self, mut subscription: Subscription, mut events: Vec<Event>) -> Result<(), End> {
        if let Some(greeting) = subscription.greeting() {
            self.send(&greeting).await?;
        }
        loop {
            for event in events.drain(..) {
                self.send(&event.encoded).await?;
            }
            subscription.ready().await;
            subscription.pending(&mut events, BATCH_BYTES)?;
        }
    }

    async fn send(&mut self, encoded: &Bytes) -> Result<(), End> {
        // The hub has seen that it is.
        let text = std::str::from_utf8(encoded).unwrap_or_default();
        self.room.enter(frame_len(AROUND + encoded.len())).await;
        loop {
            match self.socket.emit(MESSAGE, &Encoded(text)) {
                Ok(()) => return Ok(()),
                // By acknowledgements that the client asks for and does not fetch.
                Err(SendError::Socket(SocketError::InternalChannelFull)) => self.session.moved().await,
                Err(_) => return Err(End::Gone),
            }
        }
    }
}

/// Tells a subscriber why it is let go.
fn dismiss(socket: Arc<Socket>, reason: &impl ToString) {
    // If its buffer is full, it has not taken anything for long; nor does it now.
    let _ = socket.emit(DISMISSED, &reason.to_string());
    let _ = socket.disconnect();
}

/// Takes a subscriber's messages to the hub, in their order: in the task that reads them.
struct Uplink {
    hub: Hub,
    channel: u32,
}

/// What the client sent is not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("not a message: the event has not one JSON value as its argument")]
    Argument,
    #[error(transparent)]
    Message(#[from] PublishError),
}

impl MessageHandler<LocalAdapter, Uplink> for Uplink {
    fn call(&self, socket: Arc<Socket>, mut value: Value, id: Option<i64>) {
        match self.publish(&value) {
            Ok(()) => {
                let Ok(ack) = AckSender::from_message_parts(&socket, &mut value, &id);
                // Refused by a full buffer, which the client does not read.
                let _ = ack.send(&[(); 0]);
            }
            Err(reason) => dismiss(socket, &reason),
        }
    }
}

impl Uplink {
    fn publish(&self, value: &Value) -> Result<(), NotTaken> {
        let data = value.as_str().ok_or(NotTaken::Argument)?.as_bytes();
        match argument(data) {
            Some(message) => self.hub.uplink(self.channel, message)?,
            None => self.hub.uplink(self.channel, &only_argument(data)?)?,
        }
        Ok(())
    }
}

/// The argument of an event that is written as everybody does, without a space.
fn argument(data: &[u8]) -> Option<&[u8]> {
    data.strip_prefix(&socket_io::BEFORE_MESSAGE[1..])?.strip_suffix(socket_io::BEHIND_MESSAGE)
}

fn only_argument(data: &[u8]) -> Result<Bytes, NotTaken> {
    let event = Packet::new(Kind::Event, Bytes::copy_from_slice(data)).to_event();
    match event.map_err(|_| NotTaken::Argument)?.arguments.as_slice() {
        [Argument::Json(message)] => Ok(message.clone()),
        _ => Err(NotTaken::Argument),
    }
}
