//! Polls of sessions that there are, answered without hyper: the requests that nearly all others are.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use hyper::header::CONTENT_LENGTH;
use hyper::{Response, StatusCode};
use server_kit::Stop;
use server_kit::http::{Ask, Head, Next, Wire};
use socketioxide::socket::Sid;

use crate::engine::{Engine, value_in};
use crate::library::Library;
use crate::polled;

/// The session that is polled, if there is one, and the request says nothing else.
pub(crate) fn polled_session<L: Library>(engine: &Engine<L>, ask: &Ask<'_>) -> Option<Sid> {
    let is = |key, value| value_in(ask.query(), key) == Some(value);
    let id = value_in(ask.query(), "sid")?.parse().ok()?;
    (is("EIO", "4") && is("transport", "polling") && engine.host.sessions.find(id).is_some()).then_some(id)
}

/// What the head of a poll's answer always is.
pub(crate) fn head() -> Head {
    Head::new(&polled::packets(Bytes::new()))
}

/// Holds the poll until there is something, or the client has gone.
pub(crate) async fn grant<L: Library>(
    engine: &Engine<L>,
    head: &Head,
    id: Sid,
    stop: &Stop,
    wire: &mut Wire,
) -> io::Result<Next> {
    let mut held = pin!(engine.held(Some(id), engine.host.poll(id)));
    let answer = poll_fn(|cx| match held.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Ok(Some(answer))),
        Poll::Pending => wire.poll_gone(cx).map_ok(|()| None),
    });
    let Some(answer) = answer.await? else { return Ok(Next::Close) };
    let next = if stop.is_requested() { Next::Close } else { Next::Request };
    match answer.status() {
        StatusCode::OK => wire.answer_before(head, answer.body(), next).await,
        _ => wire.answer_before(&Head::new(&without_length(&answer)), answer.body(), next).await,
    }
}

/// The length is told by whoever writes the head.
fn without_length(answer: &Response<Bytes>) -> Response<()> {
    let mut head = answer.clone().map(|_| ());
    head.headers_mut().remove(CONTENT_LENGTH);
    head
}
