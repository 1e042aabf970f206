//! Server and subscriber in one process, and the account of the bytes between them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadgen::session::{Session, Snapshot, WorkerContext, WorkerSpec};
use loadgen::transport::Trust;
use model::byte_account::Account;
use model::settings::{
    EmptyAnswer, HeaderProfile, Http, LongPolling, Pace, Settings, ShortPolling, SocketIo,
    SocketIoTransports, Transport, Uplink, UplinkTo,
};
use server_kit::settings::Limits;
use server_kit::tls::Resumption;
use test_support::server::{Running, behind_tls, limited, start};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::registry;

/// The stamp of a text message: `["`, 40 hex digits, `","` and `"]`.
pub(crate) const STAMP: u64 = 2 + 40 + 3 + 2;

const LONGEST: Duration = Duration::from_secs(20);
const HOUR_NS: u64 = 3_600_000_000_000;
const MEBIBYTE: usize = 1024 * 1024;

/// Whether something has arrived.
pub(crate) type Done = fn(&Snapshot) -> bool;

pub(crate) struct FixedExchange {
    pub(crate) technique: &'static str,
    /// Payload bytes of each event that is published before the subscriber connects.
    pub(crate) published: Vec<usize>,
    /// Payload bytes of the one message that the subscriber sends, if it sends.
    pub(crate) sent: Option<u32>,
    pub(crate) headers: HeaderProfile,
    /// From one short poll to the next.
    pub(crate) interval_ns: u64,
    /// Whether everything expected has arrived.
    pub(crate) done: Done,
    pub(crate) transport: Transport,
    pub(crate) transports: SocketIoTransports,
    /// An event that is published when all of that has arrived and the subscriber is connected, and what is expected then.
    pub(crate) then: Option<(usize, Done)>,
}

pub(crate) struct ExchangeResult {
    pub(crate) address: SocketAddr,
    /// At the subscriber's sockets.
    pub(crate) account: Account,
    /// The same when everything expected first had arrived.
    pub(crate) before: Account,
    /// The same when everything had arrived, before the subscriber disconnected.
    pub(crate) after: Account,
    /// The date of the first answer, whose length depends on the Huffman code.
    pub(crate) date: Option<String>,
}

impl FixedExchange {
    /// The subscriber receives one event with this many payload bytes.
    pub(crate) fn down(technique: &'static str, payload_bytes: usize) -> Self {
        Self {
            technique,
            published: vec![payload_bytes],
            sent: None,
            headers: HeaderProfile::Minimal,
            interval_ns: HOUR_NS,
            done: has_one,
            transport: Transport::default(),
            transports: SocketIoTransports::default(),
            then: None,
        }
    }

    /// The subscriber sends one message to an application that does not exist.
    pub(crate) fn up(technique: &'static str, payload_bytes: u32, done: Done) -> Self {
        Self { published: Vec::new(), sent: Some(payload_bytes), done, ..Self::down(technique, 0) }
    }

    /// Runs it. The layers of each direction must add up to the bytes that the socket wrote and read.
    pub(crate) fn run(self) -> ExchangeResult {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let work = async { tokio::time::timeout(LONGEST, self.between_server_and_subscriber()).await };
        LocalSet::new().block_on(&runtime, work).expect("the exchange ends in time")
    }

    async fn between_server_and_subscriber(self) -> ExchangeResult {
        let (_, technique) = registry::find(self.technique).expect("the technique is registered");
        let settings = server_settings(&self.transport);
        let tls = settings.transport.tls.as_ref();
        let trust = tls.map(|tls| Trust::exactly(tls.certificate().to_vec()));
        let mut server = start((technique.encode)(&settings), settings, technique.serve).await;
        self.published.iter().for_each(|&bytes| _ = server.publish(&"x".repeat(bytes)));
        let found = self.subscribe(technique, &server, trust).await;
        server.stop();
        server.ended().await;
        found
    }

    async fn subscribe(
        &self,
        technique: &registry::Technique,
        server: &Running,
        trust: Option<Trust>,
    ) -> ExchangeResult {
        let address = server.address;
        let (worker, stop) = worker(address, trust, self.settings());
        let (sender, outgoing) = mpsc::unbounded_channel();
        if self.sent.is_some() {
            sender.send(1).expect("the receiver is here");
        }
        let subscription = (technique.subscribe)(Session::new(&worker, 0, 0, Some(outgoing)));
        let subscriber = tokio::task::spawn_local(subscription);
        let is_due =
            |done: Done| done(&worker.snapshot()) && (self.then.is_none() || worker.connected() == 1);
        let until = async |done: Done| {
            while !is_due(done) {
                assert!(!subscriber.is_finished(), "the subscriber ended");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            worker.snapshot().account
        };
        let before = until(self.done).await;
        let mut after = before;
        if let Some((bytes, done)) = self.then {
            server.publish(&"x".repeat(bytes));
            after = until(done).await;
        }
        stop.cancel();
        subscriber.await.expect("the subscriber does not panic").expect("the subscriber ends well");
        worker.all_closed().await;
        let found = worker.snapshot();
        assert_eq!(found.account.up.wire(), found.socket_written);
        assert_eq!(found.account.down.wire(), found.socket_read);
        ExchangeResult { address, account: found.account, before, after, date: date(&worker) }
    }

    fn settings(&self) -> Settings {
        let uplink = self.sent.map(|payload_bytes| Uplink {
            rate_per_s: 1.0,
            pace: Pace::Constant,
            payload_bytes,
            to: UplinkTo::Application,
        });
        Settings {
            uplink,
            http: Http { headers: self.headers, keep_alive: true, unbuffered: false },
            short_polling: ShortPolling { interval_ns: self.interval_ns, empty: EmptyAnswer::NoContent },
            long_polling: LongPolling { hold_ns: HOUR_NS },
            transport: self.transport.clone(),
            socketio: SocketIo { transports: self.transports },
            ..Settings::default()
        }
    }
}

/// The client half of a trial, and what stops it.
pub(crate) fn worker(
    address: SocketAddr,
    trust: Option<Trust>,
    settings: Settings,
) -> (Rc<WorkerContext>, CancellationToken) {
    let (stop, settings) = (CancellationToken::new(), Arc::new(settings));
    let (ended, connected) = (stop.clone(), Arc::default());
    let spec = WorkerSpec { address, trust, settings, seed: 1, index: 0, stop, connected };
    (WorkerContext::new(spec).expect("the payload can be made"), ended)
}

pub(crate) fn has_one(found: &Snapshot) -> bool {
    found.counters.events == 1
}

/// The next poll is held.
pub(crate) fn has_one_and_waits(found: &Snapshot) -> bool {
    has_one(found) && found.account.up.unfinished > 0
}

pub(crate) fn is_sent(found: &Snapshot) -> bool {
    found.account.up.stamp == STAMP
}

/// The POST is answered, and the poll beside it is held.
pub(crate) fn is_posted(found: &Snapshot) -> bool {
    is_sent(found) && found.account.down.response_head > 0 && found.account.up.unfinished > 0
}

fn server_settings(transport: &Transport) -> server_kit::Settings {
    let limits = Limits { message_bytes: MEBIBYTE, body_bytes: MEBIBYTE, ..Limits::default() };
    let mut settings = server_kit::Settings {
        hold: Duration::from_nanos(HOUR_NS),
        heartbeat: Duration::ZERO,
        uplink: UplinkTo::Application,
        ..limited(limits)
    };
    settings.transport.http = transport.http;
    if transport.tls { behind_tls(settings, Resumption::Off) } else { settings }
}

fn date(worker: &WorkerContext) -> Option<String> {
    let heads = worker.heads();
    let fields = &heads.first()?.response;
    fields.iter().find(|(name, _)| name == "date").map(|(_, value)| value.clone())
}
