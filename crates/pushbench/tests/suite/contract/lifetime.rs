//! How a server ends: its lifeline is its standard input, and nobody is left without an answer.

use crate::contract::client::{Heard, all_of, heard};
use crate::contract::server::Server;
use crate::techniques::every_technique;

/// The last that a technique's subscribers hear of a server that stops.
fn farewell(technique: &str) -> Heard {
    Heard::End(match technique {
        "long-polling" => "204, then closed",
        "http-streaming-ndjson" | "http-streaming-sse" => "stream ended",
        "websocket" => "1001 going away",
        "socketio" => "engine closed",
        _ => "closed",
    })
}

#[test]
fn server_goes_at_end_of_input_and_tells_every_subscriber() {
    every_technique(|technique| {
        let mut server = Server::start(technique, &[]);
        let mut subscribers = [0, 0, 1].map(|channel| server.join(all_of(channel)));
        let mut feed = server.feed();
        feed.publish(0, "last");
        subscribers[..2].iter_mut().for_each(|subscriber| assert_eq!(subscriber.hear(), heard(1, "last")));
        for subscriber in &mut subscribers {
            subscriber.ask_and_look_away();
            server.until_taken(&**subscriber);
        }
        server.end_input();
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.hear(), farewell(technique));
        }
        assert!(server.until_gone().success());
    });
}

#[test]
fn server_goes_at_end_of_input_though_a_subscriber_does_not_listen() {
    every_technique(|technique| {
        let mut server = Server::start(technique, &[]);
        let mut deaf = server.join(all_of(0));
        deaf.ask_and_look_away();
        server.until_taken(&*deaf);
        server.end_input();
        assert!(server.until_gone().success());
    });
}

#[test]
fn server_goes_when_its_parent_is_killed() {
    every_technique(|technique| {
        let mut server = Server::start_below_a_shell(technique);
        let mut subscriber = server.join(all_of(0));
        server.feed().publish(0, "it runs");
        assert_eq!(subscriber.hear(), heard(1, "it runs"));
        server.kill_parent();
        assert!(matches!(subscriber.hear(), Heard::End(_)));
        assert!(!server.until_gone().success(), "the shell was killed");
    });
}
