//! WebSocket (RFC 6455), and its way over HTTP/2 (RFC 8441).

/// Whether a frame is masked: a client's is, a server's never (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// From the client: a key of four bytes (RFC 6455 §5.3).
    Masked,
    /// From the server.
    Plain,
}

/// The header of a frame by its payload's length (RFC 6455 §5.2): two bytes, two more from 126 on, eight more from
/// 65,536 on, and the mask.
pub fn frame_header(payload_bytes: u64, mask: Mask) -> u64 {
    let length = match payload_bytes {
        0..=125 => 2,
        126..=65_535 => 2 + 2,
        _ => 2 + 8,
    };
    length + if mask == Mask::Masked { 4 } else { 0 }
}

/// A close with a code and a reason (RFC 6455 §5.5.1), whole.
pub fn close(reason_bytes: u64, mask: Mask) -> u64 {
    let payload = 2 + reason_bytes;
    frame_header(payload, mask) + payload
}

/// A ping or pong with so much in it (RFC 6455 §5.5.2), whole.
pub fn ping(payload_bytes: u64, mask: Mask) -> u64 {
    frame_header(payload_bytes, mask) + payload_bytes
}

/// `Sec-WebSocket-Key`: 16 bytes in base64 (RFC 6455 §4.1).
pub const KEY: u64 = base64(16);
/// `Sec-WebSocket-Accept`: a SHA-1 in base64 (RFC 6455 §4.2.2).
pub const ACCEPT: u64 = base64(20);

/// Base64 with padding (RFC 4648 §4).
const fn base64(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

/// The fields that an extended CONNECT has and a GET has not (RFC 8441 §4), beside the method itself.
pub const EXTENDED_CONNECT: (&str, &str) = (":protocol", "websocket");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_header_is_as_long_as_rfc_6455_has_it() {
        // RFC 6455 §5.7: `Hello` unmasked and masked, 256 bytes, 64 KiB.
        assert_eq!(frame_header(5, Mask::Plain), [0x81, 0x05].len() as u64);
        assert_eq!(frame_header(5, Mask::Masked), [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d].len() as u64);
        assert_eq!(frame_header(256, Mask::Plain), [0x82, 0x7e, 0x01, 0x00].len() as u64);
        assert_eq!(frame_header(65_536, Mask::Plain), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0].len() as u64);
    }

    #[test]
    fn a_frame_header_grows_at_126_and_at_65536() {
        for (payload, plain) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(frame_header(payload, Mask::Plain), plain, "{payload}");
            assert_eq!(frame_header(payload, Mask::Masked), plain + 4, "{payload}");
        }
        assert_eq!((close(0, Mask::Plain), close(0, Mask::Masked)), (4, 8));
        // RFC 6455 §5.7: a ping with `Hello`, and its masked pong.
        assert_eq!((ping(5, Mask::Plain), ping(5, Mask::Masked)), (7, 11));
    }

    #[test]
    fn key_and_accept_are_as_long_as_the_examples() {
        // RFC 6455 §1.3.
        assert_eq!(KEY, "dGhlIHNhbXBsZSBub25jZQ==".len() as u64);
        assert_eq!(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".len() as u64);
    }
}
