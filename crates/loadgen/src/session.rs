//! What the client half of a technique sees of a trial: the server's address, what to ask for, and where to report.
//!
//! A technique touches no clock, no histogram and no byte counter; the session does. It is a cheap clone, one for
//! each subscriber, on the subscriber's load thread.

pub(crate) mod control;
pub mod headers;
mod messages;
mod pauses;
pub mod recorded_heads;
mod snapshot;
pub(crate) mod target_adapter;
mod worker_context;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::{HeaderMap, Request, Response};
use model::settings::{HttpVersion, Settings};
use model::target::{Frames, Send, Subscription};
use protocol::Resume;
use tokio::sync::{Notify, mpsc};

use self::headers::RequestKind;
use self::pauses::{Pauses, PollSchedule};
use self::recorded_heads::HeadKind;
use self::snapshot::PendingSetUp;
use self::target_adapter::ResumeFields;
use crate::byte_accounting::{
    ConnectionTrace, CountingStream, CountingTlsStream, Protocol, SharedByteCounts, TlsParameters,
};
use crate::faults::{Ended, Recovery, SlowConsumer};
use crate::recorder::Recorder;
use crate::recorder::cursor::Cursor;
use crate::recorder::turns::TurnClock;
use crate::schedule::{self, Purpose};
use crate::script::Script;
use crate::subscriber::SubscribeError;
use crate::transport::{Http2, Socket, Stream, Tls, alpn};

pub use self::snapshot::{SetUps, Snapshot};
pub use self::worker_context::{WorkerContext, WorkerSpec};

/// One subscriber in a trial.
#[derive(Debug, Clone)]
pub struct Session(Rc<SessionState>);

#[derive(Debug)]
struct SessionState {
    worker: Rc<WorkerContext>,
    index: u32,
    channel: u32,
    set_up: PendingSetUp,
    cursor: RefCell<Cursor>,
    /// How far it has read what each subscriber sent, at a server of others.
    senders: RefCell<BTreeMap<u32, Cursor>>,
    sent: Cell<u64>,
    resume_fields: RefCell<ResumeFields>,
    poll_schedule: PollSchedule,
    turn: RefCell<TurnClock>,
    outgoing: RefCell<Option<mpsc::UnboundedReceiver<u64>>>,
    opening: Cell<u32>,
    opened: Notify,
    greeted: Cell<bool>,
    reported: Cell<bool>,
    connected: Cell<bool>,
    slow_consumer: Option<Rc<SlowConsumer>>,
    recovery: Option<Rc<Recovery>>,
}

impl Session {
    /// The session of subscriber `index`, which reads `channel` and sends a message whenever `outgoing` yields an
    /// intended send time.
    pub fn new(
        worker: &Rc<WorkerContext>,
        index: u32,
        channel: u32,
        outgoing: Option<mpsc::UnboundedReceiver<u64>>,
    ) -> Self {
        let settings = &worker.spec.settings;
        let rng = schedule::rng(worker.spec.seed, Purpose::PollPhase, u64::from(index));
        // Servers of others greet nobody.
        let is_greeted = settings.greeting && worker.subscription.is_none();
        let cursor = if is_greeted { Cursor::unknown() } else { Cursor::beginning() };
        let (slow_consumer, recovery) = (worker.slow_consumer(index), worker.recovery(channel));
        // What a slow consumer leaves unread would be missing in the account of all.
        let group =
            if slow_consumer.is_some() { Rc::default() } else { worker.group(group(settings, index)) };
        Self(Rc::new(SessionState {
            poll_schedule: PollSchedule::new(settings.short_polling.interval_ns, rng),
            cursor: RefCell::new(cursor),
            senders: RefCell::default(),
            sent: Cell::new(0),
            resume_fields: RefCell::default(),
            greeted: Cell::new(!is_greeted),
            set_up: PendingSetUp::now(group),
            index,
            channel,
            turn: RefCell::default(),
            outgoing: RefCell::new(outgoing),
            opening: Cell::new(0),
            opened: Notify::new(),
            reported: Cell::new(false),
            connected: Cell::new(false),
            slow_consumer,
            recovery,
            worker: Rc::clone(worker),
        }))
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.0.worker.spec.address
    }

    /// The server's origin (RFC 6454): scheme and address.
    pub fn origin(&self) -> String {
        self.0.worker.origin()
    }

    /// The trial's settings.
    pub fn settings(&self) -> &Settings {
        &self.0.worker.spec.settings
    }

    /// What to ask for: the channel, and where to begin. Fresh as long as a greeting is awaited, else after what was
    /// received; after 0 at first, so that nothing published after the connection was asked for can be missed.
    pub fn resume(&self) -> Resume {
        Resume { channel: self.0.channel, start: self.0.cursor.borrow().resume() }
    }

    /// How to subscribe to a server of another project; none for pushbench's own.
    pub(crate) fn subscription(&self) -> Option<&Subscription> {
        self.0.worker.subscription.as_ref()
    }

    /// What such a server wants on an open WebSocket; none where nothing is.
    pub(crate) fn script(&self) -> Option<Script> {
        let subscription = self.subscription()?;
        let (frames, send) = (&subscription.frames, subscription.send.as_ref());
        let send = send.and_then(|send| if let Send::Frame(frame) = send { Some(frame) } else { None });
        let is_plain = *frames == Frames::default() && send.is_none();
        (!is_plain).then(|| Script::new(frames, send, self.0.channel, self.0.index))
    }

    /// The number of this subscriber in the trial.
    pub(crate) fn index(&self) -> u32 {
        self.0.index
    }

    /// The fields by which such a server resumes this subscriber, across its connections.
    pub(crate) fn resume_fields(&self) -> RefMut<'_, ResumeFields> {
        self.0.resume_fields.borrow_mut()
    }

    /// Opens a connection by the trial's transport, its bytes counted as those of `protocol`.
    /// Fails when the server cannot be reached, and with TLS, when it is not trusted, does not agree to the protocol, or does
    /// not resume a session that it shall.
    pub async fn connect(&self, protocol: Protocol) -> Result<Stream, SubscribeError> {
        let _opening = Opening::start(&self.0);
        let (worker, address) = (&self.0.worker, self.address());
        let protocol = match (protocol, self.subscription()) {
            (Protocol::Http, Some(_)) => Protocol::TargetHttp,
            _ => protocol,
        };
        if let Some(tls) = &worker.tls {
            tls.prime(protocol).await?;
        }
        if self.is_cut_off() {
            return Err(SubscribeError::SessionClosed("it did not keep up, and stays away".to_owned()));
        }
        let trace = worker.trace(self.0.index, protocol);
        let socket = worker.sockets.connect(address).await;
        let mut socket = socket.map_err(|source| SubscribeError::Connect(address, source))?;
        self.count(|recorder| recorder.counters.connections += 1);
        self.opened();
        if let Some(slow_consumer) = &self.0.slow_consumer {
            socket.read_slowly(Rc::clone(slow_consumer))?;
        }
        if let Some(tls) = &worker.tls {
            return self.secure(tls, socket, protocol, trace).await;
        }
        let (byte_counts, added_delay) = (self.byte_counts(), worker.added_delay());
        Ok(Stream::Left(CountingStream::traced(socket, protocol, byte_counts, added_delay, trace)))
    }

    /// Does the TLS handshake on a new connection.
    async fn secure(
        &self,
        tls: &Tls,
        socket: Socket,
        protocol: Protocol,
        trace: Option<ConnectionTrace>,
    ) -> Result<Stream, SubscribeError> {
        // Another connection may have taken the ticket meanwhile. This task does not wait between here and the handshake.
        tls.prime(protocol).await?;
        let (byte_counts, added_delay) = (self.byte_counts(), self.0.worker.added_delay());
        let (connector, server, alpn) = (&tls.connector, tls.server(), alpn(protocol));
        let parameters = TlsParameters { connector, server, alpn, protocol, byte_counts, added_delay, trace };
        let stream = CountingTlsStream::open(socket, parameters).await.map_err(SubscribeError::Tls)?;
        match (alpn, stream.agreed()) {
            (Some(wanted), got) if got.as_deref() != Some(wanted) => {
                Err(SubscribeError::Alpn { wanted, got })
            }
            _ if self.0.worker.resumes() && !stream.is_resumed() => Err(SubscribeError::NotResumed),
            _ => Ok(Stream::Right(Box::new(stream))),
        }
    }

    fn byte_counts(&self) -> SharedByteCounts {
        SharedByteCounts::clone(&self.0.set_up.group.byte_counts)
    }

    /// The HTTP/2 connection of this subscriber: its own, or the one that it shares.
    /// Fails as [`connect`](Self::connect) does.
    pub(crate) async fn http2(&self) -> Result<Http2, SubscribeError> {
        let group = group(self.settings(), self.0.index);
        let connection = self.0.worker.http2.at(group, self.new_http2()).await?;
        self.opened();
        Ok(connection)
    }

    /// An HTTP/2 connection that is not shared.
    /// Fails as [`connect`](Self::connect) does.
    pub(crate) async fn new_http2(&self) -> Result<Http2, SubscribeError> {
        let _opening = Opening::start(&self.0);
        Http2::open(self.connect(Protocol::Http2).await?).await
    }

    /// The request headers of `exchange` by the trial's profile.
    pub fn request_headers(&self, kind: RequestKind) -> &HeaderMap {
        self.0.worker.headers.of(kind)
    }

    /// Reports that the server knows of this subscriber: the first request is on its way (polls), the response's head
    /// has come (streams, WebSocket), the hello is written (raw TCP), the namespace is joined by the transport that stays
    /// (Socket.IO). The trial begins when all have; calls
    /// after the first do nothing, and a subscriber that awaits a greeting is connected when it has come.
    pub fn connected(&self) {
        self.0.reported.set(true);
        self.settle();
        if let Some(recovery) = &self.0.recovery {
            recovery.connected(self.received_up_to());
        }
    }

    fn settle(&self) {
        if self.0.reported.get() && self.0.greeted.get() && !self.0.connected.replace(true) {
            self.0.worker.one_more_connected(&self.0.set_up);
        }
    }

    /// Whether [`connected`](Self::connected) was called and no greeting is awaited.
    pub fn is_connected(&self) -> bool {
        self.0.connected.get()
    }

    /// Counts an HTTP request.
    pub fn request(&self) {
        self.count(|recorder| recorder.counters.requests += 1);
    }

    /// Records that the server closed the session of this slow consumer: it continues at the oldest event that is left.
    pub(crate) fn session_closed(&self) {
        self.0.cursor.borrow_mut().session_closed();
    }

    /// Records that the subscription has ended, given whether the server could be reached at all, and returns how.
    pub(crate) fn ended(&self, was_reached: bool) -> Ended {
        if let Some(slow_consumer) = &self.0.slow_consumer {
            slow_consumer.cut_off();
        }
        match &self.0.recovery {
            Some(recovery) => recovery.ended(was_reached),
            None if was_reached => Ended::Broke,
            None => Ended::Failed,
        }
    }

    /// Whether the server has cut off this slow consumer, which then stays away.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.0.slow_consumer.as_ref().is_some_and(|slow_consumer| slow_consumer.is_cut_off())
    }

    /// Whether the server was killed. Another one replaces it.
    pub(crate) fn awaits_successor(&self) -> bool {
        self.0.recovery.as_ref().is_some_and(|recovery| recovery.server_restart().killed_ns().is_some())
    }

    /// The pauses before it reconnects, by random numbers of its own.
    pub(crate) fn pauses(&self) -> Pauses {
        let rng = schedule::rng(self.0.worker.spec.seed, Purpose::Backoff, u64::from(self.0.index));
        Pauses::new(self.0.recovery.as_ref().map(|recovery| recovery.server_restart().backoff()), rng)
    }

    fn keeps_up(&self) -> bool {
        self.0.slow_consumer.is_none()
    }

    /// The number up to which it has received all events; 0 for none.
    pub(crate) fn received_up_to(&self) -> u64 {
        match self.resume().start {
            protocol::Start::After(seq) => seq,
            protocol::Start::Fresh => 0,
        }
    }

    /// Reports a connection of its own, or one that it shares.
    fn opened(&self) {
        if let Some(recovery) = &self.0.recovery {
            recovery.opened();
        }
    }

    fn count(&self, add: impl FnOnce(&mut Recorder)) {
        self.0.worker.count(self.keeps_up(), add);
    }

    /// Counts a response, frame or chunk that carried this number of events; 0 for an empty one.
    pub fn response(&self, events: usize) {
        self.count(|recorder| recorder.response(events));
    }

    /// Whether [`record_head`](Self::record_head) would keep an exchange of this kind.
    pub fn wants_head(&self, kind: HeadKind) -> bool {
        self.0.worker.heads.wants(kind)
    }

    /// Keeps the heads of an exchange, if it is the first of its kind on this load thread. `request` is as it was sent; on
    /// HTTP/2 it has that version.
    pub fn record_head<A, B>(&self, kind: HeadKind, request: &Request<A>, answer: &Response<B>) {
        self.0.worker.heads.record(kind, request, answer);
    }

    /// A subscriber that was greeted waits here until all are connected, so that no later request counts as set-up.
    pub(crate) async fn rest(&self) {
        if self.settings().greeting && self.is_connected() {
            self.0.worker.opened().await;
        }
    }

    /// Waits until the next poll is due. The first one is due at once, the others on an absolute grid of the
    /// interval with a phase of this subscriber's own. A late subscriber polls at once and skips the points that it
    /// missed.
    pub async fn poll_due(&self) {
        self.0.poll_schedule.due().await;
    }

    /// Resolves when the trial is over and no connection of this subscriber is being opened. A connection that is dropped
    /// in its handshake would leave bytes unread, and the kernel counts them.
    pub async fn stopped(&self) {
        self.0.worker.spec.stop.cancelled().await;
        while self.0.opening.get() > 0 {
            self.0.opened.notified().await;
        }
    }

    /// Whether the trial is over.
    pub fn is_stopped(&self) -> bool {
        self.0.worker.spec.stop.is_cancelled()
    }
}

/// A connection that is being opened, as long as this exists.
struct Opening<'a>(&'a SessionState);

impl<'a> Opening<'a> {
    fn start(subscriber: &'a SessionState) -> Self {
        subscriber.opening.update(|opening| opening + 1);
        Self(subscriber)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.update(|opening| opening - 1);
        // Reading and posting may both wait.
        self.0.opened.notify_waiters();
    }
}

/// The subscribers of a group share a connection, and their bytes are counted together.
fn group(settings: &Settings, index: u32) -> u32 {
    match settings.transport.http {
        HttpVersion::Http1 => index,
        HttpVersion::Http2 => index / settings.transport.per_connection.max(1),
    }
}
