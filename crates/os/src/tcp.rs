//! The kernel's counters of one TCP connection, and its segment size: `TCP_INFO` and `TCP_MAXSEG`, for which no safe wrapper
//! is complete.

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, AsRawFd};

/// The largest segment that a path of 1500 bytes carries: without the IP header (20) and the TCP header (20).
const SEGMENT_OF_1500: libc::c_int = 1460;
/// `TCPI_OPT_TIMESTAMPS`, linux/tcp.h.
const OPT_TIMESTAMPS: u8 = 1;
/// `TCP_ESTABLISHED`, net/tcp_states.h.
const ESTABLISHED: u8 = 1;

/// Counters of one TCP connection since it was opened, as its own kernel keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpInfo {
    /// Segments sent, SYN, acknowledgements and FIN included, and those that were sent again.
    pub segments_out: u64,
    /// Segments received.
    pub segments_in: u64,
    /// Segments with data sent, also again.
    pub data_segments_out: u64,
    /// Segments with data received.
    pub data_segments_in: u64,
    /// Segments sent again.
    pub retransmitted: u64,
    /// Whether every segment carries a timestamp (RFC 7323): 12 bytes with their padding.
    pub timestamps: bool,
}

/// Reads `TCP_INFO` of a connection. The kernel counts a super-packet as the segments that it stands for.
/// Fails when `socket` is not a TCP socket, or the kernel is older than these counters (Linux 4.6).
pub fn tcp_info(socket: impl AsFd) -> io::Result<TcpInfo> {
    let (info, len) = prefix(socket)?;
    if len < COUNTERS_END {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel counts no segments"));
    }
    Ok(info.into())
}

/// Whether both directions of a connection are open: neither side has closed, reset or abandoned it.
pub fn is_established(socket: impl AsFd) -> bool {
    prefix(socket).is_ok_and(|(info, _)| info.state_to_backoff[0] == ESTABLISHED)
}

fn prefix(socket: impl AsFd) -> io::Result<(Prefix, usize)> {
    let mut info = Prefix::default();
    let mut len = size_of::<Prefix>() as libc::socklen_t;
    // SAFETY: `info` is plain numbers, valid for writes of `len` bytes for the whole call; `len` is its size.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut len,
        )
    };
    if failed != 0 { Err(io::Error::last_os_error()) } else { Ok((info, len as usize)) }
}

/// Limits both directions of a connection that is not opened yet to segments of 1460 bytes, options included: what a
/// path of 1500 bytes carries. Loopback's own would be 65,495.
/// Fails when `socket` is not a TCP socket.
pub fn limit_segment(socket: impl AsFd) -> io::Result<()> {
    let size = SEGMENT_OF_1500;
    // SAFETY: `size` is valid for reads of its own size for the whole call.
    let failed = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MAXSEG,
            (&raw const size).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if failed != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `struct tcp_info` of linux/tcp.h up to its segment counters; libc's ends before them.
#[repr(C)]
#[derive(Default)]
struct Prefix {
    state_to_backoff: [u8; 5],
    options: u8,
    scales_and_flags: [u8; 2],
    /// `tcpi_rto` to `tcpi_rcv_space`.
    rto_to_receive_space: [u32; 23],
    total_retransmitted: u32,
    /// `tcpi_pacing_rate` to `tcpi_bytes_received`.
    rates_and_bytes: [u64; 4],
    segments_out: u32,
    segments_in: u32,
    not_sent_bytes: u32,
    least_round_trip: u32,
    data_segments_in: u32,
    data_segments_out: u32,
}

const COUNTERS_END: usize = offset_of!(Prefix, data_segments_out) + size_of::<u32>();
/// The offsets of linux/tcp.h.
const _: () = assert!(
    offset_of!(Prefix, total_retransmitted) == 100
        && offset_of!(Prefix, segments_out) == 136
        && COUNTERS_END == 160
);

impl From<Prefix> for TcpInfo {
    fn from(info: Prefix) -> Self {
        Self {
            segments_out: info.segments_out.into(),
            segments_in: info.segments_in.into(),
            data_segments_out: info.data_segments_out.into(),
            data_segments_in: info.data_segments_in.into(),
            retransmitted: info.total_retransmitted.into(),
            timestamps: info.options & OPT_TIMESTAMPS != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn bytes_are_counted_in_segments_of_a_1500_byte_path() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        limit_segment(&socket).unwrap();
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (mut client, mut server) = (client.into_std().unwrap(), server.into_std().unwrap());
        for stream in [&client, &server] {
            stream.set_nonblocking(false).unwrap();
        }

        let opened = tcp_info(&client).unwrap();
        assert!(is_established(&client));
        assert_eq!((opened.data_segments_out, opened.data_segments_in), (0, 0));
        let per_segment = if opened.timestamps { 1448 } else { 1460 };
        server.write_all(&vec![7; 3 * per_segment]).unwrap();
        client.read_exact(&mut vec![0; 3 * per_segment]).unwrap();
        client.write_all(b"a").unwrap();
        server.read_exact(&mut [0]).unwrap();

        let after = tcp_info(&client).unwrap();
        assert_eq!((after.data_segments_out, after.data_segments_in, after.retransmitted), (1, 3, 0));
        assert!(after.segments_out > opened.segments_out && after.segments_in >= opened.segments_in + 3);
    }

    #[test]
    fn a_socket_of_another_kind_is_an_error() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(tcp_info(&one).is_err() && !is_established(&one));
        assert!(limit_segment(&one).is_err());
    }
}
