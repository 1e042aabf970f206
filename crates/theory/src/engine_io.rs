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
    /// Milliseconds from ping to ping.
    pub ping_interval_ms: u64,
    /// Milliseconds in which the pong must come.
    pub ping_timeout_ms: u64,
    /// Bytes that a body may have.
    pub max_payload: u64,
}

/// An open packet, as JSON without white space ("Protocol", "Handshake").
pub fn open(open: &Open) -> u64 {
    let punctuation = r#"{"sid":"","upgrades":[],"pingInterval":,"pingTimeout":,"maxPayload":}"#.len() as u64;
    let upgrades = if open.upgrades { r#""websocket""#.len() as u64 } else { 0 };
    let numbers = [open.ping_interval_ms, open.ping_timeout_ms, open.max_payload].map(crate::digits);
    TYPE + punctuation + open.sid + upgrades + numbers.iter().sum::<u64>()
}

/// The transport that the query of a request's target names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(open(&said), text.len() as u64);
        let less = "\"websocket\"".len() as u64;
        assert_eq!(open(&Open { upgrades: false, ..said }), text.len() as u64 - less);
    }

    #[test]
    fn packets_of_a_body_are_separated() {
        // The protocol document's example: `4hello`, `2`, `4world`.
        let text = "4hello\x1e2\x1e4world";
        assert_eq!((TYPE + 5) + BARE + (TYPE + 5) + separators(3), text.len() as u64);
        assert_eq!((separators(0), separators(1)), (0, 0));
        assert_eq!((PROBE, POSTED), (6, 2));
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
}
