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

use model::trial::{SegmentCount, Segments};
use os::TcpInfo;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use crate::faults::{SlowConsumer, SlowReading};

/// How often a subscriber that does not keep up asks whether its connection is still there: the least that there is.
const ASK: Duration = Duration::from_secs(1);

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

    pub(crate) fn segments(&self) -> Segments {
        let known = self.0.known.borrow();
        let mut sum = known.closed;
        for connection in known.open.values().filter_map(Weak::upgrade) {
            sum += connection.segments();
        }
        sum
    }

    pub(crate) async fn all_closed(&self) {
        while !self.0.known.borrow().open.is_empty() {
            self.0.one_less.notified().await;
        }
    }
}

impl TcpConnection {
    /// The segments so far; none when the kernel does not report them, as for a socket that it has closed.
    fn segments(&self) -> Segments {
        let ip = if self.is_ipv6 { IPV6 } else { IPV4 };
        os::tcp_info(&*self.stream.borrow()).map_or(Segments::default(), |info| segments(&info, ip))
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

/// RFC 791 §3.1, without options.
const IPV4: u64 = 20;
/// RFC 8200 §3, without extension headers.
const IPV6: u64 = 40;
/// RFC 9293 §3.1, without options.
const TCP: u64 = 20;
/// RFC 7323 §3.2, and two bytes that pad it to a multiple of four.
const TIMESTAMPS: u64 = 12;
/// By how much a SYN's options are longer than every segment's: maximum segment size (4), SACK permitted (2), window
/// scale (3) and one byte of padding where there are timestamps, which padded themselves with two: 20 − 12. Without
/// timestamps there are 12 bytes, padding included.
const SYN_WITH_TIMESTAMPS: u64 = 8;
const SYN_WITHOUT: u64 = 12;

/// Segments, and what they cost below TCP's stream: their IP and TCP headers.
fn segments(info: &TcpInfo, ip: u64) -> Segments {
    let (options, syn) = if info.timestamps { (TIMESTAMPS, SYN_WITH_TIMESTAMPS) } else { (0, SYN_WITHOUT) };
    // One SYN went up and its answer came down.
    let count = |segments, with_data| SegmentCount {
        segments,
        with_data,
        header_bytes: segments * (ip + TCP + options) + syn,
    };
    Segments {
        up: count(info.segments_out, info.data_segments_out),
        down: count(info.segments_in, info.data_segments_in),
        retransmitted_up: info.retransmitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_has_its_headers_and_a_syn_8_bytes_more() {
        let info = TcpInfo {
            segments_out: 3,
            segments_in: 2,
            data_segments_out: 1,
            data_segments_in: 0,
            retransmitted: 0,
            timestamps: true,
        };
        // A SYN of 60 bytes (20 + 20 + 20), then 52 each.
        assert_eq!(segments(&info, IPV4).up.header_bytes, 60 + 2 * 52);
        assert_eq!(segments(&info, IPV6).down.header_bytes, 80 + 72);
        let bare = TcpInfo { timestamps: false, ..info };
        assert_eq!(segments(&bare, IPV4).up.header_bytes, 52 + 2 * 40);
    }
}
