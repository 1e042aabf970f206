//! Long polling: the server holds the request until there is something new (RFC 6202 §2).

use model::settings::EmptyAnswer;

use super::polling::Poller;
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
    let mut poller = Poller::new(session, EmptyAnswer::NoContent);
    poller.open(session).await?;
    // The first answer may be long in coming. It begins after 0, so nothing can be missed meanwhile.
    session.connected();
    loop {
        poller.poll(session).await?;
        // It may have been by another connection than the last.
        session.connected();
        session.rest().await;
    }
}
