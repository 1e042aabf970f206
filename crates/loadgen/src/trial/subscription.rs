//! Keeps one subscriber subscribed until the trial ends: a connection that breaks is made again.

use hyper::StatusCode;

use super::Subscribe;
use super::trouble::Trouble;
use crate::server_restart::Ended;
use crate::session::Session;
use crate::subscriber::SubscribeError;

/// A server that could be reached, and with which nobody got as far as being connected, so many times in a row, is
/// another one than the trial is about: it speaks something else, or is not trusted.
const TRIES: u32 = 5;

/// Subscribes again and again until the session is stopped, or the server has cut off a subscriber that does not keep up.
pub(super) async fn keep(session: Session, subscribe: Subscribe, trouble: &Trouble) {
    let mut pauses = session.pauses();
    let mut tries = 0;
    loop {
        let result = subscribe(session.clone()).await;
        if session.is_stopped() {
            return;
        }
        let was_reached = !matches!(result, Err(SubscribeError::Connect { .. }));
        let ended = session.ended(was_reached);
        if session.is_cut_off() {
            return;
        }
        take_in(&session, &result, trouble);
        if was_reached {
            trouble.count_reconnect();
            tries += 1;
            if tries >= TRIES && !session.is_connected() {
                trouble.give_up();
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pauses.next(ended == Ended::Failed)) => {}
            () = session.stopped() => return,
        }
    }
}

/// Remembers what went wrong, and where the subscriber goes on.
fn take_in(session: &Session, result: &Result<(), SubscribeError>, trouble: &Trouble) {
    match result {
        Ok(()) => trouble.note_end(),
        // In a server restart they are many and all alike.
        Err(SubscribeError::Connect { .. }) if session.awaits_successor() => {}
        Err(error) => trouble.note(error),
    }
    if matches!(
        result,
        Err(SubscribeError::Dismissed(_) | SubscribeError::Status { status: StatusCode::GONE, .. })
    ) {
        session.dismissed();
    }
}
