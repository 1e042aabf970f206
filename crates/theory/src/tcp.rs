//! TCP and IP (RFC 9293, RFC 791, RFC 8200, RFC 7323): what a path of 1500 bytes adds to a stream.

/// An IPv4 header without options (RFC 791 §3.1).
pub const IPV4_HEADER: u64 = 20;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_holds_1448_bytes() {
        assert_eq!((MSS, SEGMENT_HEADER, SYN), (1_448, 52, 60));
    }
}
