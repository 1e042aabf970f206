//! The HTTP-streaming servers: one response that goes on, as chunked NDJSON or as Server-Sent Events.
//!
//! `GET /stream?channel=N&after=SEQ`, or `POST` with a client's own message, whose answer ends where
//! [`Settings::turn_events`] says. An event is one chunk (RFC 9112 §7.1), so that its bytes can be predicted; several that are
//! there together when the connection can take more are one chunk together, and cost one write.
//!
//! # Layout
//!
//! - [`ndjson`]: a line a message
//! - [`sse`]: Server-Sent Events (WHATWG HTML §9.2)
//! - `events`: a subscription's events, as chunks on plain HTTP/1.1 or as a body for hyper

mod events;
pub mod ndjson;
pub mod sse;

use std::io;
use std::marker::PhantomData;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response};
use server_kit::gzip::{Encoded, Encoding};
use server_kit::http::{self, Connection, Endpoint, FastPath, Head, Next, Peer, PlainRequest, Rejection};
use server_kit::settings::Compression;
use server_kit::{Hub, Settings, Stop, Subscription};
use tokio::net::TcpListener;

use events::{EventBody, Events, Format};

async fn serve<F: Format>(listener: TcpListener, hub: Hub, settings: Settings, stop: Stop) -> io::Result<()> {
    let streams = Streams::<F> {
        head: Head::new(&answer::<F, ()>(&settings, Encoding::Identity, ())),
        hub: hub.clone(),
        settings: settings.clone(),
        stop: stop.clone(),
        format: PhantomData,
    };
    http::serve_fast(listener, hub, &settings, stop, streams).await
}

/// `200`; a proxy that knows `x-accel-buffering` (nginx) passes the body on as it comes.
fn answer<F: Format, B>(settings: &Settings, encoding: Encoding, body: B) -> Response<B> {
    let mut answer = http::answer(F::MEDIA_TYPE, encoding, body);
    if settings.unbuffered {
        answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    answer
}

struct Streams<F> {
    head: Head,
    hub: Hub,
    settings: Settings,
    stop: Stop,
    format: PhantomData<F>,
}

impl<F: Format> Streams<F> {
    /// `is_answer` says that they answer a client's own message.
    fn events(&self, subscription: Subscription, is_answer: bool) -> Events<F> {
        Events::new(subscription, &self.settings, is_answer)
    }
}

impl<F: Format> Endpoint for Streams<F> {
    const PATH: &'static str = protocol::paths::STREAM;
    const TAKES_MESSAGES: bool = true;
    type Body = Encoded<EventBody<F>>;

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: &Connection,
    ) -> Result<Response<Self::Body>, Rejection> {
        let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
        let resume = F::resume(http::resume(&request)?, header);
        let no_number = || Rejection::BadRequest("last-event-id takes a whole number".to_owned());
        let subscription = self.hub.subscribe(resume.ok_or_else(no_number)?)?;
        let encoding = Encoding::new(self.settings.transport.compression, request.headers());
        let is_answer = request.method() == Method::POST;
        if is_answer && self.settings.turn_events.is_none() {
            return Err(Rejection::MethodNotAllowed { allow: "GET" });
        }
        let body = EventBody::new(self.events(subscription, is_answer), self.stop.clone());
        if is_answer {
            http::take_message(request, &self.hub, &self.settings.limits).await?;
        }
        Ok(answer::<F, _>(&self.settings, encoding, Encoded::new(body, encoding)))
    }
}

impl<F: Format> FastPath for Streams<F> {
    type Parsed = Events<F>;

    fn parse(&self, plain: &PlainRequest<'_>) -> Option<Events<F>> {
        let resume = plain.resume().filter(|_| self.settings.transport.compression == Compression::None)?;
        if plain.message().is_some() && self.settings.turn_events.is_none() {
            return None;
        }
        let subscription = self.hub.subscribe(F::resume(resume, |name| plain.header(name))?).ok()?;
        if let Some(message) = plain.message() {
            self.hub.uplink(resume.channel, message).ok()?;
        }
        Some(self.events(subscription, plain.message().is_some()))
    }

    async fn respond(&self, events: Events<F>, peer: &mut Peer) -> io::Result<Next> {
        events.write_to(peer, &self.head).await
    }
}
