//! The long-polling server (RFC 6202 §2): the request is held until there is something to say.
//!
//! `GET /events?channel=N&after=SEQ` is answered `200` with all messages that are there, as NDJSON lines, as soon as
//! there is one; `204` when none came within [`Settings::hold`], or when the server stops. `410` tells a client that
//! the events it asks for are no longer retained. A fresh client that is greeted is answered at once.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use server_kit::gzip::Encoding;
use server_kit::http::{
    self, Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Rejection, no_content,
};
use server_kit::settings::Compression;
use server_kit::{Hub, Settings, Stop, Subscription, batch};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// The message as a line.
pub fn encode(_seq: u64, message: &Bytes) -> Bytes {
    protocol::lines::encode(message)
}

/// Serves until `stop`; requests that are held then are answered `204`.
///
/// # Errors
///
/// When accepting fails for good.
pub async fn serve(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let compression = settings.transport.compression;
    let polls = Polls {
        events: batch::head(),
        nothing: Head::new(&no_content()),
        hub: hub.clone(),
        hold: settings.hold,
        compression,
        stop: stop.clone(),
    };
    http::serve_fast(listener, hub, &settings, stop, polls).await
}

struct Polls {
    events: Head,
    nothing: Head,
    hub: Hub,
    hold: Duration,
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
        let body = match batch::pending(&mut subscription)? {
            Some(body) => Some(body),
            None => self.held(&mut subscription).await?,
        };
        let encoding = Encoding::new(self.compression, request.headers());
        Ok(body.map_or_else(no_content, |body| batch::answer(body, encoding)))
    }
}

impl Polls {
    async fn held(&self, subscription: &mut Subscription) -> Result<Option<Bytes>, Rejection> {
        tokio::select! {
            biased;
            () = subscription.ready() => Ok(batch::pending(subscription)?),
            () = self.stop.requested() => Ok(None),
            () = sleep(self.hold) => Ok(None),
        }
    }
}

/// A poll, and what is there for it already.
struct Poller {
    subscription: Subscription,
    body: Option<Bytes>,
}

/// Why a poll is held no longer.
enum Held {
    Ready,
    Stopped,
    ForTooLong,
    Gone(io::Result<()>),
}

impl FastPath for Polls {
    type Parsed = Poller;

    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Poller> {
        let resume = plain.resume().filter(|_| self.compression == Compression::None)?;
        let mut subscription = self.hub.subscribe(resume).ok()?;
        let body = batch::pending(&mut subscription).ok()?;
        Some(Poller { subscription, body })
    }

    async fn respond(&self, poller: Poller, peer: &mut Peer) -> io::Result<Next> {
        let Poller { mut subscription, body } = poller;
        if let Some(body) = body {
            return peer.answer(&self.events, &body).await;
        }
        peer.hold(self.hold);
        match poll_fn(|cx| self.poll_held(&mut subscription, peer, cx)).await {
            Held::Ready => match batch::pending(&mut subscription) {
                Ok(Some(body)) => peer.answer(&self.events, &body).await,
                Ok(None) => peer.answer_nothing(&self.nothing, Next::Request).await,
                Err(lagged) => peer.reject(&lagged.into()).await,
            },
            Held::ForTooLong => peer.answer_nothing(&self.nothing, Next::Request).await,
            Held::Stopped => peer.answer_nothing(&self.nothing, Next::Close).await,
            Held::Gone(gone) => gone.map(|()| Next::Close),
        }
    }
}

impl Polls {
    fn poll_held(
        &self,
        subscription: &mut Subscription,
        peer: &mut Peer,
        cx: &mut Context<'_>,
    ) -> Poll<Held> {
        if subscription.poll_ready(cx).is_ready() {
            return Poll::Ready(Held::Ready);
        }
        if peer.poll_stop(cx).is_ready() {
            return Poll::Ready(Held::Stopped);
        }
        if self.hold.is_zero() || peer.poll_hold(cx).is_ready() {
            return Poll::Ready(Held::ForTooLong);
        }
        peer.poll_gone(cx).map(Held::Gone)
    }
}
