//! A socket with a buffer, which reads up to a mark or a length.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::server_process::LONGEST;

/// A connection to a server.
pub(super) struct Tcp {
    stream: TcpStream,
    buffer: Vec<u8>,
    read: usize,
}

impl Tcp {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LONGEST).expect("the server listens");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(LONGEST)).expect("a time-out");
        stream.set_write_timeout(Some(LONGEST)).expect("a time-out");
        Self { stream, buffer: Vec::new(), read: 0 }
    }

    pub(super) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    pub(super) fn server_address(&self) -> SocketAddr {
        self.stream.peer_addr().expect("a connected socket has a peer")
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes what is sent");
    }

    /// Sends to a server that may have closed this idle connection meanwhile; whether it has not.
    pub(super) fn send_if_open(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) if is_closed(error.kind()) => false,
            Err(error) => panic!("send: {error}"),
        }
    }

    /// What comes before the mark; none when the server has closed and nothing is left. The mark is dropped.
    pub(super) fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let rest = &self.buffer[self.read..];
            if let Some(found) = rest.windows(mark.len()).position(|window| window == mark) {
                let before = rest[..found].to_vec();
                self.read += found + mark.len();
                return Some(before);
            }
            if !self.read_more() {
                return self.nothing_left();
            }
        }
    }

    /// So many bytes; none when the server has closed and nothing is left.
    pub(super) fn exactly(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.buffer.len() - self.read < len {
            if !self.read_more() {
                return self.nothing_left();
            }
        }
        let bytes = self.buffer[self.read..][..len].to_vec();
        self.read += len;
        Some(bytes)
    }

    /// So many bytes, which must be there.
    pub(super) fn whole(&mut self, len: usize) -> Vec<u8> {
        self.exactly(len).expect("the server does not close in the middle")
    }

    /// Whether the server has closed, with or without having read what was sent last.
    pub(super) fn is_closed_unanswered(&mut self) -> bool {
        assert_eq!(self.buffer.len(), self.read, "an answer had begun");
        match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) if is_closed(error.kind()) => true,
            Err(error) => panic!("the server is silent: {error}"),
        }
    }

    fn nothing_left<T>(&self) -> Option<T> {
        let rest = &self.buffer[self.read..];
        assert!(rest.is_empty(), "cut off: {}", rest.escape_ascii());
        None
    }

    fn read_more(&mut self) -> bool {
        self.buffer.drain(..self.read);
        self.read = 0;
        let mut part = [0; 16 * 1024];
        let len = match self.stream.read(&mut part) {
            Ok(len) => len,
            Err(error) => panic!("{error} after: {}", self.buffer.escape_ascii()),
        };
        self.buffer.extend_from_slice(&part[..len]);
        len > 0
    }
}

/// A server that closes with something unread resets the connection; who asks on an idle connection must reckon with
/// that (RFC 9112 §9.3.1).
fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
