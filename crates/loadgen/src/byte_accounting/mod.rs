//! Byte accounting: bytes by layer and direction, counted at the socket, under the HTTP and WebSocket code.
//!
//! # Layout
//!
//! - [`Tapped`]: a stream that passes through what it is given, and counts it
//! - [`Classifier`]: the pure part; bytes of a connection in, an [`Account`] out
//! - `byte_counts`: why the layers add up
//! - `http1`, `head`, `body`, `content`, `event_stream`: HTTP/1.1, from the outside in
//! - `http2`: HTTP/2, whose streams carry the same content
//! - `websocket`, `length_prefixed`: frames
//! - `engine_io`: packets of Engine.IO and Socket.IO, in polls and frames
//! - `message`: stamp and payload
//! - `delay_line`: an added delay on the receiving side
//! - [`Tracer`]: every flight with its time, where a trial asks for it

mod body;
mod byte_counts;
mod classifier;
mod content;
mod counting_stream;
mod delay_line;
mod engine_io;
mod event_stream;
mod head;
mod http1;
mod http2;
mod length_prefixed;
mod message;
mod tapped;
mod tls;
mod trace;
mod websocket;

use std::cell::RefCell;
use std::rc::Rc;

use model::byte_account::Account;

pub use classifier::Classifier;
pub use tapped::Tapped;
pub use tls::{TappedTls, TlsTap};
pub use trace::{ConnectionTrace, Tracer};

/// What crossed the sockets of one load thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteCounts {
    /// Bytes by layer. The layers of a direction add up to the socket's bytes at any time.
    pub account: Account,
    /// Bytes that were read from the sockets.
    pub socket_read: u64,
    /// Bytes that were written to the sockets.
    pub socket_written: u64,
    /// When the latest bytes that were read were handed on, in nanoseconds of `CLOCK_MONOTONIC`; 0 before the first.
    pub read_ns: u64,
}

/// Shared by all connections of one load thread.
pub type SharedByteCounts = Rc<RefCell<ByteCounts>>;

/// What a connection speaks from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, and WebSocket after an upgrade. What a path of [`protocol::paths::SOCKETIO`] asks for is Engine.IO.
    Http,
    /// HTTP/2 from its preface on, and WebSocket in the streams of extended CONNECT (RFC 8441). Engine.IO as above.
    Http2,
    /// Length-prefixed frames, the client's hello first.
    RawTcp,
}
