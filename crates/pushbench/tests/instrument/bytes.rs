//! The byte account: every byte in one layer, and all of them those that crossed the sockets.

use model::byte_account::Layers;
use model::settings::Settings;
use model::trial::TrialOutcome;
use model::warning::Warning;

use crate::relay::{Life, Relay};
use crate::trial::{every_technique, quiet, run_at, settings};

const PAYLOAD_BYTES: u64 = 150;

/// The outcome of a trial through a relay, after the account was held against what the relay has carried.
fn audited(technique: &str, settings: &Settings) -> TrialOutcome {
    let mut relay = None;
    let outcome = run_at(technique, settings, |server| {
        relay.insert(Relay::start(server.ready().address, Life::Whole)).address()
    });
    let relay = relay.expect("the trial began");
    relay.until_closed();
    let bytes = &outcome.bytes;
    assert_eq!(bytes.total.up.wire(), bytes.socket_written, "layers up: {:?}", bytes.total.up);
    assert_eq!(bytes.total.down.wire(), bytes.socket_read, "layers down: {:?}", bytes.total.down);
    assert_eq!(bytes.socket_written, relay.up(), "bytes that left the load generator");
    // A subscriber ends its side first and reads to the end of the other.
    assert_eq!(bytes.socket_read, relay.down(), "bytes that reached the load generator");
    assert!(bytes.before_window.wire() + bytes.window.wire() <= bytes.total.wire());
    let add_up = |warning: &Warning| !matches!(warning, Warning::BytesDoNotAddUp { .. });
    assert!(outcome.warnings.iter().all(add_up), "{:?}", outcome.warnings);
    assert_eq!((outcome.counts.lost, outcome.counts.duplicate, outcome.counts.reordered), (0, 0, 0));
    outcome
}

/// How many whole messages the layers hold, of which each has its payload and its stamp.
fn messages(layers: &Layers, stamp_bytes: usize) -> u64 {
    let count = layers.payload / PAYLOAD_BYTES;
    assert_eq!(layers.payload, count * PAYLOAD_BYTES, "whole payloads: {layers:?}");
    assert_eq!(layers.stamp, count * stamp_bytes as u64, "a stamp each: {layers:?}");
    count
}

#[test]
fn layers_add_up_to_the_sockets_bytes_one_way() {
    let settings = settings(
        r#"
        events = { rate = "50/s", payload = "150 B" }
        subscribers = { count = 3 }
        short_polling.interval = "20ms"
        phases = { warm_up = "200ms", window = "600ms", drain = "10s" }
        "#,
    );
    let _turn = quiet();
    every_technique(|technique| {
        let outcome = audited(technique, &settings);
        let bytes = &outcome.bytes;
        // 50/s for 800 ms; the schedule's phase decides about the last.
        let sent = messages(&bytes.total.down, protocol::message::TEXT_STAMP_LEN) / 3;
        assert!((39..=41).contains(&sent), "{sent} events reached all three");
        assert_eq!(outcome.counts.delivered, 3 * 30, "50/s for 600 ms");
        assert_eq!((bytes.total.up.payload, bytes.total.up.stamp), (0, 0), "nobody sends");
    });
}

#[test]
fn layers_add_up_to_the_sockets_bytes_when_subscribers_talk_to_each_other() {
    let settings = settings(
        r#"
        greeting = true
        events = { kind = "chat" }
        subscribers = { count = 4, channels = 2 }
        uplink = { rate = "10/s", payload = "150 B", to = "channel" }
        short_polling.interval = "20ms"
        phases = { warm_up = "200ms", window = "600ms", drain = "10s" }
        "#,
    );
    let _turn = quiet();
    every_technique(|technique| {
        let outcome = audited(technique, &settings);
        let (up, down) = (&outcome.bytes.total.up, &outcome.bytes.total.down);
        let said = messages(up, protocol::message::JSON_STAMP_LEN);
        assert!(
            said >= outcome.counts.uplink_sent && outcome.counts.uplink_sent == 4 * 6,
            "{:?}",
            outcome.counts
        );
        assert_eq!(
            messages(down, protocol::message::JSON_STAMP_LEN),
            2 * said,
            "each is heard by the two in its room"
        );
        assert_eq!(outcome.counts.greetings, 4, "greetings are control bytes: {down:?}");
        assert!(down.control > 0);
    });
}

#[test]
fn layers_add_up_to_the_sockets_bytes_when_subscribers_talk_to_the_application() {
    let settings = settings(
        r#"
        events = { rate = "30/s", payload = "150 B" }
        subscribers = { count = 2 }
        uplink = { rate = "30/s", payload = "150 B", to = "application" }
        http = { headers = "minimal", keep_alive = false }
        short_polling = { interval = "20ms", empty = "not-modified" }
        websocket.frames = "binary"
        phases = { warm_up = "200ms", window = "600ms", drain = "10s" }
        "#,
    );
    let _turn = quiet();
    every_technique(|technique| {
        let outcome = audited(technique, &settings);
        let counts = &outcome.counts;
        assert!(messages(&outcome.bytes.total.up, protocol::message::TEXT_STAMP_LEN) >= counts.uplink_sent);
        assert_eq!(
            (counts.uplink_due, counts.uplink_sent, counts.uplink_received),
            (2 * 18, 2 * 18, 2 * 18),
            "30/s for 600 ms"
        );
        assert_eq!(counts.delivered, 2 * 18);
        messages(&outcome.bytes.total.down, protocol::message::TEXT_STAMP_LEN);
    });
}
