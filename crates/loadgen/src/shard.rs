//! What the sessions of one load thread share: settings, headers, the recorder, the tap's tally, the stop signal.
//!
//! A shard lives on one thread and needs no lock. Whoever waits on another thread for all to be connected reads one
//! atomic number, which is not written for each event.

use std::cell::{Cell, Ref, RefCell};
use std::net::SocketAddr;
use std::ops::{AddAssign, Range};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use schema::bytes_account::{Account, Layers};
use schema::settings::Settings;
use tokio::sync::mpsc;
use wire::message::{Message, MessageError, Stamp};

use crate::headers::{self, Exchange};
use crate::os;
use crate::payload::{PayloadError, PayloadSource};
use crate::position::Position;
use crate::recorder::{Counters, Recorder};
use crate::seed::{self, Purpose};
use crate::session::Session;
use crate::stop::Stop;
use crate::tap::SharedTally;

/// What a shard is made of.
#[derive(Debug, Clone)]
pub struct ShardSpec {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The trial's settings.
    pub settings: Arc<Settings>,
    /// The trial's seed.
    pub seed: u64,
    /// This shard's number, from 0.
    pub index: u32,
    /// The trial's end.
    pub stop: Stop,
    /// How many sessions of all shards are connected.
    pub connected: Arc<AtomicU64>,
}

/// Everything that a load thread's sessions have in common.
#[derive(Debug)]
pub struct Shard {
    spec: ShardSpec,
    headers: RequestHeaders,
    tally: SharedTally,
    recorder: RefCell<Recorder>,
    uplink_payload: RefCell<PayloadSource>,
    unreadable: Cell<Option<MessageError>>,
    connected: Cell<u64>,
}

/// A reading of a thread's counters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Snapshot {
    /// What was counted.
    pub counters: Counters,
    /// Bytes by layer.
    pub account: Account,
    /// Bytes read from the sockets.
    pub socket_read: u64,
    /// Bytes written to the sockets.
    pub socket_written: u64,
}

impl Shard {
    /// A shard without sessions.
    ///
    /// # Errors
    ///
    /// When the settings ask for an uplink payload that cannot be made.
    pub fn new(spec: ShardSpec) -> Result<Rc<Self>, PayloadError> {
        let uplink_payload = uplink_payload(&spec)?;
        Ok(Rc::new(Self {
            headers: RequestHeaders::new(&spec),
            tally: SharedTally::default(),
            recorder: RefCell::default(),
            uplink_payload: RefCell::new(uplink_payload),
            unreadable: Cell::new(None),
            connected: Cell::new(0),
            spec,
        }))
    }

    /// The session of subscriber `index`, which reads `channel` and sends a message whenever `outgoing` yields an
    /// intended send time.
    pub fn session(
        self: &Rc<Self>,
        index: u32,
        channel: u32,
        outgoing: Option<mpsc::UnboundedReceiver<u64>>,
    ) -> Session {
        Session::new(Rc::clone(self), index, channel, outgoing)
    }

    /// From now on, messages whose intended send time lies in `window` (ns of `CLOCK_MONOTONIC`) are recorded.
    pub fn open(&self, window: Range<u64>) {
        self.recorder.borrow_mut().open(window);
    }

    /// The counters as they stand.
    pub fn snapshot(&self) -> Snapshot {
        let tally = self.tally.borrow();
        Snapshot {
            counters: self.recorder.borrow().counters,
            account: tally.account,
            socket_read: tally.socket_read,
            socket_written: tally.socket_written,
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

    /// Why the first unreadable message was none, if one came.
    pub fn unreadable(&self) -> Option<MessageError> {
        self.unreadable.get()
    }

    /// How many sessions of this shard are connected.
    pub fn connected(&self) -> u64 {
        self.connected.get()
    }

    /// The trial's end.
    pub fn stop(&self) -> Stop {
        self.spec.stop.clone()
    }

    pub(crate) fn spec(&self) -> &ShardSpec {
        &self.spec
    }

    pub(crate) fn tally(&self) -> SharedTally {
        Rc::clone(&self.tally)
    }

    pub(crate) fn headers(&self, exchange: Exchange) -> &HeaderMap {
        self.headers.of(exchange)
    }

    pub(crate) fn added_delay(&self) -> Duration {
        Duration::from_nanos(self.spec.settings.subscribers.added_delay_ns)
    }

    pub(crate) fn count(&self, add: impl FnOnce(&mut Recorder)) {
        add(&mut self.recorder.borrow_mut());
    }

    pub(crate) fn received(&self, position: &mut Position, bytes: &[u8], now_ns: u64) {
        let mut recorder = self.recorder.borrow_mut();
        match Message::decode(bytes) {
            Ok(message) => recorder.received(position, message.stamp, bytes.len(), now_ns),
            Err(error) => {
                recorder.counters.unreadable += 1;
                self.unreadable.set(self.unreadable.get().or(Some(error)));
            }
        }
    }

    /// A message of this shard's subscribers, sent now.
    pub(crate) fn uplink_message(&self, intended_ns: u64) -> Bytes {
        let mut source = self.uplink_payload.borrow_mut();
        let (payload, kind) = source.next(os::unix_ms());
        let stamp = Stamp { seq: 0, intended_ns, actual_ns: os::now_ns() };
        let message = Message { stamp, payload, kind }.to_bytes();
        self.recorder.borrow_mut().sent(intended_ns, message.len());
        message
    }

    pub(crate) fn one_more_connected(&self) {
        self.connected.set(self.connected.get() + 1);
        self.spec.connected.fetch_add(1, Ordering::Relaxed);
    }
}

impl AddAssign for Snapshot {
    fn add_assign(&mut self, other: Self) {
        self.counters += other.counters;
        self.account += other.account;
        self.socket_read += other.socket_read;
        self.socket_written += other.socket_written;
    }
}

impl Snapshot {
    /// What was counted between an earlier reading and this one. Bytes that were `unfinished` at either reading are
    /// left out: they belong to the moment at which they were given to their layer.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            counters: self.counters - earlier.counters,
            account: Account {
                up: attributed(self.account.up) - attributed(earlier.account.up),
                down: attributed(self.account.down) - attributed(earlier.account.down),
            },
            socket_read: self.socket_read - earlier.socket_read,
            socket_written: self.socket_written - earlier.socket_written,
        }
    }
}

fn attributed(layers: Layers) -> Layers {
    Layers { unfinished: 0, ..layers }
}

fn uplink_payload(spec: &ShardSpec) -> Result<PayloadSource, PayloadError> {
    let settings = &spec.settings;
    let bytes = settings.uplink.as_ref().map_or(settings.events.payload_bytes, |uplink| uplink.payload_bytes);
    let rng = seed::rng(spec.seed, Purpose::UplinkPayload, u64::from(spec.index));
    PayloadSource::new(settings.events.payload, bytes, rng)
}

/// The headers of every exchange by the trial's profile, made once.
#[derive(Debug)]
struct RequestHeaders {
    poll: HeaderMap,
    stream: HeaderMap,
    event_source: HeaderMap,
    web_socket: HeaderMap,
    post: HeaderMap,
}

impl RequestHeaders {
    fn new(spec: &ShardSpec) -> Self {
        let of = |exchange| headers::headers(spec.settings.http.headers, exchange, spec.address);
        Self {
            poll: of(Exchange::Poll),
            stream: of(Exchange::Stream),
            event_source: of(Exchange::EventSource),
            web_socket: of(Exchange::WebSocket),
            post: of(Exchange::Post),
        }
    }

    fn of(&self, exchange: Exchange) -> &HeaderMap {
        match exchange {
            Exchange::Poll => &self.poll,
            Exchange::Stream => &self.stream,
            Exchange::EventSource => &self.event_source,
            Exchange::WebSocket => &self.web_socket,
            Exchange::Post => &self.post,
        }
    }
}
