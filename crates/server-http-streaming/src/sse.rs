//! Server-Sent Events (WHATWG HTML §9.2): `retry` first, then `id` and `data` of each event; a comment after silence;
//! `: too slow, missed 7` as the last comment of a subscriber that fell out of the replay window.
//!
//! `Last-Event-ID`, which a browser sends when it connects again, wins over `after`, which is in the URL for ever.

use std::io;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use protocol::{Resume, Start};
use server_kit::gzip::{Encoded, Encoding};
use server_kit::http::{self, Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Rejection};
use server_kit::settings::Compression;
use server_kit::{Hub, Lagged, Settings, Stop, Subscription};
use tokio::net::TcpListener;

use crate::body::Events;
use crate::chunk_writer::ChunkWriter;
use crate::format::Format;

const LAST_EVENT_ID: &str = "last-event-id";

/// The message as an event: `id` and `data`.
pub fn encode(seq: u64, message: &Bytes) -> Bytes {
    protocol::sse::encode(seq, message)
}

/// Serves until `stop`, which ends the streams.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let head = Head::new(&http::answer(protocol::sse::MEDIA_TYPE, Encoding::Identity, ()));
    let sources = Sources { head, hub: hub.clone(), settings: settings.clone(), stop: stop.clone() };
    http::serve_fast(listener, hub, &settings, stop, sources).await
}

struct Sources {
    head: Head,
    hub: Hub,
    settings: Settings,
    stop: Stop,
}

impl Endpoint for Sources {
    const PATH: &'static str = protocol::paths::STREAM;
    type Body = Encoded<Events<Sse>>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let id = request.headers().get(LAST_EVENT_ID).map(HeaderValue::as_bytes);
        let no_number = || Rejection::BadRequest("last-event-id takes a whole number".to_owned());
        let resume = with_last_event_id(http::resume(&request)?, id).ok_or_else(no_number)?;
        let subscription = self.hub.subscribe(resume)?;
        let body = Events::new(self.retry(), subscription, self.settings.heartbeat, self.stop.clone());
        let encoding = Encoding::new(self.settings.transport.compression, request.headers());
        Ok(http::answer(protocol::sse::MEDIA_TYPE, encoding, Encoded::new(body, encoding)))
    }
}

impl FastPath for Sources {
    type Parsed = Subscription;

    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Subscription> {
        let resume = plain.resume().filter(|_| self.settings.transport.compression == Compression::None)?;
        self.hub.subscribe(with_last_event_id(resume, plain.header(LAST_EVENT_ID))?).ok()
    }

    async fn respond(&self, subscription: Subscription, peer: &mut Peer) -> io::Result<Next> {
        ChunkWriter::<Sse>::new(peer, subscription, self.settings.heartbeat)
            .run(&self.head, self.retry())
            .await
    }
}

impl Sources {
    fn retry(&self) -> Option<Bytes> {
        let retry_ms = self.settings.retry.as_millis() as u64;
        (retry_ms > 0).then(|| protocol::sse::encode_retry(retry_ms))
    }
}

/// None where the id is no number. An empty one is no id: a client is not to send it so, but some do.
fn with_last_event_id(mut resume: Resume, id: Option<&[u8]>) -> Option<Resume> {
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        resume.start = Start::After(std::str::from_utf8(id).ok()?.parse().ok()?);
    }
    Some(resume)
}

pub(crate) struct Sse;

impl Format for Sse {
    const HEARTBEAT: &'static [u8] = protocol::sse::HEARTBEAT;

    fn too_slow(lagged: Lagged) -> Bytes {
        protocol::sse::encode_comment(&lagged.to_string())
    }
}
