//! Sessions, a server's identity, and a socket that counts on the server's side.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use loadgen::Session;
use loadgen::session::{Snapshot, WorkerContext, WorkerSpec};
use loadgen::stop::{self, Stopper};
use loadgen::transport::Trust;
use model::settings::{HeaderProfile, Http, Settings, ShortPolling, Transport};
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::server::TlsStream;

const LONGEST: Duration = Duration::from_secs(30);

/// A trial's client half, and where its server listens.
pub(crate) struct Rig {
    pub(crate) listener: TcpListener,
    pub(crate) worker: Rc<WorkerContext>,
    pub(crate) stopper: Stopper,
}

impl Rig {
    /// Plain, or trusting `identity`.
    pub(crate) async fn new(settings: Settings, identity: Option<&Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = stop::channel();
        let spec = WorkerSpec {
            address,
            trust: identity.map(Identity::trust),
            settings: Arc::new(settings),
            seed: 1,
            index: 0,
            stop,
            connected: Arc::default(),
        };
        Self { listener, worker: WorkerContext::new(spec).unwrap(), stopper }
    }

    pub(crate) fn session(&self, index: u32) -> Session {
        Session::new(&self.worker, index, 0, None)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) async fn accept(&self) -> Counted<TcpStream> {
        Counted::new(self.listener.accept().await.unwrap().0)
    }

    pub(crate) async fn accept_tls(&self, acceptor: &TlsAcceptor) -> TlsStream<Counted<TcpStream>> {
        acceptor.accept(self.accept().await).await.unwrap()
    }

    /// The counters once every connection is closed.
    pub(crate) async fn closed(&self) -> Snapshot {
        self.worker.all_closed().await;
        self.worker.snapshot()
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

/// Lets the other tasks go on until `done`.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

/// A message with this number and a payload of 5 bytes.
pub(crate) fn event(seq: u64) -> Vec<u8> {
    let stamp = Stamp { seq, intended_ns: 1, actual_ns: 1 };
    Message { stamp, payload: b"hello", kind: PayloadKind::Text }.to_bytes().to_vec()
}

pub(crate) fn settings(transport: Transport) -> Settings {
    Settings {
        http: Http { headers: HeaderProfile::Minimal, keep_alive: true },
        short_polling: ShortPolling { interval_ns: 0, ..Settings::default().short_polling },
        transport,
        ..Settings::default()
    }
}
