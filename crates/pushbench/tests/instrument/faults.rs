//! Faults in a trial are survived, or reported with their reason.

use std::time::Instant;

use model::settings::Settings;
use model::warning::Warning;

use crate::relay::{Life, Relay};
use crate::server_process::{LONGEST, until};
use crate::trial::{Load, every_technique, quiet, run_at, serve, settings};

/// A trial that nobody awaits the end of.
fn endless(more: &str) -> Settings {
    settings(&format!(
        r#"
        events = {{ rate = "50/s", payload = "100 B" }}
        subscribers = {{ count = 2 }}
        short_polling.interval = "20ms"
        phases = {{ warm_up = "100ms", window = "5min", drain = "10s" }}
        {more}
        "#
    ))
}

#[test]
fn cut_connections_are_resumed_without_gap_or_duplicate() {
    let settings = settings(
        r#"
        events = { rate = "100/s", payload = "100 B" }
        subscribers = { count = 2 }
        short_polling.interval = "20ms"
        phases = { warm_up = "200ms", window = "1500ms", drain = "10s" }
        "#,
    );
    let _turn = quiet();
    every_technique(|technique| {
        let mut relay = None;
        let outcome = run_at(technique, &settings, |server| {
            // Some twenty events, and in the middle of one.
            relay.insert(Relay::start(server.ready().address, Life::Cut(4_001))).address()
        });
        let cuts = relay.expect("the trial began").cuts();
        let counts = &outcome.counts;
        assert_eq!((counts.expected, counts.delivered), (300, 300));
        assert_eq!((counts.lost, counts.duplicate, counts.reordered), (0, 0, 0));
        assert!(counts.reconnects >= 4 && counts.reconnects <= cuts, "{} of {cuts}", counts.reconnects);
        let reported = |warning: &Warning| *warning == Warning::Reconnects { count: counts.reconnects };
        assert!(outcome.warnings.iter().any(reported), "{:?}", outcome.warnings);
    });
}

#[test]
fn a_server_that_dies_ends_the_trial_with_the_reason() {
    let settings = endless("");
    every_technique(|technique| {
        let mut server = serve(technique, &settings);
        let relay = Relay::start(server.ready().address, Life::Whole);
        let load = Load::start(&server, relay.address(), &settings);
        relay.until_down(10_000);
        let begun = Instant::now();
        server.kill_parent();
        let output = load.finish();
        assert!(begun.elapsed() < LONGEST, "the trial went on for {:?}", begun.elapsed());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        let reason = format!("the server (process {}) ended during the trial", server.ready().pid);
        assert!(said.contains(&reason), "{said}");
    });
}

#[test]
fn a_server_that_does_not_restart_is_reported_in_bounded_time() {
    let settings = endless("restart.at = \"100ms\"");
    let server = serve("websocket", &settings);
    let begun = Instant::now();
    let output = Load::start(&server, server.ready().address, &settings).finish();
    // It is given 10 s.
    assert!(begun.elapsed() < 2 * LONGEST, "the trial went on for {:?}", begun.elapsed());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(said.contains("no other server has come: not within 10 s; nobody serves the feed"), "{said}");
}

#[test]
fn a_load_generator_without_a_supervisor_ends_and_leaves_no_server_stopped() {
    let settings = endless(r#"stall = { at = "0ms", for = "4min" }"#);
    every_technique(|technique| {
        let mut server = serve(technique, &settings);
        let load = Load::start(&server, server.ready().address, &settings);
        until("the server stands still", || os::is_stopped(server.ready().pid));
        load.end_input();
        server.end_input();
        assert!(server.until_gone().success());
    });
}
