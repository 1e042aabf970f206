//! What reaches whom: once and in order, from where it was asked for, both ways. How a server ends, so that every subscriber gets an answer. And
//! a subscriber that does not read: it costs the others nothing and the server no memory, and the server reports what it missed.

use std::thread;

use test_support::server::message;

use super::client::{
    Client, Literal, Received, ReceivedMessage, after, all_of, every_literal, fresh, received,
};
use super::server::Server;
use crate::sandbox::busy;

/// Payload sizes on both sides of the borders of framing: WebSocket's lengths, chunk sizes, buffers of 4 and 16 KiB.
const PADDING: [usize; 8] = [0, 1, 60, 90, 300, 4_000, 17_000, 33_000];

fn payload(channel: u32, seq: u64) -> String {
    format!("{channel}/{seq}/{}", "x".repeat(PADDING[seq as usize % PADDING.len()]))
}

fn expect(subscriber: &mut Box<dyn Client>, channel: u32, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        assert_eq!(subscriber.receive(), received(seq, &payload(channel, seq)));
    }
}

/// What holds for our own way of sending, and for the libraries'.
fn every_implementation(check: impl Fn(&'static Literal, &str) + Sync) {
    every_literal(|technique| {
        for implementation in ["implementation=lean", "implementation=library"] {
            check(technique, implementation);
        }
    });
}

fn expect_end(subscriber: &mut Box<dyn Client>) {
    let heard = subscriber.receive();
    assert!(matches!(heard, Received::End(_)), "nothing is said twice: {heard:?}");
}

#[test]
fn everything_arrives_once_and_in_order() {
    const EVENTS: u64 = 400;
    every_implementation(|technique, implementation| {
        let mut server = Server::start(technique, &["--set", implementation]);
        let mut subscribers = [0, 1, 0].map(|channel| (channel, server.join(all_of(channel))));
        let mut feed = server.feed();
        thread::scope(|scope| {
            scope.spawn(|| {
                for seq in 1..=EVENTS {
                    feed.publish(0, &payload(0, seq));
                    feed.publish(1, &payload(1, seq));
                }
            });
            subscribers.iter_mut().for_each(|(channel, subscriber)| expect(subscriber, *channel, 1..=EVENTS));
        });
        server.process.end_input();
        subscribers.iter_mut().for_each(|(_, subscriber)| expect_end(subscriber));
    });
}

#[test]
fn late_joiner_gets_the_replay_window() {
    every_literal(|technique| {
        let server = Server::start(
            technique,
            &["--set", "slow_consumers.share=0%", "--set", "slow_consumers.retained=100"],
        );
        let mut early = server.join(all_of(0));
        let mut feed = server.feed();
        // In steps that fit the window, so that the early one does not fall out of it.
        for seqs in [1..=80, 81..=160, 161..=240] {
            seqs.clone().for_each(|seq| feed.publish(0, &payload(0, seq)));
            expect(&mut early, 0, seqs);
        }
        let mut late = server.join(all_of(0));
        expect(&mut late, 0, 141..=240);
        feed.publish(0, &payload(0, 241));
        expect(&mut late, 0, [241]);
        expect(&mut early, 0, [241]);
    });
}

#[test]
fn fresh_subscriber_is_greeted_first_and_gets_only_what_is_new() {
    every_literal(|technique| {
        let server = Server::start(technique, &["--set", "greeting=true"]);
        let mut early = server.join(all_of(0));
        let mut feed = server.feed();
        (1..=3).for_each(|seq| feed.publish(0, &payload(0, seq)));
        expect(&mut early, 0, 1..=3);

        let mut subscriber = server.join(fresh(0));
        let Received::Message(greeting) = subscriber.receive() else { panic!("no greeting") };
        assert!(greeting.stamp.is_greeting(), "{greeting:?}");
        assert_eq!(greeting.stamp.seq, 3);
        assert!(greeting.payload.starts_with(r#"{"content":"welcome","timestamp":"#), "{greeting:?}");

        feed.publish(0, &payload(0, 4));
        expect(&mut subscriber, 0, [4]);
        expect(&mut early, 0, [4]);
    });
}

#[test]
fn reconnect_resumes_without_gap_or_duplicate() {
    const EVENTS: u64 = 300;
    every_implementation(|technique, implementation| {
        let server = Server::start(technique, &["--set", implementation]);
        let mut feed = server.feed();
        thread::scope(|scope| {
            scope.spawn(|| (1..=EVENTS).for_each(|seq| feed.publish(0, &payload(0, seq))));
            let mut position = 0;
            while position < EVENTS {
                let mut subscriber = server.join(after(0, position));
                let until = EVENTS.min(position + 7);
                expect(&mut subscriber, 0, position + 1..=until);
                position = until;
            }
        });
    });
}

#[test]
fn what_a_subscriber_sends_reaches_every_subscriber_of_its_channel() {
    const EACH: usize = 20;
    every_implementation(|technique, implementation| {
        let server = Server::start(technique, &["--set", implementation]);
        let mut room = ["anna", "bert"].map(|name| (name, server.join(all_of(0))));
        let mut elsewhere = server.join(all_of(1));
        for number in 0..EACH {
            room.iter_mut().for_each(|(name, member)| member.send(&message(&format!("{name} {number:02}"))));
        }
        let [first, second] = room.each_mut().map(|(_, member)| receive_messages(member, 2 * EACH));
        assert_eq!(first, second, "both hear the same, in the same order");
        assert!(first.iter().zip(1..).all(|(said, seq)| said.stamp.seq == seq), "{first:?}");
        for (name, _) in &room {
            let theirs: Vec<_> = first.iter().filter(|said| said.payload.starts_with(name)).collect();
            assert_eq!(theirs.len(), EACH, "all that {name} said");
            assert!(
                theirs.is_sorted_by_key(|said| &said.payload),
                "in the order in which it was said: {theirs:?}"
            );
        }
        elsewhere.send(&message("alone"));
        assert_eq!(elsewhere.receive(), received(1, "alone"));
    });
}

#[test]
fn what_a_subscriber_sends_to_the_application_reaches_only_the_application() {
    every_literal(|technique| {
        let server =
            Server::start(technique, &["--set", "uplink.rate=1/s", "--set", "uplink.to=application"]);
        let mut subscriber = server.join(all_of(2));
        let mut feed = server.feed();
        // Once it is heard, the server has taken the feed's connection, too.
        feed.publish(2, "ready");
        assert_eq!(subscriber.receive(), received(1, "ready"));
        for number in 0..20 {
            subscriber.send(&message(&format!("move {number}")));
        }
        for number in 0..20 {
            let (channel, said) = feed.take();
            assert_eq!((channel, Received::Message(said)), (2, received(0, &format!("move {number}"))));
        }
        feed.publish(2, "next");
        assert_eq!(subscriber.receive(), received(2, "next"));
    });
}

fn receive_messages(subscriber: &mut Box<dyn Client>, count: usize) -> Vec<ReceivedMessage> {
    let message = |_| match subscriber.receive() {
        Received::Message(said) => said,
        other => panic!("{other:?} instead of a message"),
    };
    (0..count).map(message).collect()
}

#[test]
fn server_ends_with_its_input_and_informs_every_subscriber() {
    every_literal(|technique| {
        let mut server = Server::start(technique, &[]);
        let mut subscribers = [0, 0, 1].map(|channel| server.join(all_of(channel)));
        let mut feed = server.feed();
        feed.publish(0, "last");
        subscribers[..2]
            .iter_mut()
            .for_each(|subscriber| assert_eq!(subscriber.receive(), received(1, "last")));
        for subscriber in &mut subscribers {
            subscriber.request_without_reading();
            server.until_taken(&**subscriber);
        }
        server.process.end_input();
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.receive(), Received::End(technique.last_words));
        }
        assert!(server.process.until_gone().success());
    });
}

#[test]
fn server_ends_with_its_input_even_if_a_subscriber_does_not_read() {
    every_literal(|technique| {
        let mut server = Server::start(technique, &[]);
        let mut silent = server.join(all_of(0));
        silent.request_without_reading();
        server.until_taken(&*silent);
        server.process.end_input();
        assert!(server.process.until_gone().success());
    });
}

#[test]
fn server_ends_when_its_parent_is_killed() {
    every_literal(|technique| {
        let mut server = Server::start_below_a_shell(technique);
        let mut subscriber = server.join(all_of(0));
        server.feed().publish(0, "it runs");
        assert_eq!(subscriber.receive(), received(1, "it runs"));
        server.process.kill_parent();
        assert!(matches!(subscriber.receive(), Received::End(_)));
        assert!(!server.process.until_gone().success(), "the shell was killed");
    });
}

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
