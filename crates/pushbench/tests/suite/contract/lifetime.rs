//! How a server ends: its lifeline is its standard input, and nobody is left without an answer.

use crate::contract::client::{Received, all_of, every_literal, received};
use crate::contract::server::Server;

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
        server.end_input();
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.receive(), Received::End(technique.last_words));
        }
        assert!(server.until_gone().success());
    });
}

#[test]
fn server_ends_with_its_input_even_if_a_subscriber_does_not_read() {
    every_literal(|technique| {
        let mut server = Server::start(technique, &[]);
        let mut silent = server.join(all_of(0));
        silent.request_without_reading();
        server.until_taken(&*silent);
        server.end_input();
        assert!(server.until_gone().success());
    });
}

#[test]
fn server_ends_when_its_parent_is_killed() {
    every_literal(|technique| {
        let mut server = Server::start_below_a_shell(technique);
        let mut subscriber = server.join(all_of(0));
        server.feed().publish(0, "it runs");
        assert_eq!(subscriber.receive(), received(1, "it runs"));
        server.kill_parent();
        assert!(matches!(subscriber.receive(), Received::End(_)));
        assert!(!server.until_gone().success(), "the shell was killed");
    });
}
