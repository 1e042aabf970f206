//! What every technique promises, tried on each of the registry in a real server process.
//!
//! The clients here are written from the standards, byte by byte, and share nothing with the load generator's: two
//! implementations must agree on what a server says. Events go in by the feed, as in a trial.
//!
//! # Layout
//!
//! - `delivery`: once and in order, late joiners, reconnects, greetings, two ways
//! - `lifetime`: how a server ends, and who is told
//! - `slow`: a subscriber that does not read
//! - `client`, `feed`, `server`: the two ends and what stands between them

mod client;
mod delivery;
mod feed;
mod lifetime;
mod server;
mod slow;
