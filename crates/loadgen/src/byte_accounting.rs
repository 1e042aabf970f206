//! Byte accounting: bytes by layer and direction, counted at the socket, under the HTTP and WebSocket code.
//!
//! # Layout
//!
//! - [`CountingStream`], [`CountingTlsStream`]: streams that pass through what they are given, and count it
//! - [`Classifier`]: the pure part; bytes of a connection in, an [`Account`](model::byte_account::Account) out
//! - `byte_counts`: why the layers add up
//! - `http1`, `head`, `body`, `event_stream`: HTTP/1.1, from the outside in
//! - `http2`: HTTP/2, whose streams carry the same content
//! - `websocket`: frames
//! - `engine_io`: packets of Engine.IO and Socket.IO, in polls and frames
//! - `message`, `found`: stamp and payload, and those of messages in something else
//! - `delay_line`: an added delay on the receiving side
//! - [`Tracer`]: every flight with its time, where a trial asks for it

mod body;
mod byte_counts;
mod classifier;
mod counting_stream;
mod delay_line;
mod engine_io;
mod event_stream;
mod found;
mod head;
mod http1;
mod http2;
mod message;
mod tls;
mod trace;
mod websocket;

pub use byte_counts::{ByteCounts, SharedByteCounts};
pub use classifier::{Classifier, Protocol};
pub use counting_stream::CountingStream;
pub use tls::{CountingTlsStream, TlsParameters};
pub use trace::{ConnectionTrace, Tracer};
