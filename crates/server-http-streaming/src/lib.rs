//! The HTTP-streaming servers: one response that never ends, as chunked NDJSON or as Server-Sent Events.
//!
//! `GET /stream?channel=N&after=SEQ`. An event is one chunk (RFC 9112 §7.1), so that its bytes can be predicted; several that are
//! there together when the connection can take more are one chunk together, and cost one write.
//!
//! # Layout
//!
//! - [`ndjson`]: a line a message
//! - [`sse`]: Server-Sent Events (WHATWG HTML §9.2)
//! - `format`: what differs between them
//! - `chunk_writer`: the stream on plain HTTP/1.1
//! - `body`: the same as a body for hyper

mod body;
mod chunk_writer;
mod format;
pub mod ndjson;
pub mod sse;
