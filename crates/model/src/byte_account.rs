//! Bytes by layer and direction. The layers of a direction add up to the bytes that crossed the socket.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Payload;

macro_rules! layers {
    ($($(#[$meta:meta])+ $name:ident: $label:literal,)+) => {
        /// Bytes of one direction, by layer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
        pub struct Layers {
            $($(#[$meta])+ pub $name: u64,)+
        }

        impl Layers {
            /// Every layer's label and bytes, in the order in which charts stack them.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$(($label, self.$name)),+].into_iter()
            }
        }

        $crate::field_wise!(Layers { $($name),+ });
    };
}

/// Bytes of the instrument's mark in each message with a payload of this kind; what [`Layers::stamp`] is a multiple of.
pub fn stamp_bytes(payload: Payload) -> u64 {
    match payload {
        Payload::Text => 47,
        Payload::Chat | Payload::Json => 45,
    }
}

layers! {
    /// The application's bytes.
    payload: "payload",
    /// The instrument's mark in each message; the same in every technique.
    stamp: "stamp",
    /// Messages as a compressor left them, with all that stands between them inside of it; no overhead.
    compressed: "compressed messages",
    /// What tells messages apart: SSE fields, WebSocket frame headers, batch separators, length prefixes.
    message_framing: "message framing",
    /// Engine.IO: packet types, and what separates packets in a poll.
    #[serde(default)]
    engine_io: "Engine.IO packets",
    /// Socket.IO: packet type, namespace, acknowledgement id, event name and brackets of packets that carry an event.
    #[serde(default)]
    socket_io: "Socket.IO packets",
    /// HTTP/1.1 chunk sizes and their line ends (RFC 9112 §7.1).
    chunk_framing: "chunk framing",
    /// HTTP/2: frame headers and padding of DATA frames (RFC 9113 §6.1).
    data_framing: "DATA framing",
    /// Request line and header fields, of requests that were answered with events or carried a message.
    /// On HTTP/2 header blocks, compressed by HPACK (RFC 7541), after the connection's first.
    request_head: "request head",
    /// Status line and header fields of the answers to these.
    response_head: "response head",
    /// HTTP/2: the first header block of a connection in this direction, which fills HPACK's dynamic table.
    first_header_block: "first header block",
    /// HTTP/2: frame headers, padding and priority fields of HEADERS and CONTINUATION frames (RFC 9113 §6.2).
    frame_headers: "HTTP/2 frame headers",
    /// HTTP/2: preface, SETTINGS, WINDOW_UPDATE, PING, GOAWAY, RST_STREAM, whole.
    http2_control: "HTTP/2 control",
    /// What opens a channel once: the WebSocket upgrade or extended CONNECT, both heads; the hello of raw TCP;
    /// of Socket.IO the open and connect packets with their requests, and the upgrade's probe.
    handshake: "handshake",
    /// What carries no event: pings, pongs, closes, heartbeats (with the requests that carry
    /// nothing else), greetings, and whole polls that found nothing.
    control: "control",
    /// TLS records without application data: hellos, certificate, finished, session tickets, alerts (RFC 8446 §4).
    tls_handshake: "TLS handshake",
    /// TLS: header, content type and tag of records with application data (RFC 8446 §5.2).
    tls_records: "TLS records",
    /// Read or written, and not yet attributable: the start of a head, a frame or a message.
    unfinished: "unfinished",
}

impl Layers {
    /// All bytes of this direction: wire bytes.
    pub fn wire(&self) -> u64 {
        self.named().map(|(_, bytes)| bytes).sum()
    }

    /// What is neither the application's nor the instrument's: wire − payload − stamp − compressed messages.
    pub fn overhead(&self) -> u64 {
        self.wire() - self.payload - self.stamp - self.compressed
    }
}

/// Both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// From client to server.
    pub up: Layers,
    /// From server to client.
    pub down: Layers,
}

impl Account {
    /// Bytes in both directions.
    pub fn wire(&self) -> u64 {
        self.up.wire() + self.down.wire()
    }

    /// Overhead bytes in both directions.
    pub fn overhead(&self) -> u64 {
        self.up.overhead() + self.down.overhead()
    }
}

crate::field_wise!(Account { up, down });
