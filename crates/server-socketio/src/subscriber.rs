//! A subscriber: a client that has joined the main namespace. Messages up; its events go by the [`event_injector`](crate::event_injector).
//!
//! Its cursor in the channel is set before the join is answered, and its handlers are in place by then: what
//! it sends at once is received, and an event that is published at once is sent.

use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use protocol::Resume;
use protocol::socket_io::{self, Argument, Auth, AuthError, Kind, MESSAGE, Packet};
use serde::de::IgnoredAny;
use server_kit::hub::{PublishError, UnknownChannel};
use server_kit::settings::Implementation;
use server_kit::{Hub, Lagged};
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{ConnectHandler, DisconnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::socket::{DisconnectReason, Socket};

use crate::event_injector::{EventSource, disconnect};
use crate::library_mode;
use crate::session::Session;

/// Lets clients join.
#[derive(Clone)]
pub(crate) struct Join {
    pub(crate) hub: Hub,
    pub(crate) implementation: Implementation,
    pub(crate) run_bytes: usize,
}

/// Why a client may not join; the message of its CONNECT_ERROR.
#[derive(Debug, thiserror::Error)]
enum Rejected {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Channel(#[from] UnknownChannel),
    #[error(transparent)]
    Lagged(#[from] Lagged),
}

impl Join {
    fn admit(&self, socket: &Socket, auth: Option<&Value>) -> Result<(), Rejected> {
        let auth = auth.and_then(Value::as_str).map_or(&[][..], |auth| auth.as_bytes());
        let resume = Resume::from(Auth::decode(auth)?);
        let mut subscription = self.hub.subscribe(resume)?;
        let first = subscription.run(self.run_bytes)?.map(|run| run.bytes);
        session(socket).injector().admit(EventSource { subscription, first });
        socket.on(MESSAGE, Uplink { hub: self.hub.clone(), channel: resume.channel });
        Ok(())
    }
}

impl ConnectHandler<LocalAdapter, Join> for Join {
    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket>,
        auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>> {
        let admitted = self.admit(&socket, auth.as_ref()).map_err(|rejected| Box::new(rejected) as _);
        Box::pin(std::future::ready(admitted))
    }

    /// The CONNECT that says so is in the library's buffer.
    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let session = session(&socket);
        if self.implementation == Implementation::Library {
            session
                .injector()
                .take_admitted()
                .into_iter()
                .for_each(|source| library_mode::emit_events(&socket, source));
            return;
        }
        session.injector().join(&socket);
        socket.on_disconnect(Leave { session: session.clone() });
        // The session may have ended meanwhile, without an answer.
        if !socket.connected() {
            session.injector().leave();
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
    session: Session,
}

impl DisconnectHandler<LocalAdapter, Leave> for Leave {
    fn call_with_defer(&self, socket: Arc<Socket>, _: DisconnectReason, defer: fn(Arc<Socket>)) {
        self.session.injector().leave();
        defer(socket);
    }
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
                // Rejected by a full buffer, which the client does not read.
                let _ = ack.send(&[(); 0]);
            }
            Err(reason) => disconnect(socket, &reason),
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

/// The argument of an event that is written without a space, as usual.
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

/// Whether this is JSON: an event's argument that is not would break the packet that it stands in.
pub(crate) fn is_json(message: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(message).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_packet_is_no_json() {
        assert!(is_json(br#"["00",{"a": 1}]"#));
        for broken in [&br#"["00",{{]"#[..], br#"["00"],["01"]"#, b""] {
            assert!(!is_json(broken));
        }
    }
}
