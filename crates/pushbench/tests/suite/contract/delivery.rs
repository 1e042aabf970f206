//! What reaches whom: once and in order, from where it was asked for, both ways.

use std::thread;

use crate::contract::client::{
    Client, Received, ReceivedMessage, after, all_of, every_literal, fresh, message, received,
};
use crate::contract::server::Server;

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

fn expect_end(subscriber: &mut Box<dyn Client>) {
    let heard = subscriber.receive();
    assert!(matches!(heard, Received::End(_)), "nothing is said twice: {heard:?}");
}

#[test]
fn everything_arrives_once_and_in_order() {
    const EVENTS: u64 = 400;
    every_literal(|technique| {
        let mut server = Server::start(technique, &[]);
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
        server.end_input();
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
    every_literal(|technique| {
        let server = Server::start(technique, &[]);
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
    every_literal(|technique| {
        let server = Server::start(technique, &[]);
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
