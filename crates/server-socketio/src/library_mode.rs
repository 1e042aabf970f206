//! socketioxide as its own examples use it, where the settings ask for the library: it answers each request behind hyper, takes each
//! WebSocket, and gets each event by `socket.emit`, from a task for each client.
//!
//! So an event is encoded for each client, and goes through a buffer of its session. The library's first ping, at once, is not held
//! back. A client that does not take its events fills that buffer, and is disconnected.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::service::NotFoundService;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use protocol::socket_io::MESSAGE;
use serde_json::value::RawValue;
use server_kit::http::{Connection, Endpoint, Reach, ReclaimOnDrop, Rejection};
use server_kit::{Hub, Stop, stream};
use socketioxide::SendError;
use socketioxide::service::SocketIoService;
use socketioxide::socket::Socket;
use tokio::time::timeout;

use crate::engine::again;
use crate::event_injector::{EventSource, disconnect, packets};
use crate::library::Library as _;
use crate::session::Session;

/// The library behind hyper.
pub(crate) struct LibraryEndpoint {
    pub(crate) service: SocketIoService<NotFoundService>,
    pub(crate) hub: Hub,
    pub(crate) idle: Duration,
    /// Given once the library has closed its sessions.
    pub(crate) closed: Stop,
}

impl Endpoint for LibraryEndpoint {
    const PATH: &'static str = protocol::paths::SOCKETIO;
    const REACH: Reach = Reach::Below;
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let (mut handshake, is_poll) = (again(&request), request.method() == Method::GET);
        // Where a client that may join keeps its cursor until the library has let it in.
        request.extensions_mut().insert(Session::default());
        handshake.extensions_mut().insert(Session::default());
        // A poll is held; a body has to come in time.
        let longest = if is_poll { Duration::MAX } else { self.idle };
        let answer = tokio::select! {
            answer = timeout(longest, self.service.answer(request)) => answer.map_err(|_| Rejection::TimedOut)?,
            // A session that never joined is not among those that are closed.
            () = self.closed.requested() => packets(Bytes::from_static(b"1")),
        };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (service, hub) = (self.service.clone(), self.hub.clone());
            connection.upgrade(async move |stream, read| {
                let (stream, returned) = ReclaimOnDrop::new(stream, read, &hub);
                service.take(stream, handshake);
                if let Ok(stream) = returned.await {
                    stream::close(stream).await;
                }
            });
        }
        Ok(answer.map(Full::new))
    }
}

/// Emits the events of a client that has joined until it leaves.
pub(crate) fn emit_events(socket: &Arc<Socket>, mut source: EventSource) {
    let to = socket.clone();
    let task = tokio::spawn(async move {
        let reason = loop {
            match source.next().await {
                Ok(event) => {
                    if let Err(error) = emit(&to, &event) {
                        break error.to_string();
                    }
                }
                Err(lagged) => break lagged.to_string(),
            }
        };
        disconnect(to, &reason);
    });
    let task = task.abort_handle();
    let leave = task.clone();
    socket.on_disconnect(async move || leave.abort());
    // The session may have ended meanwhile.
    if !socket.connected() {
        task.abort();
    }
}

fn emit(socket: &Socket, event: &[u8]) -> Result<(), SendError> {
    // The hub takes nothing that is not JSON.
    let Ok(event) = serde_json::from_slice::<&RawValue>(event) else { return Ok(()) };
    socket.emit(MESSAGE, event)
}
