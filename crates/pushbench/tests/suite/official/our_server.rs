//! The official clients against our server, by each transport: both directions, acknowledgements, attachments, heartbeats,
//! rejections, reconnects, and the end of the server.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use protocol::frame::encode_feed;
use serde_json::{Value, json};
use test_support::server::numbered;
use tokio::time::timeout;

use super::Script;
use crate::server_process::ServerProcess;

const LONGEST: Duration = Duration::from_secs(60);
const SUITES: [&str; 2] = ["--application", "protocol-tests"];

/// A server of ours and an official client.
struct Rig {
    server: ServerProcess,
    feed: UnixStream,
    client: Script,
}

impl Rig {
    fn new(which: &str, way: &str, flags: &[&str]) -> Self {
        let server = ServerProcess::start_directly("socketio", flags);
        let ready = server.ready();
        let feed = UnixStream::connect(server.feed()).unwrap();
        let authority = ready.certificate.as_deref().map(pem);
        let (scheme, host) = if authority.is_some() { ("https", "localhost") } else { ("http", "127.0.0.1") };
        let address = format!("{scheme}://{host}:{}", ready.address.port());
        let client = Script::run("client.mjs", &[which, &address, way], authority.as_deref());
        Self { server, feed, client }
    }

    /// A client that has joined, by the final transport.
    async fn joined(way: &str, flags: &[&str]) -> Self {
        let mut rig = Self::new("socket.io", way, flags);
        rig.join("/", &json!({"channel": 0})).await;
        rig.next("joined").await;
        rig
    }

    async fn join(&mut self, namespace: &str, auth: &Value) {
        self.client.send(&json!({"join": {"namespace": namespace, "auth": auth}})).await;
    }

    async fn next(&mut self, key: &str) -> Value {
        timeout(LONGEST, self.client.next(key)).await.unwrap_or_else(|_| panic!("no event with {key}"))
    }

    /// The session begins with the transport of this way, and goes over to the other; whether it does.
    async fn expect_opened(&mut self, way: &str) -> bool {
        let is_upgraded = way == "upgrade";
        assert_eq!(self.next("opened").await, if is_upgraded { "polling" } else { way });
        if is_upgraded {
            assert_eq!(self.next("upgraded").await, "websocket");
        }
        is_upgraded
    }

    fn publish(&mut self, payload: &str) {
        self.feed.write_all(&encode_feed(0, numbered(0, payload).as_bytes())).unwrap();
    }

    async fn expect_message(&mut self, seq: u64, payload: &str) {
        assert_eq!(self.next("event").await, json!(["message", json_message(seq, payload)]));
    }
}

fn json_message(seq: u64, payload: &str) -> Value {
    serde_json::from_str(&numbered(seq, payload)).unwrap()
}

fn pem(der: &str) -> String {
    let lines: Vec<_> = der.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The transports of the tests; none without Node.
fn ways() -> &'static [&'static str] {
    if super::is_installed().is_some() { &["polling", "upgrade", "websocket"] } else { &[] }
}

#[tokio::test]
async fn events_reach_the_official_client_and_come_back_from_it_by_each_way_plain_and_over_tls() {
    for (way, flags) in
        ways().iter().copied().flat_map(|way| [(way, &[][..]), (way, &["--set", "transport.tls=true"])])
    {
        let mut rig = Rig::new("socket.io", way, flags);
        rig.join("/", &json!({"channel": 0})).await;
        if !rig.expect_opened(way).await {
            rig.next("joined").await;
        }
        rig.publish("down");
        rig.expect_message(1, "down").await;
        rig.client.send(&json!({"emit": ["message", json_message(0, "up")]})).await;
        rig.expect_message(2, "up").await;
        rig.client.send(&json!({"ask": ["message", json_message(0, "asked")]})).await;
        // The event itself may come before or after it, and is skipped.
        assert_eq!(rig.next("acknowledged").await, json!([]));
        rig.client.send(&json!({"leave": true})).await;
        assert_eq!(rig.next("disconnected").await, "io client disconnect");
        rig.client.end().await;
    }
}

#[tokio::test]
async fn a_burst_reaches_the_official_client_once_and_in_order_while_it_upgrades() {
    for &way in ways() {
        let mut rig = Rig::joined(way, &[]).await;
        for _ in 0..2_000 {
            rig.publish("x");
        }
        for seq in 1..=2_000 {
            rig.expect_message(seq, "x").await;
        }
        rig.client.end().await;
    }
}

#[tokio::test]
async fn the_official_client_reconnects_after_a_cut_and_loses_nothing() {
    for &way in ways() {
        let mut rig = Rig::joined(way, &[]).await;
        rig.publish("before");
        rig.expect_message(1, "before").await;
        rig.client.send(&json!({"cut": true})).await;
        let reason = rig.next("disconnected").await;
        assert!(["forced close", "transport close"].contains(&reason.as_str().unwrap()), "{reason}");
        rig.publish("meanwhile");
        rig.next("joined").await;
        rig.expect_message(2, "meanwhile").await;
        rig.publish("after");
        rig.expect_message(3, "after").await;
        rig.client.end().await;
    }
}

#[tokio::test]
async fn a_rejected_client_receives_the_reason() {
    for &way in ways() {
        let mut rig = Rig::new("socket.io", way, &[]);
        rig.join("/", &json!({"channel": 5_000})).await;
        assert_eq!(
            rig.next("refused").await,
            "there is no channel 5000: this server's are numbered from 0 to 1023"
        );
        rig.client.end().await;

        let mut rig = Rig::joined(way, &[]).await;
        rig.client.send(&json!({"emit": ["message", 7]})).await;
        let why = "not a message: a message of 1 bytes is too short to hold a stamp";
        assert_eq!(rig.next("event").await, json!(["dismissed", why]));
        assert_eq!(rig.next("disconnected").await, "io server disconnect");
        rig.client.end().await;
    }
}

#[tokio::test]
async fn the_official_client_notices_that_the_server_stops() {
    for &way in ways() {
        let mut rig = Rig::joined(way, &[]).await;
        rig.server.end_input();
        let reason = rig.next("disconnected").await;
        assert!(
            ["transport close", "transport error"].contains(&reason.as_str().unwrap()),
            "{way}: {reason}"
        );
        assert!(rig.server.until_gone().success());
        rig.client.end().await;
    }
}

#[tokio::test]
async fn arguments_and_attachments_go_both_ways_in_each_namespace_with_and_without_acknowledgement() {
    let all =
        json!([1, "2", {"3": [true]}, {"bytes": [1, 2, 3]}, {"deep": [{"bytes": [4, 5]}], "null": null}]);
    let with = |event: &str| [vec![json!(event)], all.as_array().unwrap().clone()].concat();
    for &way in ways() {
        let mut rig = Rig::new("socket.io", way, &SUITES);
        for namespace in ["/", "/custom"] {
            rig.join(namespace, &json!({"token": "123"})).await;
            assert_eq!(rig.next("joined").await, namespace);
            assert_eq!(rig.next("event").await, json!(["auth", {"token": "123"}]));
            rig.client.send(&json!({"emit": with("message")})).await;
            assert_eq!(rig.next("event").await, json!(with("message-back")));
            rig.client.send(&json!({"ask": with("message-with-ack")})).await;
            assert_eq!(rig.next("acknowledged").await, all);
        }
        rig.client.end().await;
    }
}

#[tokio::test]
async fn the_official_engine_io_client_gets_back_what_it_sends_and_stays_through_heartbeats() {
    for &way in ways() {
        let mut rig = Rig::new("engine.io", way, &SUITES);
        rig.expect_opened(way).await;
        for _ in 0..3 {
            rig.next("ping").await;
        }
        for data in [json!("hello"), json!("€\u{1f600}"), json!({"bytes": [0, 30, 255]})] {
            rig.client.send(&json!({"send": data})).await;
            assert_eq!(rig.next("message").await, data);
        }
        rig.client.end().await;
    }
}
