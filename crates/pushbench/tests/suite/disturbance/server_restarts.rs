use model::trial::TrialResult;

use crate::disturbance::{blaming, outcomes, techniques};
use crate::sandbox::{Sandbox, busy};
use crate::techniques::registry;

/// 30 events for each of 200 subscribers, of which a restart hits some six.
const RESTARTED: &str = r#"
question = "Is everybody caught up?"
reading = "Everybody is."
repetitions = 1
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
    let sandbox = Sandbox::new();
    sandbox.scenario("restarted", RESTARTED);
    sandbox.output("run --scenario restarted --no-report").expect(0, &[]);
    let records = sandbox.records();
    let registered = registry().len();
    assert_eq!((techniques(&records), records.len()), (registered, 2 * registered));
    for (name, _, outcome) in outcomes(&records) {
        let counts = &outcome.counts;
        assert_eq!((counts.published, counts.expected), (30, 6_000), "{name}");
        assert_eq!((counts.delivered, counts.lost), (6_000, 0), "{name}");
        assert_eq!((counts.duplicate, counts.reordered), (0, 0), "{name}");
        let server_restart =
            outcome.server_restart.as_ref().unwrap_or_else(|| panic!("{name}: no server restart"));
        let (connected, whole) =
            (server_restart.connected.as_ref().unwrap(), server_restart.caught_up.as_ref().unwrap());
        assert_eq!(
            (connected.count, whole.count, server_restart.caught_up_subscribers),
            (200, 200, 200),
            "{name}"
        );
        // A histogram rounds to 0.1 %.
        assert!(
            server_restart.down_ns > 0 && connected.min_ns as f64 >= server_restart.down_ns as f64 * 0.999,
            "{name}: {server_restart:?}"
        );
        assert!(whole.max_ns >= connected.min_ns, "{name}: {server_restart:?}");
        assert!(outcome.cost.server_cpu_ns > 0 && outcome.cost.server_rss_end_bytes > 0, "{name}");
        assert!(blaming(outcome).is_empty(), "{name}: {:?}", outcome.warnings);
    }
    assert!(sandbox.descendants().is_empty());
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
    let records = sandbox.records();
    let TrialResult::Failed(failure) = &records[0].result else { panic!("{:?}", records[0].result) };
    let expected = "the server could not be started again: the server ended with exit status: 3; it said: no more of this";
    assert!(failure.reason.starts_with(expected), "{failure:?}");
    assert!(sandbox.descendants().is_empty());
}
