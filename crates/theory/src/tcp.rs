//! TCP and IP (RFC 9293, RFC 791, RFC 8200, RFC 7323): what a path of 1500 bytes adds to a stream.

use std::ops::RangeInclusive;

/// An IPv4 header without options (RFC 791 §3.1).
pub const IPV4_HEADER: u64 = 20;
/// An IPv6 header (RFC 8200 §3).
pub const IPV6_HEADER: u64 = 40;
/// A TCP header without options (RFC 9293 §3.1).
pub const TCP_HEADER: u64 = 20;
/// The timestamps option with its padding, in every segment of a connection that agreed on it (RFC 7323 §3.2).
pub const TIMESTAMPS: u64 = 12;
/// The headers of an IPv4 segment with timestamps.
pub const SEGMENT_HEADER: u64 = IPV4_HEADER + TCP_HEADER + TIMESTAMPS;
/// A SYN or its answer on IPv4: maximum segment size 4, SACK permitted 2, timestamps 10, window scale 3 + 1 (RFC 9293
/// §3.7.1, RFC 2018 §2, RFC 7323).
pub const SYN: u64 = IPV4_HEADER + TCP_HEADER + 20;
/// What fits into an IPv4 segment with timestamps on a path of 1500 bytes (RFC 9293 §3.7.1).
pub const MSS: u64 = 1_500 - SEGMENT_HEADER;

/// Segments that carry data which is handed over at once.
pub fn segments(data_bytes: u64) -> u64 {
    data_bytes.div_ceil(MSS)
}

/// Headers of these segments on IPv4.
pub fn headers(data_bytes: u64) -> u64 {
    segments(data_bytes) * SEGMENT_HEADER
}

/// Opening a connection (RFC 9293 §3.5): SYN, its answer, and an acknowledgement, in which data may go already.
pub const OPENS: u64 = 2 * SYN + SEGMENT_HEADER;

/// Pure acknowledgements for so many full segments; never exact. None at the least: they ride on what goes back. One for
/// each at the most: a receiver may not send more, and must not send fewer than one for two of them where nothing
/// goes back (RFC 9293 §3.8.6.3, RFC 5681 §4.2).
pub fn acknowledgements(segments: u64) -> RangeInclusive<u64> {
    0..=segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_holds_1448_bytes() {
        assert_eq!((MSS, SEGMENT_HEADER, SYN, OPENS), (1_448, 52, 60, 172));
        for (data, count) in [(0, 0), (1, 1), (1_448, 1), (1_449, 2), (65_536, 46)] {
            assert_eq!((segments(data), headers(data)), (count, 52 * count), "{data}");
        }
        assert_eq!(acknowledgements(46), 0..=46);
    }
}
