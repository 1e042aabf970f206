//! What `theory` predicts, compared with what byte accounting finds between our own server and our own client: equal to the byte
//! in every layer.

use loadgen::session::Snapshot;
use model::byte_account::{Account, Layers};
use model::settings::{HeaderProfile, SocketIo, Transport};
use theory::prediction::{Both, layer};

use crate::overhead::fixed_exchange::{FixedExchange, STAMP};
use crate::overhead::heads;
use crate::overhead::predictions::{
    DOWN, DirectedTechnique, LONG_POLL, PAYLOADS, POST, PredictionInput, RAW_TCP_UP, WEBSOCKET_UP,
    assert_equal,
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
        assert!(known.contains(&label), "{label} is no layer of the account");
    }
}
