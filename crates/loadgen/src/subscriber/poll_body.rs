//! The messages in the answer to a poll.

use hyper::header::HeaderValue;
use model::target::{Resumes, Subscription};
use protocol::lines;

use super::SubscribeError;
use crate::http_client::content::ContentDecoder;
use crate::session::Session;

/// The messages of an answer: one a line of our own servers, any number of others.
pub(super) struct PollBody<'a> {
    session: &'a Session,
    content: ContentDecoder,
    lines: lines::Decoder,
    events: usize,
    /// The whole body, where a cursor is read from it.
    whole: Option<Vec<u8>>,
}

impl<'a> PollBody<'a> {
    /// The body of an answer with this content coding, if it names one.
    pub(super) fn of(session: &'a Session, coding: Option<&HeaderValue>) -> Result<Self, SubscribeError> {
        let content = ContentDecoder::coded(coding)?;
        let has_cursor =
            matches!(session.subscription(), Some(Subscription { resumes: Resumes::Json(_), .. }));
        let whole = has_cursor.then(Vec::new);
        Ok(Self { session, content, lines: lines::Decoder::default(), events: 0, whole })
    }

    /// Hands on what is whole with the next bytes of the body.
    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), SubscribeError> {
        let Self { session, content, lines, events, whole } = self;
        *events += content.push(part, |text| {
            let mut events = 0;
            if let Some(whole) = whole {
                whole.extend_from_slice(text);
            }
            lines.push(text);
            lines.drain(|line| {
                events += session.received(line);
                Ok::<_, SubscribeError>(())
            })?;
            Ok(events)
        })?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), SubscribeError> {
        self.content.finish()?;
        if self.session.subscription().is_some() && self.lines.pending() > 0 {
            // The last line of a server of others need not end, and a body of JSON is one.
            self.events += self.session.received(self.lines.rest());
        }
        if let (Some(Subscription { resumes: Resumes::Json(pointer), .. }), Some(whole)) =
            (self.session.subscription(), &self.whole)
        {
            take_cursor(self.session, pointer, whole);
        }
        self.session.response(self.events);
        Ok(())
    }
}

/// An answer that names no cursor leaves the last one.
fn take_cursor(session: &Session, pointer: &str, body: &[u8]) {
    let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    match body.as_ref().and_then(|body| body.pointer(pointer)) {
        Some(serde_json::Value::String(cursor)) => session.resume_fields().take_cursor(cursor),
        Some(cursor @ serde_json::Value::Number(_)) => {
            session.resume_fields().take_cursor(&cursor.to_string());
        }
        _ => {}
    }
}
