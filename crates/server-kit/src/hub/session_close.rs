//! Sessions that the application ends: which close codes it may give, and how the sessions learn of it.

use std::sync::Arc;

use tokio::sync::watch;

/// A control frame's 125 bytes less the code (RFC 6455 §5.5).
pub const LONGEST_REASON: usize = 123;

/// The application ends its WebSocket sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClose {
    /// What the close frame gives as the code (RFC 6455 §7.4).
    pub code: u16,
    /// What it gives as the reason; up to [`LONGEST_REASON`] bytes.
    pub reason: String,
}

/// Why no session was closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionCloseError {
    /// RFC 6455 §7.4 does not let this code be sent.
    #[error("close code {code} is never sent: {}", why_never(*.code))]
    Code { code: u16 },
    /// A control frame does not hold the reason.
    #[error("a reason of {len} bytes is over the {LONGEST_REASON} that a close frame holds")]
    Reason {
        /// Its bytes.
        len: usize,
    },
}

impl SessionClose {
    /// Whether a close frame may say this.
    /// Fails when the code is none that is sent (RFC 6455 §7.4.1 and §7.4.2, with what IANA has assigned since), or the
    /// reason is too long (§5.5).
    pub fn check(&self) -> Result<(), SessionCloseError> {
        if !may_be_sent(self.code) {
            return Err(SessionCloseError::Code { code: self.code });
        }
        match self.reason.len() {
            ..=LONGEST_REASON => Ok(()),
            len => Err(SessionCloseError::Reason { len }),
        }
    }
}

/// 1012 to 1014 are not in the RFC, but in IANA's registry of close codes since. 1010 is for clients, and a
/// server has no use for it, but nothing forbids it.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn why_never(code: u16) -> &'static str {
    match code {
        ..=999 => "codes below 1000 are not used (RFC 6455 §7.4.2)",
        1004 => "it is reserved (RFC 6455 §7.4.1)",
        1005 | 1006 | 1015 => "it stands for what no frame said (RFC 6455 §7.4.1)",
        5000.. => "codes end at 4999 (RFC 6455 §7.4.2)",
        _ => "it is not assigned (RFC 6455 §7.4.2)",
    }
}

/// Announces to the sessions that they end.
pub(super) struct SessionCloses(watch::Sender<Option<Arc<SessionClose>>>);

impl Default for SessionCloses {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl SessionCloses {
    pub(super) fn send(&self, close: SessionClose) -> Result<(), SessionCloseError> {
        close.check()?;
        self.0.send_replace(Some(Arc::new(close)));
        Ok(())
    }

    pub(super) fn subscribe(&self) -> CloseListener {
        CloseListener(self.0.subscribe())
    }
}

/// Receives a session's [`SessionClose`], if it is sent after this was made.
#[derive(Debug, Clone)]
pub struct CloseListener(watch::Receiver<Option<Arc<SessionClose>>>);

impl CloseListener {
    /// Resolves once the session is to end. Pends for ever where the hub is gone. Cancel-safe.
    pub async fn recv(&mut self) -> Arc<SessionClose> {
        loop {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(close) = self.0.borrow_and_update().clone() {
                return close;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(code: u16) -> Result<(), SessionCloseError> {
        SessionClose { code, reason: String::new() }.check()
    }

    #[test]
    fn codes_that_are_never_sent_are_rejected() {
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, u16::MAX] {
            assert_eq!(checked(code), Err(SessionCloseError::Code { code }), "{code}");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999]
        {
            assert_eq!(checked(code), Ok(()), "{code}");
        }
    }

    #[test]
    fn a_rejection_names_its_section() {
        let message = checked(1006).unwrap_err().to_string();
        assert_eq!(
            message,
            "close code 1006 is never sent: it stands for what no frame said (RFC 6455 §7.4.1)"
        );
        let message = checked(1016).unwrap_err().to_string();
        assert_eq!(message, "close code 1016 is never sent: it is not assigned (RFC 6455 §7.4.2)");
    }

    #[test]
    fn a_reason_is_counted_in_bytes() {
        let of = |reason: String| SessionClose { code: 1000, reason }.check();
        assert_eq!(of("ä".repeat(61) + "a"), Ok(()));
        assert_eq!(of("ä".repeat(62)), Err(SessionCloseError::Reason { len: 124 }));
    }

    #[tokio::test]
    async fn a_session_that_begins_afterwards_goes_on() {
        let closes = SessionCloses::default();
        let mut early = closes.subscribe();
        let first = SessionClose { code: 4000, reason: "first".to_owned() };
        closes.send(first.clone()).unwrap();
        let mut late = closes.subscribe();
        assert_eq!(*early.recv().await, first);
        let second = SessionClose { code: 4001, reason: "second".to_owned() };
        closes.send(second.clone()).unwrap();
        assert_eq!(*late.recv().await, second);
    }
}
