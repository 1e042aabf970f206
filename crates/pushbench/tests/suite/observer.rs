//! Byte accounting against an independent observer: the kernel's loopback counters in a network namespace where nothing but the
//! trial runs, in real processes, for every technique and transport.

use std::process::Command;

use model::trial::{Observed, Side, TrialOutcome, TrialRecord};
use rustix::process::Signal;
use test_support::require;

use crate::sandbox::{CommandOutput, Sandbox, busy};

/// Whether the kernel lets one be made; otherwise why not.
pub(crate) fn probe(sandbox: &Sandbox) -> Result<(), String> {
    let output = sandbox.output("observed-trial --probe");
    let made = (output.code == Some(0)).then_some(());
    made.ok_or_else(|| format!("no network namespace can be made here: {}", output.err))
}

/// Skips or fails the test unless the kernel lets one be made.
fn can_be_made(sandbox: &Sandbox) -> Option<()> {
    require("namespaces", probe(sandbox))
}

/// IPv4 20, TCP 20, timestamps 12 (RFC 791 §3.1, RFC 9293 §3.1, RFC 7323 §3.2).
const HEADERS: u64 = 52;
/// A SYN and its answer carry 20 bytes of options and not 12.
const SYN_SURPLUS: u64 = 8;
/// What a segment of a 1500-byte path carries beside its headers.
const SEGMENT: u64 = 1500 - HEADERS;

/// Every technique on every transport that it has.
const ALL: &str = r#"
observed = true
events = { rate = "20/s", payload = "100 B" }
subscribers.count = 3
short_polling.interval = "100ms"
phases = { warm_up = "100ms", window = "300ms", drain = "10s" }
[[sweep]]
key = "transport.http"
values = ["1.1", "2"]
techniques = ["short-polling", "long-polling", "http-streaming-ndjson", "http-streaming-sse", "websocket"]
[[sweep]]
key = "socketio.transports"
values = ["polling", "upgrade", "websocket"]
techniques = ["socketio"]
[[sweep]]
key = "transport.tls"
values = [false, true]
"#;

/// What else moves bytes: messages of the subscribers, compression, greetings, and a connection for each request.
const MORE: &str = r#"
observed = true
greeting = true
events = { rate = "20/s", payload = "300 B", kind = "json" }
subscribers.count = 3
uplink = { rate = "5/s", payload = "200 B" }
http.keep_alive = false
short_polling.interval = "100ms"
phases = { warm_up = "100ms", window = "300ms", drain = "10s" }
[[sweep]]
key = "transport.compression"
values = ["none", "deflate"]
with = { "transport.http" = ["2", "1.1"], "transport.tls" = [false, true] }
"#;

fn name(record: &TrialRecord) -> String {
    format!("{} {:?}", record.key.technique, record.key.point)
}

fn observed(record: &TrialRecord) -> (&TrialOutcome, Observed) {
    let outcome = record.result.outcome().unwrap_or_else(|| panic!("{}: {:?}", name(record), record.result));
    let counts = &outcome.counts;
    assert!(counts.expected > 0, "{}: {counts:?}", name(record));
    assert_eq!((counts.lost, counts.duplicate, counts.reordered), (0, 0, 0), "{}", name(record));
    (outcome, record.observed.unwrap_or_else(|| panic!("{} was not observed", name(record))))
}

/// The kernel's bytes are byte accounting's and their packets' headers, but for segments that were sent again.
fn adds_up(record: &TrialRecord) {
    let (outcome, kernel) = observed(record);
    assert_eq!(kernel.connections, outcome.counts.connections, "{}: connections", name(record));
    let headers = HEADERS * kernel.packets + SYN_SURPLUS * 2 * kernel.connections;
    let difference = kernel.bytes.cast_signed() - (outcome.bytes.total.wire() + headers).cast_signed();
    let sent_again = (kernel.retransmitted * SEGMENT).cast_signed();
    assert!(
        (0..=sent_again).contains(&difference),
        "{}: a difference of {difference} B, {} segments sent again: {kernel:?}, {:?}",
        name(record),
        kernel.retransmitted,
        outcome.bytes.total
    );
}

/// Packets that the kernel carried beyond the segments that the sockets had counted when they were closed.
fn packets_after_the_end(record: &TrialRecord) -> i64 {
    let (outcome, kernel) = observed(record);
    let segments = &outcome.segments.total;
    kernel.packets.cast_signed() - (segments.up.segments + segments.down.segments).cast_signed()
}

#[test]
fn the_layers_of_every_technique_and_transport_add_up_to_what_the_kernel_counted() {
    let _turn = busy();
    let Some(()) = can_be_made(&Sandbox::new()) else { return };
    let records = Sandbox::ran(ALL).records();
    // Five techniques of HTTP on two versions, three ways of Socket.IO, and raw TCP.
    assert_eq!(records.len(), 2 * (5 * 2 + 3 + 1));
    for record in &records {
        adds_up(record);
        // Each segment fits a packet here. Missing are the end (FIN) of a closed socket and its acknowledgement, both ways.
        let after = packets_after_the_end(record);
        let most = 4 * observed(record).1.connections.cast_signed();
        assert!((0..=most).contains(&after), "{}: {after} packets after the end", name(record));
    }
}

#[test]
fn compressed_messages_both_ways_and_a_connection_for_each_request_add_up_too() {
    let _turn = busy();
    let Some(()) = can_be_made(&Sandbox::new()) else { return };
    let records = Sandbox::ran(MORE).records();
    // Socket.IO's upgrade knows neither HTTP/2 nor compression.
    assert_eq!(records.len(), 2 * 6);
    records.iter().for_each(adds_up);
    let compressed = |record: &&TrialRecord| observed(record).0.bytes.total.down.compressed > 0;
    assert_eq!(records.iter().filter(compressed).count(), 5, "all but raw TCP");
}

#[test]
fn a_large_event_is_fewer_packets_here_than_segments_of_a_1500_byte_path() {
    let _turn = busy();
    let Some(()) = can_be_made(&Sandbox::new()) else { return };
    let large = ALL.replace("100 B", "16 KiB").replace("[\"1.1\", \"2\"]", "[\"1.1\"]");
    for record in &Sandbox::ran(&large).records() {
        adds_up(record);
        let (outcome, kernel) = observed(record);
        let down = &outcome.segments.total.down;
        let stream = outcome.bytes.total.down.wire();
        // A message is cut into whole segments and a rest, whichever packets the kernel made of it.
        assert!(down.with_data * SEGMENT >= stream, "{}: {down:?} for {stream} B", name(record));
        assert!(
            packets_after_the_end(record) < -(outcome.counts.delivered.cast_signed()),
            "{}: {} packets as sent here, {:?} as a 1500-byte path would carry them",
            name(record),
            kernel.packets,
            outcome.segments.total
        );
    }
}

const OBSERVED: &str = r#"
observed = true
techniques = ["raw-tcp"]
events.rate = "50/s"
[phases]
warm_up = "50ms"
window = "200ms"
"#;

fn long() -> String {
    OBSERVED.replace("200ms", "40s")
}

/// A command, to be completed, where the kernel lets nobody make a network: in a user namespace with a limit of none.
fn limited() -> Command {
    let mut limited = Command::new("unshare");
    limited
        .args(["--user", "--map-root-user", "sh", "-c"])
        .arg("echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"")
        .arg("sh");
    limited
}

/// pushbench where no network can be made. Nothing where one can, but nobody may limit that.
fn without_namespaces(sandbox: &Sandbox, arguments: &str) -> Option<CommandOutput> {
    if probe(sandbox).is_err() {
        return Some(sandbox.output(arguments));
    }
    // Root may lack a user namespace that it does not need for a network.
    if !limited().arg("true").output().is_ok_and(|output| output.status.success()) {
        let missing = Err("no user namespace can be made and limited here");
        return require("user-namespaces", missing);
    }
    let pushbench = sandbox.pushbench(arguments);
    let mut limited = limited();
    limited
        .arg(pushbench.get_program())
        .args(pushbench.get_args())
        .current_dir(sandbox.path(""))
        .env("TMPDIR", sandbox.path("tmp"));
    Some(CommandOutput::run(&mut limited))
}

#[test]
fn where_no_namespace_can_be_made_a_scenario_is_skipped_by_name_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.scenario("alone", OBSERVED);
    let arguments = "run --scenario alone --scenario short --no-report";
    let Some(output) = without_namespaces(&sandbox, arguments) else { return };
    let words = "skipped: scenario alone: no network namespace can be made here (";
    output.expect(0, &[words, "run pushbench as root"]);
    let records = sandbox.records();
    assert!(records.iter().all(|record| record.key.scenario == "short"), "{records:?}");
    let manifest = sandbox.manifest();
    let skipped = sandbox.skipped("scenario alone");
    assert!(matches!(&skipped[..], [why] if why.contains("no network namespace")), "{skipped:?}");
    assert_eq!(manifest.planned_trials as usize, records.len());
}

#[test]
fn an_interrupted_or_killed_supervisor_leaves_nothing_of_an_observed_trial() {
    let Some(()) = can_be_made(&Sandbox::new()) else { return };
    for (signal, code, words) in
        [(Signal::INT, 130, "interrupted after 0 of 1 trials"), (Signal::KILL, 128 + 9, "")]
    {
        let (sandbox, running) = Sandbox::running(&long());
        sandbox.descendant("pushbench load");
        sandbox.ends_by(signal, running, code, &[words]);
    }
}

#[test]
fn an_observer_that_dies_fails_its_trial_and_the_run_goes_on() {
    let sandbox = Sandbox::new();
    let Some(()) = can_be_made(&sandbox) else { return };
    sandbox.scenario("long", &long());
    let running = sandbox.start("run --scenario long --scenario short --no-report");
    sandbox.descendant("pushbench load");
    sandbox.descendant("pushbench observed-trial").kill();
    sandbox.ends(running, 1, &["FAILED: the observer ended with signal: 9 (SIGKILL)"]);
    let records = sandbox.records();
    assert_eq!(sandbox.failure().0, Side::Supervisor);
    assert!(records.len() > 1 && records[1..].iter().all(|record| record.result.outcome().is_some()));
}

#[test]
fn faults_in_an_observed_trial_are_reported_as_in_any_other() {
    let sandbox = Sandbox::new();
    let Some(()) = can_be_made(&sandbox) else { return };
    sandbox.scenario("alone", OBSERVED);
    let program = sandbox.script("server", "echo out of memory >&2; exit 3");
    let output = sandbox.output(&format!("run --scenario alone --no-report --server-program {program}"));
    output.expect(1, &["FAILED: the server ended with exit status: 3; it said: out of memory"]);
    assert_eq!((sandbox.failure().0, sandbox.records()[0].observed), (Side::Server, None));
}
