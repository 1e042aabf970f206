//! What the sessions of one load thread share: settings, headers, the recorder, byte counts, the stop signal.
//!
//! A worker lives on one thread and needs no lock. A thread that waits for all to be connected reads one
//! atomic number, which is not written for each event.

use std::cell::{Cell, OnceCell, Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::settings::{HttpVersion, Settings, Transport};
use model::target::Subscription;
use model::trial::{Flight, RecordedHead};
use protocol::message::MessageError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::control::ControlTraffic;
use super::headers::{self, RequestHeaders};
use super::recorded_heads::RecordedHeads;
use super::snapshot::{ConnectionGroup, PendingSetUp, SetUps, Snapshot};
use crate::byte_accounting::{ConnectionTrace, Protocol, Tracer};
use crate::faults::{Recovery, RecoveryTimes, ServerRestart, SlowConsumer, SlowConsumers};
use crate::recorder::Recorder;
use crate::recorder::content::{PayloadCheck, Sampling};
use crate::schedule::payload::{PayloadError, PayloadSource};
use crate::schedule::{self, Purpose};
use crate::subscriber::SubscribeError;
use crate::transport::{Http2Pool, Sockets, Tls, Trust};

/// What a worker is made of.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The server's certificate, if TLS is spoken.
    pub trust: Option<Trust>,
    /// The trial's settings.
    pub settings: Arc<Settings>,
    /// The trial's seed.
    pub seed: u64,
    /// This worker's number, from 0.
    pub index: u32,
    /// The trial's end. Polled with each event, so that each worker needs a child token: one token's lock would be shared by
    /// all threads.
    pub stop: CancellationToken,
    /// How many sessions of all workers are connected.
    pub connected: Arc<AtomicU64>,
}

/// Everything that a load thread's sessions have in common.
pub struct WorkerContext {
    pub(super) spec: WorkerSpec,
    pub(super) subscription: Option<Subscription>,
    pub(super) headers: RequestHeaders,
    pub(super) tls: Option<Tls>,
    pub(super) sockets: Sockets,
    pub(super) http2: Http2Pool,
    groups: RefCell<BTreeMap<u32, Rc<ConnectionGroup>>>,
    set_ups: RefCell<SetUps>,
    pub(super) heads: RecordedHeads,
    pub(super) control: ControlTraffic,
    pub(super) check: PayloadCheck,
    tracer: Option<Rc<Tracer>>,
    opened: watch::Sender<bool>,
    pub(super) recorder: RefCell<Recorder>,
    /// What the slow consumers received, the consumers themselves, and when they begin to be slow.
    recorder_of_slow_consumers: RefCell<Recorder>,
    slow_consumers: RefCell<Vec<Rc<SlowConsumer>>>,
    slow_from_ns: Rc<Cell<u64>>,
    /// The restart to come, and the recoveries after it.
    server_restart: OnceCell<Arc<ServerRestart>>,
    recoveries: RefCell<Vec<Rc<Recovery>>>,
    pub(super) uplink_payload: RefCell<PayloadSource>,
    pub(super) unreadable: Cell<Option<MessageError>>,
    connected: Cell<u64>,
}

impl WorkerContext {
    /// A worker without sessions.
    /// Fails when the settings ask for an uplink payload that cannot be made.
    pub fn new(spec: WorkerSpec) -> Result<Rc<Self>, PayloadError> {
        Self::at_target(spec, None)
    }

    /// The same at a server of another project, which is subscribed to as `subscription` says.
    /// Fails as [`new`](Self::new) does.
    pub fn at_target(spec: WorkerSpec, subscription: Option<Subscription>) -> Result<Rc<Self>, PayloadError> {
        let uplink_payload = uplink_payload(&spec)?;
        let sampling = if subscription.is_some() { Sampling::All } else { Sampling::Few };
        let (address, resumes) = (spec.address, spec.settings.transport.resumption);
        Ok(Rc::new(Self {
            headers: RequestHeaders::new(spec.settings.http.headers, &transport(&spec), address)
                .with(subscription.iter().flat_map(|subscription| &subscription.headers)),
            tls: spec.trust.as_ref().map(|trust| Tls::new(trust, address, resumes)),
            sockets: Sockets::default(),
            http2: Http2Pool::default(),
            groups: RefCell::default(),
            set_ups: RefCell::default(),
            heads: RecordedHeads::default(),
            control: ControlTraffic::default(),
            check: PayloadCheck::new(&spec.settings, sampling),
            tracer: spec.settings.traced.then(|| Tracer::new(spec.settings.events.payload)),
            opened: watch::Sender::new(false),
            recorder: RefCell::default(),
            recorder_of_slow_consumers: RefCell::default(),
            slow_consumers: RefCell::default(),
            slow_from_ns: Rc::new(Cell::new(u64::MAX)),
            server_restart: OnceCell::new(),
            recoveries: RefCell::default(),
            uplink_payload: RefCell::new(uplink_payload),
            unreadable: Cell::new(None),
            connected: Cell::new(0),
            subscription,
            spec,
        }))
    }

    /// Announces a restart of the server to the sessions that begin later.
    pub fn expect(&self, server_restart: Arc<ServerRestart>) {
        self.server_restart.get_or_init(|| server_restart);
    }

    /// From now on, messages whose intended send time lies in `window` (ns of `CLOCK_MONOTONIC`) are recorded, and
    /// subscribers that wait until all are connected continue.
    pub fn open(&self, window: Range<u64>) {
        self.slow_from_ns.set(window.start);
        self.recorder_of_slow_consumers.borrow_mut().open(window.clone());
        self.recorder.borrow_mut().open(window);
        self.opened.send_replace(true);
    }

    /// The counters as they stand.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            counters: self.recorder.borrow().counters,
            segments: self.sockets.segments(),
            ..Snapshot::default()
        };
        for group in self.groups.borrow().values() {
            let byte_counts = group.byte_counts.borrow();
            snapshot.account += byte_counts.account;
            snapshot.socket_read += byte_counts.socket_read;
            snapshot.socket_written += byte_counts.socket_written;
        }
        snapshot
    }

    /// What it took until the sessions were connected.
    pub fn take_set_ups(&self) -> SetUps {
        self.set_ups.take()
    }

    /// The heads of requests and answers: the first of each kind of exchange.
    pub fn heads(&self) -> Vec<RecordedHead> {
        self.heads.all()
    }

    /// What the server sent beside messages: the first few.
    pub(crate) fn control(&self) -> Vec<String> {
        self.control.first()
    }

    /// Every flight so far at the sessions' sockets, if the trial is traced; nothing of it stays. Times are those of
    /// `CLOCK_MONOTONIC`.
    pub fn take_trace(&self) -> Vec<Flight> {
        self.tracer.as_ref().map_or_else(Vec::new, |tracer| tracer.take())
    }

    /// Waits until every connection of the sessions is closed.
    pub async fn all_closed(&self) {
        self.sockets.all_closed().await;
    }

    /// Whether connections resume the TLS sessions of earlier ones.
    pub fn resumes(&self) -> bool {
        self.tls.is_some() && self.spec.settings.transport.resumption
    }

    /// Fetches what the first session needs to resume a TLS session, if sessions are resumed. Sessions see to it
    /// themselves; called before the first one, this keeps that out of its set-up.
    /// Fails when the server cannot be reached, is not trusted, or gives no ticket.
    pub async fn prime(&self) -> Result<(), SubscribeError> {
        let protocol = match self.spec.settings.transport.http {
            HttpVersion::Http1 => Protocol::Http,
            HttpVersion::Http2 => Protocol::Http2,
        };
        match &self.tls {
            Some(tls) => tls.prime(protocol).await,
            None => Ok(()),
        }
    }

    /// What was recorded.
    pub fn recorder(&self) -> Ref<'_, Recorder> {
        self.recorder.borrow()
    }

    /// What was recorded, for another thread to merge; an empty recorder stays.
    pub fn take_recorder(&self) -> Recorder {
        self.recorder.take()
    }

    pub(crate) fn slow_consumers(&self) -> SlowConsumers {
        let delivered = self.recorder_of_slow_consumers.borrow().counters.delivered;
        let mut all = SlowConsumers { delivered, ..SlowConsumers::default() };
        self.slow_consumers.borrow().iter().for_each(|slow_consumer| all.add(slow_consumer));
        all
    }

    pub(crate) fn recoveries(&self) -> RecoveryTimes {
        let mut all = RecoveryTimes::default();
        self.recoveries.borrow().iter().for_each(|recovery| all.add(recovery));
        all
    }

    /// Why the first unreadable message was none, if one came.
    pub fn unreadable(&self) -> Option<MessageError> {
        self.unreadable.get()
    }

    /// How many sessions of this worker are connected.
    pub fn connected(&self) -> u64 {
        self.connected.get()
    }

    pub(crate) fn origin(&self) -> String {
        headers::origin(&transport(&self.spec), self.spec.address)
    }

    /// Where the bytes of a group are counted.
    pub(crate) fn group(&self, number: u32) -> Rc<ConnectionGroup> {
        Rc::clone(self.groups.borrow_mut().entry(number).or_default())
    }

    /// The trace of a connection that a subscriber asks for now, if the trial is traced.
    pub(crate) fn trace(&self, subscriber: u32, protocol: Protocol) -> Option<ConnectionTrace> {
        let readable = self.tls.is_none().then_some(protocol);
        self.tracer.as_ref().map(|tracer| tracer.open(subscriber, readable, os::now_ns()))
    }

    /// Waits until all sessions of the trial are connected.
    pub(crate) async fn opened(&self) {
        // An error would mean that this worker is gone.
        let _ = self.opened.subscribe().wait_for(|opened| *opened).await;
    }

    pub(crate) fn added_delay(&self) -> Duration {
        Duration::from_nanos(self.spec.settings.subscribers.added_delay_ns)
    }

    /// The part of subscriber `index`, if it is one of those that do not keep up: the last ones of all.
    pub(crate) fn slow_consumer(&self, index: u32) -> Option<Rc<SlowConsumer>> {
        let settings = &self.spec.settings;
        let slow_consumers = settings.slow_consumers.as_ref()?;
        let count = settings.subscribers.count;
        let speed =
            (index >= count - slow_consumers.of(count)).then_some(slow_consumers.reads_bytes_per_s)?;
        let slow_consumer =
            Rc::new(SlowConsumer::new(speed, Rc::clone(&self.slow_from_ns), self.spec.stop.clone()));
        self.slow_consumers.borrow_mut().push(Rc::clone(&slow_consumer));
        Some(slow_consumer)
    }

    /// The way back of a subscriber of this channel, if the server is to be restarted.
    pub(crate) fn recovery(&self, channel: u32) -> Option<Rc<Recovery>> {
        let recovery = Rc::new(Recovery::new(Arc::clone(self.server_restart.get()?), channel));
        self.recoveries.borrow_mut().push(Rc::clone(&recovery));
        Some(recovery)
    }

    pub(super) fn recorder_of(&self, keeps_up: bool) -> RefMut<'_, Recorder> {
        if keeps_up { self.recorder.borrow_mut() } else { self.recorder_of_slow_consumers.borrow_mut() }
    }

    pub(crate) fn count(&self, keeps_up: bool, add: impl FnOnce(&mut Recorder)) {
        add(&mut self.recorder_of(keeps_up));
    }

    pub(crate) fn one_more_greeted(&self, set_up: &PendingSetUp) {
        self.set_ups.borrow_mut().greeted(set_up);
    }

    pub(crate) fn one_more_connected(&self, set_up: &PendingSetUp) {
        self.set_ups.borrow_mut().add(set_up);
        self.connected.set(self.connected.get() + 1);
        self.spec.connected.fetch_add(1, Ordering::Relaxed);
    }
}

fn uplink_payload(spec: &WorkerSpec) -> Result<PayloadSource, PayloadError> {
    let settings = &spec.settings;
    let bytes = settings.uplink.as_ref().map_or(settings.events.payload_bytes, |uplink| uplink.payload_bytes);
    let rng = schedule::rng(spec.seed, Purpose::UplinkPayload, u64::from(spec.index));
    PayloadSource::new(settings.events.payload, bytes, rng)
}

/// The transport as it is: TLS if there is a certificate to trust.
fn transport(spec: &WorkerSpec) -> Transport {
    Transport { tls: spec.trust.is_some(), ..spec.settings.transport.clone() }
}

impl fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerContext").field("spec", &self.spec).finish_non_exhaustive()
    }
}
