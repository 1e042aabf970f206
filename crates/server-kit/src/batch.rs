//! The body of a poll's answer: all messages that are there, as they were encoded, one behind the other.

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::Response;

use crate::gzip::{self, Encoding};
use crate::{Lagged, Subscription, http};

/// The most of a body; what is over it waits for the next poll.
const MOST_BYTES: usize = 1 << 20;

/// What a subscription has to say at once: its greeting alone, or the events that are there. None when there is nothing.
///
/// A single message is shared with all other subscribers; several are copied into one buffer.
///
/// # Errors
///
/// [`Lagged`] when events are no longer retained.
pub fn pending(subscription: &mut Subscription) -> Result<Option<Bytes>, Lagged> {
    if let Some(greeting) = subscription.greeting() {
        return Ok(Some(greeting));
    }
    let mut events = Vec::new();
    subscription.pending(&mut events, MOST_BYTES)?;
    Ok(match &events[..] {
        [] => None,
        [event] => Some(event.encoded.clone()),
        events => {
            let len = events.iter().map(|event| event.encoded.len()).sum();
            let mut body = BytesMut::with_capacity(len);
            events.iter().for_each(|event| body.extend_from_slice(&event.encoded));
            Some(body.freeze())
        }
    })
}

/// `200` with such a body, in this encoding.
pub fn answer(body: Bytes, encoding: Encoding) -> Response<Full<Bytes>> {
    let body = match encoding {
        Encoding::Identity => body,
        Encoding::Gzip => gzip::whole(&body),
    };
    http::answer(wire::lines::MEDIA_TYPE, encoding, Full::new(body))
}
