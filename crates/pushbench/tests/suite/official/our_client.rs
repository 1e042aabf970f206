//! Our client against the official servers, by each way: messages, acknowledgements, attachments, heartbeats, refusals.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use loadgen::Session;
use loadgen::session::WorkerContext;
use loadgen::subscriber::socketio::{self, Socket};
use loadgen::subscriber::{SocketIoError, SubscribeError};
use model::settings::{Pace, Settings, SocketIo, SocketIoTransports, Uplink, UplinkTo};
use protocol::Message;
use protocol::socket_io::{Argument, Kind, Packet};
use serde_json::{Value, json};
use test_support::server::numbered;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio_util::sync::CancellationToken;

use super::Script;
use crate::overhead::fixed_exchange::worker;

const LONGEST: Duration = Duration::from_secs(60);
/// No ping comes within a test.
const RARELY: &str = "25000";
const WAYS: [SocketIoTransports; 3] =
    [SocketIoTransports::Polling, SocketIoTransports::Upgrade, SocketIoTransports::Websocket];

/// An official server and a client of ours.
struct Rig {
    server: Script,
    worker: Rc<WorkerContext>,
    stop: CancellationToken,
    sender: mpsc::UnboundedSender<u64>,
    outgoing: Option<mpsc::UnboundedReceiver<u64>>,
}

impl Rig {
    async fn new(which: &str, ping_interval_ms: &str, transports: SocketIoTransports) -> Self {
        let mut server = Script::run("server.mjs", &[which, ping_interval_ms], None);
        let port = u16::try_from(server.next("port").await.as_u64().unwrap()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let to = UplinkTo::Application;
        let uplink = Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 5, to };
        let socketio = SocketIo { transports };
        let settings = Settings { socketio, uplink: Some(uplink), ..Settings::default() };
        let (worker, stop) = worker(address, None, settings);
        let (sender, outgoing) = mpsc::unbounded_channel();
        Self { server, worker, stop, sender, outgoing: Some(outgoing) }
    }

    /// One whose client is connected.
    async fn subscribed(ping_interval_ms: &str, transports: SocketIoTransports) -> Self {
        let mut rig = Self::new("socket.io", ping_interval_ms, transports).await;
        let session = rig.session(0);
        spawn_local(socketio::subscribe(session.clone()));
        connected(&session).await;
        rig
    }

    fn session(&mut self, channel: u32) -> Session {
        Session::new(&self.worker, 0, channel, self.outgoing.take())
    }

    /// Makes the server send this, and waits until it has arrived.
    async fn publish(&mut self, command: &str, seq: u64) {
        let before = self.worker.snapshot().counters.events;
        self.server.send(&json!({ command: event(seq) })).await;
        while self.worker.snapshot().counters.events == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(self.worker.snapshot().counters.unreadable, 0);
    }
}

/// Runs a test of each way, in bounded time, if there is Node.
fn by_each_way(run: impl AsyncFn(SocketIoTransports)) {
    let Some(()) = super::is_installed() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for way in WAYS {
        let bounded = async { tokio::time::timeout(LONGEST, run(way)).await };
        LocalSet::new().block_on(&runtime, bounded).expect("the test ends in time");
    }
}

/// A message with this number, as the server gets it.
fn event(seq: u64) -> Value {
    serde_json::from_str(&numbered(seq, "hello")).unwrap()
}

fn name(way: SocketIoTransports) -> &'static str {
    match way {
        SocketIoTransports::Polling => "polling",
        SocketIoTransports::Upgrade | SocketIoTransports::Websocket => "websocket",
    }
}

async fn connected(session: &Session) {
    while !session.is_connected() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn messages_go_both_ways_and_the_end_is_orderly() {
    by_each_way(async |way| {
        let mut rig = Rig::new("socket.io", RARELY, way).await;
        let session = rig.session(3);
        let subscriber = spawn_local(socketio::subscribe(session.clone()));
        assert_eq!(rig.server.next("connected").await["auth"], json!({ "channel": 3, "after": 0 }));
        if way == SocketIoTransports::Upgrade {
            assert_eq!(rig.server.next("upgraded").await, "websocket");
        }
        connected(&session).await;
        for seq in 1..=3 {
            rig.publish("message", seq).await;
        }
        for intended_ns in 5..8 {
            rig.sender.send(intended_ns).unwrap();
        }
        for intended_ns in 5..8 {
            let sent = rig.server.next("message").await;
            let sent = Message::decode(sent.to_string().as_bytes()).unwrap().stamp;
            assert_eq!((sent.seq, sent.intended_ns), (0, intended_ns));
        }
        rig.stop.cancel();
        subscriber.await.unwrap().unwrap();
        assert_eq!(rig.server.next("disconnected").await, "client namespace disconnect");
        assert_eq!(session.resume().start, protocol::Start::After(3));
        rig.server.end().await;
    });
}

#[test]
fn a_subscriber_acknowledges_messages_and_takes_them_as_attachments() {
    by_each_way(async |way| {
        let mut rig = Rig::subscribed(RARELY, way).await;
        rig.publish("asked", 1).await;
        rig.server.next("acked").await;
        rig.publish("binary", 2).await;
        rig.publish("message", 3).await;
        rig.server.end().await;
    });
}

#[test]
fn events_acknowledgements_and_attachments_go_both_ways() {
    by_each_way(async |way| {
        let mut rig = Rig::new("socket.io", RARELY, way).await;
        let session = rig.session(0);
        let mut socket = Socket::open(session).await.unwrap();
        let json = |text: &'static str| Argument::Json(Bytes::from_static(text.as_bytes()));
        let binary = |bytes: &'static [u8]| Argument::Binary(Bytes::from_static(bytes));
        let text = vec![json("\"€\\u001e\\\"\""), json("{\"a\":[1,null]}")];
        let mixed = vec![binary(&[0, 0x1e, 255]), json("1"), binary(b"")];
        for (id, arguments) in [(1, &text), (2, &mixed)] {
            socket.send(&Packet::event("echo", arguments, None));
            let echoed = socket.next().await.unwrap().to_event().unwrap();
            assert_eq!(echoed.name, "echo-back");
            assert_same(&echoed.arguments, arguments);
            socket.send(&Packet::event("ask", arguments, Some(id)));
            let answer = socket.next().await.unwrap();
            assert!(
                matches!(answer.kind, Kind::Ack | Kind::BinaryAck) && answer.id == Some(id),
                "{answer:?}"
            );
            assert_same(&answer.arguments().unwrap(), arguments);
        }
        rig.server.send(&json!({ "question": [7, 8] })).await;
        let question = socket.next().await.unwrap();
        assert_eq!(question.kind, Kind::BinaryEvent);
        let asked = question.to_event().unwrap();
        assert_eq!(asked.arguments, [binary(&[7, 8]), json("{\"deep\":[1]}")]);
        socket.send(&Packet::ack(question.id.unwrap(), &asked.arguments[..1]));
        assert_eq!(rig.server.next("answer").await, json!([7, 8]));
        rig.server.end().await;
    });
}

/// The server may write the same JSON in another way.
fn assert_same(got: &[Argument], expected: &[Argument]) {
    let plain = |arguments: &[Argument]| -> Vec<Result<Value, Bytes>> {
        arguments
            .iter()
            .map(|argument| match argument {
                Argument::Json(json) => Ok(serde_json::from_slice(json).unwrap()),
                Argument::Binary(bytes) => Err(bytes.clone()),
            })
            .collect()
    };
    assert_eq!(plain(got), plain(expected));
}

#[test]
fn pings_are_answered_as_long_as_they_come() {
    by_each_way(async |way| {
        let mut rig = Rig::subscribed("50", way).await;
        for _ in 0..3 {
            while rig.server.next("pong").await != name(way) {}
        }
        rig.publish("message", 1).await;
        rig.server.end().await;
    });
}

#[test]
fn a_client_that_was_cut_off_resumes_after_its_last_event() {
    by_each_way(async |way| {
        for cut in ["leave", "close", "destroy"] {
            let mut rig = Rig::new("socket.io", RARELY, way).await;
            let session = rig.session(0);
            for seq in 1..=3 {
                let subscriber = spawn_local(socketio::subscribe(session.clone()));
                let connected = rig.server.next("connected").await;
                assert_eq!(connected["auth"]["after"], seq - 1, "{cut}");
                if way == SocketIoTransports::Upgrade {
                    rig.server.next("upgraded").await;
                }
                rig.publish("message", seq).await;
                rig.server.send(&json!({ cut: null })).await;
                let ended = subscriber.await.unwrap();
                assert!(cut == "destroy" || ended.is_ok(), "{cut}: {ended:?}");
            }
            rig.server.end().await;
        }
    });
}

#[test]
fn a_rejection_reports_the_servers_message() {
    by_each_way(async |way| {
        let mut rig = Rig::new("socket.io", RARELY, way).await;
        let error = socketio::subscribe(rig.session(9)).await.unwrap_err();
        let refused = matches!(&error, SubscribeError::SocketIo(SocketIoError::Refused(said))
            if said == "there is no channel 9");
        assert!(refused, "{error}");
        rig.server.end().await;
    });
}

#[test]
fn engine_io_alone_carries_packets_both_ways() {
    by_each_way(async |way| {
        let mut rig = Rig::new("engine.io", "50", way).await;
        let session = rig.session(0);
        let mut socket = Socket::open(session.clone()).await.unwrap();
        connected(&session).await;
        while rig.server.next("pong").await != name(way) {}
        let buffer = Argument::Binary(Bytes::from_static(&[1, 2, 3, 4]));
        let packet = Packet::event("foo", &[buffer], Some(14));
        socket.send(&packet);
        assert_eq!(socket.next().await, Some(packet));
        rig.server.send(&json!({ "message": event(1) })).await;
        let message = socket.next().await.unwrap().to_event().unwrap();
        assert_eq!(message.name, "message");
        rig.server.send(&json!({ "close": null })).await;
        assert_eq!(socket.next().await, None);
        socket.ended().await.unwrap();
        rig.server.end().await;
    });
}
