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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_in_the_example_handshake() {
        // RFC 8448 §3: the server's hello is 95 bytes in its record since the session id is empty there: 32 fewer.
        assert_eq!(server_hello(32) - 32, 95);
        // RFC 8448 §3: application data of 50 bytes in a record of 72.
        assert_eq!(record(50), 72);
    }

    #[test]
    fn content_is_cut_at_16384_bytes() {
        for (content, count) in [(0, 0), (1, 1), (16_384, 1), (16_385, 2), (65_536, 4), (65_537, 5)] {
            assert_eq!((records(content), overhead(content)), (count, 22 * count), "{content}");
        }
    }

    #[test]
    fn a_handshake_has_at_least_its_fixed_parts() {
        assert_eq!(CLIENT_AT_LEAST, 64);
        assert_eq!(server_at_least(), 127 + 6 + 64);
    }
}
