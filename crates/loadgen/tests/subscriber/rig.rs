//! Sessions, a server that follows a script, its identity, and a socket that counts on the server's side.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use loadgen::Session;
use loadgen::session::{Snapshot, WorkerContext, WorkerSpec};
use loadgen::stop::{self, Stopper};
use loadgen::subscriber::{SubscribeError, http_streaming, polling};
use loadgen::transport::Trust;
use model::settings::{
    EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Subscribers, Transport, Uplink, UplinkTo, WebSocket,
};
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) type Subscribe = fn(Session) -> LocalBoxFuture<'static, Result<(), SubscribeError>>;

/// The techniques over HTTP.
pub(crate) const OVER_HTTP: [(&str, Subscribe); 4] = [
    ("short polling", |session| polling::short(session).boxed_local()),
    ("long polling", |session| polling::long(session).boxed_local()),
    ("NDJSON", |session| http_streaming::ndjson(session).boxed_local()),
    ("SSE", |session| http_streaming::sse(session).boxed_local()),
];

const LONGEST: Duration = Duration::from_secs(30);

/// The client half of a trial, and where its server listens.
pub(crate) struct Rig {
    pub(crate) listener: TcpListener,
    pub(crate) worker: Rc<WorkerContext>,
    pub(crate) stopper: Stopper,
    outgoing: Option<mpsc::UnboundedReceiver<u64>>,
    pub(crate) sender: mpsc::UnboundedSender<u64>,
}

impl Rig {
    pub(crate) async fn new(settings: Settings) -> Self {
        Self::trusting(settings, None).await
    }

    /// Under TLS if there is an identity to trust.
    pub(crate) async fn trusting(settings: Settings, identity: Option<&Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = stop::channel();
        let (sender, outgoing) = mpsc::unbounded_channel();
        let settings = Arc::new(settings);
        let spec = WorkerSpec {
            address,
            trust: identity.map(Identity::trust),
            settings,
            seed: 1,
            index: 0,
            stop,
            connected: Arc::default(),
        };
        Self {
            listener,
            worker: WorkerContext::new(spec).unwrap(),
            stopper,
            outgoing: Some(outgoing),
            sender,
        }
    }

    /// The session of a subscriber that sends messages, too.
    pub(crate) fn session(&mut self) -> Session {
        Session::new(&self.worker, 0, 0, self.outgoing.take())
    }

    pub(crate) fn session_of(&self, index: u32) -> Session {
        Session::new(&self.worker, index, 0, None)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) async fn accept_counted(&self) -> Counted<TcpStream> {
        Counted::new(self.listener.accept().await.unwrap().0)
    }

    pub(crate) async fn accept_tls(&self, acceptor: &TlsAcceptor) -> TlsStream<Counted<TcpStream>> {
        acceptor.accept(self.accept_counted().await).await.unwrap()
    }

    /// Waits until so many events have been received.
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
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        (stream, head)
    }

    /// The next two connections in any order: first the one whose first request is a GET, then the other.
    pub(crate) async fn accept_pair(&self) -> (TcpStream, TcpStream) {
        let (one, _) = self.listener.accept().await.unwrap();
        let (other, _) = self.listener.accept().await.unwrap();
        // Not `readable`, which may be true of a socket that has nothing to read.
        let (mut in_one, mut in_other) = ([0], [0]);
        let asks_first = tokio::select! {
            peeked = one.peek(&mut in_one) => peeked.map(|_| true),
            peeked = other.peek(&mut in_other) => peeked.map(|_| false),
        };
        if asks_first.unwrap() { (one, other) } else { (other, one) }
    }

    /// The next connection, upgraded to WebSocket.
    pub(crate) async fn accept_websocket(&self) -> TcpStream {
        self.accept_websocket_with("").await.0
    }

    /// The same, with more fields in the answer; and the request's head.
    pub(crate) async fn accept_websocket_with(&self, fields: &str) -> (TcpStream, String) {
        let (mut stream, request) = self.accept().await;
        agree(&mut stream, &request, fields).await;
        (stream, request)
    }
}

/// Every byte has one layer, and none is left over.
pub(crate) fn assert_whole(snapshot: &Snapshot) {
    let account = snapshot.account;
    assert_eq!(
        (account.up.wire(), account.down.wire()),
        (snapshot.socket_written, snapshot.socket_read),
        "{account:?}"
    );
    assert_eq!((account.up.unfinished, account.down.unfinished), (0, 0), "{account:?}");
}

/// A certificate and its key.
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

/// A stream that counts what it takes and gives, independently of byte accounting.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    stream: S,
    pub(crate) crossed: Rc<Crossed>,
}

/// Bytes, as the server sees them.
#[derive(Debug, Default)]
pub(crate) struct Crossed {
    pub(crate) read: Cell<u64>,
    pub(crate) written: Cell<u64>,
}

impl<S> Counted<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, crossed: Rc::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.crossed.read.set(self.crossed.read.get() + (buf.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.crossed.written.set(self.crossed.written.get() + written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Runs a test on one thread, in bounded time.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(LONGEST, test).await };
    LocalSet::new().block_on(&runtime, bounded).expect("the test ends in time");
}

/// Agrees to WebSocket on a connection whose first request has this head, with more fields in the response.
pub(crate) async fn agree(stream: &mut TcpStream, head: &str, fields: &str) {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {}\r\n{fields}\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Lets the other tasks go on until `done`.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |chain, cause| format!("{chain}: {cause}"))
}

/// Reads to the empty line.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A message with this number.
pub(crate) fn event(seq: u64) -> Vec<u8> {
    let stamp = Stamp { seq, intended_ns: 1, actual_ns: 1 };
    Message { stamp, payload: b"hello", kind: PayloadKind::Text }.to_bytes().to_vec()
}

/// An answer to a poll, with these events.
pub(crate) fn found(seqs: &[u64]) -> Vec<u8> {
    let body: Vec<u8> = seqs.iter().flat_map(|&seq| protocol::lines::encode(&event(seq))).collect();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// The settings of a subscriber that sends messages, too.
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
        subscribers: Subscribers { count: 1, channels: 1, added_delay_ns: 0 },
        uplink: None,
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true },
        short_polling: ShortPolling { interval_ns: 0, empty: EmptyAnswer::NoContent },
        long_polling: LongPolling { hold_ns: 1 },
        websocket: WebSocket { frames: Frames::Text },
        greeting: false,
        phases: Phases { warm_up_ns: 0, window_ns: 1, drain_ns: 0 },
        bound: None,
        ..Settings::default()
    }
}
