//! Keeps one subscriber subscribed until the trial ends: a connection that breaks is made anew.

use std::time::Duration;

use hyper::StatusCode;

use super::Subscribe;
use super::trouble::Trouble;
use crate::session::Session;
use crate::subscriber::SubscribeError;

/// The pause after a connection that broke.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, reached by doubling while the server cannot be reached.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// A server that could be reached, and with which nobody got as far as being connected, so many times in a row, is
/// another one than the trial is about: it speaks something else, or is not trusted.
const TRIES: u32 = 5;

/// Subscribes again and again until the session is stopped.
pub(super) async fn keep(session: Session, subscribe: Subscribe, trouble: &Trouble) {
    let mut pause = SHORTEST_PAUSE;
    let mut tries = 0;
    loop {
        let ended = subscribe(session.clone()).await;
        if session.is_stopped() {
            return;
        }
        match &ended {
            Ok(()) => trouble.note_end(),
            Err(error) => trouble.note(error),
        }
        if matches!(
            ended,
            Err(SubscribeError::Dismissed(_) | SubscribeError::Status { status: StatusCode::GONE, .. })
        ) {
            session.dismissed();
        }
        if matches!(ended, Err(SubscribeError::Connect { .. })) {
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = SHORTEST_PAUSE;
            trouble.count_reconnect();
            tries += 1;
            if tries >= TRIES && !session.is_connected() {
                trouble.give_up();
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = session.stopped() => return,
        }
    }
}
