//! The messages in the answer to a poll.

use hyper::header::HeaderValue;
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
}

impl<'a> PollBody<'a> {
    /// The body of an answer with this content coding, if it names one.
    pub(super) fn of(session: &'a Session, coding: Option<&HeaderValue>) -> Result<Self, SubscribeError> {
        let content = ContentDecoder::coded(coding)?;
        Ok(Self { session, content, lines: lines::Decoder::default(), events: 0 })
    }

    /// Hands on what is whole with the next bytes of the body.
    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), SubscribeError> {
        let Self { session, content, lines, events } = self;
        *events += content.push(part, |text| {
            let mut events = 0;
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
        self.session.response(self.events);
        Ok(())
    }
}
