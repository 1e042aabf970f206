//! Polls, answered without hyper: the first of a session, which it is begun by, and those that nearly all requests are.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use hyper::header::CONTENT_LENGTH;
use hyper::{Response, StatusCode};
use server_kit::Stop;
use server_kit::http::{Head, Next, Peer, PlainRequest};
use socketioxide::socket::Sid;

use crate::engine::{Engine, value_in};
use crate::library::Library;
use crate::polled;
use crate::session::Session;

/// A poll that says nothing else.
pub(crate) enum PollKind {
    /// It begins a session.
    Begin(Session),
    /// It asks for what a session holds.
    Poll(Sid),
}

/// What the request wishes; none if it is another, is rejected, or names a session that is not there.
pub(crate) fn parse<L: Library>(engine: &Engine<L>, plain: &PlainRequest<'_>) -> Option<PollKind> {
    let is = |key, value| value_in(plain.query(), key) == Some(value);
    if !is("EIO", "4") || !is("transport", "polling") {
        return None;
    }
    let Some(id) = value_in(plain.query(), "sid") else {
        return engine.host.sessions.polled().map(PollKind::Begin);
    };
    let id = id.parse().ok()?;
    engine.host.sessions.find(id).is_some().then_some(PollKind::Poll(id))
}

/// What the head of a poll's answer always is.
pub(crate) fn head() -> Head {
    Head::new(&polled::packets(Bytes::new()))
}

/// Answers, once there is something, unless the client has gone meanwhile.
pub(crate) async fn respond<L: Library>(
    engine: &Engine<L>,
    head: &Head,
    parsed: PollKind,
    stop: &Stop,
    peer: &mut Peer,
) -> io::Result<Next> {
    let mut answer = pin!(answer(engine, parsed));
    let answer = poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Ok(Some(answer))),
        Poll::Pending => peer.poll_gone(cx).map_ok(|()| None),
    });
    let Some(answer) = answer.await? else { return Ok(Next::Close) };
    let next = if stop.is_requested() { Next::Close } else { Next::Request };
    match answer.status() {
        StatusCode::OK => peer.answer_before(head, answer.body(), next).await,
        _ => peer.answer_before(&Head::new(&without_length(&answer)), answer.body(), next).await,
    }
}

async fn answer<L: Library>(engine: &Engine<L>, parsed: PollKind) -> Response<Bytes> {
    match parsed {
        PollKind::Begin(session) => engine.host.begin(engine.host.first_poll(), &session).await.0,
        PollKind::Poll(id) => engine.held(Some(id), engine.host.poll(id)).await,
    }
}

/// The code that writes the head adds the length.
fn without_length(answer: &Response<Bytes>) -> Response<()> {
    let mut head = answer.clone().map(|_| ());
    head.headers_mut().remove(CONTENT_LENGTH);
    head
}
