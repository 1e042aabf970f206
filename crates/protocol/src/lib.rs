//! What crosses a socket: messages, and the framing that each technique adds.
//!
//! Everything here is a pure function of bytes: no I/O, no clock, no runtime. Both halves, servers and load
//! generator, meet only through this crate.
//!
//! # Layout
//!
//! - [`message`]: the application message, the same bytes in every technique
//! - [`lines`]: newline-delimited messages, for poll batches and NDJSON streams
//! - [`sse`]: Server-Sent Events (WHATWG HTML §9.2)
//! - [`websocket`]: frames as a WebSocket server writes them (RFC 6455)
//! - [`deflate`]: WebSocket messages compressed by permessage-deflate (RFC 7692)
//! - [`engine_io`], [`socket_io`]: packets of Engine.IO 4 and of Socket.IO 5
//! - [`frame`]: length-prefixed frames, for raw TCP and the feed
//! - [`hpack`]: the tables of HTTP/2's header compression (RFC 7541)
//! - [`resume`]: where a subscriber begins to read, as a query string and back
//! - [`ready`]: the line by which a server process reports that it is listening
//! - [`paths`]: the paths of the HTTP interface

/// The kinds of a protocol's packets, which begin with a digit.
macro_rules! packet_kinds {
    ($($(#[$doc:meta])+ $kind:ident = $digit:literal,)+) => {
        /// What a packet is for; its number is the digit that the packet begins with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])+ $kind = $digit,)+
        }

        impl Kind {
            /// Its digit on the wire.
            pub fn digit(self) -> u8 {
                b'0' + self as u8
            }

            /// The type by a packet's first byte; none when it is no packet's.
            pub fn of(digit: u8) -> Option<Self> {
                [$(Self::$kind),+].get(usize::from(digit.checked_sub(b'0')?)).copied()
            }
        }
    };
}

pub mod deflate;
pub mod engine_io;
pub mod frame;
pub mod hpack;
pub mod lines;
pub mod message;
pub mod ready;
pub mod resume;
pub mod socket_io;
pub mod sse;
pub mod websocket;

pub use message::{Message, Stamp};
pub use resume::{Resume, Start};

/// The paths of the HTTP interface. Each but Socket.IO's takes the query of [`Resume`].
pub mod paths {
    /// Polls, short and long: a response with the messages that are available.
    pub const EVENTS: &str = "/events";
    /// A response that never ends, NDJSON or Server-Sent Events.
    pub const STREAM: &str = "/stream";
    /// The WebSocket handshake.
    pub const WEBSOCKET: &str = "/ws";
    /// Engine.IO under Socket.IO: polls, posts and the WebSocket handshake. Its query is the protocol's own; where a
    /// subscriber begins is in its CONNECT ([`socket_io::Auth`](crate::socket_io::Auth)).
    pub const SOCKETIO: &str = "/socket.io/";
    /// Where a client posts a message of its own.
    pub const MESSAGES: &str = "/messages";
}
