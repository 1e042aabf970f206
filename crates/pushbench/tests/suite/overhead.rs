//! The overhead golden: every byte of a fixed exchange, by layer and direction, for each technique against its own
//! server, and exactly what the standards' arithmetic says (RFC 9112 §7.1, RFC 6455 §5.2, WHATWG HTML §9.2).
//!
//! - `fixed_exchange`: server and subscriber in one process, and the account of the bytes between them
//! - `heads`: the heads of requests and answers, literally
//! - `down`, `up`: an event to the subscriber; a message from it
//! - `socketio`: Socket.IO by each of its transports
//! - `profiles`: what the header profiles add
//! - `predictions`: each technique and direction as input of `theory`
//! - `equality`, `transports`: all of it against the crate `theory`, on HTTP/1.1; over TLS and HTTP/2

mod down;
mod equality;
mod fixed_exchange;
mod heads;
mod predictions;
mod profiles;
mod socketio;
mod transports;
mod up;
