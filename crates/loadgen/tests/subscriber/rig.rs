//! Sessions, a server that follows a script, its identity, and a socket that counts on the server's side.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use loadgen::Session;
use loadgen::session::{Snapshot, WorkerContext, WorkerSpec};
use loadgen::subscriber::{SubscribeError, http_streaming, polling};
use loadgen::transport::Trust;
use model::settings::{
    EmptyAnswer, Events, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings, ShortPolling,
    Transport, Uplink, UplinkTo,
};
use model::target::Subscription;
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_local};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::io::{InspectReader, InspectWriter};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) type Subscribe = fn(Session) -> LocalBoxFuture<'static, Result<(), SubscribeError>>;

pub(crate) const OVER_HTTP: [(&str, Subscribe); 4] = [
    ("short polling", |session| polling::short(session).boxed_local()),
    ("long polling", |session| polling::long(session).boxed_local()),
    ("NDJSON", |session| http_streaming::ndjson(session).boxed_local()),
    ("SSE", |session| http_streaming::sse(session).boxed_local()),
];

const LONGEST: Duration = Duration::from_secs(30);

/// A technique's subscriber.
pub(crate) trait Technique: FnOnce(Session) -> <Self as Technique>::Running {
    type Running: Future<Output = Result<(), SubscribeError>> + 'static;
}

impl<S: FnOnce(Session) -> F, F: Future<Output = Result<(), SubscribeError>> + 'static> Technique for S {
    type Running = F;
}

/// The client half of a trial, its subscribers, and where its server listens.
pub(crate) struct Rig {
    pub(crate) listener: TcpListener,
    pub(crate) worker: Rc<WorkerContext>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    pub(crate) sender: mpsc::UnboundedSender<u64>,
    outgoing: RefCell<Option<mpsc::UnboundedReceiver<u64>>>,
    running: RefCell<VecDeque<Subscriber>>,
    last: RefCell<Option<Session>>,
}

type Subscriber = JoinHandle<Result<(), SubscribeError>>;

impl Rig {
    pub(crate) async fn new(settings: Settings) -> Self {
        Self::trusting(settings, None).await
    }

    /// Under TLS if there is an identity to trust.
    pub(crate) async fn trusting(settings: Settings, identity: Option<&Identity>) -> Self {
        Self::at(settings, identity, None).await
    }

    /// At a server of others.
    pub(crate) async fn at_target(settings: Settings, subscription: Subscription) -> Self {
        Self::at(settings, None, Some(subscription)).await
    }

    async fn at(settings: Settings, identity: Option<&Identity>, target: Option<Subscription>) -> Self {
        spawn_local(end_late());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, outgoing) = mpsc::unbounded_channel();
        let (trust, settings) = (identity.map(Identity::trust), Arc::new(settings));
        let (stop, connected) = (CancellationToken::new(), Arc::default());
        let ended = stop.clone();
        let spec = WorkerSpec { address, trust, settings, seed: 1, index: 0, stop, connected };
        Self {
            listener,
            worker: WorkerContext::at_target(spec, target).unwrap(),
            _stop_on_drop: ended.clone().drop_guard(),
            stop: ended,
            sender,
            outgoing: RefCell::new(Some(outgoing)),
            running: RefCell::default(),
            last: RefCell::default(),
        }
    }

    pub(crate) async fn subscribed(settings: Settings, technique: impl Technique) -> Self {
        let rig = Self::new(settings).await;
        rig.subscribe(technique);
        rig
    }

    /// With a subscriber, and its first connection.
    pub(crate) async fn accepted(settings: Settings, technique: impl Technique) -> (Self, TcpStream) {
        let rig = Self::subscribed(settings, technique).await;
        let stream = rig.accept_stream().await;
        (rig, stream)
    }

    /// The same, and the head of its first request.
    pub(crate) async fn asked(settings: Settings, technique: impl Technique) -> (Self, TcpStream, String) {
        let (rig, mut stream) = Self::accepted(settings, technique).await;
        let head = head(&mut stream).await;
        (rig, stream, head)
    }

    /// Runs a subscriber. The first one sends messages, too.
    pub(crate) fn subscribe(&self, technique: impl Technique) -> Session {
        let session = Session::new(&self.worker, 0, 0, self.outgoing.take());
        self.subscribe_as(&session, technique);
        session
    }

    /// Runs the subscriber of this session.
    pub(crate) fn subscribe_as(&self, session: &Session, technique: impl Technique) {
        self.running.borrow_mut().push_back(spawn_local(technique(session.clone())));
        self.last.replace(Some(session.clone()));
    }

    /// A session whose subscriber does not run yet.
    pub(crate) fn session_of(&self, index: u32) -> Session {
        Session::new(&self.worker, index, 0, None)
    }

    /// How the subscriber ends that was started first, of those that were not asked for yet.
    pub(crate) async fn ended(&self) -> Result<(), SubscribeError> {
        let first = self.running.borrow_mut().pop_front();
        first.unwrap().await.unwrap()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.running.borrow()[0].is_finished()
    }

    pub(crate) async fn error(&self) -> SubscribeError {
        self.ended().await.unwrap_err()
    }

    /// The same with its causes.
    pub(crate) async fn failure(&self) -> String {
        chain(&self.error().await)
    }

    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stop(&self) {
        self.cancel();
        self.ended().await.unwrap();
    }

    /// The server closed the session of the subscriber, with these words.
    pub(crate) async fn assert_session_closed(&self, words: &str) {
        let error = self.error().await;
        assert!(matches!(&error, SubscribeError::SessionClosed(said) if said.contains(words)), "{error}");
    }

    pub(crate) async fn until_connected(&self) {
        let last = self.last.borrow().clone().unwrap();
        until(|| last.is_connected()).await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) async fn accept_stream(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    pub(crate) async fn accept_tls(&self, acceptor: &TlsAcceptor) -> TlsStream<TcpStream> {
        acceptor.accept(self.accept_stream().await).await.unwrap()
    }

    pub(crate) async fn until_events(&self, events: u64) {
        until(|| self.worker.snapshot().counters.events >= events).await;
    }

    /// The counters once every connection is closed.
    pub(crate) async fn closed(&self) -> Snapshot {
        self.worker.all_closed().await;
        self.worker.snapshot()
    }

    /// The next connection, and the head of its first request.
    pub(crate) async fn accept(&self) -> (TcpStream, String) {
        let mut stream = self.accept_stream().await;
        let head = head(&mut stream).await;
        (stream, head)
    }

    /// The next two connections in any order: first the one whose first request is a GET, then the other.
    pub(crate) async fn accept_pair(&self) -> (TcpStream, TcpStream) {
        let (one, other) = (self.accept_stream().await, self.accept_stream().await);
        // Not `readable`, which may be true of a socket that has nothing to read.
        let (mut in_one, mut in_other) = ([0], [0]);
        let asks_first = tokio::select! {
            peeked = one.peek(&mut in_one) => peeked.map(|_| true),
            peeked = other.peek(&mut in_other) => peeked.map(|_| false),
        };
        if asks_first.unwrap() { (one, other) } else { (other, one) }
    }

    /// The next connection, upgraded to WebSocket with these fields in the answer, and the request's head.
    pub(crate) async fn accept_websocket(&self, fields: &str) -> (TcpStream, String) {
        let (mut stream, request) = self.accept().await;
        agree(&mut stream, &request, fields, b"").await;
        (stream, request)
    }
}

/// Every byte has one layer.
pub(crate) fn assert_counted(snapshot: &Snapshot) {
    let account = snapshot.account;
    let wire = (account.up.wire(), account.down.wire());
    assert_eq!(wire, (snapshot.socket_written, snapshot.socket_read), "{account:?}");
}

/// Every byte has one layer, and none is left over.
pub(crate) fn assert_whole(snapshot: &Snapshot) {
    assert_counted(snapshot);
    let account = snapshot.account;
    assert_eq!((account.up.unfinished, account.down.unfinished), (0, 0), "{account:?}");
}

pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        Self { certificate: made.cert.der().clone(), key }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::exactly(self.certificate.to_vec())
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Agrees to one of `alpn`, and sends so many tickets after a full handshake.
    pub(crate) fn acceptor(&self, alpn: &[&str], tickets: usize) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.send_tls13_tickets = tickets;
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A stream whose bytes are counted independently of byte accounting.
pub(crate) type Counted<S> = InspectWriter<InspectReader<S, Count>, Count>;
type Count = Box<dyn FnMut(&[u8])>;

/// Bytes, as the server sees them.
#[derive(Debug, Default)]
pub(crate) struct Crossed {
    pub(crate) read: Cell<u64>,
    pub(crate) written: Cell<u64>,
}

pub(crate) fn counted<S: AsyncRead + AsyncWrite>(stream: S) -> (Counted<S>, Rc<Crossed>) {
    let crossed = Rc::<Crossed>::default();
    let (read, written) = (Rc::clone(&crossed), Rc::clone(&crossed));
    let read: Count = Box::new(move |bytes| read.read.update(|read| read + bytes.len() as u64));
    let written: Count =
        Box::new(move |bytes| written.written.update(|written| written + bytes.len() as u64));
    (InspectWriter::new(InspectReader::new(stream, read), written), crossed)
}

/// hyper's tasks stay on the test's thread.
#[derive(Clone, Copy)]
pub(crate) struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, task: F) {
        spawn_local(async { drop(task.await) });
    }
}

/// Ends the tests when one of them does not end by itself.
async fn end_late() {
    tokio::time::sleep(LONGEST).await;
    let _ = writeln!(io::stderr(), "a test has not ended after {LONGEST:?}");
    std::process::abort();
}

/// Agrees to WebSocket on a connection whose first request has this head, with more fields in the response, and
/// then these frames.
pub(crate) async fn agree(stream: &mut TcpStream, head: &str, fields: &str, frames: &[u8]) {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {}\r\n{fields}\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(&[answer.as_bytes(), frames].concat()).await.unwrap();
}

/// Lets the other tasks go on until `done`.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |chain, cause| format!("{chain}: {cause}"))
}

pub(crate) async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Whether nothing more comes.
pub(crate) async fn is_at_end(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    stream.read(&mut [0]).await.unwrap() == 0
}

/// Reads to the empty line.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn event(seq: u64) -> Vec<u8> {
    let stamp = Stamp { seq, intended_ns: 1, actual_ns: 1 };
    Message { stamp, payload: b"hello", kind: PayloadKind::Text }.to_bytes().to_vec()
}

/// A greeting: the channel stands at event 7.
pub(crate) fn greeting() -> Vec<u8> {
    let stamp = Stamp { seq: 7, intended_ns: 0, actual_ns: 0 };
    Message { stamp, payload: b"{}", kind: PayloadKind::Json }.to_bytes().to_vec()
}

pub(crate) fn lines(seqs: &[u64]) -> Vec<u8> {
    seqs.iter().flat_map(|&seq| protocol::lines::encode(&event(seq))).collect()
}

pub(crate) const NDJSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n";

pub(crate) fn answer(body: &[u8]) -> Vec<u8> {
    let head = format!("{NDJSON}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) fn found(seqs: &[u64]) -> Vec<u8> {
    answer(&lines(seqs))
}

pub(crate) fn two_way() -> Settings {
    let to = UplinkTo::Application;
    let uplink = Uplink { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 5, to };
    Settings { uplink: Some(uplink), ..settings() }
}

pub(crate) fn settings_of(transport: Transport) -> Settings {
    Settings { transport, ..settings() }
}

pub(crate) fn settings() -> Settings {
    Settings {
        events: Events { rate_per_s: 1.0, pace: Pace::Constant, payload_bytes: 5, payload: Payload::Text },
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true, unbuffered: false },
        short_polling: ShortPolling { interval_ns: 0, empty: EmptyAnswer::NoContent },
        long_polling: LongPolling { hold_ns: 1 },
        phases: Phases { warm_up_ns: 0, window_ns: 1, drain_ns: 0 },
        ..Settings::default()
    }
}
