//! The ways in which a WebSocket ends: for every code of RFC 6455 §7.4.1, a real situation that causes it where there is one;
//! otherwise, or where a browser cannot get into it, a server that closes with the code on request. And what a client must observe
//! by RFC 6455 and WHATWG's WebSockets standard. Pure.
//!
//! WHATWG, "Feedback from the protocol": when a connection is closed, an `error` event comes first where the client had
//! to fail it, then a `close` event with what RFC 6455 defines: whether it was clean (§7.1.4), the code (§7.1.5) and the
//! reason (§7.1.6). The native client must do the same.

use model::close_case::{CloseFrame, Peer, SeenEvent};
use model::settings::Client;

/// A way in which a WebSocket ends.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) code: u16,
    pub(super) text: &'static str,
    /// Whether this is the code's own situation; otherwise, a peer sends the code on request.
    pub(super) real: bool,
    pub(super) by: Peer,
    /// The clients that can get into it.
    pub(super) clients: Clients,
    /// How the end comes about.
    pub(super) ending: Ending,
    /// What the standards require a client to report.
    pub(super) expected: Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    Everyone,
    /// A browser sends no invalid bytes, and lets a page close with 1000 and 3000 to 4999 only.
    Native,
    /// The clients that cannot get into the real situation.
    Browsers,
}

/// How a WebSocket ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client acts; unless that closes the connection, our server closes it with this code and reason.
    ByClient { action: ClientAction, answer: Option<(u16, &'static str)> },
    /// Our server is stopped.
    Stopped,
    /// Our server closes the session on request.
    OnRequest,
    /// A misbehaving server sends these bytes.
    Sends(&'static [u8]),
    /// A server disconnects without a close frame.
    Disconnects(Disconnect),
    /// A server has a certificate that no authority has signed.
    Untrusted,
}

/// How a server disconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disconnect {
    /// In order (TCP's FIN).
    Fin,
    /// By a reset (TCP's RST).
    Reset,
}

#[derive(Debug)]
pub(super) enum ClientAction {
    /// Closes; without a code, the frame is empty.
    Close(Option<(u16, &'static str)>),
    /// Sends a text of this many bytes.
    Send(usize),
    /// Writes these bytes in place of a frame.
    Break(&'static [u8]),
}

impl Case {
    /// Whether this client can get into it.
    pub(super) fn is_for(&self, client: Client) -> bool {
        match self.clients {
            Clients::Everyone => true,
            Clients::Native => client == Client::Native,
            Clients::Browsers => client != Client::Native,
        }
    }

    pub(super) fn is_secure(&self) -> bool {
        matches!(self.ending, Ending::Untrusted)
    }
}

/// The longest message that our server accepts in these cases.
pub(super) const MESSAGE_LIMIT: usize = 1_000;

/// A real situation in which the server closes, for every client.
const SERVER_CLOSES: Case = Case {
    code: 0,
    text: "",
    real: true,
    by: Peer::Server,
    clients: Clients::Everyone,
    ending: Ending::Stopped,
    expected: Expected::AsSent,
};

const fn by_client(
    code: u16,
    text: &'static str,
    clients: Clients,
    action: ClientAction,
    answer: (u16, &'static str),
) -> Case {
    let ending = Ending::ByClient { action, answer: Some(answer) };
    Case { code, text, clients, ending, ..SERVER_CLOSES }
}

const fn on_request(code: u16, clients: Clients) -> Case {
    let text = "the server closes with this code on request";
    Case { code, text, real: false, clients, ending: Ending::OnRequest, ..SERVER_CLOSES }
}

const fn closes(code: u16, text: &'static str, clients: Clients, close: Option<(u16, &'static str)>) -> Case {
    let ending = Ending::ByClient { action: ClientAction::Close(close), answer: None };
    Case { code, text, by: Peer::Client, clients, ending, ..SERVER_CLOSES }
}

const fn broken(code: u16, text: &'static str, frame: &'static [u8]) -> Case {
    let expected = Expected::Failed { with: code };
    Case { code, text, by: Peer::Client, ending: Ending::Sends(frame), expected, ..SERVER_CLOSES }
}

const fn disconnects(text: &'static str, how: Disconnect) -> Case {
    let (ending, expected) = (Ending::Disconnects(how), Expected::Lost);
    Case { code: 1006, text, by: Peer::Network, ending, expected, ..SERVER_CLOSES }
}

const fn forbidden(code: u16, frame: &'static [u8]) -> Case {
    let text = "a server sends this code, which must never be sent";
    let (ending, expected) = (Ending::Sends(frame), Expected::AsSentOrFailed);
    Case { code, text, real: false, ending, expected, ..SERVER_CLOSES }
}

/// All cases, in the order of the table.
pub(super) const CASES: &[Case] = &[
    closes(1000, "the client closes", Clients::Everyone, Some((1000, "done"))),
    Case { code: 1001, text: "the server stops", ..SERVER_CLOSES },
    by_client(
        1002,
        "the client sends a frame with a reserved bit",
        Clients::Native,
        ClientAction::Break(b"\xc1\x80\0\0\0\0"),
        (1002, "Reserved bits are non-zero"),
    ),
    on_request(1002, Clients::Browsers),
    broken(1002, "a server sends a frame with a reserved opcode", b"\x83\0"),
    on_request(1003, Clients::Everyone),
    by_client(
        1007,
        "the client sends text that is not UTF-8",
        Clients::Native,
        ClientAction::Break(b"\x81\x82\0\0\0\0\xff\xfe"),
        (1007, "a text frame is not UTF-8"),
    ),
    on_request(1007, Clients::Browsers),
    broken(1007, "a server sends text that is not UTF-8", b"\x81\x02\xff\xfe"),
    by_client(
        1008,
        "the client sends what is not a message of the application",
        Clients::Everyone,
        ClientAction::Send(5),
        (1008, "not a message: a message of 5 bytes is too short to hold a stamp"),
    ),
    by_client(
        1009,
        "the client sends a message over the limit",
        Clients::Everyone,
        ClientAction::Send(5_000),
        (1009, "a message of 5000 bytes is over the limit of 1000"),
    ),
    closes(
        1010,
        "the client needs an extension that the server does not agree to",
        Clients::Native,
        Some((1010, "permessage-deflate")),
    ),
    on_request(1010, Clients::Browsers),
    on_request(1011, Clients::Everyone),
    closes(1005, "the client closes without a code", Clients::Everyone, None),
    Case {
        code: 1005,
        text: "a server closes without a code",
        ending: Ending::Sends(b"\x88\0"),
        ..SERVER_CLOSES
    },
    forbidden(1005, b"\x88\x02\x03\xed"),
    disconnects("the connection ends without a close frame", Disconnect::Fin),
    disconnects("the connection is reset", Disconnect::Reset),
    forbidden(1006, b"\x88\x02\x03\xee"),
    Case {
        code: 1015,
        text: "the server's certificate is signed by no authority",
        by: Peer::Client,
        ending: Ending::Untrusted,
        expected: Expected::Untrusted,
        ..SERVER_CLOSES
    },
    forbidden(1015, b"\x88\x02\x03\xf7"),
];

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

pub(super) fn unclean(code: u16) -> SeenEvent {
    SeenEvent::Close { code, reason: String::new(), clean: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_standard_is_there_for_every_client() {
        for client in [Client::Native, Client::Chromium, Client::Firefox] {
            for code in [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1015] {
                let of = |case: &&Case| case.code == code && case.is_for(client);
                assert!(CASES.iter().any(|case| of(&case)), "{code} {client:?}");
            }
        }
    }

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
