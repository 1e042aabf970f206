//! Socket.IO by each of its transports, to the byte: what opens a session, an event, a message, and what ends it.

use std::net::SocketAddr;

use loadgen::session::Snapshot;
use loadgen::session::headers::RequestKind as Kind;
use model::byte_account::{Account, Layers};
use model::settings::SocketIoTransports::{self, Polling, Upgrade, Websocket};
use model::settings::{HeaderProfile, Transport};
use test_support::websocket::ACCEPT;
use theory::case::{Direction, Head, Opening, OpeningExchange};
use theory::prediction::{Both, Exactness, Layers as Predicted, layer};
use theory::websocket::{self, Mask};
use theory::{engine_io, predict, predict_opening, socket_io};

use super::fixed_exchange::{ExchangeResult, FixedExchange, STAMP, has_one, has_one_and_waits, is_sent};
use super::predictions::{Fields, PAYLOADS, assert_equal, borrowed, case, each, fields};

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
    poll: Fields,
    post: Fields,
    upgrade: Fields,
}

impl SessionHeads {
    fn at(address: SocketAddr, profile: HeaderProfile) -> Self {
        let fields = |kind| fields(profile, kind, &Transport::default(), address);
        let mut upgrade = fields(Kind::WebSocket);
        upgrade.push(("sec-websocket-key".into(), "k".repeat(websocket::KEY as usize)));
        Self { poll: fields(Kind::EnginePoll), post: fields(Kind::EnginePost), upgrade }
    }
}

/// The answers of polls and posts.
const TEXT: [(&str, &str); 3] =
    [("content-length", "0"), ("content-type", "text/plain; charset=UTF-8"), DATE];
const SWITCHED: [(&str, &str); 4] =
    [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", ACCEPT), DATE];

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
        let (poll, post) = (borrowed(&self.session.poll), borrowed(&self.session.post));
        let upgrade = borrowed(&self.session.upgrade);
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

fn anything(_: &Snapshot) -> bool {
    true
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

/// A whole session by these transports costs what opens it, this message, and what ends it.
#[track_caller]
fn assert_whole(found: &ExchangeResult, transports: SocketIoTransports, profile: HeaderProfile, way: Way) {
    let asked = SessionPrediction::of(found, transports, profile);
    let message = asked.message(transports, way.0, way.1);
    let predicted = asked.opening(transports).and(message).and(asked.closing(transports));
    assert!(predicted.is_exact());
    assert_equal(&found.account, &predicted, &format!("{transports:?}, {profile:?}, {way:?}"));
}

/// The direction of a message, and its payload.
type Way = (Direction, u64);

#[test]
fn a_session_with_an_event_costs_what_theory_says_from_its_first_byte_to_its_last() {
    let profiles = [(100, HeaderProfile::Browser), (100, HeaderProfile::BrowserSession)];
    let payloads = PAYLOADS.map(|payload| (payload, HeaderProfile::Minimal));
    for (transports, (payload, profile)) in each(&[Polling, Websocket], &[&payloads[..], &profiles].concat())
    {
        let found = with_event(transports, payload, profile);
        assert_whole(&found, transports, profile, (Direction::Down, payload));
    }
}

#[test]
fn an_event_costs_what_theory_says_on_whichever_transport_it_comes() {
    for (transports, payload) in each(&[Upgrade, Websocket], &PAYLOADS) {
        let found = with_event(transports, payload, HeaderProfile::Minimal);
        let asked = SessionPrediction::of(&found, transports, HeaderProfile::Minimal);
        let event = asked.message(transports, Direction::Down, payload);
        assert!(event.is_exact());
        let cost = less(found.after, found.before);
        assert_equal(&cost, &event, &format!("{transports:?}, a payload of {payload}"));
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

/// `ok` has come for it, and the poll beside it is held.
fn is_posted(found: &Snapshot) -> bool {
    is_sent(found) && found.account.down.engine_io > 0 && found.account.up.unfinished > 0
}

#[test]
fn a_message_costs_what_theory_says() {
    for (transports, payload) in each(&[Polling, Websocket], &PAYLOADS) {
        let done = if transports == Polling { is_posted } else { is_sent };
        let exchange = FixedExchange { transports, ..FixedExchange::up(SLUG, payload as u32, done) };
        assert_whole(&exchange.run(), transports, HeaderProfile::Minimal, (Direction::Up, payload));
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
