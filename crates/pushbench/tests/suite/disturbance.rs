//! What is done to a trial on purpose: its server is killed and another one takes its place, or some of its subscribers do not
//! keep up. Whole runs, for every technique; what must hold is counted, and no time is judged.

use std::collections::BTreeSet;

use model::trial::{TrialOutcome, TrialRecord};
use model::warning::Warning;

use crate::sandbox::{Sandbox, busy};
use crate::techniques::registry;

/// A trial that ran to its end, with its key.
fn outcome(record: &TrialRecord) -> (String, &TrialRecord, &TrialOutcome) {
    let TrialRecord { key, result, .. } = record;
    let point: Vec<_> = key.point.values().cloned().collect();
    let name = format!("{} {}", key.technique, point.join(" "));
    let outcome = result.outcome().unwrap_or_else(|| panic!("{name}: {result:?}"));
    (name, record, outcome)
}

fn techniques(records: &[TrialRecord]) -> usize {
    records.iter().map(|record| &record.key.technique).collect::<BTreeSet<_>>().len()
}

/// Warnings that say that somebody did something wrong, and not that the machine was busy.
fn blaming(outcome: &TrialOutcome) -> Vec<&Warning> {
    let blames = |warning: &&Warning| {
        matches!(
            warning,
            Warning::Reconnects { .. } | Warning::Disordered { .. } | Warning::BytesDoNotAddUp { .. }
        )
    };
    outcome.warnings.iter().filter(blames).collect()
}

/// 30 events for each of 200 subscribers, of which a restart hits some six.
const RESTARTED: &str = r#"
events = { rate = "20/s", payload = "100 B" }
subscribers.count = 200
short_polling.interval = "50ms"
[phases]
warm_up = "200ms"
window = "1500ms"
drain = "20s"
[restart]
at = "300ms"
[[sweep]]
key = "restart.backoff"
values = ["none", "jittered"]
"#;

#[test]
fn after_a_restart_every_subscriber_of_every_technique_has_everything_once() {
    let _turn = busy();
    let records = Sandbox::ran(RESTARTED).records();
    let registered = registry().len();
    assert_eq!((techniques(&records), records.len()), (registered, 2 * registered));
    for (name, _, outcome) in records.iter().map(outcome) {
        let counts = &outcome.counts;
        assert_eq!((counts.published, counts.expected), (30, 6_000), "{name}");
        assert_eq!((counts.delivered, counts.lost), (6_000, 0), "{name}");
        assert_eq!((counts.duplicate, counts.reordered), (0, 0), "{name}");
        let restart = outcome.server_restart.as_ref().unwrap_or_else(|| panic!("{name}: no server restart"));
        let (connected, whole) = (restart.connected.as_ref().unwrap(), restart.caught_up.as_ref().unwrap());
        assert_eq!([connected.count, whole.count, restart.caught_up_subscribers], [200; 3], "{name}");
        // A histogram rounds to 0.1 %.
        let is_after = connected.min_ns as f64 >= restart.down_ns as f64 * 0.999;
        assert!(restart.down_ns > 0 && is_after, "{name}: {restart:?}");
        assert!(whole.max_ns >= connected.min_ns, "{name}: {restart:?}");
        assert!(outcome.cost.server_cpu_ns > 0 && outcome.cost.server_rss_end_bytes > 0, "{name}");
        assert!(blaming(outcome).is_empty(), "{name}: {:?}", outcome.warnings);
    }
}

#[test]
fn a_server_that_cannot_be_started_again_is_quoted() {
    let sandbox = Sandbox::new();
    sandbox.scenario("restarted", RESTARTED);
    let own = env!("CARGO_BIN_EXE_pushbench");
    let mark = sandbox.path("was-here").display().to_string();
    let once =
        format!("[ -e {mark} ] && {{ echo no more of this >&2; exit 3; }}; : > {mark}; exec {own} \"$@\"");
    let program = sandbox.script("once", &once);
    let arguments =
        format!("run --scenario restarted --technique raw-tcp --no-report --server-program {program}");
    sandbox.output(&arguments).expect(1, &[]);
    let (_, reason) = sandbox.failure();
    let expected = "the server could not be started again: the server ended with exit status: 3; it said: no more of this";
    assert!(reason.starts_with(expected), "{reason}");
    assert!(sandbox.descendants().is_empty());
}

/// 160 events of 8 KiB for 40 subscribers, two of them slow consumers: 1.3 MB each, ten times the kernel's buffers.
const SLOW: &str = r#"
events = { rate = "40/s", payload = "8 KiB" }
subscribers.count = 40
short_polling.interval = "100ms"
[phases]
warm_up = "200ms"
window = "4s"
drain = "20s"
[slow_consumers]
share = "5%"
idle_timeout = "500ms"
retained = 40
[[sweep]]
key = "slow_consumers.reads"
values = ["never", "32 KiB/s"]
"#;

/// Those that a server keeps sending to, whether they read or not.
const PUSHED: [&str; 5] = ["http-streaming-ndjson", "http-streaming-sse", "websocket", "socketio", "raw-tcp"];

#[test]
fn beside_slow_consumers_everybody_else_has_everything_and_they_are_cut_off() {
    let _turn = busy();
    let records = Sandbox::ran(SLOW).records();
    let registered = registry().len();
    assert_eq!((techniques(&records), records.len()), (registered, 2 * registered));
    for (name, record, outcome) in records.iter().map(outcome) {
        let counts = &outcome.counts;
        assert_eq!((counts.expected, counts.delivered, counts.lost), (160 * 38, 160 * 38, 0), "{name}");
        assert_eq!((counts.duplicate, counts.reordered, counts.reconnects), (0, 0, 0), "{name}");
        assert_eq!(outcome.delivery.as_ref().map(|delivery| delivery.count), Some(160 * 38), "{name}");
        let slow = outcome.slow_consumers.as_ref().unwrap_or_else(|| panic!("{name}: no slow consumers"));
        assert_eq!(slow.subscribers, 2, "{name}");
        assert!(slow.delivered < 2 * 160, "{name}: {slow:?}");
        let cut_off = slow.cut_off_after.as_ref().map_or(0, |after| after.count);
        assert_eq!(slow.cut_off, cut_off, "{name}");
        let never_reads =
            record.settings.slow_consumers.as_ref().is_some_and(|all| all.reads_bytes_per_s == 0);
        if never_reads && PUSHED.contains(&record.key.technique.as_str()) {
            assert_eq!(slow.cut_off, 2, "{name}: {slow:?}");
        }
        assert!(blaming(outcome).is_empty(), "{name}: {:?}", outcome.warnings);
    }
}
