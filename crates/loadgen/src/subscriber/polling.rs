//! What short and long polling share: a request for what is new, and an answer with all of it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, Response, StatusCode};
use schema::settings::EmptyAnswer;
use wire::{Start, lines};

use super::SubscribeError;
use super::http::{Keeper, Template, unexpected};
use crate::headers::Exchange;
use crate::session::Session;

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
    pub(super) async fn poll(&mut self, session: &Session) -> Result<(), SubscribeError> {
        let request = self.request(session)?;
        let answer = self.keeper.exchange(session, request).await?;
        match answer.status() {
            StatusCode::OK => deliver(session, answer).await,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
                session.response(0);
                Ok(())
            }
            _ => Err(unexpected(answer).await),
        }
    }

    fn request(&mut self, session: &Session) -> Result<Request<Full<Bytes>>, SubscribeError> {
        let resume = session.resume();
        let mut request = self.template.request(resume, Bytes::new())?;
        if let (EmptyAnswer::NotModified, Start::After(seq)) = (self.empty, resume.start) {
            let tag = HeaderValue::try_from(format!("\"{seq}\"")).map_err(hyper::http::Error::from)?;
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        Ok(request)
    }
}

async fn deliver(session: &Session, answer: Response<Incoming>) -> Result<(), SubscribeError> {
    let mut body = answer.into_body();
    let mut lines = lines::Decoder::default();
    let mut events = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            lines.push(&data);
            for line in &mut lines {
                session.received(&line);
                events += 1;
            }
        }
    }
    session.response(events);
    Ok(())
}
