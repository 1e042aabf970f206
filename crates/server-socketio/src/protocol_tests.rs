//! What the official protocol test suites expect of a server (`socketio/socket.io`, folders
//! `docs/engine.io-protocol/v4-test-suite` and `docs/socket.io-protocol/v5-test-suite`), on the same engine as the
//! measured server.
//!
//! - Pings every 300 ms, to be answered within 200 ms; bodies of 1,000,000 bytes.
//! - `/engine.io/` says each Engine.IO message back, text and binary.
//! - `/socket.io/` has the namespaces `/` and `/custom`. A client that joins gets its `auth` back as the event `auth`; the event
//!   `message` is answered by `message-back` with the same arguments, `message-with-ack` is acknowledged with them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::{EngineIoService, NotFoundService};
use engineioxide::{DisconnectReason, Str};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, SerializeTuple as _, Serializer};
use serde_json::{Value as Json, json};
use server_kit::http::{self, Connection, Endpoint, Reach, Rejection};
use server_kit::{Hub, Settings, Stop, lifetime};
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{ConnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::service::SocketIoService;
use socketioxide::socket::Socket;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::engine::Engine;
use crate::{READ_BUFFER, closing};

const ENGINE: &str = "/engine.io/";
const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const MAX_PAYLOAD: usize = 1_000_000;
/// The suites look whether a session is over when its time is just up by their clock, which starts with this answer.
const HEAD_START: Duration = Duration::from_millis(20);

/// Serves until `stop`; events of the hub are not sent.
/// Fails when accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let (socket_io, io) = socket_io();
    io.ns("/", Joining);
    io.ns("/custom", Joining);
    let (closer, closed) = lifetime::channel();
    let (limits, stops) = (&settings.limits, (&stop, &closed));
    let suites = Suites {
        socket_io: Engine::new(socket_io, protocol::paths::SOCKETIO, MAX_PAYLOAD, &hub, limits, stops),
        engine_io: Engine::new(engine_io(), ENGINE, MAX_PAYLOAD, &hub, limits, stops),
    };
    let serving = http::serve(listener, hub, &settings, stop.clone(), suites);
    closing(serving, &stop, &io, closer).await
}

fn socket_io() -> (SocketIoService<NotFoundService>, SocketIo) {
    SocketIo::builder()
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_payload(MAX_PAYLOAD as u64)
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(MAX_PAYLOAD)
        .ws_max_frame_size(MAX_PAYLOAD)
        .build_svc()
}

fn engine_io() -> EngineIoService<Echo> {
    let config = EngineIoConfig::builder()
        .req_path("/engine.io")
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_payload(MAX_PAYLOAD as u64)
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(MAX_PAYLOAD)
        .ws_max_frame_size(MAX_PAYLOAD)
        .build();
    EngineIoService::with_config(Arc::new(Echo), config)
}

struct Suites {
    socket_io: Engine<SocketIoService<NotFoundService>>,
    engine_io: Engine<EngineIoService<Echo>>,
}

impl Endpoint for Suites {
    const PATH: &'static str = "/";
    const REACH: Reach = Reach::Below;
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let begins = !request.uri().query().unwrap_or_default().contains("sid=");
        let answer = match request.uri().path() {
            path if path.starts_with(protocol::paths::SOCKETIO) => {
                self.socket_io.answer(request, connection).await
            }
            path if path.starts_with(ENGINE) => self.engine_io.answer(request, connection).await,
            _ => Err(Rejection::NotFound),
        };
        if begins {
            sleep(HEAD_START).await;
        }
        answer
    }
}

/// Engine.IO's side.
#[derive(Debug)]
struct Echo;

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
struct Joining;

impl ConnectHandler<LocalAdapter, Joining> for Joining {
    fn call(&self, socket: Arc<Socket>, auth: Option<Value>) {
        socket.on("message", Back::ByEvent);
        socket.on("message-with-ack", Back::ByAcknowledgement);
        let auth = auth.as_ref().and_then(Value::as_str).and_then(|auth| serde_json::from_str(auth).ok());
        let auth = auth.unwrap_or_else(|| json!({}));
        tokio::spawn(async move {
            sleep(APART).await;
            let _ = socket.emit("auth", &auth);
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

/// What stood behind the event's name, taken apart so that the library puts the attachments in their places again.
struct Arguments(Vec<Argument>);

enum Argument {
    Attachment(Bytes),
    Array(Vec<Argument>),
    Object(Vec<(String, Argument)>),
    Json(Json),
}

impl Arguments {
    /// None if it is no event, or has a placeholder for an attachment that is not there.
    fn of(event: &Value) -> Option<Self> {
        let Value::Str(text, attachments) = event else { return None };
        let mut elements: VecDeque<Json> = serde_json::from_str(text).ok()?;
        elements.pop_front()?;
        let nothing = VecDeque::new();
        let attachments = attachments.as_ref().unwrap_or(&nothing);
        elements.into_iter().map(|json| Argument::of(json, attachments)).collect::<Option<_>>().map(Self)
    }
}

impl Argument {
    fn of(json: Json, attachments: &VecDeque<Bytes>) -> Option<Self> {
        Some(match json {
            Json::Object(object) if object.get("_placeholder") == Some(&Json::Bool(true)) => {
                let at = object.get("num")?.as_u64()?;
                Self::Attachment(attachments.get(usize::try_from(at).ok()?)?.clone())
            }
            Json::Object(object) => {
                let field = |(name, json)| Some((name, Self::of(json, attachments)?));
                Self::Object(object.into_iter().map(field).collect::<Option<_>>()?)
            }
            Json::Array(array) => {
                let element = |json| Self::of(json, attachments);
                Self::Array(array.into_iter().map(element).collect::<Option<_>>()?)
            }
            other => Self::Json(other),
        })
    }
}

/// A tuple, which the library takes for several arguments.
impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Attachment(bytes) => serializer.serialize_bytes(bytes),
            Self::Json(json) => json.serialize(serializer),
            Self::Array(elements) => {
                let mut array = serializer.serialize_seq(Some(elements.len()))?;
                elements.iter().try_for_each(|element| array.serialize_element(element))?;
                array.end()
            }
            Self::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, field)| object.serialize_entry(name, field))?;
                object.end()
            }
        }
    }
}
