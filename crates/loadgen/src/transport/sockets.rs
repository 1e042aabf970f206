//! The TCP connections of one load thread: opened as a path of 1500 bytes would have them, and known until they are
//! closed, so that the kernel can be asked what it counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use model::trial::Segments;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use super::segments;
use crate::faults::{SlowConsumer, SlowReading};

/// How often a subscriber that does not keep up asks whether its connection is still there: the least that there is.
const ASK: Duration = Duration::from_secs(1);

/// The sockets of a load thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets(Rc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    known: RefCell<KnownSockets>,
    one_less: Notify,
}

#[derive(Debug, Default)]
struct KnownSockets {
    next: u64,
    open: BTreeMap<u64, Weak<TcpConnection>>,
    /// What those carried that are closed.
    closed: Segments,
}

#[derive(Debug)]
struct TcpConnection {
    stream: RefCell<TcpStream>,
    is_ipv6: bool,
}

/// A TCP connection. What the kernel counted of it outlives it.
#[derive(Debug)]
pub struct Socket {
    // Shared with the registry only, which reads its counters and is never polled.
    connection: Rc<TcpConnection>,
    sockets: Sockets,
    number: u64,
    /// How it is read, if not at once.
    slow: Option<Box<SlowReading>>,
}

impl Sockets {
    /// Opens a connection with `TCP_NODELAY`, and segments of at most 1460 bytes less options.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        os::limit_segment(&socket)?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(self.register(stream, address.is_ipv6()))
    }

    fn register(&self, stream: TcpStream, is_ipv6: bool) -> Socket {
        let connection = Rc::new(TcpConnection { stream: RefCell::new(stream), is_ipv6 });
        let mut known = self.0.known.borrow_mut();
        let number = known.next;
        known.next += 1;
        known.open.insert(number, Rc::downgrade(&connection));
        Socket { connection, sockets: self.clone(), number, slow: None }
    }

    /// The segments of all sockets so far, by the kernel.
    pub(crate) fn segments(&self) -> Segments {
        let known = self.0.known.borrow();
        let mut sum = known.closed;
        for connection in known.open.values().filter_map(Weak::upgrade) {
            sum += connection.segments();
        }
        sum
    }

    /// Waits until no socket is open.
    pub(crate) async fn all_closed(&self) {
        while !self.0.known.borrow().open.is_empty() {
            self.0.one_less.notified().await;
        }
    }
}

impl TcpConnection {
    fn segments(&self) -> Segments {
        segments::of(&*self.stream.borrow(), self.is_ipv6)
    }
}

impl Socket {
    /// From now on it is read as by a subscriber that does not keep up. A kernel that cuts a connection which takes nothing
    /// (`TCP_USER_TIMEOUT`) does not notify the other end, so this end asks each second.
    pub(crate) fn read_slowly(&mut self, slow_consumer: Rc<SlowConsumer>) -> io::Result<()> {
        let stream = self.connection.stream.borrow();
        sockopt::set_socket_keepalive(&*stream, true)?;
        sockopt::set_tcp_keepidle(&*stream, ASK)?;
        sockopt::set_tcp_keepintvl(&*stream, ASK)?;
        drop(stream);
        self.slow = Some(Box::new(SlowReading::new(slow_consumer)));
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut known = self.sockets.0.known.borrow_mut();
        known.open.remove(&self.number);
        known.closed += self.connection.segments();
        self.sockets.0.one_less.notify_one();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { connection, slow, .. } = &mut *self;
        let mut stream = connection.stream.borrow_mut();
        match slow {
            None => Pin::new(&mut *stream).poll_read(cx, buf),
            Some(slow) => slow.poll_read(&mut stream, cx, buf),
        }
    }
}

forward_writes!(
    Socket,
    this => this.connection.stream.borrow_mut(),
    this.connection.stream.borrow().is_write_vectored()
);
