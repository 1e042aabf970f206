//! How a server is stopped. It owns no signal handler: the caller holds the [`Stopper`].

use std::io;

use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A stopper and the signal that it gives.
pub fn channel() -> (Stopper, Stop) {
    let stop = Stop(CancellationToken::new());
    (Stopper { stop: stop.clone(), _on_drop: stop.0.clone().drop_guard() }, stop)
}

/// Gives the signal; dropping it gives the signal, too.
#[derive(Debug)]
pub struct Stopper {
    stop: Stop,
    _on_drop: DropGuard,
}

impl Stopper {
    /// Asks everybody who holds the [`Stop`] to end.
    pub fn stop(&self) {
        self.stop.0.cancel();
    }
}

/// The signal to stop. Clones share it.
#[derive(Debug, Clone)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Resolves once the stop is asked for; at once if it has been.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether the stop has been asked for.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Resolves when this process's standard input ends: its parent has finished, or is gone.
///
/// What is read is thrown away. A thread of its own waits, since a read from a terminal cannot be given up.
pub async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // An error ends the input as surely as its end does.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_the_stop() {
        let (stopper, stop) = channel();
        let other = stop.clone();
        assert!(!stop.is_requested());
        stopper.stop();
        stop.requested().await;
        other.requested().await;
        assert!(stop.is_requested());
    }

    #[tokio::test]
    async fn a_dropped_stopper_stops() {
        let (stopper, stop) = channel();
        drop(stopper);
        stop.requested().await;
        assert!(stop.is_requested());
    }
}
