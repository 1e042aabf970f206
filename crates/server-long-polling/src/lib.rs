//! The long-polling server (RFC 6202 §2): the request is held until there is something to say.
//!
//! `GET /events?channel=N&after=SEQ` is answered `200` with all messages that are there, as NDJSON lines, as soon as
//! there is one; `204` when none came within [`Settings::hold`], or when the server stops. `410` tells a client that
//! the events it asks for are no longer retained. A fresh client that is greeted is answered at once.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::gzip::Encoding;
use server_kit::http::{self, Connection, Endpoint, Refusal, no_content};
use server_kit::settings::Compression;
use server_kit::{Hub, Settings, Stop, Subscription, batch};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    wire::lines::encode(message)
}

/// Serves until `stop`; requests that are held then are answered `204`.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let compression = settings.transport.compression;
    let polls = Polls { hub: hub.clone(), hold: settings.hold, compression, stop: stop.clone() };
    http::serve(listener, hub, &settings, stop, polls).await
}

struct Polls {
    hub: Hub,
    hold: Duration,
    compression: Compression,
    stop: Stop,
}

impl Endpoint for Polls {
    const PATH: &'static str = wire::paths::EVENTS;
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Refusal> {
        let mut subscription = self.hub.subscribe(http::resume(&request)?)?;
        let body = match batch::pending(&mut subscription)? {
            Some(body) => Some(body),
            None => self.held(&mut subscription).await?,
        };
        let encoding = Encoding::new(self.compression, request.headers());
        Ok(body.map_or_else(no_content, |body| batch::answer(body, encoding)))
    }
}

impl Polls {
    async fn held(&self, subscription: &mut Subscription) -> Result<Option<Bytes>, Refusal> {
        tokio::select! {
            biased;
            () = subscription.ready() => Ok(batch::pending(subscription)?),
            () = self.stop.requested() => Ok(None),
            () = sleep(self.hold) => Ok(None),
        }
    }
}
