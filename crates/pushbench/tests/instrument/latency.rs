//! Latency that was made must be measured.

use model::settings::Settings;
use model::trial::{Quantiles, TrialOutcome};

use crate::trial::{every_technique, quiet, run, settings};

const MS: u64 = 1_000_000;

/// Histograms keep three digits, so that a value may be shown one part in a thousand lower.
fn shown(ns: u64) -> u64 {
    ns - ns / 1_000
}

fn delivery(outcome: &TrialOutcome) -> &Quantiles {
    assert_eq!((outcome.counts.lost, outcome.counts.duplicate, outcome.counts.reordered), (0, 0, 0));
    outcome.delivery.as_ref().expect("events were delivered")
}

/// 250 of 2,000 events fall due while the server stands still; the 20 that wait longest, and lie above p99, for 460 ms
/// and more. A tool that sends when the server takes it would see only those that were on their way: about eight that
/// the feed's socket holds, and a poll's worth.
#[test]
fn a_stopped_server_shows_in_delivery_p99_and_not_in_service_p99() {
    let settings = settings(
        r#"
        events = { rate = "500/s", payload = "100 B" }
        short_polling.interval = "5ms"
        phases = { warm_up = "200ms", window = "4s", drain = "10s" }
        stall = { at = "1s", for = "500ms" }
        "#,
    );
    let _turn = quiet();
    every_technique(|technique| {
        let outcome = run(technique, &settings);
        assert_eq!((outcome.counts.expected, outcome.counts.delivered), (2_000, 2_000));
        let delivery = delivery(&outcome);
        let service = outcome.service.as_ref().expect("events were delivered");
        assert!(delivery.p99_ns >= 450 * MS, "delivery {delivery:?}");
        assert!(delivery.p50_ns < 250 * MS, "most events fell due while the server ran: {delivery:?}");
        assert!(service.p99_ns < 250 * MS, "service {service:?}");
    });
}

#[test]
fn a_known_added_delay_is_reproduced() {
    let with = |delay: &str| -> Settings {
        settings(&format!(
            r#"
            events = {{ rate = "8/s", payload = "100 B" }}
            subscribers = {{ count = 2, added_delay = "{delay}" }}
            short_polling.interval = "10ms"
            phases = {{ warm_up = "200ms", window = "3s", drain = "10s" }}
            "#
        ))
    };
    let (delayed, undelayed) = (with("50ms"), with("0ms"));
    let _turn = quiet();
    every_technique(|technique| {
        let (delayed, undelayed) = (run(technique, &delayed), run(technique, &undelayed));
        let (delayed, undelayed) = (delivery(&delayed), delivery(&undelayed));
        assert!(delayed.min_ns >= shown(50 * MS), "no event is faster than its delay: {delayed:?}");
        // A short poll that is on its way back holds up the next: its delay counts once to twice.
        let most = if technique == "short-polling" { 2 * 50 * MS } else { 50 * MS };
        let added = delayed.p50_ns.saturating_sub(undelayed.p50_ns);
        assert!(added < most + 15 * MS, "{} ms were added: {undelayed:?} {delayed:?}", added / MS);
    });
}
