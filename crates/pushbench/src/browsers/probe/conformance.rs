//! What a client must observe by RFC 6455 and WHATWG's WebSockets standard. Pure.
//!
//! WHATWG, "Feedback from the protocol": when a connection is closed, an `error` event comes first where the client had
//! to fail it, then a `close` event with what RFC 6455 defines: whether it was clean (§7.1.4), the code (§7.1.5) and the
//! reason (§7.1.6). The native client must do the same.

use model::close_case::{CloseFrame, SeenEvent};
use model::settings::Client;

/// What a client must observe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Code and reason as the close frame has them, 1005 where it has none (§7.1.5, §7.1.6); clean (§7.1.4).
    AsSent,
    /// The client fails the connection. It may send this code (§7.1.7 only recommends it), and reports 1006, since it
    /// received no close frame (§7.1.5).
    Failed { with: u16 },
    /// A code that §7.4.1 forbids in a frame. Its receiver may fail the connection; but §7.1.5 takes every code of a frame
    /// as it is, and WHATWG allows for that ("unless the server erroneously uses it").
    AsSentOrFailed,
    /// The client fails a lost connection (§7.2.1) and reports 1006, since no frame came (§7.1.5).
    Lost,
    /// No connection was made. A page must not learn why: 1006 (WHATWG). Another application may see 1015 (§7.4.1).
    Untrusted,
}

/// Whether the observed events are as expected. `sent` is the frame of the peer that closed.
pub(super) fn holds(
    expected: Expected,
    client: Client,
    sent: Option<&CloseFrame>,
    seen: &[SeenEvent],
) -> bool {
    let as_sent = || sent.is_some_and(|frame| seen == [SeenEvent::Open, shown(frame)]);
    match expected {
        Expected::AsSent => as_sent(),
        Expected::Failed { with } => is_failed(seen) && sent.is_none_or(|frame| frame.code == Some(with)),
        Expected::AsSentOrFailed => as_sent() || is_failed(seen),
        Expected::Lost => is_failed(seen) && sent.is_none(),
        Expected::Untrusted => {
            seen == [SeenEvent::Error, unclean(1006)]
                || client == Client::Native && seen == [SeenEvent::Error, unclean(1015)]
        }
    }
}

fn shown(frame: &CloseFrame) -> SeenEvent {
    SeenEvent::Close { code: frame.code.unwrap_or(1005), reason: frame.reason.clone(), clean: true }
}

fn is_failed(seen: &[SeenEvent]) -> bool {
    seen == [SeenEvent::Open, SeenEvent::Error, unclean(1006)]
}

fn unclean(code: u16) -> SeenEvent {
    SeenEvent::Close { code, reason: String::new(), clean: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(code: Option<u16>) -> CloseFrame {
        CloseFrame { code, reason: "why".to_owned() }
    }

    fn clean(code: u16) -> Vec<SeenEvent> {
        vec![SeenEvent::Open, SeenEvent::Close { code, reason: "why".to_owned(), clean: true }]
    }

    fn failed() -> Vec<SeenEvent> {
        vec![SeenEvent::Open, SeenEvent::Error, unclean(1006)]
    }

    #[test]
    fn a_frames_code_and_reason_are_reported() {
        let holds = |sent: Option<u16>, seen: &[SeenEvent]| {
            holds(Expected::AsSent, Client::Chromium, Some(&frame(sent)), seen)
        };
        assert!(holds(Some(1001), &clean(1001)));
        assert!(holds(None, &clean(1005)));
        assert!(!holds(Some(1001), &clean(1000)));
        assert!(!holds(Some(1001), &failed()));
        assert!(!holds(Some(1001), &clean(1001)[1..]));
    }

    #[test]
    fn a_client_that_fails_the_connection_reports_1006_after_an_error() {
        let expected = Expected::Failed { with: 1007 };
        let holds =
            |sent: Option<&CloseFrame>, seen: &[SeenEvent]| holds(expected, Client::Firefox, sent, seen);
        assert!(holds(Some(&frame(Some(1007))), &failed()));
        assert!(holds(None, &failed()));
        assert!(!holds(Some(&frame(Some(1002))), &failed()));
        assert!(!holds(None, &[SeenEvent::Open, unclean(1006)]), "an error comes first");
        assert!(!holds(None, &clean(1007)));
    }

    #[test]
    fn a_forbidden_code_is_reported_or_fails_the_connection_but_is_not_replaced() {
        let sent = frame(Some(1015));
        let holds = |seen: &[SeenEvent]| holds(Expected::AsSentOrFailed, Client::Native, Some(&sent), seen);
        assert!(holds(&clean(1015)) && holds(&failed()));
        assert!(!holds(&clean(1002)));
    }

    #[test]
    fn only_a_native_client_may_learn_of_a_certificate() {
        let of = |code| vec![SeenEvent::Error, unclean(code)];
        let holds = |client, code| holds(Expected::Untrusted, client, None, &of(code));
        assert!(holds(Client::Chromium, 1006) && !holds(Client::Chromium, 1015));
        assert!(holds(Client::Native, 1006) && holds(Client::Native, 1015));
    }
}
