//! Socket.IO by each of its transports, to the byte: what opens a session, an event, a message, and what ends it.

use std::net::SocketAddr;

use loadgen::session::Snapshot;
use loadgen::session::headers::{self, RequestKind as Kind};
use model::byte_account::{Account, Layers};
use model::settings::SocketIoTransports::{self, Polling, Upgrade, Websocket};
use model::settings::{HeaderProfile, Transport};
use theory::case::{
    Compression, Date, Direction, Head, Message, Opening, OpeningExchange, Security, Version,
};
use theory::prediction::{Both, Exactness, Layers as Predicted, layer};
use theory::websocket::{self, Mask};
use theory::{Case, engine_io, predict, predict_opening, socket_io};

use super::heads;
use crate::overhead::fixed_exchange::{ExchangeResult, FixedExchange, STAMP};
use crate::overhead::predictions::{PAYLOADS, assert_equal};

const SLUG: &str = "socketio";
/// The ids that the library gives: 12 bytes in base64.
const SID: &str = "AAAAAAAAAAAAAAAA";
/// The first data of the subscriber.
const AUTH: &str = r#"{"channel":0,"after":0}"#;
const DATE: (&str, &str) = ("date", "Sun, 22 Nov 2026 18:47:06 GMT");
/// A CONNECT, with the type of its Engine.IO packet.
const CONNECT: u64 = engine_io::TYPE + 1 + AUTH.len() as u64;
/// `41`.
const DISCONNECT: u64 = engine_io::TYPE + socket_io::TYPE;

/// The fields of a session's requests, which are equal in every request of a kind.
struct SessionHeads {
    poll: Vec<(String, String)>,
    post: Vec<(String, String)>,
    upgrade: Vec<(String, String)>,
}

impl SessionHeads {
    fn at(address: SocketAddr, profile: HeaderProfile) -> Self {
        let fields = |kind| -> Vec<(String, String)> {
            let fields = headers::headers(profile, kind, &Transport::default(), address);
            let text = |value: &hyper::header::HeaderValue| value.to_str().expect("visible ASCII").to_owned();
            fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
        };
        let mut upgrade = fields(Kind::WebSocket);
        upgrade.push(("sec-websocket-key".into(), "k".repeat(websocket::KEY as usize)));
        Self { poll: fields(Kind::EnginePoll), post: fields(Kind::EnginePost), upgrade }
    }
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The answers of polls and posts.
const TEXT: [(&str, &str); 3] =
    [("content-length", "0"), ("content-type", "text/plain; charset=UTF-8"), DATE];
const SWITCHED: [(&str, &str); 4] =
    [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", heads::ACCEPT), DATE];

fn polling(sid: &str) -> String {
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    format!("/socket.io/?EIO=4&transport=polling&t=abcd1234{sid}")
}

fn upgrading(sid: &str) -> String {
    polling(sid).replace("polling&t=abcd1234", "websocket")
}

/// Predictions for a session, with its heads by kind.
struct SessionPrediction {
    session: SessionHeads,
    targets: [String; 3],
    upgrade: String,
}

impl SessionPrediction {
    fn of(found: &ExchangeResult, transports: SocketIoTransports, profile: HeaderProfile) -> Self {
        let upgrade = upgrading(if transports == Websocket { "" } else { SID });
        Self {
            session: SessionHeads::at(found.address, profile),
            targets: [polling(""), polling(SID), polling(SID)],
            upgrade,
        }
    }

    /// Calls `then` with the heads of the handshake's GET, of later polls, of posts, and of the upgrade.
    fn with<T>(&self, then: impl FnOnce([Head<'_>; 4]) -> T) -> T {
        let (poll, post) = (pairs(&self.session.poll), pairs(&self.session.post));
        let upgrade = pairs(&self.session.upgrade);
        let [first, again, posted] = &self.targets;
        let get = |target| Head { method: "GET", target, request: &poll, status: 200, response: &TEXT };
        let post = Head { method: "POST", request: &post, ..get(posted) };
        let upgrade =
            Head { target: &self.upgrade, request: &upgrade, status: 101, response: &SWITCHED, ..get(first) };
        then([get(first), get(again), post, upgrade])
    }

    /// The bytes that open the session, without those of an upgrade that depend on chance.
    fn opening(&self, transports: SocketIoTransports) -> Both {
        let (open, connected) = (open(transports), engine_io::TYPE + socket_io::connected(SID.len() as u64));
        self.with(|[first, again, post, upgrade]| {
            let exchange = |head, asks, answers| OpeningExchange { head, asks, answers };
            let polls = [
                exchange(first, None, Some(open)),
                exchange(post, Some(CONNECT), Some(engine_io::POSTED)),
                exchange(again, None, Some(connected)),
            ];
            let switched = exchange(upgrade, None, None);
            let all = [polls[0], polls[1], switched];
            let opening = match transports {
                Polling => Opening { exchanges: &polls, frames_up: &[], frames_down: &[], connections: 2 },
                Websocket => Opening {
                    exchanges: &[switched],
                    frames_up: &[CONNECT],
                    frames_down: &[open, connected],
                    connections: 1,
                },
                Upgrade => Opening {
                    exchanges: &all,
                    frames_up: &[engine_io::PROBE, engine_io::BARE],
                    frames_down: &[engine_io::PROBE],
                    connections: 3,
                },
            };
            predict_opening(&case(Direction::Down, 0, None), &opening).expect("heads with known reasons")
        })
    }

    /// A message each way, of a session that is open.
    fn message(&self, transports: SocketIoTransports, direction: Direction, payload: u64) -> Both {
        self.with(|[_, poll, post, upgrade]| {
            let head = match (transports, direction) {
                (Polling, Direction::Down) => poll,
                (Polling, Direction::Up) => post,
                (Upgrade | Websocket, _) => upgrade,
            };
            predict(SLUG, &case(direction, payload, Some(head))).expect("theory knows it").steady
        })
    }

    /// A POST with control packets of so many bytes, and its answer.
    fn posted_control(&self, bytes: u64) -> Both {
        let both = self.with(|[_, _, post, _]| alone(post, Some(bytes), engine_io::POSTED));
        let control = |layers: Predicted| {
            Predicted::default().with(layer::CONTROL, layers.bytes(layer::HANDSHAKE), Exactness::Exact)
        };
        Both { up: control(both.up), down: control(both.down) }
    }

    /// The noop by which the library answers a poll that was held when the session was closed.
    fn freed(&self) -> Both {
        self.with(|[_, poll, ..]| alone(poll, None, engine_io::BARE))
    }

    fn closing(&self, transports: SocketIoTransports) -> Both {
        if transports == Polling {
            let left = self.posted_control(DISCONNECT);
            return left.and(self.posted_control(engine_io::BARE)).and(self.freed());
        }
        let framed = |packet, mask| websocket::frame_header(packet, mask) + packet;
        let control = |bytes| Predicted::default().with(layer::CONTROL, bytes, Exactness::Exact);
        // As a browser closes: without a code.
        Both {
            up: control(framed(DISCONNECT, Mask::Masked) + framed(0, Mask::Masked)),
            down: control(framed(0, Mask::Plain)),
        }
    }
}

/// An exchange as if it alone opened a session.
fn alone(head: Head<'_>, asks: Option<u64>, answers: u64) -> Both {
    let exchanges = &[OpeningExchange { head, asks, answers: Some(answers) }];
    let opening = Opening { exchanges, frames_up: &[], frames_down: &[], connections: 0 };
    predict_opening(&case(Direction::Down, 0, None), &opening).expect("heads with known reasons")
}

/// The open packet of the server: it never pings, and accepts bodies of two of its longest messages.
fn open(transports: SocketIoTransports) -> u64 {
    engine_io::open(&engine_io::Open {
        sid: SID.len() as u64,
        upgrades: transports != Websocket,
        ping_interval_ms: 2_147_463_647,
        ping_timeout_ms: 20_000,
        max_payload: 2 * (1024 * 1024 + 64),
    })
}

fn case<'a>(direction: Direction, payload: u64, head: Option<Head<'a>>) -> Case<'a> {
    Case {
        direction,
        message: Message { payload, stamp: STAMP },
        seq: 1,
        batch: 1,
        head,
        preamble: 0,
        version: Version::Http1,
        security: Security::Plain,
        compression: Compression::None,
        date: Date::Unknown,
    }
}

fn anything(_: &Snapshot) -> bool {
    true
}

fn has_one(found: &Snapshot) -> bool {
    found.counters.events == 1
}

/// The next poll is held.
fn has_one_and_waits(found: &Snapshot) -> bool {
    has_one(found) && found.account.up.unfinished > 0
}

fn is_sent(found: &Snapshot) -> bool {
    found.account.up.stamp == STAMP
}

/// `ok` has come for it, and the poll beside it is held.
fn is_posted(found: &Snapshot) -> bool {
    is_sent(found) && found.account.down.engine_io > 0 && found.account.up.unfinished > 0
}

/// A session with one event, which is published when it is idle.
fn with_event(transports: SocketIoTransports, payload: u64, profile: HeaderProfile) -> ExchangeResult {
    let done = if transports == Polling { has_one_and_waits } else { has_one };
    let exchange = FixedExchange {
        published: Vec::new(),
        headers: profile,
        done: anything,
        transports,
        then: Some((payload as usize, done)),
        ..FixedExchange::down(SLUG, 0)
    };
    exchange.run()
}

fn less(later: Account, earlier: Account) -> Account {
    let without_held = |layers: Layers| Layers { unfinished: 0, ..layers };
    Account {
        up: without_held(later.up) - without_held(earlier.up),
        down: without_held(later.down) - without_held(earlier.down),
    }
}

#[test]
fn a_session_with_an_event_costs_what_theory_says_from_its_first_byte_to_its_last() {
    for transports in [Polling, Websocket] {
        for payload in PAYLOADS {
            let found = with_event(transports, payload, HeaderProfile::Minimal);
            let asked = SessionPrediction::of(&found, transports, HeaderProfile::Minimal);
            let event = asked.message(transports, Direction::Down, payload);
            let predicted = asked.opening(transports).and(event).and(asked.closing(transports));
            assert!(predicted.is_exact());
            assert_equal(&found.account, &predicted, &format!("{transports:?}, a payload of {payload}"));
        }
    }
}

#[test]
fn an_event_costs_what_theory_says_on_whichever_transport_it_comes() {
    for transports in [Upgrade, Websocket] {
        for payload in PAYLOADS {
            let found = with_event(transports, payload, HeaderProfile::Minimal);
            let asked = SessionPrediction::of(&found, transports, HeaderProfile::Minimal);
            let event = asked.message(transports, Direction::Down, payload);
            assert!(event.is_exact());
            let cost = less(found.after, found.before);
            assert_equal(&cost, &event, &format!("{transports:?}, a payload of {payload}"));
        }
    }
}

#[test]
fn heads_of_every_profile_cost_what_theory_says() {
    for profile in [HeaderProfile::Browser, HeaderProfile::BrowserSession] {
        for transports in [Polling, Websocket] {
            let found = with_event(transports, 100, profile);
            let asked = SessionPrediction::of(&found, transports, profile);
            let event = asked.message(transports, Direction::Down, 100);
            let predicted = asked.opening(transports).and(event).and(asked.closing(transports));
            assert_equal(&found.account, &predicted, &format!("{transports:?}, {profile:?}"));
        }
    }
}

#[test]
fn what_opens_an_upgraded_session_is_handshake_and_has_all_its_parts() {
    let found = with_event(Upgrade, 100, HeaderProfile::Minimal);
    let opening = SessionPrediction::of(&found, Upgrade, HeaderProfile::Minimal).opening(Upgrade);
    let Account { up, down } = found.before;
    assert_eq!((up.handshake, down.handshake), (up.wire(), down.wire()));
    // Beside them a poll or two, and the answer to CONNECT in a poll or a frame.
    let connected = engine_io::TYPE + socket_io::connected(SID.len() as u64);
    assert!(up.handshake > opening.up.wire(), "{up:?}, {opening:?}");
    assert!(down.handshake > opening.down.wire() + connected, "{down:?}, {opening:?}");
}

#[test]
fn a_message_costs_what_theory_says() {
    for transports in [Polling, Websocket] {
        let done = if transports == Polling { is_posted } else { is_sent };
        for payload in PAYLOADS {
            let exchange = FixedExchange { transports, ..FixedExchange::up(SLUG, payload as u32, done) };
            let found = exchange.run();
            let asked = SessionPrediction::of(&found, transports, HeaderProfile::Minimal);
            let message = asked.message(transports, Direction::Up, payload);
            let predicted = asked.opening(transports).and(message).and(asked.closing(transports));
            assert!(predicted.is_exact());
            assert_equal(&found.account, &predicted, &format!("{transports:?}, a payload of {payload}"));
        }
    }
}

/// An Engine.IO type, `2["message",` and `]`, in a frame whose header grows when the packet reaches 126 bytes.
#[test]
fn a_packet_costs_fourteen_bytes_and_its_frame_header() {
    for (payload, header) in [(125 - STAMP - 14, 2), (126 - STAMP - 14, 4)] {
        let found = with_event(Websocket, payload, HeaderProfile::Minimal);
        let down = less(found.after, found.before).down;
        let expected = Layers {
            payload,
            stamp: STAMP,
            engine_io: 1,
            socket_io: 13,
            message_framing: header,
            ..Layers::default()
        };
        assert_eq!(down, expected);
    }
}
