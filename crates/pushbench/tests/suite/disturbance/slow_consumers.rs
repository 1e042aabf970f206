use crate::disturbance::{blaming, outcomes, techniques};
use crate::sandbox::{Sandbox, busy};
use crate::techniques::registry;

/// 160 events of 8 KiB for each of 40 subscribers, two of which are slow consumers: 1.3 MB each, of which the kernel's buffers
/// hold a tenth.
const SLOW: &str = r#"
question = "Does everybody else notice?"
reading = "Nobody does."
repetitions = 1
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
    let sandbox = Sandbox::new();
    sandbox.scenario("slow", SLOW);
    sandbox.output("run --scenario slow --no-report").expect(0, &[]);
    let records = sandbox.records();
    let registered = registry().len();
    assert_eq!((techniques(&records), records.len()), (registered, 2 * registered));
    for (name, record, outcome) in outcomes(&records) {
        let counts = &outcome.counts;
        assert_eq!((counts.expected, counts.delivered, counts.lost), (160 * 38, 160 * 38, 0), "{name}");
        assert_eq!((counts.duplicate, counts.reordered, counts.reconnects), (0, 0, 0), "{name}");
        assert_eq!(outcome.delivery.as_ref().map(|delivery| delivery.count), Some(160 * 38), "{name}");
        let slow_consumers =
            outcome.slow_consumers.as_ref().unwrap_or_else(|| panic!("{name}: no slow consumers"));
        assert_eq!(slow_consumers.subscribers, 2, "{name}");
        assert!(slow_consumers.delivered < 2 * 160, "{name}: {slow_consumers:?}");
        let cut_off = slow_consumers.cut_off_after.as_ref().map_or(0, |after| after.count);
        assert_eq!(slow_consumers.cut_off, cut_off, "{name}");
        let never_reads =
            record.settings.slow_consumers.as_ref().is_some_and(|all| all.reads_bytes_per_s == 0);
        if never_reads && PUSHED.contains(&record.key.technique.as_str()) {
            assert_eq!(slow_consumers.cut_off, 2, "{name}: {slow_consumers:?}");
        }
        assert!(blaming(outcome).is_empty(), "{name}: {:?}", outcome.warnings);
    }
    assert!(sandbox.descendants().is_empty());
}
