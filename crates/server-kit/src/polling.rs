//! Polling, short and long: one request after another, each answered with all messages that are there, as NDJSON lines.
//!
//! `GET /events?channel=N&after=SEQ` is answered `200` with the messages, or `204` where there is none. Without a hold it is
//! answered at once. With a hold (RFC 6202 §2) an answer without messages waits for the first one, for the end of the hold, or
//! for the stop. With [`EmptyAnswer::NotModified`], answers carry the channel's cursor as `ETag`, and a request whose
//! `If-None-Match` names the channel's head is answered `304`. `410` reports that the requested events are no longer
//! retained. A fresh client gets its greeting at once, if there is one; without greetings it begins with `after`.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::gzip::{self, Encoding};
use crate::http::{Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Rejection, no_content};
use crate::settings::{Compression, EmptyAnswer};
use crate::{Hub, Lagged, Run, Settings, Stop, Subscription, http};

/// A cache may keep the answer, but must ask whether it still holds: what `ETag` is for.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    protocol::lines::encode(message)
}

/// Serves until `stop`. An answer without messages is held for `hold`, and looks as `empty` says.
/// Fails when accepting fails for good.
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    settings: Settings,
    stop: Stop,
    hold: Duration,
    empty: EmptyAnswer,
) -> io::Result<()> {
    let polls = Polls {
        events: Head::new(&http::answer(protocol::lines::MEDIA_TYPE, Encoding::Identity, ())),
        nothing: Head::new(&no_content()),
        hub: hub.clone(),
        hold,
        empty,
        compression: settings.transport.compression,
        stop: stop.clone(),
    };
    http::serve_fast(listener, hub, &settings, stop, polls).await
}

struct Polls {
    events: Head,
    nothing: Head,
    hub: Hub,
    hold: Duration,
    empty: EmptyAnswer,
    compression: Compression,
    stop: Stop,
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
        let body = match pending(&mut subscription)? {
            None if !self.hold.is_zero() => self.held(&mut subscription).await?,
            body => body,
        };
        let cursor = subscription.position();
        let encoding = Encoding::new(self.compression, request.headers());
        let response = body.map_or_else(no_content, |body| answer(body, encoding));
        Ok(match self.empty {
            EmptyAnswer::NoContent => response,
            EmptyAnswer::NotModified => tagged(response, cursor, request.headers().get(IF_NONE_MATCH)),
        })
    }
}

/// A poll, and what is there for it already.
struct Poller {
    subscription: Subscription,
    body: Option<Bytes>,
}

/// Why a hold ended.
enum HoldEnd {
    Ready,
    Stopped,
    TimedOut,
    Disconnected(io::Result<()>),
}

/// Only without tags, which differ by cursor.
impl FastPath for Polls {
    type Parsed = Poller;

    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Poller> {
        let is_plain = self.compression == Compression::None && self.empty == EmptyAnswer::NoContent;
        let mut subscription = self.hub.subscribe(plain.resume().filter(|_| is_plain)?).ok()?;
        let body = pending(&mut subscription).ok()?;
        Some(Poller { subscription, body })
    }

    async fn respond(&self, poller: Poller, peer: &mut Peer) -> io::Result<Next> {
        let Poller { mut subscription, body } = poller;
        if let Some(body) = body {
            return peer.answer(&self.events, &body).await;
        }
        if self.hold.is_zero() {
            return peer.answer_nothing(&self.nothing, Next::Request).await;
        }
        peer.hold(self.hold);
        match poll_fn(|cx| poll_held(&mut subscription, peer, cx)).await {
            HoldEnd::Ready => match pending(&mut subscription) {
                Ok(Some(body)) => peer.answer(&self.events, &body).await,
                Ok(None) => peer.answer_nothing(&self.nothing, Next::Request).await,
                Err(lagged) => peer.reject(&lagged.into()).await,
            },
            HoldEnd::TimedOut => peer.answer_nothing(&self.nothing, Next::Request).await,
            HoldEnd::Stopped => peer.answer_nothing(&self.nothing, Next::Close).await,
            HoldEnd::Disconnected(end) => end.map(|()| Next::Close),
        }
    }
}

fn poll_held(subscription: &mut Subscription, peer: &mut Peer, cx: &mut Context<'_>) -> Poll<HoldEnd> {
    if subscription.poll_ready(cx).is_ready() {
        return Poll::Ready(HoldEnd::Ready);
    }
    if peer.poll_stop(cx).is_ready() {
        return Poll::Ready(HoldEnd::Stopped);
    }
    if peer.poll_hold(cx).is_ready() {
        return Poll::Ready(HoldEnd::TimedOut);
    }
    peer.poll_gone(cx).map(HoldEnd::Disconnected)
}

impl Polls {
    async fn held(&self, subscription: &mut Subscription) -> Result<Option<Bytes>, Rejection> {
        tokio::select! {
            biased;
            () = subscription.ready() => Ok(pending(subscription)?),
            () = self.stop.requested() => Ok(None),
            () = sleep(self.hold) => Ok(None),
        }
    }
}

/// The answer with the cursor as its tag; the body is left out for a client that has this cursor.
fn tagged(
    mut response: Response<Full<Bytes>>,
    cursor: u64,
    known: Option<&HeaderValue>,
) -> Response<Full<Bytes>> {
    let tag = HeaderValue::try_from(format!("\"{cursor}\"")).expect("digits make a header value");
    if known == Some(&tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().clear();
        *response.body_mut() = Full::default();
    }
    response.headers_mut().insert(CACHE_CONTROL, NO_CACHE);
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Once a body holds so much, the rest waits for the next poll: each poller that is far behind has a body of its own.
const MOST_BYTES: usize = 256 * 1024;

/// What a subscription has to say at once: its greeting alone, or the events that are there. None when there is nothing.
///
/// What the hub gives in one piece is shared with all other subscribers; more is copied into one buffer.
fn pending(subscription: &mut Subscription) -> Result<Option<Bytes>, Lagged> {
    if let Some(greeting) = subscription.greeting() {
        return Ok(Some(greeting));
    }
    let Some(Run { bytes: first, .. }) = subscription.run(MOST_BYTES)? else { return Ok(None) };
    let (mut body, mut left) = (BytesMut::new(), MOST_BYTES.saturating_sub(first.len()));
    // A subscriber that falls behind meanwhile is notified by its next poll.
    while left > 0
        && let Ok(Some(run)) = subscription.run(left)
    {
        if body.is_empty() {
            body.reserve(first.len() + left);
            body.extend_from_slice(&first);
        }
        body.extend_from_slice(&run.bytes);
        left = left.saturating_sub(run.bytes.len());
    }
    Ok(Some(if body.is_empty() { first } else { body.freeze() }))
}

/// `200` with such a body, in this encoding.
fn answer(body: Bytes, encoding: Encoding) -> Response<Full<Bytes>> {
    let body = match encoding {
        Encoding::Identity => body,
        Encoding::Gzip => gzip::whole(&body),
    };
    http::answer(protocol::lines::MEDIA_TYPE, encoding, Full::new(body))
}
