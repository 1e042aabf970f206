//! The ways in which a WebSocket ends: for every code of RFC 6455 §7.4.1 what it stands for where there is such a
//! situation, and a server that was told to close with it where there is none, or where a browser never comes into it.

use model::close_case::Peer;
use model::settings::Client;

use super::conformance::Expected;

/// A way of ending.
#[derive(Debug)]
pub(super) struct Situation {
    /// The code that it is about.
    pub(super) code: u16,
    /// What happens, for people.
    pub(super) text: &'static str,
    /// Whether it is what the code stands for; or somebody was told to say it.
    pub(super) real: bool,
    /// Who closes.
    pub(super) by: Peer,
    /// Who can come into it.
    pub(super) clients: Clients,
    /// How it is brought about.
    pub(super) ending: Ending,
    /// What the standards have a client see.
    pub(super) expected: Expected,
}

/// Who can come into a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    Everyone,
    /// A page cannot: the browser sends nothing that is broken, and takes no code but 1000 and 3000 to 4999 from it.
    Native,
    /// Who cannot.
    Browsers,
}

/// How a WebSocket is brought to its end.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client does something, and our server ends the connection, if the client did not, with this code and reason.
    ByClient { act: Act, answer: Option<(u16, &'static str)> },
    /// Our server is stopped.
    Stopped,
    /// Our server is told to close.
    Told,
    /// A server of no manners sends these bytes.
    Sends(&'static [u8]),
    /// A server is gone in this way.
    Gone(Going),
    /// A server shows a certificate that nobody vouches for.
    Untrusted,
}

/// How a server goes without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Going {
    /// The connection ends in order (TCP's FIN).
    Ended,
    /// It is reset (TCP's RST).
    Reset,
}

/// What a client does.
#[derive(Debug)]
pub(super) enum Act {
    /// Closes; without a code, the frame is empty.
    Close(Option<(u16, &'static str)>),
    /// Sends a text of so many bytes.
    Send(usize),
    /// Writes these bytes where a frame would begin.
    Break(&'static [u8]),
}

impl Situation {
    /// Whether this client can come into it.
    pub(super) fn is_for(&self, client: Client) -> bool {
        match self.clients {
            Clients::Everyone => true,
            Clients::Native => client == Client::Native,
            Clients::Browsers => client != Client::Native,
        }
    }

    /// Whether it is about TLS.
    pub(super) fn is_secure(&self) -> bool {
        matches!(self.ending, Ending::Untrusted)
    }
}

/// The longest message that our server takes in these situations.
pub(super) const MESSAGE_LIMIT: usize = 1_000;

const fn by_client(
    code: u16,
    text: &'static str,
    clients: Clients,
    act: Act,
    answer: (u16, &'static str),
) -> Situation {
    let ending = Ending::ByClient { act, answer: Some(answer) };
    Situation { code, text, real: true, by: Peer::Server, clients, ending, expected: Expected::AsSent }
}

const fn told(code: u16, clients: Clients) -> Situation {
    let text = "the server is told to close with this code";
    Situation {
        code,
        text,
        real: false,
        by: Peer::Server,
        clients,
        ending: Ending::Told,
        expected: Expected::AsSent,
    }
}

const fn closes(
    code: u16,
    text: &'static str,
    clients: Clients,
    close: Option<(u16, &'static str)>,
) -> Situation {
    let ending = Ending::ByClient { act: Act::Close(close), answer: None };
    Situation { code, text, real: true, by: Peer::Client, clients, ending, expected: Expected::AsSent }
}

const fn broken(code: u16, text: &'static str, frame: &'static [u8]) -> Situation {
    Situation {
        code,
        text,
        real: true,
        by: Peer::Client,
        clients: Clients::Everyone,
        ending: Ending::Sends(frame),
        expected: Expected::Failed { with: code },
    }
}

const fn gone(text: &'static str, going: Going) -> Situation {
    Situation {
        code: 1006,
        text,
        real: true,
        by: Peer::Network,
        clients: Clients::Everyone,
        ending: Ending::Gone(going),
        expected: Expected::Lost,
    }
}

const fn forbidden(code: u16, frame: &'static [u8]) -> Situation {
    Situation {
        code,
        text: "a server sends this code, which must never be sent",
        real: false,
        by: Peer::Server,
        clients: Clients::Everyone,
        ending: Ending::Sends(frame),
        expected: Expected::AsSentOrFailed,
    }
}

/// All of them.
pub(super) const SITUATIONS: &[Situation] = &[
    closes(1000, "the client closes", Clients::Everyone, Some((1000, "done"))),
    Situation {
        code: 1001,
        text: "the server stops",
        real: true,
        by: Peer::Server,
        clients: Clients::Everyone,
        ending: Ending::Stopped,
        expected: Expected::AsSent,
    },
    by_client(
        1002,
        "the client sends a frame with a reserved bit",
        Clients::Native,
        Act::Break(b"\xc1\x80\0\0\0\0"),
        (1002, "Reserved bits are non-zero"),
    ),
    told(1002, Clients::Browsers),
    broken(1002, "a server sends a frame with a reserved opcode", b"\x83\0"),
    told(1003, Clients::Everyone),
    by_client(
        1007,
        "the client sends text that is not UTF-8",
        Clients::Native,
        Act::Break(b"\x81\x82\0\0\0\0\xff\xfe"),
        (1007, "a text frame is not UTF-8"),
    ),
    told(1007, Clients::Browsers),
    broken(1007, "a server sends text that is not UTF-8", b"\x81\x02\xff\xfe"),
    by_client(
        1008,
        "the client sends what is not a message of the application",
        Clients::Everyone,
        Act::Send(5),
        (1008, "not a message: a message of 5 bytes is too short to hold a stamp"),
    ),
    by_client(
        1009,
        "the client sends a message over the limit",
        Clients::Everyone,
        Act::Send(5_000),
        (1009, "a message of 5000 bytes is over the limit of 1000"),
    ),
    closes(
        1010,
        "the client needs an extension that the server does not agree to",
        Clients::Native,
        Some((1010, "permessage-deflate")),
    ),
    told(1010, Clients::Browsers),
    told(1011, Clients::Everyone),
    closes(1005, "the client closes without a code", Clients::Everyone, None),
    Situation {
        code: 1005,
        text: "a server closes without a code",
        real: true,
        by: Peer::Server,
        clients: Clients::Everyone,
        ending: Ending::Sends(b"\x88\0"),
        expected: Expected::AsSent,
    },
    forbidden(1005, b"\x88\x02\x03\xed"),
    gone("the connection ends without a close frame", Going::Ended),
    gone("the connection is reset", Going::Reset),
    forbidden(1006, b"\x88\x02\x03\xee"),
    Situation {
        code: 1015,
        text: "the server's certificate is vouched for by nobody",
        real: true,
        by: Peer::Client,
        clients: Clients::Everyone,
        ending: Ending::Untrusted,
        expected: Expected::Untrusted,
    },
    forbidden(1015, b"\x88\x02\x03\xf7"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_standard_is_there_for_every_client() {
        for client in [Client::Native, Client::Chromium, Client::Firefox] {
            for code in [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1015] {
                let of = |situation: &&Situation| situation.code == code && situation.is_for(client);
                assert!(SITUATIONS.iter().any(|situation| of(&situation)), "{code} {client:?}");
            }
        }
    }
}
