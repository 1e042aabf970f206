//! Proxies between load generator and server, in real processes: every technique through every proxy's configuration `fixed`, and what a
//! proxy with its own settings refuses, as a result.

use model::trial::{Side, TrialResult};
use test_support::require;

use crate::sandbox::Sandbox;
use crate::targets::{no_process_is_left, with_targets};

const SHORT: &str = r#"
greeting = true
events.rate = "10/s"
subscribers.count = 2
short_polling.interval = "50ms"
[phases]
warm_up = "100ms"
window = "500ms"
"#;

/// A run of these techniques through this proxy; none where it is not installed and not required.
fn through(proxy: &str, techniques: &str) -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    with_targets(&sandbox);
    let keys = format!("through = \"{proxy}\"\ntechniques = [{techniques}]\n");
    sandbox.scenario("through", &(keys + SHORT));
    let output = sandbox.output("run --scenario through --no-report");
    if let Some(line) = output.err.lines().find(|line| line.contains("is missing; install")) {
        require::<()>("proxies", Err(line));
        return None;
    }
    output.expect(0, &[]);
    no_process_is_left(&sandbox);
    Some(sandbox)
}

fn passes_everything_on(proxy: &str) {
    let all = r#""short-polling", "long-polling", "http-streaming-ndjson", "http-streaming-sse", "websocket", "socketio""#;
    let Some(sandbox) = through(proxy, all) else { return };
    let records = sandbox.records();
    assert_eq!(records.len(), 6);
    for record in records {
        let TrialResult::Complete(outcome) = &record.result else { panic!("{record:?}") };
        assert_eq!((outcome.counts.delivered, outcome.counts.reconnects), (10, 0), "{:?}", record.key);
        assert!(outcome.cost.proxy_cpu_ns > 0 && outcome.cost.server_cpu_ns > 0, "{:?}", outcome.cost);
    }
}

macro_rules! fixed {
    ($($test:ident: $proxy:literal;)+) => {
        $(#[test]
        fn $test() {
            passes_everything_on(concat!($proxy, "-fixed"));
        })+
    };
}

fixed! {
    nginx_with_its_settings_changed_passes_every_technique_on: "nginx";
    haproxy_with_its_settings_changed_passes_every_technique_on: "haproxy";
    caddy_with_its_settings_changed_passes_every_technique_on: "caddy";
    varnish_with_its_settings_changed_passes_every_technique_on: "varnish";
    apache_with_its_settings_changed_passes_every_technique_on: "apache2";
}

#[test]
fn a_technique_that_a_proxy_refuses_is_a_result_and_no_failed_run() {
    let Some(sandbox) = through("nginx", r#""websocket""#) else { return };
    let (side, reason) = sandbox.failure();
    assert_eq!(side, Side::Proxy, "{reason}");
    assert!(reason.contains("426"), "{reason}");
}
