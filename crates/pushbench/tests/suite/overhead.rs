//! The overhead golden: every byte of a fixed exchange, by layer and direction, for each technique against its own
//! server, and exactly what the standards' arithmetic says (RFC 9112 §7.1, RFC 6455 §5.2, WHATWG HTML §9.2).
//!
//! - `fixed_exchange`: server and subscriber in one process, and the account of the bytes between them
//! - `heads`: the heads of requests and answers, literally
//! - `exchanges`: an event to the subscriber, a message from it, and what the header profiles add
//! - `socketio`: Socket.IO by each of its transports
//! - `predictions`: each technique and direction as input of `theory`
//! - `equality`: all of it against the crate `theory`, on HTTP/1.1, over TLS and over HTTP/2

mod equality;
mod exchanges;
pub(crate) mod fixed_exchange;
mod heads;
mod predictions;
mod socketio;
