//! The client half of every technique, and the stopwatch that measures them.
//!
//! A server is met through its address and its feed, and never linked. One load thread per core runs its share of the
//! subscribers; nothing is shared between threads while they measure, and what they recorded is merged afterwards.
//!
//! # Layout
//!
//! - [`trial`]: connect → warm-up → window → drain → close; from a [`model::trial::TrialSpec`] to an outcome
//! - [`timing`], [`assignment`]: when the phases begin and end; who reads which channel, on which thread
//! - [`schedule`]: the intended send times, fixed in advance by rate, pace and seed
//! - [`publisher`], [`feed_link`], [`post_link`]: the thread that keeps the schedule and hands events to the server, by
//!   its feed or by HTTP
//! - [`session`], [`worker`], [`stop`]: what a technique's client half sees; what the sessions of a thread share; the end
//! - [`subscriber`]: the client half of each technique
//! - [`transport`]: TCP, TLS and HTTP/2 connections, and how they end
//! - [`byte_accounting`], [`headers`]: bytes by layer, under the protocol's code; the request headers by profile
//! - [`server_restart`], `backoff`, `slow_consumer`: a restart of the server under its subscribers, and when they try again; subscribers that
//!   do not keep up
//! - [`set_up`], `heads`: what it takes to connect; what requests and answers say
//! - [`recorder`], [`position`], [`histogram`]: latency, completeness, and how they are kept
//! - [`scheduling_delay`]: how late a waiting thread wakes; [`payload`], [`seed`]: what the rest is made of

pub mod assignment;
mod backoff;
pub mod byte_accounting;
pub mod faults;
pub mod headers;
mod heads;
mod poll_schedule;
pub mod publisher;
pub mod recorder;
pub mod schedule;
pub mod scheduling_delay;
pub mod session;
pub mod set_up;
pub mod stop;
pub mod subscriber;
pub mod timing;
pub mod transport;
pub mod trial;
pub mod worker_context;

pub use session::Session;
