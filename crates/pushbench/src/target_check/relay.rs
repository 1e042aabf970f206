//! A relay that records what it carries, with times.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// More of a connection is carried and not recorded.
const MOST_RECORDED: usize = 256 * 1024;

/// Bytes that came together.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) at: Instant,
    pub(super) from_server: bool,
    pub(super) bytes: Vec<u8>,
}

/// What a connection has carried so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Connection(pub(super) Vec<Piece>);

type Connections = Arc<Mutex<Vec<Connection>>>;

/// It carries connections until this process ends.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    connections: Connections,
}

impl Relay {
    /// Carries what connects to it to `server`.
    /// Fails when there is no free port or thread.
    pub(super) fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let relay = Self { address: listener.local_addr()?, connections: Connections::default() };
        let connections = Arc::clone(&relay.connections);
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            for near in listener.incoming().flatten() {
                // A server that takes no connection is shown to the client as one that closes it.
                if let Ok(far) = TcpStream::connect(server) {
                    let _ = carry(near, far, &connections);
                }
            }
        })?;
        Ok(relay)
    }

    /// What was carried by now, in the order in which the connections were opened.
    pub(super) fn recorded(&self) -> Vec<Connection> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn carry(near: TcpStream, far: TcpStream, connections: &Connections) -> io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let index = {
        let mut all = connections.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Connection::default());
        all.len() - 1
    };
    for (from, to, from_server) in [(near.try_clone()?, far.try_clone()?, false), (far, near, true)] {
        let connections = Arc::clone(connections);
        thread::Builder::new().name("relay".to_owned()).spawn(move || {
            pass(from, to, |bytes| record(&connections, index, from_server, bytes));
        })?;
    }
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, record: impl Fn(&[u8])) {
    let mut part = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut part) {
        record(&part[..count]);
        if to.write_all(&part[..count]).is_err() {
            break;
        }
    }
    // The other direction may go on; a socket that has gone needs no end.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

fn record(connections: &Connections, index: usize, from_server: bool, bytes: &[u8]) {
    let mut all = connections.lock().unwrap_or_else(PoisonError::into_inner);
    let pieces = &mut all[index].0;
    let recorded: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
    if recorded < MOST_RECORDED {
        pieces.push(Piece { at: Instant::now(), from_server, bytes: bytes.to_owned() });
    }
}

impl Connection {
    /// All bytes of one direction.
    pub(super) fn bytes(&self, from_server: bool) -> Vec<u8> {
        let pieces = self.0.iter().filter(|piece| piece.from_server == from_server);
        pieces.flat_map(|piece| piece.bytes.iter().copied()).collect()
    }
}
