//! What `theory` predicts, compared with what byte accounting finds between our own server and our own client: equal to the byte
//! in every layer.
//!
//! Over TLS and over HTTP/2: equal to the byte where the prediction is exact, and no less elsewhere. The first exchange is a whole
//! connection. A steady one is counted between a first event and the end of a connection that carried a second.

use std::net::SocketAddr;

use loadgen::session::Snapshot;
use model::byte_account::{Account, Layers};
use model::settings::{HeaderProfile, HttpVersion, SocketIo, Transport};
use theory::case::Date;
use theory::prediction::{Both, Exactness, layer};
use theory::tls;

use super::fixed_exchange::{
    Done, ExchangeResult, FixedExchange, has_one, has_one_and_waits, is_posted, is_sent,
};
use super::heads;
use super::predictions::{
    DOWN, DirectedTechnique, LONG_POLL, NDJSON, PAYLOADS, POST, PredictionInput, RAW_TCP, RAW_TCP_UP, SSE,
    WEBSOCKET, WEBSOCKET_UP, assert_equal, each,
};
use crate::registry;

/// Those that speak HTTP.
const OF_HTTP: &[DirectedTechnique] = DOWN.split_at(5).0;

/// An exchange on HTTP/1.1 costs what theory predicts, which leaves nothing open.
#[track_caller]
fn assert_exact(mut found: ExchangeResult, way: DirectedTechnique, asked: &PredictionInput) {
    if way.technique == LONG_POLL.technique {
        // The poll that waits for the next event, if it was sent before the trial ended.
        found.account.up.unfinished = 0;
    }
    let predicted = way.predicted(asked, found.address).total(1);
    let of = format!("{}, {asked:?}", way.technique);
    assert!(predicted.is_exact(), "{of}: {predicted:?}");
    assert_equal(&found.account, &predicted.and(way.closing(&asked.transport)), &of);
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
    for (way, payload) in each(&DOWN, &PAYLOADS) {
        let found = FixedExchange::down(way.technique, payload as usize).run();
        assert_exact(found, way, &PredictionInput::one(payload));
    }
}

#[test]
fn heads_of_every_profile_cost_what_theory_says() {
    for (way, profile) in each(&DOWN, &[HeaderProfile::Browser, HeaderProfile::BrowserSession]) {
        let found = FixedExchange { headers: profile, ..FixedExchange::down(way.technique, 100) }.run();
        assert_exact(found, way, &PredictionInput { profile, ..PredictionInput::one(100) });
    }
}

#[test]
fn a_batch_costs_what_theory_says() {
    // From the ninth to the tenth, an SSE id grows.
    const EVENTS: u64 = 12;
    let done = |found: &Snapshot| found.counters.events == EVENTS;
    for way in DOWN {
        let published = vec![33; EVENTS as usize];
        let found = FixedExchange { published, done, ..FixedExchange::down(way.technique, 33) }.run();
        assert_exact(found, way, &PredictionInput { batch: EVENTS, ..PredictionInput::one(33) });
    }
}

#[test]
fn a_message_costs_what_theory_says() {
    for (way, payload) in each(&[WEBSOCKET_UP, RAW_TCP_UP, POST], &PAYLOADS) {
        let is_post = way.technique == POST.technique;
        let done: Done = if is_post { is_posted } else { is_sent };
        let found = FixedExchange::up(way.technique, payload as u32, done).run();
        if is_post {
            // The poll beside it is held.
            let held = found.account.up.unfinished;
            assert_eq!(held, heads::get("/events?channel=0&after=0", found.address));
        }
        assert_exact(found, way, &PredictionInput::one(payload));
    }
}

#[test]
fn theory_names_the_layers_as_the_account_does() {
    let known: Vec<_> = Layers::default().named().map(|(label, _)| label).collect();
    for label in layer::ALL {
        assert!(known.contains(label), "{label} is no layer of the account");
    }
}

fn transport(http: HttpVersion, tls: bool) -> Transport {
    Transport { http, tls, ..Transport::default() }
}

/// The channel is open.
fn is_open(found: &Snapshot) -> bool {
    let Account { down, .. } = found.account;
    down.response_head + down.handshake + down.first_header_block > 0
}

fn has_two(found: &Snapshot) -> bool {
    found.counters.events == 2
}

fn has_two_and_waits(found: &Snapshot) -> bool {
    has_two(found) && found.account.up.unfinished > 0
}

/// A connection with one event, which is published when it is idle.
fn first(way: DirectedTechnique, asked: &PredictionInput) -> ExchangeResult {
    let (payload, transport) = (asked.payload as usize, asked.transport.clone());
    let down = FixedExchange::down(way.technique, payload);
    let exchange = FixedExchange { transport, headers: asked.profile, ..down };
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

/// Adds the long poll that is held at the end of its connection: on HTTP/1.1 the record that carries it, on HTTP/2 all of it,
/// since it is reset without an answer.
fn with_held(way: DirectedTechnique, asked: &PredictionInput, at: SocketAddr, mut predicted: Both) -> Both {
    if way.technique != LONG_POLL.technique {
        return predicted;
    }
    let next =
        PredictionInput { seq: asked.seq + 1, profile: asked.profile, ..asked_of(&asked.transport, 0) };
    let held = way.predicted(&next, at).steady.up;
    let (layer, bytes) = match asked.transport.http {
        HttpVersion::Http1 => (layer::TLS_RECORDS, tls::RECORD_OVERHEAD),
        HttpVersion::Http2 => {
            (layer::CONTROL, held.bytes(layer::REQUEST_HEAD) + held.bytes(layer::FRAME_HEADERS))
        }
    };
    predicted.up = predicted.up.with(layer, bytes, Exactness::Exact);
    predicted
}

/// A whole connection over TLS or HTTP/2 with one event costs what theory predicts, as far as it is exact.
#[track_caller]
fn assert_first(way: DirectedTechnique, mut asked: PredictionInput) {
    let found = first(way, &asked);
    if asked.transport.http == HttpVersion::Http2 {
        asked.answered_at = found.date.clone().expect("every answer has a date");
    }
    let predicted = way.predicted(&asked, found.address).total(1);
    let predicted = with_held(way, &asked, found.address, predicted);
    let of = format!("{}, {asked:?}", way.technique);
    assert_equal(&found.account, &predicted.and(way.closing(&asked.transport)), &of);
}

#[test]
fn over_tls_and_http_2_a_connection_with_one_event_costs_what_theory_says() {
    for (http, tls, ways) in [
        (HttpVersion::Http1, true, &DOWN[..]),
        (HttpVersion::Http2, false, OF_HTTP),
        (HttpVersion::Http2, true, OF_HTTP),
    ] {
        for (way, payload) in each(ways, &PAYLOADS) {
            assert_first(way, asked_of(&transport(http, tls), payload));
        }
    }
}

#[test]
fn over_http_2_first_header_blocks_of_every_profile_cost_what_theory_says() {
    let transport = transport(HttpVersion::Http2, false);
    for (way, profile) in each(OF_HTTP, &[HeaderProfile::Browser, HeaderProfile::BrowserSession]) {
        assert_first(way, PredictionInput { profile, ..asked_of(&transport, 100) });
    }
}

#[test]
fn over_tls_and_http_2_the_next_event_costs_what_theory_says() {
    for (transport, ways) in [
        (transport(HttpVersion::Http1, true), &[LONG_POLL, NDJSON, SSE, WEBSOCKET, RAW_TCP][..]),
        (transport(HttpVersion::Http2, false), &[NDJSON, SSE, WEBSOCKET]),
    ] {
        for (way, payload) in each(ways, &PAYLOADS) {
            let (found, cost) = second(way, &transport, payload);
            let asked = PredictionInput { seq: 2, ..asked_of(&transport, payload) };
            let steady = way.predicted(&asked, found.address).steady;
            assert!(!transport.tls || steady.is_exact() || payload >= 65_535, "{steady:?}");
            let of = format!("{}, {asked:?}", way.technique);
            assert_equal(&cost, &steady.and(way.closing(&transport)), &of);
        }
    }
}

#[test]
fn over_tls_a_message_costs_what_theory_says() {
    let transport = transport(HttpVersion::Http1, true);
    for (way, payload) in each(&[WEBSOCKET_UP, RAW_TCP_UP], &PAYLOADS) {
        let exchange = FixedExchange::up(way.technique, payload as u32, is_sent);
        let found = FixedExchange { transport: transport.clone(), ..exchange }.run();
        let predicted = way.predicted(&asked_of(&transport, payload), found.address).total(1);
        let of = format!("{}, a payload of {payload}", way.technique);
        assert_equal(&found.account, &predicted.and(way.closing(&transport)), &of);
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
    let steady = with_held(LONG_POLL, &asked, found.address, steady);
    assert_equal(&cost, &steady.and(LONG_POLL.closing(&transport)), "the second poll");
}
