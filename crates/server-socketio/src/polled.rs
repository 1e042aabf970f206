//! The answer to a poll: the library's packets, and the events behind them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use protocol::engine_io::SEPARATOR;
use protocol::websocket;
use socketioxide::TransportType;

use crate::event_injector::{EventInjector, RUN_BYTES};

/// The packet by which a poll is let go when its session goes over to a WebSocket: events go there from then on.
const NOOP: &[u8] = b"6";

/// What comes first: the library's answer, with the events that are there, or events alone. Where these come first, the
/// library is not asked any longer, which loses nothing: while it waits, it has taken nothing.
pub(crate) async fn answer(
    library: impl Future<Output = Response<Bytes>>,
    injector: Option<&EventInjector>,
) -> Response<Bytes> {
    let mut library = pin!(library);
    let Some(injector) = injector else { return library.await };
    poll_fn(|cx| {
        let mut events = BytesMut::new();
        let mut answered = library.as_mut().poll(cx);
        if answered.is_pending() {
            add_events(&mut events, injector, cx);
            if events.is_empty() {
                return Poll::Pending;
            }
            // Another thread may just have let the client join: the library's word for it goes before the events.
            answered = library.as_mut().poll(cx);
        }
        Poll::Ready(match answered {
            Poll::Ready(answer) => {
                injector.note(answer.body().split(|&byte| byte == SEPARATOR));
                if is_followed(&answer) {
                    add_events(&mut events, injector, cx);
                }
                with_events(answer, &events)
            }
            Poll::Pending => packets(events.freeze()),
        })
    })
    .await
}

/// The answer that brings these packets.
pub(crate) fn packets(body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    let text = HeaderValue::from_static("text/plain; charset=UTF-8");
    answer.headers_mut().insert(CONTENT_TYPE, text);
    answer
}

/// Whether the session goes on being polled.
fn is_followed(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::OK && !answer.body().is_empty() && answer.body() != NOOP
}

/// Appends the events that are there, as packets.
fn add_events(body: &mut BytesMut, injector: &EventInjector, cx: &Context<'_>) {
    while body.len() < RUN_BYTES
        && let Poll::Ready(frames) = injector.poll_frames(TransportType::Polling, RUN_BYTES - body.len(), cx)
    {
        body.reserve(frames.len());
        for packet in websocket::messages(&frames) {
            if !body.is_empty() {
                body.put_u8(SEPARATOR);
            }
            body.put_slice(packet);
        }
    }
}

fn with_events(answer: Response<Bytes>, events: &[u8]) -> Response<Bytes> {
    match answer.status() {
        StatusCode::OK if !events.is_empty() => {
            packets([answer.body(), &[SEPARATOR][..], events].concat().into())
        }
        _ => answer,
    }
}
