//! A subscriber that does not read: it costs the others nothing and the server no memory, and the server reports what it missed.

use crate::contract::client::{Client, Received, all_of, every_literal, received};
use crate::contract::server::Server;
use crate::sandbox::busy;

/// Events that the server retains.
const WINDOW: u64 = 64;
/// What is published without being awaited; the others stay well within the window.
const STEP: u64 = 16;
/// 16 MiB of payload in all: more than the socket buffers of both ends take at Linux's defaults, 4 and 6 MiB.
const EVENTS: u64 = 1_024;
const PAYLOAD_BYTES: usize = 16 * 1024;
/// While the second 8 MiB are published. Half of it would show that the server keeps what is not read.
const MOST_GROWTH_BYTES: u64 = 4 << 20;

#[test]
fn slow_subscriber_does_not_delay_others() {
    let _turn = busy();
    every_literal(|technique| {
        let retained = format!("slow_consumers.retained={WINDOW}");
        let server = Server::start(technique, &["--set", "slow_consumers.share=0%", "--set", &retained]);
        let payload = "x".repeat(PAYLOAD_BYTES);
        let mut feed = server.feed();
        let mut others = [server.join(all_of(0)), server.join(all_of(0))];
        let mut slow = server.join(all_of(0));
        let mut resident = Vec::new();
        for begin in (0..EVENTS).step_by(STEP as usize) {
            (0..STEP).for_each(|_| feed.publish(0, &payload));
            slow.request_without_reading();
            // Each step is heard in full before the next: nobody waits for the one that does not read.
            for other in &mut others {
                (begin + 1..=begin + STEP)
                    .for_each(|seq| assert_eq!(other.receive(), received(seq, &payload)));
            }
            resident.push(server.resident_bytes());
        }
        expect_report(&mut *slow, &payload);
        let growth = resident[resident.len() - 1].saturating_sub(resident[resident.len() / 2]);
        assert!(growth < MOST_GROWTH_BYTES, "grew by {growth} bytes: {resident:?}");
    });
}

/// What the slow one receives when it reads at last: events without a gap, then how many it missed.
fn expect_report(slow: &mut dyn Client, payload: &str) {
    let mut last = 0;
    let missed = loop {
        match slow.receive() {
            Received::TooSlow { missed } => break missed,
            other => assert_eq!(other, received(last + 1, payload)),
        }
        last += 1;
    };
    assert!(missed > 0);
    assert!(last + missed <= EVENTS - WINDOW, "received {last}, and reportedly missed {missed}");
}
