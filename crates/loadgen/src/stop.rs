//! The signal by which a trial ends its sessions, on all threads at once.

use tokio::sync::watch;

/// Tells every session of every thread that the trial is over. So does dropping it.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Knows whether the trial is over.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// A stop signal and its trigger.
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Ends every session.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Resolves once the trial is over.
    pub async fn requested(&self) {
        // An error says that the stopper is gone, which ends the trial as well.
        let _ = self.0.clone().wait_for(|stopped| *stopped).await;
    }

    /// Whether the trial is over.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stopping_and_dropping_both_end_the_trial() {
        let (stopper, stop) = channel();
        assert!(!stop.is_requested());
        stopper.stop();
        stop.requested().await;
        assert!(stop.is_requested());

        let (stopper, stop) = channel();
        drop(stopper);
        stop.requested().await;
        assert!(stop.is_requested());
    }
}
