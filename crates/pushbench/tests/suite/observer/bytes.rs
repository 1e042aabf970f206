//! Layers + headers = the kernel's bytes.

use model::trial::{Observed, TrialOutcome, TrialRecord};

use crate::observer::namespaces;
use crate::sandbox::{Sandbox, busy};

/// IPv4 20, TCP 20, timestamps 12 (RFC 791 §3.1, RFC 9293 §3.1, RFC 7323 §3.2).
const HEADERS: u64 = 52;
/// A SYN and its answer carry 20 bytes of options and not 12.
const SYN_SURPLUS: u64 = 8;
/// What a segment of a 1500-byte path carries beside its headers.
const SEGMENT: u64 = 1500 - HEADERS;

/// Every technique on every transport that it has.
const ALL: &str = r#"
question = "Does the account equal the kernel's?"
reading = "It does, or the difference is named."
repetitions = 1
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
question = "Does the account equal the kernel's, whatever is asked for?"
reading = "It does, or the difference is named."
repetitions = 1
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

/// The kernel's bytes are byte accounting's and the headers of the packets that carried them. Only a segment that was sent again
/// is not in the stream.
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
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("all", ALL);
    sandbox.output("run --scenario all --no-report").expect(0, &[]);
    let records = sandbox.records();
    assert_eq!(
        records.len(),
        2 * (5 * 2 + 3 + 1),
        "five techniques of HTTP on two versions, three ways of Socket.IO, and raw TCP"
    );
    for record in &records {
        adds_up(record);
        // Each segment fits a packet here. What is missing was sent when a socket had been closed: an end (FIN) and its
        // acknowledgement, both ways.
        let after = packets_after_the_end(record);
        let most = 4 * observed(record).1.connections.cast_signed();
        assert!((0..=most).contains(&after), "{}: {after} packets after the end", name(record));
    }
}

#[test]
fn compressed_messages_both_ways_and_a_connection_for_each_request_add_up_too() {
    let _turn = busy();
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("more", MORE);
    sandbox.output("run --scenario more --no-report").expect(0, &[]);
    let records = sandbox.records();
    // Socket.IO's upgrade knows neither HTTP/2 nor compression.
    assert_eq!(records.len(), 2 * 6);
    records.iter().for_each(adds_up);
    let compressed = |record: &&TrialRecord| observed(record).0.bytes.total.down.compressed > 0;
    assert_eq!(records.iter().filter(compressed).count(), 5, "all but raw TCP");
}

#[test]
fn a_large_event_is_fewer_packets_here_than_segments_of_a_1500_byte_path() {
    let _turn = busy();
    let sandbox = Sandbox::new();
    let Some(()) = namespaces::can_be_made(&sandbox) else { return };
    sandbox.scenario("large", &ALL.replace("100 B", "16 KiB").replace("[\"1.1\", \"2\"]", "[\"1.1\"]"));
    sandbox.output("run --scenario large --no-report").expect(0, &[]);
    for record in &sandbox.records() {
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
