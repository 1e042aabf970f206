//! What every technique promises, tried on each of the registry in a real server process.
//!
//! The clients here are written from the standards, byte by byte, and share nothing with the load generator's: two
//! implementations must agree on what a server sends. Events go in by the feed, as in a trial.
//!
//! # Layout
//!
//! - `delivery`: once and in order, late joiners, reconnects, greetings, two ways; how a server ends; a subscriber that does not read
//! - `client`: a literal client for each technique; `server`: the server and its feed

mod client;
mod delivery;
mod server;
