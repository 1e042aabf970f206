//! The WebSocket server (RFC 6455).
//!
//! `GET /ws?channel=N&after=SEQ` with a handshake; then each event is a frame, and each frame of the client's is a
//! message of its own. How it closes:
//!
//! | code | reason |
//! |---|---|
//! | 1001 | the server stops |
//! | 1002 | the client broke the protocol |
//! | 1007 | a text frame is not UTF-8 |
//! | 1008 | what the client sent is not a message of this application |
//! | 1009 | a message is over the limit |
//! | 1013 | `too slow, missed N`: the subscriber fell out of the replay window and may try again later |
//!
//! # Layout
//!
//! - `handshake`: the request that asks for WebSocket, and its answer
//! - `session`: events down, messages up
//! - `farewell`: why a session ends, and how the client is told

mod farewell;
mod handshake;
mod session;

use std::io;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::http::{self, Connection, Endpoint, Refusal};
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;

use session::Session;

/// The message itself: its frame is the WebSocket layer's.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    message.clone()
}

/// Serves until `stop`; sessions are closed with 1001 then.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let sockets = Sockets { hub: hub.clone(), settings: settings.clone(), stop: stop.clone() };
    http::serve(listener, hub, &settings, stop, sockets).await
}

struct Sockets {
    hub: Hub,
    settings: Settings,
    stop: Stop,
}

impl Endpoint for Sockets {
    const PATH: &'static str = wire::paths::WEBSOCKET;
    type Body = Empty<Bytes>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Self::Body>, Refusal> {
        let response = handshake::accept(request.headers())?;
        let resume = http::resume(&request)?;
        let subscription = self.hub.subscribe(resume)?;
        let session = Session::new(self.hub.clone(), resume.channel, subscription, &self.settings);
        let stop = self.stop.clone();
        connection.upgrade(move |stream, read| async move { session.run(stream, read, stop).await });
        Ok(response)
    }
}
