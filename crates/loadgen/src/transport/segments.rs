//! What a socket's segments cost below TCP's stream: their IP and TCP headers.

use std::os::fd::AsFd;

use model::trial::{SegmentCount, Segments};

use os::TcpInfo;

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

/// The segments of a connection so far; none when the kernel does not report them, as for a socket that it has closed.
pub(super) fn of(socket: impl AsFd, is_ipv6: bool) -> Segments {
    let ip = if is_ipv6 { IPV6 } else { IPV4 };
    os::tcp_info(socket).map_or(Segments::default(), |info| counted(&info, ip))
}

fn counted(info: &TcpInfo, ip: u64) -> Segments {
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
        assert_eq!(counted(&info, IPV4).up.header_bytes, 60 + 2 * 52);
        assert_eq!(counted(&info, IPV6).down.header_bytes, 80 + 72);
        let bare = TcpInfo { timestamps: false, ..info };
        assert_eq!(counted(&bare, IPV4).up.header_bytes, 52 + 2 * 40);
    }
}
