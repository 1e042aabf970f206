//! A relay between subscribers and server: it counts what it carries, and may cut connections.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::server_process::until;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Life {
    /// Until one of its ends closes it.
    Whole,
    /// Until so many bytes went down.
    Cut(usize),
}

#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    carried: Arc<Carried>,
}

/// What was carried, by now.
#[derive(Debug, Default)]
struct Carried {
    up: AtomicU64,
    down: AtomicU64,
    cuts: AtomicU64,
    /// Directions of connections that are still carried.
    open: AtomicU64,
}

impl Relay {
    pub(crate) fn start(server: SocketAddr, life: Life) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let carried = Arc::new(Carried::default());
        let relay = Self { address, carried: Arc::clone(&carried) };
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.expect("a connection");
                // A server that has ended takes none.
                if let Ok(far) = TcpStream::connect(server) {
                    connection(&near, &far, life, &carried);
                }
            }
        });
        relay
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that subscribers have sent.
    pub(crate) fn up(&self) -> u64 {
        self.carried.up.load(Ordering::SeqCst)
    }

    /// Bytes that were passed on to subscribers, whether or not they have read them.
    pub(crate) fn down(&self) -> u64 {
        self.carried.down.load(Ordering::SeqCst)
    }

    /// Connections that were cut.
    pub(crate) fn cuts(&self) -> u64 {
        self.carried.cuts.load(Ordering::SeqCst)
    }

    pub(crate) fn until_closed(&self) {
        until("every connection is closed", || self.carried.open.load(Ordering::SeqCst) == 0);
    }

    pub(crate) fn until_down(&self, bytes: u64) {
        until("events flow", || self.down() >= bytes);
    }
}

/// A thread for each direction; returns at once.
fn connection(near: &TcpStream, far: &TcpStream, life: Life, carried: &Arc<Carried>) {
    let clone = |stream: &TcpStream| {
        stream.set_nodelay(true).expect("no delay");
        stream.try_clone().expect("a descriptor")
    };
    let (mut up, mut down) = ((clone(near), clone(far)), (clone(far), clone(near)));
    let most = match life {
        Life::Whole => usize::MAX,
        Life::Cut(bytes) => bytes,
    };
    carried.open.fetch_add(2, Ordering::SeqCst);
    let counts = Arc::clone(carried);
    thread::spawn(move || {
        carry(&mut up, &counts.up, usize::MAX);
        counts.open.fetch_sub(1, Ordering::SeqCst);
    });
    let counts = Arc::clone(carried);
    thread::spawn(move || {
        if let Carry::Reached = carry(&mut down, &counts.down, most) {
            counts.cuts.fetch_add(1, Ordering::SeqCst);
            // An error says that it is closed.
            let _ = (down.0.shutdown(Shutdown::Both), down.1.shutdown(Shutdown::Both));
        }
        counts.open.fetch_sub(1, Ordering::SeqCst);
    });
}

/// Why a direction is carried no further.
enum Carry {
    /// An end closed it.
    Closed,
    /// It has carried as much as it may.
    Reached,
}

/// Carries up to `most` bytes, and passes an end on.
fn carry((from, to): &mut (TcpStream, TcpStream), count: &AtomicU64, most: usize) -> Carry {
    let mut left = most;
    let mut buffer = [0; 16 * 1024];
    while left > 0 {
        let room = left.min(buffer.len());
        let len = from.read(&mut buffer[..room]).unwrap_or(0);
        if len == 0 || to.write_all(&buffer[..len]).is_err() {
            let _ = to.shutdown(Shutdown::Write);
            return Carry::Closed;
        }
        count.fetch_add(len as u64, Ordering::SeqCst);
        left -= len;
    }
    Carry::Reached
}
