//! Literal bytes to a server and back, over a real loopback socket. For the servers' tests; panics where a test fails.
//!
//! - [`http2`]: the frames of an HTTP/2 connection
//! - [`secure`]: a TLS client that trusts the server's certificate and no other

pub mod http2;
pub mod secure;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::hub::Encode;
use crate::lifetime::{self, Stopper};
use crate::{Hub, Settings, Stop};

/// No test waits longer for anything.
const LONGEST: Duration = Duration::from_secs(20);
/// Stands for the value of a `date` header in expected bytes.
pub const DATE: &str = "*****************************";

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

    /// Returns once so many subscribers wait for the next event of channel 0.
    pub async fn until_waiting(&self, subscribers: usize) {
        let reached = async {
            while self.hub.waiting(0) != subscribers {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONGEST, reached).await.expect("so many subscribers wait");
    }

    /// Asks the server to stop.
    pub fn stop(&self) {
        self.stopper.stop();
    }

    /// Returns once the server has ended, well.
    pub async fn ended(self) {
        let ended = timeout(LONGEST, self.task).await.expect("the server ends");
        ended.expect("the server does not panic").expect("the server ends well");
    }
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
    pub async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
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
