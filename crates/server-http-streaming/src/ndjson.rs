//! Chunked NDJSON: a line a message; an empty line after silence; `{"error":"too slow","missed":7}` as the last line
//! of a subscriber that fell out of the replay window.

use std::io;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::gzip::{Encoded, Encoding};
use server_kit::http::{self, Connection, Endpoint, Refusal};
use server_kit::{Hub, Lagged, Settings, Stop};
use tokio::net::TcpListener;

use crate::body::{Events, Format};

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    wire::lines::encode(message)
}

/// Serves until `stop`, which ends the streams.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let lines = Lines { hub: hub.clone(), settings: settings.clone(), stop: stop.clone() };
    http::serve(listener, hub, &settings, stop, lines).await
}

struct Lines {
    hub: Hub,
    settings: Settings,
    stop: Stop,
}

impl Endpoint for Lines {
    const PATH: &'static str = wire::paths::STREAM;
    type Body = Encoded<Events<Ndjson>>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Refusal> {
        let subscription = self.hub.subscribe(http::resume(&request)?)?;
        let body = Events::new(None, subscription, self.settings.heartbeat, self.stop.clone());
        let encoding = Encoding::new(self.settings.transport.compression, request.headers());
        Ok(http::answer(wire::lines::MEDIA_TYPE, encoding, Encoded::new(body, encoding)))
    }
}

pub(crate) struct Ndjson;

impl Format for Ndjson {
    const HEARTBEAT: &'static [u8] = b"\n";

    fn too_slow(lagged: Lagged) -> Bytes {
        wire::lines::encode(lagged.to_json().as_bytes())
    }
}
