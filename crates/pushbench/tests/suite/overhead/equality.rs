//! What `theory` predicts, compared with what byte accounting finds between our own server and our own client: equal to the byte
//! in every layer.
//!
//! Over TLS and over HTTP/2: equal to the byte where the prediction is exact, and no less elsewhere. The first exchange is a whole
//! connection. A steady one is counted between a first event and the end of a connection that carried a second.

use loadgen::session::Snapshot;
use model::byte_account::{Account, Layers};
use model::settings::{HeaderProfile, HttpVersion, SocketIo, Transport};
use theory::case::Date;
use theory::prediction::{Both, Exactness, layer};
use theory::tls;

use super::fixed_exchange::{Done, ExchangeResult, FixedExchange, STAMP};
use super::heads;
use super::predictions::{
    DOWN, DirectedTechnique, LONG_POLL, NDJSON, PAYLOADS, POST, PredictionInput, RAW_TCP, RAW_TCP_UP,
    SHORT_POLL, SSE, WEBSOCKET, WEBSOCKET_UP, assert_equal,
};
use crate::registry;

/// Nothing in it is left open.
fn assert_exact(found: &Account, predicted: Both, way: DirectedTechnique, of: &str) {
    assert!(predicted.is_exact(), "{of}: {predicted:?}");
    let predicted = predicted.and(way.closing(&Transport::default()));
    assert_equal(found, &predicted, &format!("{}, {of}", way.technique));
}

/// The long poll that waits for the next event, if it was sent before the trial ended.
fn take_the_next_poll(account: &mut Account, way: DirectedTechnique) {
    if way.technique == LONG_POLL.technique {
        account.up.unfinished = 0;
    }
}

#[test]
fn a_technique_without_a_prediction_is_skipped_by_its_name() {
    let mut techniques = registry::slugs();
    techniques.retain(|slug| {
        let is_compared = *slug == SocketIo::TECHNIQUE || DOWN.iter().any(|way| way.technique == *slug);
        let found = is_compared.then_some(()).ok_or_else(|| format!("{slug} has no byte prediction"));
        test_support::require("predictions", found).is_some()
    });
    assert_eq!(
        techniques.len(),
        DOWN.len() + 1,
        "every prediction is for a registered technique: {techniques:?}"
    );
}

#[test]
fn an_event_costs_what_theory_says() {
    for way in DOWN {
        for payload in PAYLOADS {
            let mut found = FixedExchange::down(way.technique, payload as usize).run();
            take_the_next_poll(&mut found.account, way);
            let predicted = way.predicted(&PredictionInput::one(payload), found.address).total(1);
            assert_exact(&found.account, predicted, way, &format!("a payload of {payload}"));
        }
    }
}

#[test]
fn heads_of_every_profile_cost_what_theory_says() {
    for way in DOWN {
        for profile in [HeaderProfile::Browser, HeaderProfile::BrowserSession] {
            let mut found =
                FixedExchange { headers: profile, ..FixedExchange::down(way.technique, 100) }.run();
            take_the_next_poll(&mut found.account, way);
            let asked = PredictionInput { profile, ..PredictionInput::one(100) };
            let predicted = way.predicted(&asked, found.address).total(1);
            assert_exact(&found.account, predicted, way, &format!("{profile:?}"));
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
        let mut found = FixedExchange { published, done, ..FixedExchange::down(way.technique, 33) }.run();
        take_the_next_poll(&mut found.account, way);
        let asked = PredictionInput { batch: EVENTS, ..PredictionInput::one(33) };
        let predicted = way.predicted(&asked, found.address).total(1);
        assert_exact(&found.account, predicted, way, "a batch");
    }
}

#[test]
fn a_message_costs_what_theory_says() {
    let is_sent = |found: &Snapshot| found.account.up.stamp == STAMP;
    for way in [WEBSOCKET_UP, RAW_TCP_UP] {
        for payload in PAYLOADS {
            let found = FixedExchange::up(way.technique, payload as u32, is_sent).run();
            let predicted = way.predicted(&PredictionInput::one(payload), found.address).total(1);
            assert_exact(&found.account, predicted, way, &format!("a payload of {payload}"));
        }
    }
}

#[test]
fn a_posted_message_costs_what_theory_says() {
    // The poll beside it is held.
    let is_answered = |found: &Snapshot| {
        let (up, down) = (found.account.up, found.account.down);
        up.stamp == STAMP && down.response_head > 0 && up.unfinished > 0
    };
    for payload in PAYLOADS {
        let mut found = FixedExchange::up(POST.technique, payload as u32, is_answered).run();
        let held = std::mem::take(&mut found.account.up.unfinished);
        assert_eq!(held, heads::get("/events?channel=0&after=0", found.address));
        let predicted = POST.predicted(&PredictionInput::one(payload), found.address).total(1);
        assert_exact(&found.account, predicted, POST, &format!("a payload of {payload}"));
    }
}

#[test]
fn theory_names_the_layers_as_the_account_does() {
    let known: Vec<_> = Layers::default().named().map(|(label, _)| label).collect();
    for label in layer::ALL {
        assert!(known.contains(label), "{label} is no layer of the account");
    }
}

const HTTP: [DirectedTechnique; 5] = [SHORT_POLL, LONG_POLL, NDJSON, SSE, WEBSOCKET];

fn transport(http: HttpVersion, tls: bool) -> Transport {
    Transport { http, tls, ..Transport::default() }
}

/// The channel is open.
fn is_open(found: &Snapshot) -> bool {
    let Account { down, .. } = found.account;
    down.response_head + down.handshake + down.first_header_block > 0
}

fn has_one(found: &Snapshot) -> bool {
    found.counters.events == 1
}

fn has_two(found: &Snapshot) -> bool {
    found.counters.events == 2
}

/// The next poll is held.
fn has_one_and_waits(found: &Snapshot) -> bool {
    has_one(found) && found.account.up.unfinished > 0
}

fn has_two_and_waits(found: &Snapshot) -> bool {
    has_two(found) && found.account.up.unfinished > 0
}

/// A connection with one event, which is published when it is idle.
fn first(
    way: DirectedTechnique,
    profile: HeaderProfile,
    transport: &Transport,
    payload: u64,
) -> ExchangeResult {
    let payload = payload as usize;
    let exchange =
        FixedExchange { transport: transport.clone(), ..FixedExchange::down(way.technique, payload) };
    let exchange = FixedExchange { headers: profile, ..exchange };
    let exchange = match way.technique {
        // These would receive nothing first, or send nothing before the event.
        "short-polling" | "raw-tcp" => exchange,
        "long-polling" => FixedExchange { done: has_one_and_waits, ..exchange },
        _ => {
            FixedExchange { published: Vec::new(), done: is_open, then: Some((payload, has_one)), ..exchange }
        }
    };
    without_held(exchange.run())
}

/// What an event costs after a first one without payload, and what then ends the connection.
fn second(way: DirectedTechnique, transport: &Transport, payload: u64) -> (ExchangeResult, Account) {
    let (one, two): (Done, Done) = match way.technique {
        "long-polling" => (has_one_and_waits, has_two_and_waits),
        _ => (has_one, has_two),
    };
    let exchange = FixedExchange {
        done: one,
        then: Some((payload as usize, two)),
        transport: transport.clone(),
        ..FixedExchange::down(way.technique, 0)
    };
    let found = without_held(exchange.run());
    let (Account { up, down }, before) = (found.account, found.before);
    let cost = Account { up: up - before.up, down: down - before.down };
    (found, cost)
}

/// A poll that is held is not attributable yet on HTTP/1.1.
fn without_held(mut found: ExchangeResult) -> ExchangeResult {
    (found.account.up.unfinished, found.before.up.unfinished) = (0, 0);
    found
}

fn asked_of(transport: &Transport, payload: u64) -> PredictionInput {
    PredictionInput { transport: transport.clone(), ..PredictionInput::one(payload) }
}

/// With the date that the answer gave.
fn answered_like(found: &ExchangeResult, asked: PredictionInput) -> PredictionInput {
    PredictionInput { answered_at: found.date.clone().expect("every answer has a date"), ..asked }
}

/// The record of the poll that is held.
fn with_held(way: DirectedTechnique, mut predicted: Both) -> Both {
    if way.technique == LONG_POLL.technique {
        predicted.up = predicted.up.with(layer::TLS_RECORDS, tls::RECORD_OVERHEAD, Exactness::Exact);
    }
    predicted
}

/// Adds a long poll that is held at the end of its connection: it is reset without an answer.
fn with_reset(
    way: DirectedTechnique,
    asked: &PredictionInput,
    found: &ExchangeResult,
    mut predicted: Both,
) -> Both {
    if way.technique == LONG_POLL.technique {
        let next =
            PredictionInput { seq: asked.seq + 1, profile: asked.profile, ..asked_of(&asked.transport, 0) };
        let held = way.predicted(&next, found.address).steady.up;
        let bytes = held.bytes(layer::REQUEST_HEAD) + held.bytes(layer::FRAME_HEADERS);
        predicted.up = predicted.up.with(layer::CONTROL, bytes, Exactness::Exact);
    }
    predicted
}

#[test]
fn over_tls_a_connection_with_one_event_costs_what_theory_says() {
    let transport = transport(HttpVersion::Http1, true);
    for way in DOWN {
        for payload in PAYLOADS {
            let found = first(way, HeaderProfile::Minimal, &transport, payload);
            let predicted = way.predicted(&asked_of(&transport, payload), found.address).total(1);
            let predicted = with_held(way, predicted);
            let of = format!("{}, a payload of {payload}", way.technique);
            assert_equal(&found.account, &predicted.and(way.closing(&transport)), &of);
        }
    }
}

#[test]
fn over_tls_the_next_event_costs_what_theory_says() {
    let transport = transport(HttpVersion::Http1, true);
    for way in [LONG_POLL, NDJSON, SSE, WEBSOCKET, RAW_TCP] {
        for payload in PAYLOADS {
            let (found, cost) = second(way, &transport, payload);
            let asked = PredictionInput { seq: 2, ..asked_of(&transport, payload) };
            let steady = way.predicted(&asked, found.address).steady;
            assert!(steady.is_exact() || payload >= 65_535, "{steady:?}");
            let of = format!("{}, a payload of {payload}", way.technique);
            assert_equal(&cost, &steady.and(way.closing(&transport)), &of);
        }
    }
}

#[test]
fn over_tls_a_message_costs_what_theory_says() {
    let transport = transport(HttpVersion::Http1, true);
    let is_sent = |found: &Snapshot| found.account.up.stamp > 0;
    for way in [WEBSOCKET_UP, RAW_TCP_UP] {
        for payload in PAYLOADS {
            let exchange = FixedExchange::up(way.technique, payload as u32, is_sent);
            let found = FixedExchange { transport: transport.clone(), ..exchange }.run();
            let predicted = way.predicted(&asked_of(&transport, payload), found.address).total(1);
            let of = format!("{}, a payload of {payload}", way.technique);
            assert_equal(&found.account, &predicted.and(way.closing(&transport)), &of);
        }
    }
}

#[test]
fn over_http_2_a_connection_with_one_event_costs_what_theory_says() {
    for transport in [transport(HttpVersion::Http2, false), transport(HttpVersion::Http2, true)] {
        for way in HTTP {
            for payload in PAYLOADS {
                let found = first(way, HeaderProfile::Minimal, &transport, payload);
                let asked = answered_like(&found, asked_of(&transport, payload));
                let predicted = way.predicted(&asked, found.address).total(1);
                let predicted = with_reset(way, &asked, &found, predicted);
                let of = format!("{}, TLS {}, a payload of {payload}", way.technique, transport.tls);
                assert_equal(&found.account, &predicted.and(way.closing(&transport)), &of);
            }
        }
    }
}

#[test]
fn over_http_2_first_header_blocks_of_every_profile_cost_what_theory_says() {
    let transport = transport(HttpVersion::Http2, false);
    for way in HTTP {
        for profile in [HeaderProfile::Browser, HeaderProfile::BrowserSession] {
            let found = first(way, profile, &transport, 100);
            let asked = answered_like(&found, PredictionInput { profile, ..asked_of(&transport, 100) });
            let predicted = way.predicted(&asked, found.address).total(1);
            let predicted = with_reset(way, &asked, &found, predicted);
            let of = format!("{}, {profile:?}", way.technique);
            assert_equal(&found.account, &predicted.and(way.closing(&transport)), &of);
        }
    }
}

#[test]
fn over_http_2_the_next_poll_lives_on_hpacks_table() {
    let transport = transport(HttpVersion::Http2, false);
    let asked = PredictionInput { seq: 2, date: Date::Unchanged, ..asked_of(&transport, 100) };
    // A second may end between the two answers, and their dates differ then; not three times running.
    let (found, cost, steady) = (0..3)
        .map(|_| {
            let (found, cost) = second(LONG_POLL, &transport, 100);
            let steady = LONG_POLL.predicted(&asked, found.address).steady;
            (found, cost, steady)
        })
        .find(|(_, cost, steady)| cost.down.response_head == steady.down.bytes(layer::RESPONSE_HEAD))
        .expect("two answers within a second");
    assert!(steady.down.is_exact_in(layer::RESPONSE_HEAD) && steady.up.is_exact_in(layer::REQUEST_HEAD));
    let steady = with_reset(LONG_POLL, &asked, &found, steady);
    assert_equal(&cost, &steady.and(LONG_POLL.closing(&transport)), "the second poll");
}

#[test]
fn over_http_2_the_next_event_of_a_channel_costs_its_frames() {
    let transport = transport(HttpVersion::Http2, false);
    for way in [NDJSON, SSE, WEBSOCKET] {
        for payload in PAYLOADS {
            let (found, cost) = second(way, &transport, payload);
            let asked = PredictionInput { seq: 2, ..asked_of(&transport, payload) };
            let steady = way.predicted(&asked, found.address).steady;
            let of = format!("{}, a payload of {payload}", way.technique);
            assert_equal(&cost, &steady.and(way.closing(&transport)), &of);
        }
    }
}
