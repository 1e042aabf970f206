//! Literal bytes to a server and back, over a real loopback socket. Panics where a test fails.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use server_kit::hub::Encode;
use server_kit::lifetime::{self, Stopper};
use server_kit::settings::{Compression, HttpVersion, Limits, Transport};
use server_kit::tls::{Certificate, Resumption, TlsServer};
use server_kit::{Hub, Settings, Stop};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{AlertDescription, ClientConfig, Error, RootCertStore};

/// No test waits longer for anything.
pub const LONGEST: Duration = Duration::from_secs(20);
/// Stands for the value of a `date` header in expected bytes.
pub const DATE: &str = "*****************************";
/// More than a TLS record, and 200 of them are more than any socket buffer holds.
pub const LARGE: usize = 60_000;

/// A server in a task of the test's runtime.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it serves.
    pub hub: Hub,
    certificate: Option<Vec<u8>>,
    stopper: Stopper,
    task: JoinHandle<io::Result<()>>,
}

/// Starts a server on a free port.
pub async fn start<F, Fut>(encode: Encode, settings: Settings, serve: F) -> Running
where
    F: FnOnce(TcpListener, Hub, Settings, Stop) -> Fut,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let hub = Hub::new(encode, &settings);
    let certificate = settings.transport.tls.as_ref().map(|tls| tls.certificate().to_vec());
    let (stopper, stop) = lifetime::channel();
    let task = tokio::spawn(serve(listener, hub.clone(), settings, stop));
    Running { address, hub, certificate, stopper, task }
}

impl Running {
    /// Publishes a message with this payload on channel 0.
    pub fn publish(&self, payload: &str) -> u64 {
        self.hub.publish(0, message(payload)).expect("a good message")
    }

    /// Publishes the same so many times.
    pub fn publish_times(&self, times: u32, payload: &str) {
        (0..times).for_each(|_| _ = self.publish(payload));
    }

    /// A new connection.
    pub async fn connect(&self) -> Peer {
        Peer { stream: TcpStream::connect(self.address).await.expect("the server listens") }
    }

    /// A new connection that has sent these bytes.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> Peer {
        let mut peer = self.connect().await;
        peer.send(bytes).await;
        peer
    }

    /// Whether its connections begin with a TLS handshake.
    pub fn speaks_tls(&self) -> bool {
        self.certificate.is_some()
    }

    /// A TLS client that trusts the server's certificate and no other, and offers these protocols by ALPN. It keeps
    /// the tickets that it gets.
    pub fn client(&self, protocols: &[&str]) -> TlsConnector {
        let certificate = self.certificate.clone().expect("the server speaks TLS");
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from(certificate)).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// A new connection of this client.
    /// Fails when the handshake fails.
    pub async fn handshake(&self, client: &TlsConnector) -> io::Result<Peer<TlsStream<TcpStream>>> {
        let name = ServerName::try_from("localhost").expect("a name");
        let shaken = timeout(LONGEST, client.connect(name, self.connect().await.stream)).await;
        shaken.expect("an answer").map(|stream| Peer { stream })
    }

    /// A new connection of a new client, which offers these protocols.
    pub async fn connect_tls(&self, protocols: &[&str]) -> Peer<TlsStream<TcpStream>> {
        self.handshake(&self.client(protocols)).await.expect("a handshake")
    }

    /// Returns once so many subscribers wait for the next event of channel 0.
    pub async fn until_waiting(&self, subscribers: usize) {
        until("so many subscribers wait", || (self.hub.waiting(0) == subscribers).then_some(())).await;
    }

    /// Why the one connection was rejected that was, once one is.
    pub async fn until_rejected(&self) -> String {
        let (count, reason) = until("a connection is rejected", || self.hub.rejected()).await;
        assert_eq!(count, 1);
        reason
    }

    /// Asks the server to stop.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Returns once the server has ended, well.
    pub async fn ended(&mut self) {
        let ended = timeout(LONGEST, &mut self.task).await.expect("the server ends");
        ended.expect("the server does not panic").expect("the server ends well");
    }
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match found() {
                Some(found) => return found,
                None => sleep(Duration::from_millis(1)).await,
            }
        }
    };
    timeout(LONGEST, looking).await.expect(what)
}

/// A client that knows nothing but bytes.
pub struct Peer<S = TcpStream> {
    /// The socket, or what lies on it.
    pub stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Sends these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the server reads");
        self.stream.flush().await.expect("the server reads");
    }

    /// Reads as many bytes as expected and compares; [`DATE`] stands for any date.
    pub async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let mut part = vec![0; expected.len() - got.len()];
            let read = timeout(LONGEST, self.stream.read(&mut part)).await;
            match read.map_err(|_| "silence").and_then(|read| read.map_err(|_| "an error")) {
                Ok(0) => break,
                Ok(len) => got.extend_from_slice(&part[..len]),
                Err(what) => panic!("{what} after: {}", got.escape_ascii()),
            }
        }
        mask_date(&mut got);
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    /// Reads so many bytes.
    pub async fn take(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = timeout(LONGEST, self.stream.read_exact(&mut bytes)).await;
        read.expect("an answer").expect("as many bytes");
        bytes
    }

    /// Reads up to and with these bytes.
    pub async fn until(&mut self, end: impl AsRef<[u8]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_ref()) {
            bytes.extend(self.take(1).await);
        }
        bytes
    }

    /// The server has closed, and said nothing more.
    pub async fn expect_end(self) {
        assert_eq!(self.rest().await.escape_ascii().to_string(), "");
    }

    /// All that the server still said before it closed, properly.
    pub async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(LONGEST, self.stream.read_to_end(&mut rest)).await.expect("an end").expect("a proper end");
        rest
    }
}

impl Peer<TlsStream<TcpStream>> {
    /// Sends a TLS record that was not encrypted.
    pub async fn send_broken_record(&mut self) {
        let record = b"\x17\x03\x03\0\x20 this was encrypted by nobody!!!";
        self.stream.get_mut().0.write_all(record).await.expect("the server reads");
    }

    /// The alert by which the server ends the connection.
    pub async fn alert(&mut self) -> Option<AlertDescription> {
        let mut rest = Vec::new();
        alert(&self.stream.read_to_end(&mut rest).await.expect_err("no proper end"))
    }
}

/// The alert that a connection or a handshake failed with.
pub fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

fn mask_date(bytes: &mut [u8]) {
    let name = b"\r\ndate: ";
    let mut from = 0;
    while let Some(found) = bytes[from..].windows(name.len()).position(|window| window == name) {
        from += found + name.len();
        let end = bytes.len().min(from + DATE.len());
        bytes[from..end].fill(b'*');
    }
}

/// A message with this payload, not numbered yet.
pub fn message(payload: &str) -> BytesMut {
    BytesMut::from(numbered(0, payload).as_bytes())
}

/// The same with its sequence number, as a subscriber gets it.
pub fn numbered(seq: u64, payload: &str) -> String {
    let stamp = Stamp { seq, intended_ns: 1, actual_ns: 2 };
    let message = Message { stamp, payload: payload.as_bytes(), kind: PayloadKind::Text }.to_bytes();
    String::from_utf8(message.to_vec()).expect("a message is text")
}

/// The same as a line.
pub fn line(seq: u64, payload: &str) -> String {
    numbered(seq, payload) + "\n"
}

/// Settings as they are by default.
pub fn plain() -> Settings {
    Settings::default()
}

/// With a greeting.
pub fn greeting() -> Settings {
    Settings { greeting: true, ..plain() }
}

/// With these limits.
pub fn limited(limits: Limits) -> Settings {
    Settings { limits, ..plain() }
}

/// With so many events in the replay window.
pub fn replaying(replay_events: usize) -> Settings {
    limited(Limits { replay_events, ..Limits::default() })
}

/// With so many connections at a time.
pub fn admitting(connections: usize) -> Settings {
    limited(Limits { connections, ..Limits::default() })
}

/// Where a client has so many milliseconds.
pub fn idle_ms(idle_ms: u64) -> Settings {
    limited(Limits { idle: Duration::from_millis(idle_ms), ..Limits::default() })
}

/// With a sign of life after so many milliseconds.
pub fn heartbeat_ms(heartbeat_ms: u64) -> Settings {
    Settings { heartbeat: Duration::from_millis(heartbeat_ms), ..plain() }
}

/// These settings on HTTP/2.
pub fn on_http2(settings: Settings) -> Settings {
    Settings { transport: Transport { http: HttpVersion::Http2, ..settings.transport }, ..settings }
}

/// These settings with compression.
pub fn compressed(settings: Settings) -> Settings {
    Settings { transport: Transport { compression: Compression::Deflate, ..settings.transport }, ..settings }
}

/// These settings behind TLS, with a new certificate.
pub fn behind_tls(settings: Settings, resumption: Resumption) -> Settings {
    let certificate = Certificate::made().expect("a certificate");
    let tls = Arc::new(TlsServer::new(certificate, resumption).expect("they fit"));
    Settings { transport: Transport { tls: Some(tls), ..settings.transport }, ..settings }
}
