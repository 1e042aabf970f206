//! The ways in which a WebSocket ends: for every code of RFC 6455 §7.4.1, a real situation that causes it where there is one;
//! otherwise, or where a browser cannot get into it, a server that closes with the code on request. And what a client must observe
//! by RFC 6455 and WHATWG's WebSockets standard. Pure.
//!
//! WHATWG, "Feedback from the protocol": when a connection is closed, an `error` event comes first where the client had
//! to fail it, then a `close` event with what RFC 6455 defines: whether it was clean (§7.1.4), the code (§7.1.5) and the
//! reason (§7.1.6). The native client must do the same.

use model::close_case::{CloseFrame, Peer, SeenEvent};
use model::settings::Client;

use self::Clients::{Browsers, Everyone, Native};
use self::Ending::{
    Breaks, ClientBreaks, ClientCloses, ClientSends, Disconnects, EmptyClose, ForbiddenCode, OnRequest,
    Stopped, Untrusted,
};

/// A way in which a WebSocket ends.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) code: u16,
    /// The clients that can get into it.
    clients: Clients,
    pub(super) text: &'static str,
    pub(super) ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clients {
    Everyone,
    /// A browser sends no invalid bytes, and lets a page close with 1000 and 3000 to 4999 only.
    Native,
    /// The clients that cannot get into the real situation.
    Browsers,
}

/// How a WebSocket ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// The client closes; without a code, the frame is empty.
    ClientCloses(Option<(u16, &'static str)>),
    /// The client sends a text of this many bytes, and our server closes for this reason.
    ClientSends(usize, &'static str),
    /// The client writes these bytes in place of a frame, and our server closes for this reason.
    ClientBreaks(&'static [u8], &'static str),
    /// Our server is stopped.
    Stopped,
    /// Our server closes the session on request.
    OnRequest,
    /// A server closes without a code.
    EmptyClose,
    /// A server closes with a code that §7.4.1 forbids in a frame.
    ForbiddenCode,
    /// A server sends these bytes, for which the client must fail the connection.
    Breaks(&'static [u8]),
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

/// The longest message that our server accepts in these cases.
pub(super) const MESSAGE_LIMIT: usize = 1_000;
const ON_REQUEST: &str = "the server closes with this code on request";
const FORBIDDEN: &str = "a server sends this code, which must never be sent";

/// All cases, in the order of the table.
pub(super) const CASES: &[Case] = &[
    case(1000, Everyone, "the client closes", ClientCloses(Some((1000, "done")))),
    case(1001, Everyone, "the server stops", Stopped),
    case(
        1002,
        Native,
        "the client sends a frame with a reserved bit",
        ClientBreaks(b"\xc1\x80\0\0\0\0", "Reserved bits are non-zero"),
    ),
    case(1002, Browsers, ON_REQUEST, OnRequest),
    case(1002, Everyone, "a server sends a frame with a reserved opcode", Breaks(b"\x83\0")),
    case(1003, Everyone, ON_REQUEST, OnRequest),
    case(
        1007,
        Native,
        "the client sends text that is not UTF-8",
        ClientBreaks(b"\x81\x82\0\0\0\0\xff\xfe", "a text frame is not UTF-8"),
    ),
    case(1007, Browsers, ON_REQUEST, OnRequest),
    case(1007, Everyone, "a server sends text that is not UTF-8", Breaks(b"\x81\x02\xff\xfe")),
    case(
        1008,
        Everyone,
        "the client sends what is not a message of the application",
        ClientSends(5, "not a message: a message of 5 bytes is too short to hold a stamp"),
    ),
    case(
        1009,
        Everyone,
        "the client sends a message over the limit",
        ClientSends(5_000, "a message of 5000 bytes is over the limit of 1000"),
    ),
    case(
        1010,
        Native,
        "the client needs an extension that the server does not agree to",
        ClientCloses(Some((1010, "permessage-deflate"))),
    ),
    case(1010, Browsers, ON_REQUEST, OnRequest),
    case(1011, Everyone, ON_REQUEST, OnRequest),
    case(1005, Everyone, "the client closes without a code", ClientCloses(None)),
    case(1005, Everyone, "a server closes without a code", EmptyClose),
    case(1005, Everyone, FORBIDDEN, ForbiddenCode),
    case(1006, Everyone, "the connection ends without a close frame", Disconnects(Disconnect::Fin)),
    case(1006, Everyone, "the connection is reset", Disconnects(Disconnect::Reset)),
    case(1006, Everyone, FORBIDDEN, ForbiddenCode),
    case(1015, Everyone, "the server's certificate is signed by no authority", Untrusted),
    case(1015, Everyone, FORBIDDEN, ForbiddenCode),
];

const fn case(code: u16, clients: Clients, text: &'static str, ending: Ending) -> Case {
    Case { code, clients, text, ending }
}

impl Case {
    /// Whether this client can get into it.
    pub(super) fn is_for(&self, client: Client) -> bool {
        self.clients == Everyone || (self.clients == Native) == (client == Client::Native)
    }

    pub(super) fn is_secure(&self) -> bool {
        matches!(self.ending, Untrusted)
    }

    /// Whether this is the code's own situation; otherwise, a peer sends the code on request.
    pub(super) fn is_real(&self) -> bool {
        !matches!(self.ending, OnRequest | ForbiddenCode)
    }

    /// Who closes.
    pub(super) fn by(&self) -> Peer {
        match self.ending {
            ClientCloses(_) | Breaks(_) | Untrusted => Peer::Client,
            Disconnects(_) => Peer::Network,
            _ => Peer::Server,
        }
    }

    /// Whether the observed events are what the standards require. `sent` is the frame of the peer that closed.
    pub(super) fn holds(&self, client: Client, sent: Option<&CloseFrame>, seen: &[SeenEvent]) -> bool {
        let is_failed = seen == [SeenEvent::Open, SeenEvent::Error, unclean(1006)];
        // Code and reason as the close frame has them, 1005 where it has none (§7.1.5, §7.1.6); clean (§7.1.4).
        let shown = |frame: &CloseFrame| SeenEvent::Close {
            code: frame.code.unwrap_or(1005),
            reason: frame.reason.clone(),
            clean: true,
        };
        let is_as_sent = sent.is_some_and(|frame| seen == [SeenEvent::Open, shown(frame)]);
        match self.ending {
            // The client may send this code (§7.1.7 only recommends it), and reports 1006, since it received no close
            // frame (§7.1.5).
            Breaks(_) => is_failed && sent.is_none_or(|frame| frame.code == Some(self.code)),
            // Its receiver may fail the connection; but §7.1.5 takes every code of a frame as it is, and WHATWG allows for
            // that ("unless the server erroneously uses it").
            ForbiddenCode => is_as_sent || is_failed,
            // The client fails a lost connection (§7.2.1) and reports 1006, since no frame came (§7.1.5).
            Disconnects(_) => is_failed && sent.is_none(),
            // No connection was made. A page must not learn why: 1006 (WHATWG). Another application may see 1015 (§7.4.1).
            Untrusted => {
                let is_code = |code| seen == [SeenEvent::Error, unclean(code)];
                is_code(1006) || client == Client::Native && is_code(1015)
            }
            _ => is_as_sent,
        }
    }
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

    fn holds(ending: Ending, client: Client, sent: Option<&CloseFrame>, seen: &[SeenEvent]) -> bool {
        case(1007, Everyone, "", ending).holds(client, sent, seen)
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
            holds(Stopped, Client::Chromium, Some(&frame(sent)), seen)
        };
        assert!(holds(Some(1001), &clean(1001)));
        assert!(holds(None, &clean(1005)));
        assert!(!holds(Some(1001), &clean(1000)));
        assert!(!holds(Some(1001), &failed()));
        assert!(!holds(Some(1001), &clean(1001)[1..]));
    }

    #[test]
    fn a_client_that_fails_the_connection_reports_1006_after_an_error() {
        let holds =
            |sent: Option<&CloseFrame>, seen: &[SeenEvent]| holds(Breaks(b""), Client::Firefox, sent, seen);
        assert!(holds(Some(&frame(Some(1007))), &failed()));
        assert!(holds(None, &failed()));
        assert!(!holds(Some(&frame(Some(1002))), &failed()));
        assert!(!holds(None, &[SeenEvent::Open, unclean(1006)]), "an error comes first");
        assert!(!holds(None, &clean(1007)));
    }

    #[test]
    fn a_forbidden_code_is_reported_or_fails_the_connection_but_is_not_replaced() {
        let sent = frame(Some(1015));
        let holds = |seen: &[SeenEvent]| holds(ForbiddenCode, Client::Native, Some(&sent), seen);
        assert!(holds(&clean(1015)) && holds(&failed()));
        assert!(!holds(&clean(1002)));
    }

    #[test]
    fn only_a_native_client_may_learn_of_a_certificate() {
        let of = |code| vec![SeenEvent::Error, unclean(code)];
        let holds = |client, code| holds(Untrusted, client, None, &of(code));
        assert!(holds(Client::Chromium, 1006) && !holds(Client::Chromium, 1015));
        assert!(holds(Client::Native, 1006) && holds(Client::Native, 1015));
    }
}
