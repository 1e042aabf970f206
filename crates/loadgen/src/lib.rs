//! The client half of every technique, and the stopwatch that measures them.
//!
//! It reaches a server through its address and its feed, and never links one. One load thread per core runs its share of the
//! subscribers; nothing is shared between threads while they measure, and what they recorded is merged afterwards.
//!
//! # Layout
//!
//! - [`trial`]: connect → warm-up → window → drain → close; from a [`model::trial::TrialSpec`] to an outcome
//! - [`assignment`]: which subscriber reads which channel, on which thread
//! - [`schedule`]: when the phases start and end; the intended send times, fixed in advance by rate, pace and seed; payloads
//! - [`publisher`]: the thread that keeps the schedule and hands events to the server, by its feed or by HTTP
//! - [`session`]: what a technique's client half sees, and what the sessions of a thread share: request headers,
//!   set-up times, back-off, the heads of requests and responses
//! - [`subscriber`]: the client half of each technique; [`http_client`] serves those that use HTTP. A client half may as well be a
//!   crate of its own
//! - [`transport`]: TCP, TLS and HTTP/2 connections, and how they end
//! - [`byte_accounting`]: bytes by layer, under the protocol's code
//! - `forward_writes`: what streams round another one have in common
//! - [`faults`]: a restart or stall of the server; subscribers that do not keep up
//! - `script`: the frames that a target's `open` and `answer` send on an open WebSocket
//! - [`finder`], [`numbering`]: messages in what servers of others send, and the channel that they belong to
//! - [`recorder`]: latency, completeness, and how they are kept
//! - [`core_watch`]: how late a waiting thread wakes on a core, and how fast the core is
//! - [`waiting`]: a precise timer

#[macro_use]
mod forward_writes;

pub mod assignment;
pub mod byte_accounting;
pub mod core_watch;
pub mod faults;
pub mod finder;
mod handshake;
pub mod http_client;
pub mod numbering;
pub mod publisher;
pub mod recorder;
pub mod schedule;
mod script;
pub mod session;
pub mod subscriber;
pub mod transport;
pub mod trial;
pub mod waiting;

pub use session::Session;
