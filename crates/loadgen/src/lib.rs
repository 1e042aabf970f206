//! The client half of every technique, and the stopwatch that measures them.
//!
//! A server is met through its address and its feed, and never linked. One load thread per core runs its share of the
//! subscribers; nothing is shared between threads while they measure, and what they recorded is merged afterwards.
//!
//! # Layout
//!
//! - [`trial`]: connect → warm-up → window → drain → close; from a [`schema::trial::TrialSpec`] to an outcome
//! - [`timing`], [`roster`]: when the phases begin and end; who reads which channel, on which thread
//! - [`schedule`]: the intended send times, fixed in advance by rate, pace and seed
//! - [`publisher`], [`feed_link`], [`post_link`]: the thread that keeps the schedule and hands events to the server, by
//!   its feed or by HTTP
//! - [`session`], [`shard`], [`stop`]: what a technique's client half sees; what the sessions of a thread share; the end
//! - [`subscriber`]: the client half of each technique
//! - [`transport`]: TCP, TLS and HTTP/2 connections, and how they end
//! - [`tap`], [`headers`]: bytes by layer, under the protocol's code; the request headers by profile
//! - [`storm`], `backoff`, `sluggard`: a restart of the server under its subscribers, and when they try again; subscribers that
//!   do not keep up
//! - [`set_up`], `heads`: what it takes to connect; what requests and answers say
//! - [`recorder`], [`position`], [`histogram`]: latency, completeness, and how they are kept
//! - [`hiccup`]: how late a waiting thread wakes; [`payload`], [`seed`], [`os`]: what the rest is made of

mod alarm;
mod backoff;
pub mod feed_link;
pub mod headers;
mod heads;
pub mod hiccup;
pub mod histogram;
pub mod os;
pub mod payload;
mod poll_grid;
pub mod position;
pub mod post_link;
pub mod publisher;
pub mod recorder;
pub mod roster;
pub mod schedule;
pub mod seed;
pub mod session;
pub mod set_up;
pub mod shard;
mod sluggard;
pub mod stop;
pub mod storm;
pub mod subscriber;
pub mod tap;
pub mod timing;
pub mod transport;
pub mod trial;

pub use session::Session;
