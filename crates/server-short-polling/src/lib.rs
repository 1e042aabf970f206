//! The short-polling server: the client asks every so often, and is answered at once.
//!
//! `GET /events?channel=N&after=SEQ` is answered `200` with the messages that are there as NDJSON lines, or `204`. With
//! [`EmptyAnswer::NotModified`], answers carry the channel's position as `ETag`, and a request whose `If-None-Match`
//! names the channel's head is answered `304`. `410` tells a client that the events it asks for are no longer
//! retained. What a fresh client gets is its greeting, if there is one: without greetings, it begins with `after`.

use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, Response, StatusCode};
use server_kit::gzip::Encoding;
use server_kit::http::{
    self, Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Rejection, no_content,
};
use server_kit::settings::{Compression, EmptyAnswer};
use server_kit::{Hub, Settings, Stop, batch};
use tokio::net::TcpListener;

/// A cache may keep the answer, but must ask whether it still holds: what `ETag` is for.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    protocol::lines::encode(message)
}

/// Serves until `stop`.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let compression = settings.transport.compression;
    let (events, nothing) = (batch::head(), Head::new(&no_content()));
    let polls = Polls { events, nothing, hub: hub.clone(), empty: settings.empty, compression };
    http::serve_fast(listener, hub, &settings, stop, polls).await
}

struct Polls {
    events: Head,
    nothing: Head,
    hub: Hub,
    empty: EmptyAnswer,
    compression: Compression,
}

impl Endpoint for Polls {
    const PATH: &'static str = protocol::paths::EVENTS;
    type Body = Full<Bytes>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let mut subscription = self.hub.subscribe(http::resume(&request)?)?;
        let body = batch::pending(&mut subscription)?;
        let position = subscription.position();
        let encoding = Encoding::new(self.compression, request.headers());
        let answer = body.map_or_else(no_content, |body| batch::answer(body, encoding));
        Ok(match self.empty {
            EmptyAnswer::NoContent => answer,
            EmptyAnswer::NotModified => tagged(answer, position, request.headers().get(IF_NONE_MATCH)),
        })
    }
}

/// Only without tags, which differ by position.
impl FastPath for Polls {
    /// What is there.
    type Parsed = Option<Bytes>;

    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Option<Bytes>> {
        let is_plain = self.compression == Compression::None && self.empty == EmptyAnswer::NoContent;
        let resume = plain.resume().filter(|_| is_plain)?;
        batch::pending(&mut self.hub.subscribe(resume).ok()?).ok()
    }

    async fn respond(&self, body: Option<Bytes>, peer: &mut Peer) -> io::Result<Next> {
        match body {
            Some(body) => peer.answer(&self.events, &body).await,
            None => peer.answer_nothing(&self.nothing, Next::Request).await,
        }
    }
}

/// The answer with the position as its tag; the body is left out for a client that has this position.
fn tagged(
    mut response: Response<Full<Bytes>>,
    position: u64,
    known: Option<&HeaderValue>,
) -> Response<Full<Bytes>> {
    let tag = HeaderValue::try_from(format!("\"{position}\"")).expect("digits make a header value");
    if known == Some(&tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().clear();
        *response.body_mut() = Full::default();
    }
    response.headers_mut().insert(CACHE_CONTROL, NO_CACHE);
    response.headers_mut().insert(ETAG, tag);
    response
}
