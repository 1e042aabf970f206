//! Who says things back: messages of Engine.IO, events of Socket.IO.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Str};
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{ConnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::socket::Socket;
use tokio::time::sleep;

use super::arguments::Arguments;
use crate::event::{self, Encoded};

/// Engine.IO's side.
#[derive(Debug)]
pub(super) struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<engineioxide::Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<engineioxide::Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<engineioxide::Socket<()>>) {
        // A client that does not read its echo loses it.
        let _ = socket.emit(message);
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<engineioxide::Socket<()>>) {
        let _ = socket.emit_binary(data);
    }
}

/// The suites listen again for each message, and lose one that is read together with the message before it. The
/// reference sends them apart, since it waits for each write.
const APART: Duration = Duration::from_millis(20);

/// Socket.IO's side.
#[derive(Clone)]
pub(super) struct Joining;

impl ConnectHandler<LocalAdapter, Joining> for Joining {
    fn call(&self, socket: Arc<Socket>, auth: Option<Value>) {
        socket.on("message", Back::ByEvent);
        socket.on("message-with-ack", Back::ByAcknowledgement);
        let auth = auth.as_ref().and_then(Value::as_str).map_or("{}", |auth| auth.as_str());
        let auth = if event::is_json(auth.as_bytes()) { auth.to_owned() } else { "{}".to_owned() };
        tokio::spawn(async move {
            sleep(APART).await;
            let _ = socket.emit("auth", &Encoded(&auth));
        });
    }
}

enum Back {
    ByEvent,
    ByAcknowledgement,
}

impl MessageHandler<LocalAdapter, Back> for Back {
    fn call(&self, socket: Arc<Socket>, mut value: Value, id: Option<i64>) {
        // An array, for the library has found the event's name in it; a placeholder may stand for nothing.
        let Some(arguments) = Arguments::of(&value) else { return };
        let _ = match self {
            Self::ByEvent => socket.emit("message-back", &arguments),
            Self::ByAcknowledgement => {
                let Ok(ack) = AckSender::from_message_parts(&socket, &mut value, &id);
                ack.send(&arguments)
            }
        };
    }
}
