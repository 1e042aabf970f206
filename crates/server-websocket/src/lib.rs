//! The WebSocket server (RFC 6455), on HTTP/1.1 and, by extended CONNECT, on HTTP/2 (RFC 8441).
//!
//! `GET /ws?channel=N&after=SEQ` with a handshake, or `CONNECT` of the same path with `:protocol: websocket`; then each
//! event is a frame, and each frame of the client's is a message of its own. How it closes:
//!
//! | code | reason |
//! |---|---|
//! | 1001 | the server stops |
//! | 1002 | the client broke the protocol |
//! | 1007 | a text message is not UTF-8, or a compressed one cannot be inflated |
//! | 1008 | what the client sent is not a message of this application |
//! | 1009 | a message is over the limit, inflated or as it came |
//! | 1013 | `too slow, missed N`: the subscriber fell out of the replay window and may try again later |
//! | any other that may be sent | the application [ended](Hub::close_sessions) the sessions with it |
//!
//! # Cost
//!
//! A frame is made once for all sessions, and whatever a session has pending is one slice of the hub's and one write to its
//! stream. tungstenite sees only what the client sends, and says the answers to it (`socket`).
//!
//! # Compression
//!
//! Where the settings say so and the client offers it, messages of both directions are compressed by permessage-deflate
//! (RFC 7692), each with the window that the messages before it left. So an event that is encoded once elsewhere is
//! unpacked and compressed once for each subscriber, and each session holds a compressor and two windows: 331 KiB. A client that does
//! not offer it is served without.
//!
//! # Layout
//!
//! - `handshake`: the request that asks for WebSocket, and its answer
//! - `session`: events down, messages up, and how it is closed
//! - `socket`: a session's socket, by tungstenite or, compressed, by the codec of [`protocol::deflate`]
//! - `library`: a session's socket where the settings ask for the library: tokio-tungstenite, as its examples use it
//! - `close_reason`: why a session ends, and what the client gets

mod close_reason;
mod handshake;
mod library;
mod session;
mod socket;

use std::io;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::{Request, Response};
use protocol::websocket::{self, Kind};
use server_kit::http::{self, Connection, Endpoint, Rejection};
use server_kit::hub::Encode;
use server_kit::settings::{Frames, Implementation};
use server_kit::{Hub, Settings, Stop};
use tokio::net::TcpListener;

use session::Session;

/// How a message goes on the wire where data frames have this opcode: as a frame, with its header.
/// The library makes frames itself.
pub fn encode(settings: &Settings) -> Encode {
    match (settings.implementation, settings.frames) {
        (Implementation::Library, _) => |_, message| message.clone(),
        (_, Frames::Text) => |_, message| websocket::encode(Kind::Text, message),
        (_, Frames::Binary) => |_, message| websocket::encode(Kind::Binary, message),
    }
}

/// Serves until `stop`; sessions are closed with 1001 then. The hub encodes as [`encode`] has it for
/// [`Settings::frames`].
/// Fails when accepting fails for good.
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
    const PATH: &'static str = protocol::paths::WEBSOCKET;
    const PROTOCOL: Option<&'static str> = Some("websocket");
    type Body = Empty<Bytes>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let (response, agreement) = handshake::accept(&request, self.settings.transport.compression)?;
        let resume = http::resume(&request)?;
        let subscription = self.hub.subscribe(resume)?;
        let session = Session::new(self.hub.clone(), resume.channel, subscription, &self.settings);
        let stop = self.stop.clone();
        connection.upgrade(move |stream, read| session.run(stream, &read, agreement, stop));
        Ok(response)
    }
}
