//! Polling: a request for what is new, and a response with all of it.
//!
//! Short polling sends a request at every interval, whether there is something new or not (RFC 9110). In long polling,
//! the server holds the request until there is something new (RFC 6202 §2).

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, Response, StatusCode};
use model::settings::{EmptyAnswer, HttpVersion};
use model::target::Answers;
use protocol::Start;

use super::poll_body::PollBody;
use super::{REPORTED_BYTES, SubscribeError};
use crate::http_client::{
    self, FastPath, KeptConnection, RequestTemplate, ResponseHead, unexpected, write_head,
};
use crate::session::Session;
use crate::session::headers::RequestKind;
use crate::session::recorded_heads::HeadKind;

/// Polls at every interval until the session is stopped.
/// Fails when the server cannot be reached, or sends a response that neither holds events nor reports that there are none.
pub async fn short(session: Session) -> Result<(), SubscribeError> {
    let mut poller = Poller::new(&session, session.settings().short_polling.empty);
    let poll = async {
        loop {
            session.poll_due().await;
            // A server that returns one message at a time is asked until it has none.
            while poller.poll(&session).await? == PollResult::MaybeMore {
                session.connected();
            }
            session.connected();
            session.rest().await;
        }
    };
    http_client::two_way(&session, poll).await
}

/// Polls a server that holds each request, until the session is stopped.
/// Fails as [`short`] does.
pub async fn long(session: Session) -> Result<(), SubscribeError> {
    let mut poller = Poller::new(&session, EmptyAnswer::NoContent);
    let poll = async {
        poller.open(&session).await?;
        // The first response may take long. It begins after 0, so no event can be missed meanwhile.
        session.connected();
        loop {
            poller.poll(&session).await?;
            // This poll may have opened another connection.
            session.connected();
            session.rest().await;
        }
    };
    http_client::two_way(&session, poll).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PollResult {
    Nothing,
    All,
    /// One message, and the next one may be there, too.
    MaybeMore,
}

struct Poller {
    requests: PollRequests,
    /// The connection of ordinary answers, on HTTP/1.1 where connections are kept.
    fast_path: Option<FastPath>,
    /// That of all others.
    kept: KeptConnection,
}

struct PollRequests {
    template: RequestTemplate,
    empty: EmptyAnswer,
}

/// The head of a response, by the code that also reads its body.
enum PollResponse {
    FastPath(ResponseHead),
    Hyper(Response<Incoming>),
}

impl Poller {
    /// A poller whose server reports "nothing new" by `empty`.
    fn new(session: &Session, empty: EmptyAnswer) -> Self {
        let template = RequestTemplate::new(session, Method::GET, protocol::paths::EVENTS, RequestKind::Poll);
        Self { requests: PollRequests { template, empty }, fast_path: None, kept: KeptConnection::new() }
    }

    /// Opens the connection before the first poll.
    async fn open(&mut self, session: &Session) -> Result<(), SubscribeError> {
        if takes_fast_path(session) {
            self.fast_path = Some(FastPath::open(session).await?);
            return Ok(());
        }
        self.kept.open(session).await
    }

    async fn poll(&mut self, session: &Session) -> Result<PollResult, SubscribeError> {
        let answer = self.ask(session).await?;
        match answer.status() {
            StatusCode::OK => {
                // The first request of a new subscriber is not the one that is repeated.
                if matches!(session.resume().start, Start::After(_)) {
                    self.record(session, HeadKind::Poll, &answer)?;
                }
                self.mark(session, &answer);
                self.deliver(session, answer).await
            }
            status if is_empty(session, status) => {
                self.record(session, HeadKind::EmptyPoll, &answer)?;
                self.mark(session, &answer);
                session.response(0);
                Ok(PollResult::Nothing)
            }
            status => match answer {
                PollResponse::Hyper(answer) => Err(unexpected(answer).await),
                PollResponse::FastPath(_) => {
                    let fields = self.headers(&answer).into_owned();
                    Err(self.unexpected(status, &fields).await)
                }
            },
        }
    }

    async fn ask(&mut self, session: &Session) -> Result<PollResponse, SubscribeError> {
        if !takes_fast_path(session) || self.kept.is_open() {
            let request = self.requests.next(session)?;
            return Ok(PollResponse::Hyper(self.kept.exchange(session, request).await?));
        }
        if let Some(fast_path) = &mut self.fast_path
            && fast_path.is_over().await
        {
            // The server may have closed a connection that lay idle.
            self.fast_path = None;
        }
        let fast_path = match &mut self.fast_path {
            Some(fast_path) => fast_path,
            none => none.insert(FastPath::open(session).await?),
        };
        session.request();
        match fast_path.exchange(&self.requests.written(session)?).await {
            Ok(head) => Ok(PollResponse::FastPath(head)),
            Err(stuck) => {
                let request = self.requests.next(session)?;
                let Some(fast_path) = self.fast_path.take() else { unreachable!("it is stuck") };
                Ok(PollResponse::Hyper(self.kept.take_up(fast_path.hand_over(stuck), request).await?))
            }
        }
    }

    /// Records what was asked and answered, if it is the first of its kind. As long as nothing of the answer has been
    /// handed on, the same request can be made again.
    fn record(
        &mut self,
        session: &Session,
        kind: HeadKind,
        answer: &PollResponse,
    ) -> Result<(), SubscribeError> {
        if session.wants_head(kind) {
            let mut response = Response::new(());
            *response.status_mut() = answer.status();
            *response.headers_mut() = self.headers(answer).into_owned();
            session.record_head(kind, &self.requests.next(session)?, &response);
        }
        Ok(())
    }

    fn mark(&self, session: &Session, answer: &PollResponse) {
        if let Some(subscription) = session.subscription() {
            session.resume_fields().take_answer(&subscription.resumes, &self.headers(answer));
        }
    }

    /// The fields of an answer whose body was not touched yet.
    fn headers<'a>(&self, answer: &'a PollResponse) -> Cow<'a, HeaderMap> {
        match answer {
            PollResponse::Hyper(answer) => Cow::Borrowed(answer.headers()),
            PollResponse::FastPath(_) => {
                Cow::Owned(self.fast_path.as_ref().map(FastPath::headers).unwrap_or_default())
            }
        }
    }

    async fn deliver(
        &mut self,
        session: &Session,
        answer: PollResponse,
    ) -> Result<PollResult, SubscribeError> {
        let mut body_reader = PollBody::of(session, answer.coding())?;
        match answer {
            PollResponse::FastPath(_) => while self.next_part(|part| body_reader.push(part)).await? {},
            PollResponse::Hyper(answer) => {
                let mut body = answer.into_body();
                while let Some(frame) = body.frame().await {
                    if let Ok(data) = frame?.into_data() {
                        body_reader.push(&data)?;
                    }
                }
            }
        }
        body_reader.finish()?;
        let brings_one =
            session.subscription().is_some_and(|subscription| subscription.answers == Answers::One);
        Ok(if brings_one { PollResult::MaybeMore } else { PollResult::All })
    }

    async fn unexpected(&mut self, status: StatusCode, fields: &HeaderMap) -> SubscribeError {
        let mut body = Vec::new();
        let take = |body: &mut Vec<u8>, part: &[u8]| {
            body.extend_from_slice(part);
            Ok(())
        };
        while body.len() < REPORTED_BYTES
            && matches!(self.next_part(|part| take(&mut body, part)).await, Ok(true))
        {}
        SubscribeError::status(status, fields, &body)
    }

    /// Hands on the next part of a body that is read here, and returns whether there was one.
    async fn next_part(
        &mut self,
        take: impl FnOnce(&[u8]) -> Result<(), SubscribeError>,
    ) -> Result<bool, SubscribeError> {
        let Some(fast_path) = &mut self.fast_path else { return Ok(false) };
        match fast_path.body().await {
            Ok([]) => Ok(false),
            Ok(part) => {
                let len = part.len();
                take(part)?;
                fast_path.consume(len);
                Ok(true)
            }
            Err(broke) => match self.fast_path.take() {
                Some(fast_path) => Err(fast_path.broken_body(broke).await),
                None => Ok(false),
            },
        }
    }
}

impl PollRequests {
    fn next(&mut self, session: &Session) -> Result<Request<Full<Bytes>>, SubscribeError> {
        let resume = session.resume();
        if session.subscription().is_some() {
            self.template.set_cursor(session.resume_fields().cursor());
        }
        let mut request = self.template.request(resume, Bytes::new())?;
        if let Some(subscription) = session.subscription() {
            session.resume_fields().ask(&subscription.resumes, request.headers_mut());
            return Ok(request);
        }
        if let (EmptyAnswer::NotModified, Start::After(seq)) = (self.empty, resume.start) {
            let tag = HeaderValue::try_from(format!("\"{seq}\"")).map_err(hyper::http::Error::from)?;
            request.headers_mut().insert(IF_NONE_MATCH, tag);
        }
        Ok(request)
    }

    /// The same as it stands on the wire of HTTP/1.1.
    fn written(&mut self, session: &Session) -> Result<Cow<'_, [u8]>, SubscribeError> {
        let has_more_fields = session.subscription().is_some() || self.empty == EmptyAnswer::NotModified;
        if has_more_fields {
            return Ok(Cow::Owned(write_head(&self.next(session)?)));
        }
        Ok(Cow::Borrowed(self.template.written(session.resume())?))
    }
}

impl PollResponse {
    fn status(&self) -> StatusCode {
        match self {
            Self::FastPath(head) => head.status,
            Self::Hyper(answer) => answer.status(),
        }
    }

    fn coding(&self) -> Option<&HeaderValue> {
        match self {
            Self::FastPath(head) => head.coding.as_ref(),
            Self::Hyper(answer) => answer.headers().get(CONTENT_ENCODING),
        }
    }
}

/// Whether ordinary answers are read without hyper: HTTP/2, and a connection for each request, are hyper's.
fn takes_fast_path(session: &Session) -> bool {
    session.settings().transport.http == HttpVersion::Http1 && session.settings().http.keep_alive
}

fn is_empty(session: &Session, status: StatusCode) -> bool {
    match session.subscription().and_then(|subscription| subscription.empty) {
        Some(empty) => status == empty,
        None => matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED),
    }
}
