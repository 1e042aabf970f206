//! Server and subscriber in one process, and the account of what passed between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use loadgen::shard::{Shard, ShardSpec, Snapshot};
use schema::bytes_account::Account;
use schema::settings::{
    EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Subscribers, Uplink, UplinkTo, WebSocket,
};
use server_kit::Hub;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use wire::message::PayloadKind;
use wire::{Message, Stamp};

use crate::registry;

/// The stamp of a text message: `["`, 40 hex digits, `","` and `"]`.
pub(crate) const STAMP: u64 = 2 + 40 + 3 + 2;

const LONGEST: Duration = Duration::from_secs(20);
const HOUR_NS: u64 = 3_600_000_000_000;
const MEBIBYTE: usize = 1024 * 1024;

/// A fixed exchange.
pub(crate) struct Exchange {
    /// The technique's slug.
    pub(crate) technique: &'static str,
    /// Payload bytes of each event that waits for the subscriber.
    pub(crate) published: Vec<usize>,
    /// Payload bytes of the one message that the subscriber sends, if it sends.
    pub(crate) sent: Option<u32>,
    /// The client's headers.
    pub(crate) headers: HeaderProfile,
    /// From one short poll to the next.
    pub(crate) interval_ns: u64,
    /// Whether all has come that is awaited.
    pub(crate) done: fn(&Snapshot) -> bool,
}

/// What an exchange came to.
pub(crate) struct Found {
    /// The server's.
    pub(crate) address: SocketAddr,
    /// At the subscriber's sockets.
    pub(crate) account: Account,
}

impl Exchange {
    /// The subscriber finds one event of so many bytes.
    pub(crate) fn down(technique: &'static str, payload_bytes: usize) -> Self {
        let done = |found: &Snapshot| found.counters.events == 1;
        let headers = HeaderProfile::Minimal;
        Self { technique, published: vec![payload_bytes], sent: None, headers, interval_ns: HOUR_NS, done }
    }

    /// The subscriber sends one message of so many bytes, to an application that is not there.
    pub(crate) fn up(technique: &'static str, payload_bytes: u32, done: fn(&Snapshot) -> bool) -> Self {
        Self { published: Vec::new(), sent: Some(payload_bytes), done, ..Self::down(technique, 0) }
    }

    /// Runs it. The layers of each direction must add up to what the socket took and gave.
    pub(crate) fn run(self) -> Found {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let work = async { tokio::time::timeout(LONGEST, self.between_server_and_subscriber()).await };
        LocalSet::new().block_on(&runtime, work).expect("the exchange ends in time")
    }

    async fn between_server_and_subscriber(self) -> Found {
        let (_, technique) = registry::find(self.technique).expect("the technique is registered");
        let settings = server_settings();
        let hub = Hub::new(technique.encode, &settings);
        for &payload_bytes in &self.published {
            hub.publish(0, event(payload_bytes)).expect("the hub takes the event");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (server_stopper, stop) = server_kit::lifetime::channel();
        let server = tokio::spawn((technique.serve)(listener, hub, settings, stop));

        let account = self.account(technique, address).await;
        server_stopper.stop();
        server.await.expect("the server does not panic").expect("the server ends well");
        Found { address, account }
    }

    async fn account(&self, technique: &registry::Technique, address: SocketAddr) -> Account {
        let (stopper, stop) = loadgen::stop::channel();
        let settings = Arc::new(self.settings());
        let spec = ShardSpec { address, trust: None, settings, seed: 1, index: 0, stop, connected: Arc::default() };
        let shard = Shard::new(spec).expect("the payload can be made");
        let (sender, outgoing) = mpsc::unbounded_channel();
        if self.sent.is_some() {
            sender.send(1).expect("the receiver is here");
        }
        let subscription = (technique.subscribe)(shard.session(0, 0, Some(outgoing)));
        let subscriber = tokio::task::spawn_local(subscription);
        while !(self.done)(&shard.snapshot()) {
            assert!(!subscriber.is_finished(), "the subscriber ended: {:?}", subscriber.await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stopper.stop();
        subscriber.await.expect("the subscriber does not panic").expect("the subscriber ends well");
        let found = shard.snapshot();
        assert_eq!(found.account.up.wire(), found.socket_written);
        assert_eq!(found.account.down.wire(), found.socket_read);
        found.account
    }

    fn settings(&self) -> Settings {
        let uplink = self.sent.map(|payload_bytes| Uplink {
            rate_per_s: 1.0,
            pace: Pace::Constant,
            payload_bytes,
            to: UplinkTo::Application,
        });
        Settings {
            events: Events {
                rate_per_s: 1.0,
                pace: Pace::Constant,
                payload_bytes: 0,
                payload: Payload::Text,
            },
            subscribers: Subscribers { count: 1, channels: 1, added_delay_ns: 0 },
            uplink,
            http: Http { headers: self.headers, keep_alive: true },
            short_polling: ShortPolling { interval_ns: self.interval_ns, empty: EmptyAnswer::NoContent },
            long_polling: LongPolling { hold_ns: HOUR_NS },
            websocket: WebSocket { frames: Frames::Text },
            greeting: false,
            phases: Phases { warm_up_ns: 0, window_ns: HOUR_NS, drain_ns: 0 },
            bound: None,
            ..Settings::default()
        }
    }
}

fn server_settings() -> server_kit::Settings {
    let mut settings = server_kit::Settings::default();
    settings.hold = Duration::from_nanos(HOUR_NS);
    settings.heartbeat = Duration::ZERO;
    settings.uplink = server_kit::settings::UplinkTo::Application;
    settings.limits.message_bytes = MEBIBYTE;
    settings.limits.body_bytes = MEBIBYTE;
    settings
}

fn event(payload_bytes: usize) -> BytesMut {
    let stamp = Stamp { seq: 0, intended_ns: 1, actual_ns: 1 };
    let payload = vec![b'x'; payload_bytes];
    let mut bytes = BytesMut::new();
    Message { stamp, payload: &payload, kind: PayloadKind::Text }.encode(&mut bytes);
    bytes
}
