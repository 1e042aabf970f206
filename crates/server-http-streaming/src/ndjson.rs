//! Chunked NDJSON: a line a message; an empty line after silence; `{"error":"too slow","missed":7}` as the last line
//! of a subscriber that fell out of the replay window.

use std::io;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::gzip::{Encoded, Encoding};
use server_kit::http::{self, Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Rejection};
use server_kit::settings::Compression;
use server_kit::{Hub, Lagged, Settings, Stop, Subscription};
use tokio::net::TcpListener;

use crate::body::Events;
use crate::chunk_writer::ChunkWriter;
use crate::format::Format;

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    protocol::lines::encode(message)
}

/// Serves until `stop`, which ends the streams.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let head = Head::new(&http::answer(protocol::lines::MEDIA_TYPE, Encoding::Identity, ()));
    let lines = Lines { head, hub: hub.clone(), settings: settings.clone(), stop: stop.clone() };
    http::serve_fast(listener, hub, &settings, stop, lines).await
}

struct Lines {
    head: Head,
    hub: Hub,
    settings: Settings,
    stop: Stop,
}

impl Endpoint for Lines {
    const PATH: &'static str = protocol::paths::STREAM;
    type Body = Encoded<Events<Ndjson>>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let subscription = self.hub.subscribe(http::resume(&request)?)?;
        let body = Events::new(None, subscription, self.settings.heartbeat, self.stop.clone());
        let encoding = Encoding::new(self.settings.transport.compression, request.headers());
        Ok(http::answer(protocol::lines::MEDIA_TYPE, encoding, Encoded::new(body, encoding)))
    }
}

impl FastPath for Lines {
    type Parsed = Subscription;

    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Subscription> {
        let resume = plain.resume().filter(|_| self.settings.transport.compression == Compression::None)?;
        self.hub.subscribe(resume).ok()
    }

    async fn respond(&self, subscription: Subscription, peer: &mut Peer) -> io::Result<Next> {
        ChunkWriter::<Ndjson>::new(peer, subscription, self.settings.heartbeat).run(&self.head, None).await
    }
}

pub(crate) struct Ndjson;

impl Format for Ndjson {
    const HEARTBEAT: &'static [u8] = b"\n";

    fn too_slow(lagged: Lagged) -> Bytes {
        protocol::lines::encode(lagged.to_json().as_bytes())
    }
}
