//! Server-Sent Events (WHATWG HTML §9.2): `retry` first, then `id` and `data` of each event; a comment after silence;
//! `: too slow, missed 7` as the last comment of a subscriber that fell out of the replay window.
//!
//! `Last-Event-ID`, which a browser sends when it connects anew, wins over `after`, which is in the URL for ever.

use std::io;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::gzip::{Encoded, Encoding};
use server_kit::http::{self, Connection, Endpoint, Refusal};
use server_kit::{Hub, Lagged, Settings, Stop};
use tokio::net::TcpListener;
use wire::{Resume, Start};

use crate::body::{Events, Format};

const LAST_EVENT_ID: &str = "last-event-id";

/// The message as an event: `id` and `data`.
pub fn encode(seq: u64, message: &Bytes) -> Bytes {
    wire::sse::encode(seq, message)
}

/// Serves until `stop`, which ends the streams.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let sources = Sources { hub: hub.clone(), settings: settings.clone(), stop: stop.clone() };
    http::serve(listener, hub, &settings, stop, sources).await
}

struct Sources {
    hub: Hub,
    settings: Settings,
    stop: Stop,
}

impl Endpoint for Sources {
    const PATH: &'static str = wire::paths::STREAM;
    type Body = Encoded<Events<Sse>>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Refusal> {
        let subscription = self.hub.subscribe(resume(&request)?)?;
        let retry_ms = self.settings.retry.as_millis() as u64;
        let retry = (retry_ms > 0).then(|| wire::sse::encode_retry(retry_ms));
        let body = Events::new(retry, subscription, self.settings.heartbeat, self.stop.clone());
        let encoding = Encoding::new(self.settings.transport.compression, request.headers());
        Ok(http::answer(wire::sse::MEDIA_TYPE, encoding, Encoded::new(body, encoding)))
    }
}

/// An empty `Last-Event-ID` is none: a client is not to send it so, but some do.
fn resume(request: &Request<Incoming>) -> Result<Resume, Refusal> {
    let mut resume = http::resume(request)?;
    if let Some(id) = request.headers().get(LAST_EVENT_ID).filter(|id| !id.is_empty()) {
        let seq = id.to_str().ok().and_then(|id| id.parse().ok());
        let no_number = || Refusal::BadRequest("last-event-id takes a whole number".to_owned());
        resume.start = Start::After(seq.ok_or_else(no_number)?);
    }
    Ok(resume)
}

pub(crate) struct Sse;

impl Format for Sse {
    const HEARTBEAT: &'static [u8] = wire::sse::HEARTBEAT;

    fn too_slow(lagged: Lagged) -> Bytes {
        wire::sse::encode_comment(&lagged.to_string())
    }
}
