//! The HTTP-streaming servers: one response that never ends, as chunked NDJSON or as Server-Sent Events.
//!
//! `GET /stream?channel=N&after=SEQ`. Each event is one chunk (RFC 9112 §7.1), so that its bytes can be foretold.
//!
//! # Layout
//!
//! - [`ndjson`]: a line a message
//! - [`sse`]: Server-Sent Events (WHATWG HTML §9.2)
//! - `body`: the body that both share

mod body;
pub mod ndjson;
pub mod sse;
