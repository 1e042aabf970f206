//! Short polling: a request at every interval, whether there is something new or not (RFC 9110).

use super::polling::{Found, Poller};
use super::{SubscribeError, http};
use crate::session::Session;

/// Polls until the session is stopped.
///
/// # Errors
///
/// When the server cannot be reached, or answers neither with events nor that there are none.
pub async fn subscribe(session: Session) -> Result<(), SubscribeError> {
    http::two_way(&session, poll(&session)).await
}

async fn poll(session: &Session) -> Result<(), SubscribeError> {
    let mut poller = Poller::new(session, session.settings().short_polling.empty);
    loop {
        session.poll_due().await;
        // A server that hands out one message at a time is asked until it has none.
        while poller.poll(session).await? == Found::MaybeMore {
            session.connected();
        }
        session.connected();
        session.rest().await;
    }
}
