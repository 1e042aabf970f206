//! The body of a poll's answer: all messages that are there, as they were encoded, one behind the other.

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::Response;

use crate::gzip::{self, Encoding};
use crate::http::Head;
use crate::{Lagged, Run, Subscription, http};

/// Once a body holds so much, the rest waits for the next poll: each poller that is far behind has a body of its own.
const MOST_BYTES: usize = 256 * 1024;

/// What a subscription has to say at once: its greeting alone, or the events that are there. None when there is nothing.
///
/// What the hub gives in one piece is shared with all other subscribers; more is copied into one buffer.
///
/// # Errors
///
/// [`Lagged`] when events are no longer retained.
pub fn pending(subscription: &mut Subscription) -> Result<Option<Bytes>, Lagged> {
    if let Some(greeting) = subscription.greeting() {
        return Ok(Some(greeting));
    }
    let Some(Run { bytes: first, .. }) = subscription.run(MOST_BYTES)? else { return Ok(None) };
    let (mut body, mut left) = (BytesMut::new(), MOST_BYTES.saturating_sub(first.len()));
    // A subscriber that falls behind meanwhile is notified by its next poll.
    while left > 0
        && let Ok(Some(run)) = subscription.run(left)
    {
        if body.is_empty() {
            body.reserve(first.len() + left);
            body.extend_from_slice(&first);
        }
        body.extend_from_slice(&run.bytes);
        left = left.saturating_sub(run.bytes.len());
    }
    Ok(Some(if body.is_empty() { first } else { body.freeze() }))
}

/// `200` with such a body, in this encoding.
pub fn answer(body: Bytes, encoding: Encoding) -> Response<Full<Bytes>> {
    let body = match encoding {
        Encoding::Identity => body,
        Encoding::Gzip => gzip::whole(&body),
    };
    http::answer(protocol::lines::MEDIA_TYPE, encoding, Full::new(body))
}

/// The head of such an answer as it is, for who answers without hyper.
pub fn head() -> Head {
    Head::new(&http::answer(protocol::lines::MEDIA_TYPE, Encoding::Identity, ()))
}
