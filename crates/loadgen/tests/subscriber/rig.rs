//! A subscriber's session, and a server that follows a script.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadgen::Session;
use loadgen::session::{WorkerContext, WorkerSpec};
use loadgen::stop::{self, Stopper};
use model::settings::{
    EmptyAnswer, Events, Frames, HeaderProfile, Http, LongPolling, Pace, Payload, Phases, Settings,
    ShortPolling, Subscribers, Uplink, UplinkTo, WebSocket,
};
use protocol::message::PayloadKind;
use protocol::{Message, Stamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const LONGEST: Duration = Duration::from_secs(20);

/// A trial of one subscriber.
pub(crate) struct Rig {
    pub(crate) listener: TcpListener,
    pub(crate) worker: Rc<WorkerContext>,
    pub(crate) stopper: Stopper,
    outgoing: Option<mpsc::UnboundedReceiver<u64>>,
    pub(crate) sender: mpsc::UnboundedSender<u64>,
}

impl Rig {
    pub(crate) async fn new(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = stop::channel();
        let (sender, outgoing) = mpsc::unbounded_channel();
        let settings = Arc::new(settings);
        let spec =
            WorkerSpec { address, trust: None, settings, seed: 1, index: 0, stop, connected: Arc::default() };
        Self {
            listener,
            worker: WorkerContext::new(spec).unwrap(),
            stopper,
            outgoing: Some(outgoing),
            sender,
        }
    }

    pub(crate) fn session(&mut self) -> Session {
        Session::new(&self.worker, 0, 0, self.outgoing.take())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
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
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {}\r\n{fields}\r\n",
            derive_accept_key(key.as_bytes())
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        (stream, request)
    }
}

/// Runs a test on one thread, in bounded time.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(LONGEST, test).await };
    LocalSet::new().block_on(&runtime, bounded).expect("the test ends in time");
}

/// Reads to the empty line.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
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
