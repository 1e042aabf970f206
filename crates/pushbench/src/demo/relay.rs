//! A relay between the page and a technique's server: it counts, delays, and holds what it carries during a stall.
//!
//! Bytes are counted at the page's side: when they are read from the page, and when they are written to it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use loadgen::byte_accounting::{Classifier, Protocol};
use server_kit::Stop;
use server_kit::listener::accept_each;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::state::{DemoServer, DemoState};

/// Connections at a time; further ones are closed at once.
const CONNECTIONS: usize = 256;
/// Bytes per read.
const READ_BYTES: usize = 16 * 1024;
/// Pieces under way: five seconds at the highest rate.
const PIECES: usize = 1_024;

/// A relay that listens.
pub(super) struct Relay {
    pub(super) listener: TcpListener,
    pub(super) server: SocketAddr,
}

impl Relay {
    /// Carries connections until `stop`, which cuts them. A connection's error ends only that connection.
    pub(super) async fn serve(
        self,
        state: &Arc<DemoState>,
        counted: &Arc<DemoServer>,
        stop: Stop,
    ) -> io::Result<()> {
        // Dropping it ends the connections.
        let mut connections = JoinSet::new();
        accept_each(
            || self.listener.accept(),
            &stop,
            &mut connections,
            |(near, _), connections| {
                if connections.len() < CONNECTIONS {
                    connections.spawn(carry(near, self.server, state.clone(), counted.clone()));
                }
            },
        )
        .await
    }
}

async fn carry(near: TcpStream, server: SocketAddr, state: Arc<DemoState>, counted: Arc<DemoServer>) {
    let Ok(far) = TcpStream::connect(server).await else { return };
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let _open = counted.connect();
    let meter = Meter::new(&counted);
    let ((from_page, to_page), (from_server, to_server)) = (near.into_split(), far.into_split());
    tokio::join!(
        carry_one_way(from_page, to_server, &state, |bytes| meter.up(bytes), |_| {}),
        carry_one_way(from_server, to_page, &state, |_| {}, |bytes| meter.down(bytes)),
    );
}

/// A piece, and when it is due, ns of `CLOCK_MONOTONIC`.
type Piece = (u64, Bytes);

/// Carries one direction until an end closes it, and closes the other end. Calls `read` and `written` with the bytes.
async fn carry_one_way(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    state: &DemoState,
    read: impl Fn(&[u8]),
    written: impl Fn(&[u8]),
) {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::join!(read_all(from, sender, state, read), write_all(receiver, to, state, written));
}

async fn read_all(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<Piece>,
    state: &DemoState,
    read: impl Fn(&[u8]),
) {
    loop {
        let mut bytes = BytesMut::with_capacity(READ_BYTES);
        let count = tokio::select! {
            count = from.read_buf(&mut bytes) => count,
            // The other end is closed.
            () = pieces.closed() => return,
        };
        // An error ends a direction like a close.
        if !matches!(count, Ok(1..)) {
            return;
        }
        read(&bytes);
        let due_ns = os::now_ns() + u64::from(state.values().delay_ms) * 1_000_000;
        if pieces.send((due_ns, bytes.freeze())).await.is_err() {
            return;
        }
    }
}

async fn write_all(
    mut pieces: mpsc::Receiver<Piece>,
    mut to: OwnedWriteHalf,
    state: &DemoState,
    written: impl Fn(&[u8]),
) {
    while let Some((due_ns, bytes)) = pieces.recv().await {
        until(|| due_ns.max(state.values().stalled_until_ns)).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        written(&bytes);
    }
    until(|| state.values().stalled_until_ns).await;
    // An error means that it is closed already.
    let _ = to.shutdown().await;
}

/// Waits for a time that may be postponed meanwhile.
async fn until(due_ns: impl Fn() -> u64) {
    loop {
        let left_ns = due_ns().saturating_sub(os::now_ns());
        if left_ns == 0 {
            return;
        }
        sleep(Duration::from_nanos(left_ns)).await;
    }
}

/// Counts one connection's bytes by layer, and its requests, for its server.
struct Meter<'a> {
    server: &'a DemoServer,
    connection: Mutex<(Classifier, RequestState)>,
}

impl<'a> Meter<'a> {
    fn new(server: &'a DemoServer) -> Self {
        Self { server, connection: Mutex::new((Classifier::new(Protocol::Http), RequestState::Idle)) }
    }

    /// Counts bytes from the page.
    fn up(&self, bytes: &[u8]) {
        let (classifier, requests) = &mut *self.lock();
        let is_new = requests.up();
        self.server.count(|counts| {
            classifier.up(bytes, &mut counts.account);
            counts.requests += u64::from(is_new);
        });
    }

    /// Counts bytes to the page.
    fn down(&self, bytes: &[u8]) {
        let (classifier, requests) = &mut *self.lock();
        requests.down(bytes);
        self.server.count(|counts| classifier.down(bytes, &mut counts.account));
    }

    fn lock(&self) -> MutexGuard<'_, (Classifier, RequestState)> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of an HTTP/1.1 connection between requests.
///
/// Browsers do not send a request before the previous response has begun, so bytes sent after that begin a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestState {
    /// No request is under way, or its response has begun.
    Idle,
    /// A request is under way.
    Sent,
    /// Upgraded: no more requests.
    Upgraded,
}

impl RequestState {
    /// Whether bytes that go up now begin a request.
    fn up(&mut self) -> bool {
        let is_new = *self == Self::Idle;
        if is_new {
            *self = Self::Sent;
        }
        is_new
    }

    fn down(&mut self, bytes: &[u8]) {
        if *self == Self::Sent {
            let upgraded = bytes.starts_with(b"HTTP/1.1 101");
            *self = if upgraded { Self::Upgraded } else { Self::Idle };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_however_it_is_split_and_frames_do_not() {
        let mut requests = RequestState::Idle;
        assert!(requests.up());
        assert!(!requests.up(), "its body");
        requests.down(b"HTTP/1.1 200 OK\r\n");
        requests.down(b"\r\nbody");
        assert!(requests.up(), "the next");
        requests.down(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        assert!(!requests.up(), "a frame");
        requests.down(b"a frame");
        assert!(!requests.up(), "another");
    }
}
