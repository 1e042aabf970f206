//! What `theory` foretells, held against what the tap finds between our own server and our own client: equal to the byte
//! in every layer, wherever theory calls itself exact.

use std::net::SocketAddr;

use loadgen::headers::{self, Exchange as Kind};
use loadgen::shard::Snapshot;
use schema::bytes_account::{Account, Layers};
use schema::settings::HeaderProfile;
use theory::case::{Compression, Date, Direction, Head, Message, Security, Version};
use theory::prediction::{Both, Layers as Predicted, layer};
use theory::websocket::{self, Mask};
use theory::{Case, Prediction, predict, sse};

use crate::heads;
use crate::rig::{Exchange, Found, STAMP};

/// Round every length at which some framing grows, in bytes of payload.
const PAYLOADS: [u64; 12] = [0, 1, 15, 16, 125, 126, 255, 256, 4_095, 4_096, 65_535, 65_536];

const DATE: (&str, &str) = ("date", "Sun, 22 Nov 2026 18:47:06 GMT");
const NO_STORE: (&str, &str) = ("cache-control", "no-store");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
/// The reconnection time that our server's streams of Server-Sent Events begin with.
const RETRY_MS: u64 = 1_000;

type Fields = Vec<(String, String)>;

/// What the load generator sends of this kind, in the order in which it does.
fn sent(profile: HeaderProfile, kind: Kind, address: SocketAddr) -> Fields {
    let mut fields: Fields = headers::headers(profile, kind, address)
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("visible ASCII").to_owned()))
        .collect();
    if kind == Kind::WebSocket {
        fields.push(("sec-websocket-key".into(), "k".repeat(websocket::KEY as usize)));
    }
    fields
}

/// What our servers answer to it.
fn answered(kind: Kind) -> (u16, Vec<(&'static str, &'static str)>) {
    match kind {
        Kind::Poll => (200, vec![NDJSON, NO_STORE, ("content-length", "0"), DATE]),
        Kind::Stream => (200, vec![NDJSON, NO_STORE, ("transfer-encoding", "chunked"), DATE]),
        Kind::EventSource => {
            let media_type = ("content-type", "text/event-stream");
            (200, vec![media_type, NO_STORE, ("transfer-encoding", "chunked"), DATE])
        }
        Kind::Post => (204, vec![NO_STORE, DATE]),
        Kind::WebSocket => {
            let accept = ("sec-websocket-accept", heads::ACCEPT);
            (101, vec![("connection", "upgrade"), ("upgrade", "websocket"), accept, DATE])
        }
    }
}

/// A technique's way down, or the one way up.
#[derive(Clone, Copy)]
struct Way {
    technique: &'static str,
    kind: Option<Kind>,
    target: &'static str,
    direction: Direction,
}

const DOWN: [Way; 6] = [
    down("short-polling", Some(Kind::Poll), "/events?channel=0&after=0"),
    down("long-polling", Some(Kind::Poll), "/events?channel=0&after=0"),
    down("http-streaming-ndjson", Some(Kind::Stream), "/stream?channel=0&after=0"),
    down("http-streaming-sse", Some(Kind::EventSource), "/stream?channel=0&after=0"),
    down("websocket", Some(Kind::WebSocket), "/ws?channel=0&after=0"),
    down("raw-tcp", None, "channel=0&after=0"),
];

const fn down(technique: &'static str, kind: Option<Kind>, target: &'static str) -> Way {
    Way { technique, kind, target, direction: Direction::Down }
}

impl Way {
    /// What theory says of a batch of messages like this one, the first of the channel.
    fn predicted(self, profile: HeaderProfile, payload: u64, batch: u64, address: SocketAddr) -> Prediction {
        let said = self.kind.map(|kind| (sent(profile, kind, address), answered(kind)));
        let request: Vec<_> = said.iter().flat_map(|(request, _)| request).map(borrowed).collect();
        let head = said.as_ref().map(|(_, (status, response))| Head {
            method: if self.kind == Some(Kind::Post) { "POST" } else { "GET" },
            target: self.target,
            request: &request,
            status: *status,
            response,
        });
        let case = Case {
            direction: self.direction,
            message: Message { payload, stamp: STAMP },
            seq: 1,
            batch,
            head,
            preamble: self.preamble(),
            version: Version::Http1,
            security: Security::Plain,
            compression: Compression::None,
            date: Date::Unknown,
        };
        predict(self.technique, &case).expect("theory knows the technique")
    }

    fn preamble(self) -> u64 {
        match self.kind {
            Some(Kind::EventSource) => sse::retry(RETRY_MS),
            None => self.target.len() as u64,
            Some(_) => 0,
        }
    }

    /// What ends its connection: a WebSocket says good-bye with a code both ways, the others with TCP's means.
    fn farewell(self) -> (u64, u64) {
        match self.kind {
            Some(Kind::WebSocket) => (websocket::close(0, Mask::Masked), websocket::close(0, Mask::Plain)),
            _ => (0, 0),
        }
    }
}

fn borrowed(field: &(String, String)) -> (&str, &str) {
    (&field.0, &field.1)
}

/// Every layer of both directions, and what ended the connection.
fn assert_equal(found: &Account, predicted: &Both, farewell: (u64, u64), of: &str) {
    assert!(predicted.is_exact(), "{of}: {predicted:?}");
    assert_layers(&found.up, &predicted.up, farewell.0, &format!("{of}, up"));
    assert_layers(&found.down, &predicted.down, farewell.1, &format!("{of}, down"));
}

fn assert_layers(found: &Layers, predicted: &Predicted, farewell: u64, of: &str) {
    for (label, bytes) in found.named() {
        let ends = if label == layer::CONTROL { farewell } else { 0 };
        assert_eq!(bytes, predicted.bytes(label) + ends, "{label} of {of}: {found:?}");
    }
}

/// The account without the long poll that waits for the next event, if it was sent before the trial ended.
fn without_the_next_poll(mut found: Found, way: Way) -> Found {
    let up = &mut found.account.up;
    if way.technique == "long-polling" {
        let next = heads::get("/events?channel=0&after=1", found.address);
        assert!([0, next].contains(&up.unfinished), "{up:?}");
        up.unfinished = 0;
    }
    found
}

#[test]
fn an_event_costs_what_theory_says() {
    for way in DOWN {
        for payload in PAYLOADS {
            let found = Exchange::down(way.technique, payload as usize).run();
            let found = without_the_next_poll(found, way);
            let predicted = way.predicted(HeaderProfile::Minimal, payload, 1, found.address).total(1);
            let of = format!("{} with a payload of {payload}", way.technique);
            assert_equal(&found.account, &predicted, way.farewell(), &of);
        }
    }
}

#[test]
fn heads_of_every_profile_cost_what_theory_says() {
    for way in DOWN {
        for headers in [HeaderProfile::Browser, HeaderProfile::BrowserSession] {
            let found = Exchange { headers, ..Exchange::down(way.technique, 100) }.run();
            let mut account = found.account;
            // The long poll that waits has the profile's head too: only the rest is looked at.
            account.up.unfinished = 0;
            let predicted = way.predicted(headers, 100, 1, found.address).total(1);
            let of = format!("{} with {headers:?}", way.technique);
            assert_equal(&account, &predicted, way.farewell(), &of);
        }
    }
}

#[test]
fn a_batch_costs_what_theory_says() {
    // From the ninth to the tenth, an SSE id grows.
    const EVENTS: u64 = 12;
    let done = |found: &Snapshot| found.counters.events == EVENTS;
    for way in DOWN {
        let published = vec![33; EVENTS as usize];
        let found = Exchange { published, done, ..Exchange::down(way.technique, 33) }.run();
        let mut account = found.account;
        account.up.unfinished = 0;
        let predicted = way.predicted(HeaderProfile::Minimal, 33, EVENTS, found.address).total(1);
        assert_equal(&account, &predicted, way.farewell(), way.technique);
    }
}

const UP: [Way; 2] = [
    Way { direction: Direction::Up, ..down("websocket", Some(Kind::WebSocket), "/ws?channel=0&after=0") },
    Way { direction: Direction::Up, ..down("raw-tcp", None, "channel=0&after=0") },
];

fn is_sent(found: &Snapshot) -> bool {
    found.account.up.stamp == STAMP
}

#[test]
fn a_message_costs_what_theory_says() {
    for way in UP {
        for payload in PAYLOADS {
            let found = Exchange::up(way.technique, payload as u32, is_sent).run();
            let predicted = way.predicted(HeaderProfile::Minimal, payload, 1, found.address).total(1);
            let of = format!("{} with a payload of {payload}", way.technique);
            assert_equal(&found.account, &predicted, way.farewell(), &of);
        }
    }
}

#[test]
fn a_posted_message_costs_what_theory_says() {
    let post =
        Way { direction: Direction::Up, ..down("long-polling", Some(Kind::Post), "/messages?channel=0") };
    // The poll beside it is held.
    let is_answered = |found: &Snapshot| {
        is_sent(found) && found.account.down.response_head > 0 && found.account.up.unfinished > 0
    };
    for payload in PAYLOADS {
        let found = Exchange::up(post.technique, payload as u32, is_answered).run();
        let mut account = found.account;
        assert_eq!(account.up.unfinished, heads::get("/events?channel=0&after=0", found.address));
        account.up.unfinished = 0;
        let predicted = post.predicted(HeaderProfile::Minimal, payload, 1, found.address).total(1);
        assert_equal(&account, &predicted, (0, 0), &format!("a payload of {payload}"));
    }
}

#[test]
fn theory_names_the_layers_as_the_account_does() {
    let known: Vec<_> = Layers::default().named().map(|(label, _)| label).collect();
    for label in layer::ALL {
        assert!(known.contains(&label), "{label} is no layer of the account");
    }
}
