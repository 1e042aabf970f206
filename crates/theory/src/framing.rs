//! What frames messages: Server-Sent Events, WebSocket, Engine.IO, Socket.IO.

pub mod sse {
    //! Server-Sent Events (WHATWG HTML §9.2): the framing of a message of one line.

    use super::digits;

    /// `name: value` and its line end (WHATWG HTML §9.2.5).
    pub fn field(name_bytes: u64, value_bytes: u64) -> u64 {
        name_bytes + ": ".len() as u64 + value_bytes + 1
    }

    /// The empty line that dispatches an event (WHATWG HTML §9.2.6).
    pub const DISPATCH: u64 = 1;

    /// The framing of an event's data: `data: …` and the empty line.
    pub fn data_framing() -> u64 {
        field("data".len() as u64, 0) + DISPATCH
    }

    /// The event's id: `id: N`.
    pub fn id(seq: u64) -> u64 {
        field("id".len() as u64, digits(seq))
    }

    /// The framing of a message with this id: `id: N`, `data: …` and the empty line.
    pub fn event_framing(seq: u64) -> u64 {
        id(seq) + data_framing()
    }

    /// The reconnection time in milliseconds, and an empty line: `retry: 1000`.
    pub fn retry(milliseconds: u64) -> u64 {
        field("retry".len() as u64, digits(milliseconds)) + DISPATCH
    }
}

pub mod websocket {
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

    /// `Sec-WebSocket-Key`: 16 bytes in base64 (RFC 6455 §4.1).
    pub const KEY: u64 = base64(16);
    /// Base64 with padding (RFC 4648 §4).
    const fn base64(bytes: u64) -> u64 {
        bytes.div_ceil(3) * 4
    }

    /// The fields that an extended CONNECT has and a GET has not (RFC 8441 §4), beside the method itself.
    pub const EXTENDED_CONNECT: (&str, &str) = (":protocol", "websocket");
}

pub mod engine_io {
    //! Engine.IO, protocol 4 (`socketio/socket.io`, `docs/engine.io-protocol/v4-current.md`).

    /// The digit that a packet begins with ("Packet encoding").
    pub const TYPE: u64 = 1;
    /// A ping, its pong, the upgrade and the noop that frees its poll: nothing but their type ("Heartbeat", "Upgrade").
    pub const BARE: u64 = TYPE;
    /// `2probe`, and `3probe` in answer ("Upgrade").
    pub const PROBE: u64 = TYPE + "probe".len() as u64;
    /// `ok`, what a POST is answered with ("Transports", "HTTP long-polling").
    pub const POSTED: u64 = "ok".len() as u64;

    /// Bytes between the packets of one body: record separators U+001E ("Packet encoding", "HTTP long-polling").
    pub fn separators(packets: u64) -> u64 {
        packets.saturating_sub(1)
    }

    /// The contents of an open packet ("Protocol", "Handshake").
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Open {
        /// Bytes of the session's id.
        pub sid: u64,
        /// Whether WebSocket is offered; on WebSocket itself nothing is.
        pub upgrades: bool,
        pub ping_interval_ms: u64,
        /// Milliseconds in which the pong must come.
        pub ping_timeout_ms: u64,
        /// Bytes that a body may have.
        pub max_payload: u64,
    }

    /// An open packet, as JSON without white space ("Protocol", "Handshake").
    pub fn open(open: &Open) -> u64 {
        let punctuation =
            r#"{"sid":"","upgrades":[],"pingInterval":,"pingTimeout":,"maxPayload":}"#.len() as u64;
        let upgrades = if open.upgrades { r#""websocket""#.len() as u64 } else { 0 };
        let numbers = [open.ping_interval_ms, open.ping_timeout_ms, open.max_payload].map(super::digits);
        TYPE + punctuation + open.sid + upgrades + numbers.iter().sum::<u64>()
    }

    /// The transport that the query of a request's target names.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Transport {
        Polling,
        WebSocket,
    }

    impl Transport {
        /// By `transport` in the query ("Transports"); none when it names no known one.
        pub fn of(target: &str) -> Option<Self> {
            let (_, query) = target.split_once('?')?;
            match query.split('&').find_map(|pair| pair.strip_prefix("transport="))? {
                "polling" => Some(Self::Polling),
                "websocket" => Some(Self::WebSocket),
                _ => None,
            }
        }
    }
}

pub mod socket_io {
    //! Socket.IO, protocol 5 (`socketio/socket.io`, `docs/socket.io-protocol/v5-current.md`), in the main namespace.

    /// The digit that a packet begins with ("Packet encoding").
    pub const TYPE: u64 = 1;

    /// The framing of the only argument of an event, by the length of its name, in which JSON escapes nothing
    /// ("Packet encoding", EVENT): the type, `["`, the name, `",` and `]`.
    pub fn event(name: u64) -> u64 {
        TYPE + r#"["","#.len() as u64 + name + "]".len() as u64
    }

    /// The answer to a CONNECT, with a session's id of this many bytes ("Connection to a namespace").
    pub fn connected(sid: u64) -> u64 {
        TYPE + r#"{"sid":""}"#.len() as u64 + sid
    }
}

/// Decimal digits of a number; 0 has one.
fn digits(number: u64) -> u64 {
    number.checked_ilog10().map_or(1, |power| u64::from(power) + 1)
}

#[cfg(test)]
mod tests {
    use super::engine_io::{Open, Transport};
    use super::websocket::{Mask, frame_header};
    use super::*;

    #[test]
    fn an_events_framing_is_as_long_as_its_text() {
        assert_eq!(sse::data_framing(), "data: \n\n".len() as u64);
        for seq in [0, 9, 10, 99, 100, 12_345] {
            assert_eq!(sse::event_framing(seq), format!("id: {seq}\ndata: \n\n").len() as u64, "{seq}");
        }
        assert_eq!(sse::retry(1_000), "retry: 1000\n\n".len() as u64);
    }

    #[test]
    fn a_frame_header_is_as_long_as_rfc_6455_has_it() {
        // RFC 6455 §5.7: `Hello` unmasked and masked, 256 bytes, 64 KiB.
        for (payload, mask, header) in [
            (5, Mask::Plain, &[0x81, 0x05][..]),
            (5, Mask::Masked, &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]),
            (256, Mask::Plain, &[0x82, 0x7e, 0x01, 0x00]),
            (65_536, Mask::Plain, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            assert_eq!(frame_header(payload, mask), header.len() as u64, "{payload} {mask:?}");
        }
    }

    #[test]
    fn a_frame_header_grows_at_126_and_at_65536() {
        for (payload, plain) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(frame_header(payload, Mask::Plain), plain, "{payload}");
            assert_eq!(frame_header(payload, Mask::Masked), plain + 4, "{payload}");
        }
        assert_eq!((websocket::close(0, Mask::Plain), websocket::close(0, Mask::Masked)), (4, 8));
    }

    #[test]
    fn a_key_is_as_long_as_the_example() {
        // RFC 6455 §1.3.
        assert_eq!(websocket::KEY, "dGhlIHNhbXBsZSBub25jZQ==".len() as u64);
    }

    #[test]
    fn an_open_packet_is_as_long_as_its_text() {
        // The protocol document's example, without its white space.
        let text = r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let said = Open {
            sid: "lv_VI97HAXpY6yYWAAAC".len() as u64,
            upgrades: true,
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            max_payload: 1_000_000,
        };
        assert_eq!(engine_io::open(&said), text.len() as u64);
        let less = "\"websocket\"".len() as u64;
        assert_eq!(engine_io::open(&Open { upgrades: false, ..said }), text.len() as u64 - less);
    }

    #[test]
    fn packets_of_a_body_are_separated() {
        // The protocol document's example: `4hello`, `2`, `4world`.
        let text = "4hello\x1e2\x1e4world";
        assert_eq!(
            (engine_io::TYPE + 5) + engine_io::BARE + (engine_io::TYPE + 5) + engine_io::separators(3),
            text.len() as u64
        );
        assert_eq!((engine_io::separators(0), engine_io::separators(1)), (0, 0));
        assert_eq!((engine_io::PROBE, engine_io::POSTED), (6, 2));
    }

    #[test]
    fn a_target_names_its_transport() {
        for (target, transport) in [
            ("/socket.io/?EIO=4&transport=polling&sid=A", Some(Transport::Polling)),
            ("/socket.io/?transport=websocket&EIO=4", Some(Transport::WebSocket)),
            ("/socket.io/?EIO=4&transport=webtransport", None),
            ("/socket.io/?EIO=4", None),
            ("/events", None),
        ] {
            assert_eq!(Transport::of(target), transport, "{target}");
        }
    }

    #[test]
    fn packets_are_as_long_as_their_texts() {
        // The protocol document's examples, without their Engine.IO type.
        assert_eq!(socket_io::event("foo".len() as u64) + 5, r#"2["foo","bar"]"#.len() as u64);
        let answer = r#"0{"sid":"wZX3oN0bSVIhsaknAAAI"}"#;
        assert_eq!(socket_io::connected("wZX3oN0bSVIhsaknAAAI".len() as u64), answer.len() as u64);
    }
}
