//! What short and long polling share: a request for what is new, and an answer with all of it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, Response, StatusCode};
use schema::settings::EmptyAnswer;
use schema::target::Answers;
use wire::{Start, lines};

use super::SubscribeError;
use super::content::Content;
use super::http::{Keeper, Template, unexpected};
use crate::headers::Exchange;
use crate::heads::Kind;
use crate::session::Session;

/// What a poll found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing was there.
    Nothing,
    /// All that was there.
    All,
    /// One message, and the next one may be there, too.
    MaybeMore,
}

/// A subscriber that polls.
pub(super) struct Poller {
    keeper: Keeper,
    template: Template,
    empty: EmptyAnswer,
}

impl Poller {
    /// A poller that lets the server say "nothing new" as `empty` has it.
    pub(super) fn new(session: &Session, empty: EmptyAnswer) -> Self {
        let template = Template::new(session, Method::GET, wire::paths::EVENTS, Exchange::Poll);
        Self { keeper: Keeper::new(), template, empty }
    }

    /// Opens the connection before the first poll.
    pub(super) async fn open(&mut self, session: &Session) -> Result<(), SubscribeError> {
        self.keeper.open(session).await
    }

    /// Asks once, and hands on what has come.
    pub(super) async fn poll(&mut self, session: &Session) -> Result<Found, SubscribeError> {
        let request = self.request(session)?;
        let answer = self.keeper.exchange(session, request).await?;
        match answer.status() {
            StatusCode::OK => {
                // What was asked for by somebody who knows nothing yet is not what is asked for again and again.
                if matches!(session.resume().start, Start::After(_)) {
                    self.record(session, Kind::Poll, &answer)?;
                }
                mark(session, &answer);
                deliver(session, answer).await
            }
            status if is_empty(session, status) => {
                self.record(session, Kind::EmptyPoll, &answer)?;
                mark(session, &answer);
                session.response(0);
                Ok(Found::Nothing)
            }
            _ => Err(unexpected(answer).await),
        }
    }

    /// Records what was asked and answered, if it is the first of its kind. As long as nothing of the answer has been
    /// handed on, the same request can be made again.
    fn record(
        &mut self,
        session: &Session,
        kind: Kind,
        answer: &Response<Incoming>,
    ) -> Result<(), SubscribeError> {
        if session.wants_head(kind) {
            session.record_head(kind, &self.request(session)?, answer);
        }
        Ok(())
    }

    fn request(&mut self, session: &Session) -> Result<Request<Full<Bytes>>, SubscribeError> {
        let resume = session.resume();
        let mut request = self.template.request(resume, Bytes::new())?;
        if let Some(subscription) = session.subscription() {
            session.bookmark().ask(subscription.resumes, request.headers_mut());
            return Ok(request);
        }
        if let (EmptyAnswer::NotModified, Start::After(seq)) = (self.empty, resume.start) {
            let tag = HeaderValue::try_from(format!("\"{seq}\"")).map_err(hyper::http::Error::from)?;
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        Ok(request)
    }
}

/// Whether this status says that there is nothing new.
fn is_empty(session: &Session, status: StatusCode) -> bool {
    match session.subscription().and_then(|subscription| subscription.empty) {
        Some(empty) => status == empty,
        None => matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED),
    }
}

fn mark(session: &Session, answer: &Response<Incoming>) {
    if session.subscription().is_some() {
        session.bookmark().take_answer(answer.headers());
    }
}

async fn deliver(session: &Session, answer: Response<Incoming>) -> Result<Found, SubscribeError> {
    let mut content = Content::of(&answer)?;
    let mut body = answer.into_body();
    let mut lines = lines::Decoder::default();
    let mut events = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            events += content.push(&data, |text| {
                lines.push(text);
                Ok((&mut lines).map(|line| session.received(&line)).count())
            })?;
        }
    }
    content.finish()?;
    session.response(events);
    let brings_one = session.subscription().is_some_and(|subscription| subscription.answers == Answers::One);
    Ok(if brings_one { Found::MaybeMore } else { Found::All })
}
