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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_24_bytes() {
        assert_eq!(PREFACE, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len() as u64);
    }

    #[test]
    fn data_is_cut_at_16384_bytes() {
        for (data, framing) in
            [(0, 9), (1, 9), (16_384, 9), (16_385, 18), (32_768, 18), (65_536, 36), (65_537, 45)]
        {
            assert_eq!(data_framing(data, MAX_FRAME_SIZE), framing, "{data}");
        }
    }

    #[test]
    fn control_frames_are_as_long_as_the_standard_draws_them() {
        assert_eq!(SETTINGS_ACK, 9);
        assert_eq!((CLIENT_OPENS, SERVER_OPENS), (42, 18));
    }
}
