//! What the official protocol test suites expect of a server (`socketio/socket.io`, folders
//! `docs/engine.io-protocol/v4-test-suite` and `docs/socket.io-protocol/v5-test-suite`), on the same engine as the
//! measured server.
//!
//! - Pings every 300 ms, to be answered within 200 ms; bodies of 1,000,000 bytes.
//! - `/engine.io/` says each Engine.IO message back, text and binary.
//! - `/socket.io/` has the namespaces `/` and `/custom`. Who joins gets its `auth` back as the event `auth`; the event
//!   `message` is answered by `message-back` with the same arguments, `message-with-ack` is acknowledged with them.

mod echo;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::service::{EngineIoService, NotFoundService};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::http::{self, Connection, Endpoint, Reach, Rejection};
use server_kit::{Hub, Settings, Stop, lifetime};
use socketioxide::SocketIo;
use socketioxide::service::SocketIoService;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::engine::Engine;
use crate::{READ_BUFFER, closing};
use echo::{Echo, Joining};

const ENGINE: &str = "/engine.io/";
const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const MAX_PAYLOAD: usize = 1_000_000;
/// The suites look whether a session is over when its time is just up by their clock, which starts with this answer.
const HEAD_START: Duration = Duration::from_millis(20);

/// Serves until `stop`; events of the hub are not sent.
///
/// # Errors
///
/// When accepting fails for good.
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
