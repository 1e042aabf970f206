//! What carries messages: frames of HTTP/2, records of TLS, segments of TCP.

pub mod http2 {
    //! HTTP/2 (RFC 9113): frames.

    /// The header of every frame (RFC 9113 §4.1): length, type, flags, stream.
    pub const FRAME_HEADER: u64 = 9;
    /// What a client sends first (RFC 9113 §3.4): `PRI * HTTP/2.0`, `SM` and their line ends.
    pub const PREFACE: u64 = 24;
    /// The largest payload of a frame unless the peer allows more (RFC 9113 §4.2, §6.5.2).
    pub const MAX_FRAME_SIZE: u64 = 16_384;
    /// What may be sent before the peer opens the window further (RFC 9113 §6.9.2).
    pub const INITIAL_WINDOW: u64 = 65_535;
    /// The acknowledgement of SETTINGS, whole (RFC 9113 §6.5).
    pub const SETTINGS_ACK: u64 = FRAME_HEADER;

    /// Frame headers of data that goes out at once, in frames no larger than `max_frame_size` (RFC 9113 §6.1). Data of no
    /// bytes is a frame still: it may end the stream.
    pub fn data_framing(data_bytes: u64, max_frame_size: u64) -> u64 {
        FRAME_HEADER * frames(data_bytes, max_frame_size)
    }

    /// Frame headers of a header block: HEADERS and as many CONTINUATION as it needs (RFC 9113 §4.3).
    pub fn header_framing(block_bytes: u64, max_frame_size: u64) -> u64 {
        FRAME_HEADER * frames(block_bytes, max_frame_size)
    }

    fn frames(bytes: u64, max_frame_size: u64) -> u64 {
        bytes.div_ceil(max_frame_size).max(1)
    }

    /// What a client must send beside its requests, at least (RFC 9113 §3.4, §6.5): preface, SETTINGS, and the
    /// acknowledgement of the server's.
    pub const CLIENT_OPENS: u64 = PREFACE + FRAME_HEADER + SETTINGS_ACK;
    /// What a server must send beside its answers, at least: SETTINGS, and the acknowledgement of the client's.
    pub const SERVER_OPENS: u64 = FRAME_HEADER + SETTINGS_ACK;
}

pub mod tls {
    //! TLS 1.3 (RFC 8446): records exactly, and what of a handshake has a fixed size.

    /// Type, version and length before every record (RFC 8446 §5.1).
    pub const RECORD_HEADER: u64 = 5;
    /// The true type of an encrypted record, after its content (RFC 8446 §5.2).
    pub const CONTENT_TYPE: u64 = 1;
    /// The authentication tag of all suites of RFC 8446 but `TLS_AES_128_CCM_8_SHA256` (§5.2; RFC 5116 §5.1).
    pub const TAG: u64 = 16;
    /// The overhead of an encrypted record, without padding.
    pub const RECORD_OVERHEAD: u64 = RECORD_HEADER + CONTENT_TYPE + TAG;
    /// The most content of a record (RFC 8446 §5.1).
    pub const MAX_CONTENT: u64 = 1 << 14;

    /// Records that content takes which is handed over at once (RFC 8446 §5.1). None for nothing.
    pub fn records(content_bytes: u64) -> u64 {
        content_bytes.div_ceil(MAX_CONTENT)
    }

    /// What these records add to it.
    pub fn overhead(content_bytes: u64) -> u64 {
        records(content_bytes) * RECORD_OVERHEAD
    }

    /// An encrypted record with this many bytes of content, whole.
    pub fn record(content_bytes: u64) -> u64 {
        RECORD_OVERHEAD + content_bytes
    }

    /// `change_cipher_spec` in the clear, which both sides send for old middleboxes' sake (RFC 8446 appendix D.4).
    pub const CHANGE_CIPHER_SPEC: u64 = RECORD_HEADER + 1;
    /// Type and length before each handshake message (RFC 8446 §4).
    pub const HANDSHAKE_HEADER: u64 = 4;

    /// `ServerHello` of a full handshake in the clear (RFC 8446 §4.1.3): version 2, random 32, session id 1 + 32, suite 2,
    /// compression 1, extensions 2; in these the version (6) and a key share of this many bytes (4 + 2 + 2 + key).
    pub fn server_hello(key_share_bytes: u64) -> u64 {
        let extensions = 6 + (4 + 2 + 2 + key_share_bytes);
        RECORD_HEADER + HANDSHAKE_HEADER + (2 + 32 + 33 + 2 + 1 + 2) + extensions
    }

    /// What a client's handshake has at least beside its `ClientHello`: `change_cipher_spec` and `Finished`.
    pub const CLIENT_AT_LEAST: u64 = CHANGE_CIPHER_SPEC + RECORD_OVERHEAD + HANDSHAKE_HEADER + 32;

    /// What a server's handshake has at least, resumed or not: `ServerHello` with an X25519 share, `change_cipher_spec`, and
    /// `EncryptedExtensions` without any (6 bytes) with `Finished` in one record.
    pub fn server_at_least() -> u64 {
        let encrypted = (HANDSHAKE_HEADER + 2) + (HANDSHAKE_HEADER + 32);
        server_hello(32) + CHANGE_CIPHER_SPEC + record(encrypted)
    }
}

pub mod tcp {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_24_bytes() {
        assert_eq!(http2::PREFACE, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len() as u64);
    }

    #[test]
    fn data_is_cut_at_16384_bytes() {
        for (data, framing) in
            [(0, 9), (1, 9), (16_384, 9), (16_385, 18), (32_768, 18), (65_536, 36), (65_537, 45)]
        {
            assert_eq!(http2::data_framing(data, http2::MAX_FRAME_SIZE), framing, "{data}");
        }
    }

    #[test]
    fn control_frames_are_as_long_as_the_standard_draws_them() {
        assert_eq!(http2::SETTINGS_ACK, 9);
        assert_eq!((http2::CLIENT_OPENS, http2::SERVER_OPENS), (42, 18));
    }

    #[test]
    fn records_are_as_long_as_in_the_example_handshake() {
        // RFC 8448 §3: the server's hello is 95 bytes in its tls::record since the session id is empty there: 32 fewer.
        assert_eq!(tls::server_hello(32) - 32, 95);
        // RFC 8448 §3: application data of 50 bytes in a tls::record of 72.
        assert_eq!(tls::record(50), 72);
    }

    #[test]
    fn content_is_cut_at_16384_bytes() {
        for (content, count) in [(0, 0), (1, 1), (16_384, 1), (16_385, 2), (65_536, 4), (65_537, 5)] {
            assert_eq!((tls::records(content), tls::overhead(content)), (count, 22 * count), "{content}");
        }
    }

    #[test]
    fn a_handshake_has_at_least_its_fixed_parts() {
        assert_eq!(tls::CLIENT_AT_LEAST, 64);
        assert_eq!(tls::server_at_least(), 127 + 6 + 64);
    }

    #[test]
    fn a_segment_holds_1448_bytes() {
        assert_eq!((tcp::MSS, tcp::SEGMENT_HEADER, tcp::SYN), (1_448, 52, 60));
    }
}
